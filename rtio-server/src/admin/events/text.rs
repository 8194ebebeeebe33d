//! Events as text/event-stream has them (pure).

use crate::event_json::EventJson;
use crate::hub::{Event, EventId, Gap};

/// What a stream begins with: when to connect again, and the place that it begins at, so that a reader that has to connect again
/// before the first event misses none.
pub(super) fn begin(seen: EventId) -> Vec<u8> {
    format!("retry: {RETRY_MS}\n: events of presence\nid: {seen}\n\n").into_bytes()
}

/// One event.
pub(super) fn write_event(out: &mut Vec<u8>, event: &Event) {
    out.extend_from_slice(format!("id: {}\nevent: {}\ndata: ", event.id, event.change.kind().name()).as_bytes());
    // It fails for maps with odd keys and for writers that fail, and this is neither.
    drop(serde_json::to_writer(&mut *out, &EventJson::of(event)));
    out.extend_from_slice(b"\n\n");
}

/// Says that events are gone; it goes on after `seen`.
pub(super) fn write_reset(out: &mut Vec<u8>, gap: Gap, seen: EventId) {
    let missed = match gap {
        Gap::Missed(count) => count.to_string(),
        Gap::Unknown => "null".to_owned(),
    };
    out.extend_from_slice(format!("id: {seen}\nevent: reset\ndata: {{\"missed\":{missed}}}\n\n").as_bytes());
}

/// Says that the hub is there, and the reader's place: the events that its filter left out count as seen.
pub(super) fn write_keep_alive(out: &mut Vec<u8>, seen: EventId) {
    out.extend_from_slice(format!(": keep-alive\nid: {seen}\n\n").as_bytes());
}

/// When a reader that lost its connection shall try again, in milliseconds: the time of a restart.
const RETRY_MS: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Change, DeviceId, Epoch, Protocol};

    fn id(number: u64) -> EventId {
        number.to_string().parse().unwrap()
    }

    fn check(expected: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_piece_ends_with_an_empty_line_and_has_an_id() {
        let event = Event {
            id: id(100),
            time: jiff::Timestamp::UNIX_EPOCH,
            device: DeviceId::parse("dev").unwrap(),
            epoch: Epoch(7),
            peer: ([127, 0, 0, 1], 9).into(),
            change: Change::Online { protocol: Protocol::Rtio },
        };
        let data = r#"{"id":100,"kind":"online","device":"dev","epoch":7,"peer":"127.0.0.1:9","time":"1970-01-01T00:00:00.000Z","protocol":"rtio"}"#;
        check(&format!("id: 100\nevent: online\ndata: {data}\n\n"), |out| write_event(out, &event));
        check("id: 99\nevent: reset\ndata: {\"missed\":3}\n\n", |out| write_reset(out, Gap::Missed(3), id(99)));
        check("id: 99\nevent: reset\ndata: {\"missed\":null}\n\n", |out| write_reset(out, Gap::Unknown, id(99)));
        check(": keep-alive\nid: 99\n\n", |out| write_keep_alive(out, id(99)));
        check("retry: 2000\n: events of presence\nid: 99\n\n", |out| out.extend(begin(id(99))));
    }
}
