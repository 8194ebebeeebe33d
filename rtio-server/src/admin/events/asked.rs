//! What a reader of events asks for (pure).

use axum::http::{HeaderMap, HeaderName};

use crate::hub::{EventFilter, EventId, EventKind, IdPattern};

/// Which events, from where on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) filter: EventFilter,
    /// The event that the reader has seen last; `None`: only what is new.
    pub(super) after: Option<EventId>,
}

impl Asked {
    /// Reads the parameters, of which `kind` and `id` may be repeated or have several values with commas, and the header. The header
    /// wins: a program that connects again sends it along with the address that it began with.
    pub(super) fn read(query: &[(String, String)], headers: &HeaderMap) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "kind" => add(&mut asked.filter.kinds, value, kind)?,
                "id" => add(&mut asked.filter.devices, value, pattern)?,
                "after" if asked.after.is_some() => return Err("after: given twice".to_owned()),
                "after" => asked.after = Some(event_id("after", value)?),
                _ => return Err(format!("unknown parameter `{name}`: there are kind, id and after")),
            }
        }
        let mut seen = headers.get_all(LAST_EVENT_ID).iter();
        if let Some(last) = seen.next() {
            asked.after = Some(event_id("Last-Event-ID", last.to_str().unwrap_or_default())?);
        }
        if seen.next().is_some() {
            return Err("Last-Event-ID: given twice".to_owned());
        }
        Ok(asked)
    }
}

fn add<T>(list: &mut Vec<T>, values: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<(), String> {
    for value in values.split(',') {
        list.push(read(value)?);
        if list.len() > MAX_VALUES {
            return Err(format!("at most {MAX_VALUES} values"));
        }
    }
    Ok(())
}

fn kind(name: &str) -> Result<EventKind, String> {
    EventKind::of_name(name).ok_or_else(|| {
        let known = EventKind::ALL.map(EventKind::name).join(", ");
        format!("kind: `{name}` is none of {known}")
    })
}

fn pattern(text: &str) -> Result<IdPattern, String> {
    IdPattern::parse(text).map_err(|error| format!("id: {error}"))
}

fn event_id(place: &str, text: &str) -> Result<EventId, String> {
    text.parse().map_err(|_| format!("{place}: not the id of an event"))
}

/// Each event is held against all of them.
const MAX_VALUES: usize = 64;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)], seen: &[&'static str]) -> Result<Asked, String> {
        let owned = |text: &str| text.to_owned();
        let query: Vec<_> = query.iter().map(|(name, value)| (owned(name), owned(value))).collect();
        let mut headers = HeaderMap::new();
        for id in seen {
            headers.append(LAST_EVENT_ID, axum::http::HeaderValue::from_static(id));
        }
        Asked::read(&query, &headers)
    }

    #[test]
    fn values_are_repeated_or_have_commas() {
        use EventKind::{Offline, Online, Replaced};
        let asked = read(&[("kind", "offline,online"), ("id", "A-*,b"), ("kind", "replaced"), ("id", "*")], &[]);
        let devices = ["A-*", "b", "*"].map(|text| IdPattern::parse(text).unwrap()).into();
        let filter = EventFilter { kinds: vec![Offline, Online, Replaced], devices };
        assert_eq!(asked, Ok(Asked { filter, after: None }));
        assert_eq!(read(&[], &[]), Ok(Asked::default()));
    }

    #[test]
    fn the_header_wins_over_the_parameter() {
        let after = |query, seen| read(query, seen).map(|asked| asked.after.map(EventId::number));
        assert_eq!(after(&[("after", "7")], &[]), Ok(Some(7)));
        assert_eq!(after(&[("after", "7")], &["9"]), Ok(Some(9)));
        assert_eq!(after(&[], &["18446744073709551615"]), Ok(Some(u64::MAX)));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let check = |query: &[(&str, &str)], seen: &[&'static str], expected: &str| {
            assert_eq!(read(query, seen), Err(expected.to_owned()), "{query:?} {seen:?}");
        };
        check(&[("kind", "gone")], &[], "kind: `gone` is none of online, replaced, offline");
        check(&[("kind", "")], &[], "kind: `` is none of online, replaced, offline");
        check(&[("since", "1")], &[], "unknown parameter `since`: there are kind, id and after");
        check(&[("after", "x")], &[], "after: not the id of an event");
        check(&[("after", "1"), ("after", "1")], &[], "after: given twice");
        for garbage in ["", "x", "-1", "1.5", "18446744073709551616"] {
            let error = read(&[], &[garbage]).unwrap_err();
            assert_eq!(error, "Last-Event-ID: not the id of an event", "{garbage}");
        }
        check(&[], &["1", "1"], "Last-Event-ID: given twice");
        assert!(read(&[("id", "a b")], &[]).unwrap_err().starts_with("id: expected an id"));
        assert!(read(&[("id", "a,,b")], &[]).unwrap_err().starts_with("id: expected an id"));
    }

    #[test]
    fn there_are_at_most_64_values() {
        let list = |count: usize| vec!["a"; count].join(",");
        assert!(read(&[("id", &list(MAX_VALUES))], &[]).is_ok());
        assert_eq!(read(&[("id", &list(MAX_VALUES + 1))], &[]), Err("at most 64 values".to_owned()));
    }
}
