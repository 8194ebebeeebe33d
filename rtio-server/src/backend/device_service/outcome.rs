//! What came of one message to a service: what its device gets, what it says about the service, whether it may be tried again, and
//! its name. Pure.

use super::super::BackendError;
use super::definition::Repeat;
use super::places::Full;
use crate::hub::{ReportAnswer, StatusCode};

/// What came of one message.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The service answered the question.
    Answered(ReportAnswer),
    /// It answered something else.
    Nonsense,
    /// No answer, or a status that means failure.
    Failed(BackendError),
    /// Nobody waits any more: the device's time is over.
    GivenUp,
    /// Not posted: there was no place.
    NoPlace(Full),
    /// Not posted: the service does not answer lately.
    BreakerOpen,
}

/// What an outcome says about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers.
    Lives,
    /// It does not.
    Fails,
}

impl Outcome {
    /// What the device gets.
    pub(super) fn into_answer(self) -> ReportAnswer {
        match self {
            Self::Answered(answer) => answer,
            // As at the cap of its session (docs/protocol.md §5): the device can do something about it.
            Self::NoPlace(Full::Device) => ReportAnswer::empty(StatusCode::TooManyRequests),
            // For the device a service without room is one that does not answer.
            Self::NoPlace(Full::Service) | Self::Nonsense | Self::Failed(_) | Self::GivenUp | Self::BreakerOpen => {
                ReportAnswer::empty(StatusCode::InternalError)
            }
        }
    }

    /// What it says about the service. A whole answer, even a wrong one, is a sign of life: were it none, one device could cut off
    /// all others by sending what the service cannot digest. What a proxy says about a service that is down is none.
    pub(super) const fn sign(&self) -> Option<Sign> {
        Some(match self {
            Self::Answered(_) | Self::Nonsense | Self::Failed(BackendError::TooLong { .. }) => Sign::Lives,
            Self::Failed(BackendError::Status(502..=504)) => Sign::Fails,
            Self::Failed(BackendError::Status(_)) => Sign::Lives,
            Self::Failed(
                BackendError::Unreachable(_)
                | BackendError::Tls(_)
                | BackendError::TimedOut { .. }
                | BackendError::Broken(_),
            )
            | Self::GivenUp => Sign::Fails,
            Self::NoPlace(_) | Self::BreakerOpen => return None,
        })
    }

    /// Whether the same may be posted again. Without a connection nothing was sent; after that the service may have acted.
    pub(super) const fn may_be_repeated(&self, repeat: Repeat) -> bool {
        match self {
            Self::Failed(BackendError::Unreachable(_)) => true,
            Self::Failed(BackendError::Broken(_) | BackendError::Status(502..=504)) => {
                matches!(repeat, Repeat::Idempotent)
            }
            // A certificate does not become good within seconds; what took all its time has none left.
            Self::Failed(
                BackendError::Tls(_)
                | BackendError::TimedOut { .. }
                | BackendError::Status(_)
                | BackendError::TooLong { .. },
            )
            | Self::Answered(_)
            | Self::Nonsense
            | Self::GivenUp
            | Self::NoPlace(_)
            | Self::BreakerOpen => false,
        }
    }

    /// It in words, for the log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Failed(error) => crate::telemetry::chain(error).to_string(),
            Self::Answered(_) | Self::Nonsense | Self::GivenUp | Self::NoPlace(_) | Self::BreakerOpen => {
                self.name().to_owned()
            }
        }
    }

    /// One of [`NAMES`].
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Answered(ReportAnswer { status: StatusCode::Ok, .. }) => "ok",
            Self::Answered(ReportAnswer { status: StatusCode::InternalError, .. }) => "failed",
            Self::Answered(_) => "refused",
            Self::Nonsense => "nonsense",
            Self::Failed(error) => error.name(),
            Self::GivenUp => "timed_out",
            Self::NoPlace(Full::Service) => "busy",
            Self::NoPlace(Full::Device) => "device_busy",
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// All names of outcomes, for metrics.
pub(super) const NAMES: [&str; 13] = [
    "ok",
    "refused",
    "failed",
    "nonsense",
    "unreachable",
    "tls",
    "timed_out",
    "broken",
    "status",
    "too_long",
    "busy",
    "device_busy",
    "breaker_open",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answered(status: StatusCode) -> Outcome {
        Outcome::Answered(ReportAnswer { status, data: b"data".to_vec() })
    }

    fn failed(error: BackendError) -> Outcome {
        Outcome::Failed(error)
    }

    /// What the device gets, the sign, and whether it may be repeated: never mind what, and where that makes no difference.
    fn check(outcome: Outcome, name: &str, status: StatusCode, sign: Option<Sign>, repeats: [bool; 2]) {
        assert_eq!((outcome.name(), outcome.sign()), (name, sign), "{outcome:?}");
        assert_eq!(
            [Repeat::Never, Repeat::Idempotent].map(|repeat| outcome.may_be_repeated(repeat)),
            repeats,
            "{name}"
        );
        assert!(NAMES.contains(&name));
        assert_eq!(outcome.into_answer().status, status, "{name}");
    }

    #[test]
    fn each_outcome_has_its_meaning() {
        use StatusCode::{BadRequest, InternalError, NotFound, Ok, TooManyRequests};
        let (lives, fails) = (Some(Sign::Lives), Some(Sign::Fails));
        check(answered(Ok), "ok", Ok, lives, [false, false]);
        check(answered(BadRequest), "refused", BadRequest, lives, [false, false]);
        check(answered(NotFound), "refused", NotFound, lives, [false, false]);
        check(answered(InternalError), "failed", InternalError, lives, [false, false]);
        check(Outcome::Nonsense, "nonsense", InternalError, lives, [false, false]);
        check(Outcome::GivenUp, "timed_out", InternalError, fails, [false, false]);
        check(Outcome::NoPlace(Full::Service), "busy", InternalError, None, [false, false]);
        check(Outcome::NoPlace(Full::Device), "device_busy", TooManyRequests, None, [false, false]);
        check(Outcome::BreakerOpen, "breaker_open", InternalError, None, [false, false]);
        check(failed(BackendError::Unreachable("x".into())), "unreachable", InternalError, fails, [true, true]);
        check(failed(BackendError::Broken("x".into())), "broken", InternalError, fails, [false, true]);
        check(failed(BackendError::Tls("x".into())), "tls", InternalError, fails, [false, false]);
        let limit = Duration::ZERO;
        check(failed(BackendError::TimedOut { limit }), "timed_out", InternalError, fails, [false, false]);
        check(failed(BackendError::TooLong { max_bytes: 1 }), "too_long", InternalError, lives, [false, false]);
    }

    #[test]
    fn a_status_of_a_proxy_whose_service_is_down_is_no_sign_of_life() {
        for status in [502, 503, 504] {
            check(
                failed(BackendError::Status(status)),
                "status",
                StatusCode::InternalError,
                Some(Sign::Fails),
                [false, true],
            );
        }
        for status in [301, 401, 403, 500, 501, 505] {
            check(
                failed(BackendError::Status(status)),
                "status",
                StatusCode::InternalError,
                Some(Sign::Lives),
                [false; 2],
            );
        }
    }
}
