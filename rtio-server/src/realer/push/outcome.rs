//! How a push went (pure).

use crate::hub::{CallError, StatusCode};
use crate::realer::Refusal;

/// How a push went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The device reported in its answer, and that was kept.
    Answered,
    /// The device has it, and reports later.
    Delivered,
    /// The device reported something that is no report of this.
    BadAnswer,
    /// The device has no handler for it.
    NoHandler,
    /// There is no topic for it, or the device does not listen there now. As it begins to, it is told by its session.
    NotSubscribed,
    /// It does not fit a message of the session.
    TooLarge,
    /// The device went away, or is not there.
    Gone,
    /// The device did not answer in time.
    Silent,
    /// Too much is in flight to the device.
    Busy,
    /// The session has no room for more messages, whatever they are.
    Full,
    /// The device's handler failed.
    Failed,
    /// The device reported, and the report could not be kept now.
    Unsaved,
}

impl Outcome {
    /// The name that metrics have.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Delivered => "delivered",
            Self::BadAnswer => "bad_answer",
            Self::NoHandler => "no_handler",
            Self::NotSubscribed => "not_subscribed",
            Self::TooLarge => "too_large",
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Unsaved => "unsaved",
        }
    }

    /// Of a call that did not succeed.
    pub(super) const fn of_call(error: &CallError) -> Self {
        match error {
            CallError::DeviceOffline | CallError::DeviceGone { .. } | CallError::DeviceVanished { .. } => Self::Gone,
            CallError::DeviceSilent { .. } => Self::Silent,
            CallError::NotListening => Self::NotSubscribed,
            CallError::DeviceRefused(status) => Self::of_status(*status),
            CallError::DeviceMalformed
            | CallError::DeviceOverran
            | CallError::CallerStalled
            | CallError::ShadowRefused(_) => Self::Failed,
            CallError::TooLarge { .. } => Self::TooLarge,
            CallError::Busy(_) => Self::Busy,
        }
    }

    /// Of what a session did not take.
    pub(super) const fn of_tell(error: &CallError) -> Self {
        match error {
            // The device came back with a protocol without topics: that session is looked at anew.
            CallError::DeviceRefused(StatusCode::MethodNotAllowed) => Self::Gone,
            CallError::Busy(_) => Self::Full,
            CallError::NotListening
            | CallError::DeviceRefused(_)
            | CallError::DeviceOffline
            | CallError::DeviceGone { .. }
            | CallError::DeviceVanished { .. }
            | CallError::DeviceSilent { .. }
            | CallError::DeviceMalformed
            | CallError::DeviceOverran
            | CallError::CallerStalled
            | CallError::ShadowRefused(_)
            | CallError::TooLarge { .. } => Self::of_call(error),
        }
    }

    const fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NotFound | StatusCode::MethodNotAllowed => Self::NoHandler,
            StatusCode::TooManyRequests | StatusCode::TooManyObservers => Self::Busy,
            StatusCode::Unknown
            | StatusCode::InternalError
            | StatusCode::Ok
            | StatusCode::Continue
            | StatusCode::Terminate
            | StatusCode::BadRequest => Self::Failed,
        }
    }

    /// Of a report that was not kept. Asked again, a device says the same: so only what may pass is tried again.
    pub(super) const fn of_refusal(refusal: &Refusal) -> Self {
        if refusal.error_type().is_retryable() { Self::Unsaved } else { Self::BadAnswer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Cap, Delivery};

    #[test]
    fn only_a_missing_handler_ends_the_pushes_of_a_session() {
        for (error, outcome) in [
            (CallError::DeviceRefused(StatusCode::NotFound), Outcome::NoHandler),
            (CallError::DeviceRefused(StatusCode::InternalError), Outcome::Failed),
            (CallError::DeviceRefused(StatusCode::TooManyRequests), Outcome::Busy),
            (CallError::DeviceOffline, Outcome::Gone),
            (CallError::DeviceGone { delivery: Delivery::SentUnanswered }, Outcome::Gone),
            (CallError::DeviceMalformed, Outcome::Failed),
            (CallError::TooLarge { len: 505, max: 504 }, Outcome::TooLarge),
        ] {
            assert_eq!(Outcome::of_call(&error), outcome, "{error:?}");
        }
    }

    #[test]
    fn what_a_session_with_topics_does_not_take_is_kept_apart() {
        for (error, outcome) in [
            (CallError::NotListening, Outcome::NotSubscribed),
            (CallError::DeviceRefused(StatusCode::MethodNotAllowed), Outcome::Gone),
            (CallError::Busy(Cap::Calls { max: 1 }), Outcome::Full),
            (CallError::DeviceOffline, Outcome::Gone),
            (CallError::TooLarge { len: 505, max: 504 }, Outcome::TooLarge),
        ] {
            assert_eq!(Outcome::of_tell(&error), outcome, "{error:?}");
        }
    }

    #[test]
    fn a_report_is_asked_for_again_only_if_the_hub_could_not_keep_it() {
        assert_eq!(Outcome::of_refusal(&Refusal::Unavailable), Outcome::Unsaved);
        assert_eq!(Outcome::of_refusal(&Refusal::Conflict), Outcome::BadAnswer);
        assert_eq!(Outcome::of_refusal(&Refusal::invalid("value", "required")), Outcome::BadAnswer);
    }
}
