//! An HTTP answer as it came.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Status, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Reads a head, up to and without its empty line.
    pub(crate) fn parse(head: &str) -> Self {
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status: status.expect("a status line"), headers, body: Vec::new() }
    }

    /// A header's value; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    /// A field of a JSON body, as text: `code`, `delivery`, …
    pub(crate) fn field(&self, name: &str) -> String {
        let value = &self.json()[name];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Status, code and delivery of a problem.
    pub(crate) fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.field("status"), self.status.to_string());
        (self.status, self.field("code"), self.field("delivery"))
    }

    /// Code and decoded data of an answer in the compatible form.
    pub(crate) fn envelope(&self) -> (String, Vec<u8>) {
        assert_eq!((self.status, self.header("content-type")), (200, Some("application/json")), "{self:?}");
        (self.field("code"), STANDARD.decode(self.field("data")).expect("data is base64"))
    }
}
