//! One item of feed data that is well-formed: a sensor's reading or a command's report. (Contract §6.1.)

use std::fmt;

use sha2::{Digest, Sha256};

use super::{DesiredId, ResourceId, SourceId};

/// One item of feed data. What it says of its source and its desired state is not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is of.
    pub source: SourceId,
    /// To which resource the source must belong, where the way it came says so; no part of what the item says.
    pub route: Option<ResourceId>,
    /// By which a repeat is told, within the source.
    pub message_id: MessageId,
    /// What was observed.
    pub value: Text,
    /// When, in milliseconds since 1970.
    pub observed_ms: i64,
    /// Which desired state it answers, and how.
    pub answer: Option<Answer>,
    /// The number of that desired state, as the device knows it.
    pub sequence: Option<u64>,
    /// What was odd about how it was written.
    pub warnings: Warnings,
}

/// A device's answer to a desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which one.
    pub desired: DesiredId,
    /// What the device did.
    pub status: ReportStatus,
}

/// What a device did with a desired state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStatus {
    /// The value is in effect.
    Applied,
    /// It refuses; nothing has changed.
    Rejected,
    /// It has seen a newer one, or it was too late.
    Stale,
}

/// 1 to 128 printable characters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

/// A value as it was observed: 1 to 255 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Box<str>);

/// Something odd about an item that was accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The value was no string.
    ValueCoerced,
    /// A field is not known.
    UnknownField,
    /// The desired state was closed before.
    DesiredStateClosed,
    /// The echo is not the desired state's number.
    SequenceNumberMismatch,
    /// Observed later than now.
    ObservedInFuture,
    /// A later observation is known already.
    OutOfOrder,
}

/// A set of warnings.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings(u8);

impl Item {
    /// What tells whether a repeat says the same: everything but the source and the message id, which are the key, and the
    /// way it came. (§6.4)
    pub fn fingerprint(&self) -> [u8; 16] {
        let answer = self.answer.as_ref().map(|answer| (answer.desired.as_str(), answer.status.name()));
        let said = format!("{:?}", (self.value.as_str(), self.observed_ms, answer, self.sequence));
        let digest: [u8; 32] = Sha256::digest(said).into();
        std::array::from_fn(|place| digest[place])
    }
}

impl MessageId {
    /// Reads a message id.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_MESSAGE_ID).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text {
    /// Reads a value.
    pub fn parse(text: &str) -> Option<Self> {
        // Characters are at most bytes, and bytes are known at once.
        let fits = !text.is_empty() && (text.len() <= MAX_VALUE || text.chars().count() <= MAX_VALUE);
        fits.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReportStatus {
    /// All there are; the place in this list is the number in the store.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Rejected, Self::Stale];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Warning {
    /// All there are, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::ValueCoerced,
        Self::UnknownField,
        Self::DesiredStateClosed,
        Self::SequenceNumberMismatch,
        Self::ObservedInFuture,
        Self::OutOfOrder,
    ];

    /// The label on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ValueCoerced => "value_coerced",
            Self::UnknownField => "unknown_field",
            Self::DesiredStateClosed => "desired_state_closed",
            Self::SequenceNumberMismatch => "sequence_number_mismatch",
            Self::ObservedInFuture => "observed_in_future",
            Self::OutOfOrder => "out_of_order",
        }
    }

    /// What people read.
    pub const fn message(self) -> &'static str {
        match self {
            Self::ValueCoerced => "value was no string and was written as one",
            Self::UnknownField => "a field is not known and was ignored",
            Self::DesiredStateClosed => "the desired state was closed before",
            Self::SequenceNumberMismatch => "sequence_number is not that of the desired state",
            Self::ObservedInFuture => "value_received_at is ahead of the hub's clock",
            Self::OutOfOrder => "a later observation is known already",
        }
    }
}

impl Warnings {
    /// The set with one more.
    #[must_use]
    pub const fn with(self, warning: Warning) -> Self {
        Self(self.0 | 1 << warning as u8)
    }

    /// The set as a number, for the store.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of such a number.
    pub const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// What is in it.
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL.into_iter().filter(move |&warning| self.0 & 1 << warning as u8 != 0)
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Contract §6.1.
const MAX_MESSAGE_ID: usize = 128;

/// Contract §6.1, in characters.
const MAX_VALUE: usize = 255;
