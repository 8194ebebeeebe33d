//! A reader of a hub's events, and devices that come and go without a socket, by the thousand.

use rtio_server::admin::Guard;
use rtio_server::hub::Presence;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::caller::request;
use super::fleet::puts_online;
use super::hub::Builder;
use super::{Caller, Reply, TestHub};

/// A hub whose operators are known by a token, and what keeps the token.
pub(crate) fn operated(hub: Builder) -> (Builder, NamedTempFile) {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(&file, TOKEN).expect("a file that can be written");
    (hub.with_operators(Guard::File(file.path().to_owned())), file)
}

/// A request of an operator whose token is that of [`operated`].
pub(crate) async fn operates(hub: &TestHub, method: &str, path: &str) -> Reply {
    hub.is_operated(method, path, &[("authorization", &bearer())]).await
}

/// A stream of events.
#[derive(Debug)]
pub(crate) struct EventReader {
    caller: Caller,
    /// What `Last-Event-ID` would be.
    pub(crate) last_id: String,
}

/// One event that is not a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl EventReader {
    /// Begins to read, with a query such as `?kind=online`.
    pub(crate) async fn begin(hub: &TestHub, query: &str) -> Self {
        Self::over(hub.operator().await, query, None).await
    }

    /// Goes on after `id`.
    pub(crate) async fn resume(hub: &TestHub, id: &str) -> Self {
        Self::over(hub.operator().await, "", Some(id)).await
    }

    pub(crate) async fn over(mut caller: Caller, query: &str, id: Option<&str>) -> Self {
        caller.sends(&request_for(query, id)).await;
        let head = caller.head().await;
        assert_eq!(head.status, 200, "{head:?}");
        let mut reader = Self { caller, last_id: String::new() };
        // Once its beginning is there, it misses nothing.
        reader.block().await;
        assert!(!reader.last_id.is_empty(), "the place where it begins");
        reader
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            if let Some(told) = block {
                return Some(told);
            }
        }
    }

    /// The next event in short: kind, device and what is particular to it.
    pub(crate) async fn hears(&mut self) -> String {
        self.next().await.expect("an event, not the end").in_short()
    }

    /// All events up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Told> {
        let mut rest = Vec::new();
        while let Some(told) = self.next().await {
            rest.push(told);
        }
        rest
    }

    /// The next line, whatever it is.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.caller.line().await
    }

    pub(crate) fn has_received_nothing(&self) {
        self.caller.has_received_nothing();
    }

    /// Lines up to an empty one: an event, or nothing that counts as one.
    async fn block(&mut self) -> Option<Option<Told>> {
        let (mut event, mut data) = (String::new(), None);
        loop {
            let line = self.caller.line().await?;
            match line.split_once(": ").unwrap_or((&line, "")) {
                ("id", id) => id.clone_into(&mut self.last_id),
                ("event", kind) => kind.clone_into(&mut event),
                ("data", json) => data = Some(serde_json::from_str(json).expect("JSON")),
                ("retry", _) => {}
                ("", comment) if !line.is_empty() => assert!(!comment.is_empty()),
                ("", _) => return Some(data.map(|data| Told { id: self.last_id.clone(), event, data })),
                _ => panic!("{line:?} is no line of an event"),
            }
        }
    }
}

impl Told {
    pub(crate) fn in_short(&self) -> String {
        let text = |name: &str| self.data[name].as_str().unwrap_or_default();
        assert!(self.event == "reset" || self.data["kind"] == self.event, "{self:?}");
        match self.event.as_str() {
            "reset" => format!("reset {}", self.data["missed"]),
            "offline" => format!("offline {} {}", text("device"), text("cause")),
            kind => format!("{kind} {}", text("device")),
        }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.data[name].as_u64().expect("a number")
    }
}

/// The bytes of a request for events.
pub(crate) fn request_for(query: &str, id: Option<&str>) -> Vec<u8> {
    let bearer = bearer();
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(id.map(|id| ("last-event-id", id)));
    request("GET", &format!("/v1/events{query}"), &headers, b"")
}

/// A device without a socket comes online; it goes when the value is dropped.
pub(crate) fn comes(hub: &TestHub, id: &str) -> Presence {
    puts_online(hub, [id.to_owned()]).pop().expect("one device")
}

/// So many devices come, and go again at once: two events each.
pub(crate) fn come_and_go(hub: &TestHub, devices: usize) {
    (0..devices).for_each(|_| drop(comes(hub, "passing")));
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

const TOKEN: &str = "a-token-of-sixteen-or-more";
