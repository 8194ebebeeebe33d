//! A desired state: a wish about a command's value, from its setting to its end. (Contract §5.)

use super::item::ReportStatus;
use super::{CommandId, DesiredId, ResourceId};

/// A wish about a command's value.
///
/// ```text
///             report with this id ──► applied | rejected | stale
///  pending ──┤ a newer wish for the same command and resource, or an adoption ──► superseded
///             its time is over ──► expired
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredState {
    /// Its name.
    pub id: DesiredId,
    /// What shall be.
    pub command: CommandId,
    /// Of which resource; with the command it is the context.
    pub resource: Option<ResourceId>,
    /// What the command shall be.
    pub value: String,
    /// Greater than that of each wish before it in the same context; from 1.
    pub sequence: u64,
    /// When it was set, in milliseconds since 1970.
    pub issued_ms: i64,
    /// Until when it may be acted on. `None`: for ever.
    pub expires_ms: Option<i64>,
    /// How it stands, but for a time that has passed meanwhile: see [`DesiredState::at`].
    pub lifecycle: Lifecycle,
    /// When it was closed, in milliseconds since 1970.
    pub closed_ms: Option<i64>,
}

/// A wish that is to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDesired {
    /// Its name.
    pub id: DesiredId,
    /// What shall be.
    pub command: CommandId,
    /// Of which resource. `None`: of the command's only one, or of none where it has none.
    pub resource: Option<ResourceId>,
    /// What the command shall be.
    pub value: String,
    /// Now.
    pub issued_ms: i64,
    /// Until when it may be acted on. `None`: for ever.
    pub expires_ms: Option<i64>,
}

/// How a desired state stands. All but the first are closed, and stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Nobody has answered yet.
    Pending,
    /// The device has done it.
    Applied,
    /// The device refuses.
    Rejected,
    /// The device has seen a newer one, or too late.
    Stale,
    /// A newer wish took its place.
    Superseded,
    /// Its time is over.
    Expired,
}

impl Lifecycle {
    /// All there are; the place in this list is the number in the store.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Applied, Self::Rejected, Self::Stale, Self::Superseded, Self::Expired];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// Whether it waits for an answer.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending)
    }
}

impl DesiredState {
    /// How it stands now.
    pub fn at(&self, now_ms: i64) -> Lifecycle {
        let is_over = self.expires_ms.is_some_and(|expires| expires <= now_ms);
        if self.lifecycle.is_open() && is_over { Lifecycle::Expired } else { self.lifecycle }
    }

    /// The same as it is to be told now: one whose time is over was closed by that, whether or not the store says so already.
    #[must_use]
    pub fn seen_at(self, now_ms: i64) -> Self {
        let lifecycle = self.at(now_ms);
        let closed_ms = if lifecycle == self.lifecycle { self.closed_ms } else { self.expires_ms };
        Self { lifecycle, closed_ms, ..self }
    }

    /// The same once a newer one has taken its place: one that was closed before, if only by its time, stays as it ended.
    #[must_use]
    pub fn replaced_at(self, now_ms: i64) -> Self {
        let seen = self.seen_at(now_ms);
        if seen.lifecycle.is_open() {
            Self { lifecycle: Lifecycle::Superseded, closed_ms: Some(now_ms), ..seen }
        } else {
            seen
        }
    }
}

impl From<ReportStatus> for Lifecycle {
    fn from(status: ReportStatus) -> Self {
        match status {
            ReportStatus::Applied => Self::Applied,
            ReportStatus::Rejected => Self::Rejected,
            ReportStatus::Stale => Self::Stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(lifecycle: Lifecycle, closed_ms: Option<i64>) -> DesiredState {
        DesiredState {
            id: DesiredId::parse("des_00000000000000000000000001").unwrap(),
            command: CommandId::parse("cmd_00000000000000000000000001").unwrap(),
            resource: None,
            value: "1".to_owned(),
            sequence: 1,
            issued_ms: 10,
            expires_ms: Some(20),
            lifecycle,
            closed_ms,
        }
    }

    /// §5.1: not acted on from the moment that is named.
    #[test]
    fn an_open_one_is_over_with_its_time() {
        let open = desired(Lifecycle::Pending, None);
        assert_eq!(open.clone().seen_at(19), open);
        assert_eq!(open.clone().seen_at(20), desired(Lifecycle::Expired, Some(20)));
        assert_eq!(open.seen_at(i64::MAX), desired(Lifecycle::Expired, Some(20)));
        let for_ever = DesiredState { expires_ms: None, ..desired(Lifecycle::Pending, None) };
        assert_eq!(for_ever.at(i64::MAX), Lifecycle::Pending);
    }

    /// §5.1: a newer one supersedes it only if it was open until then, and nothing changes how one has ended.
    #[test]
    fn a_closed_one_stays_as_it_ended() {
        let open = desired(Lifecycle::Pending, None);
        assert_eq!(open.clone().replaced_at(15), desired(Lifecycle::Superseded, Some(15)));
        assert_eq!(open.replaced_at(25), desired(Lifecycle::Expired, Some(20)));
        for lifecycle in Lifecycle::ALL.into_iter().filter(|lifecycle| !lifecycle.is_open()) {
            let closed = desired(lifecycle, Some(12));
            assert_eq!((closed.clone().seen_at(30), closed.clone().replaced_at(30)), (closed.clone(), closed));
        }
    }
}
