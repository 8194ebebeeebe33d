//! What goes wrong with the runtime, and who is to blame.

use serde_json::{Map, Value};

use crate::error::ClientError;

/// Why the runtime did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RealerError {
    /// It belongs to no device that has been connected: [`Builder::realer`](crate::Builder::realer) joins them.
    #[error("the runtime belongs to no device yet")]
    NoDevice,
    /// The hub could not be asked.
    #[error("the hub gave no answer")]
    NoAnswer(#[from] ClientError),
    /// The hub refuses.
    #[error("refused with {code} {kind}: {message}")]
    Refused {
        /// What programs branch on, such as 4002.
        code: u16,
        /// What tells refusals of one code apart, such as `subscription_inactive`.
        kind: String,
        /// What people read.
        message: String,
    },
    /// The hub's answer is none.
    #[error("the hub's answer is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The descriptor changed again and again while it was read.
    #[error("the descriptor changed again and again while it was read")]
    Unsettled,
    /// A value has 1 to 255 characters.
    #[error("a value has 1 to 255 characters, not {chars}")]
    BadValue {
        /// Its characters.
        chars: usize,
    },
    /// It fits no message of the device's capacity, so it was not queued.
    #[error("{len} bytes of data, at most {max} allowed")]
    TooLarge {
        /// Its bytes.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// The queue is full of what must not be forgotten.
    #[error("the queue is full of answers")]
    Full,
    /// What is kept cannot be read or written.
    #[error("{path}: {problem}")]
    NotKept {
        /// The file.
        path: String,
        /// What the system says.
        problem: String,
    },
}

impl RealerError {
    /// The refusal that a document is, if it is one.
    pub(super) fn of_document(document: &Map<String, Value>) -> Option<Self> {
        let code = document.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        if code.is_none_or(|code| code < 4000) && !document.contains_key("error") {
            return None;
        }
        let told = |name: &str| {
            let text = document.get("error").and_then(|error| error.get(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Some(Self::Refused { code: code.unwrap_or(5000), kind: told("type"), message: told("message") })
    }
}
