//! The session's outcomes in the hub's words: the one place where the device edge converts them.

use std::io;

use rtio_proto::StatusCode;
use rtio_proto::session::{self, CallOutcome, CloseReason, ObservationEnd, Refusal};
use tokio::time::Instant;

use crate::hub::{CallError, Cap, Delivery, FeedEnd, OfflineCause, Stage};
use crate::net;

pub(super) fn of_call(outcome: CallOutcome, started: Instant) -> Result<Vec<u8>, CallError> {
    match outcome {
        CallOutcome::Answered { status: StatusCode::Ok, data } => Ok(data),
        CallOutcome::Answered { status, .. } => Err(CallError::DeviceRefused(status)),
        CallOutcome::Malformed => Err(CallError::DeviceMalformed),
        CallOutcome::TimedOut(delivery) => Err(silent(Stage::Call, started, delivery)),
        CallOutcome::Gone(delivery) => Err(CallError::DeviceGone { delivery: of_delivery(delivery) }),
        CallOutcome::Vanished(delivery) => Err(CallError::DeviceVanished { delivery: of_delivery(delivery) }),
    }
}

pub(super) fn of_observation(end: ObservationEnd, started: Instant) -> FeedEnd {
    match end {
        ObservationEnd::Terminated => Ok(()),
        ObservationEnd::Refused(status) | ObservationEnd::Failed(status) => Err(CallError::DeviceRefused(status)),
        ObservationEnd::Malformed => Err(CallError::DeviceMalformed),
        ObservationEnd::Overrun => Err(CallError::DeviceOverran),
        ObservationEnd::Stalled => Err(CallError::CallerStalled),
        ObservationEnd::TimedOut(delivery) => Err(silent(Stage::Establish, started, delivery)),
        ObservationEnd::Gone(delivery) => Err(CallError::DeviceGone { delivery: of_delivery(delivery) }),
        ObservationEnd::Vanished(delivery) => Err(CallError::DeviceVanished { delivery: of_delivery(delivery) }),
    }
}

pub(super) fn of_refusal(refusal: Refusal) -> CallError {
    match refusal {
        Refusal::NotOpen => CallError::DeviceOffline,
        Refusal::TooLarge { len, max } => CallError::TooLarge { len, max },
        Refusal::TooManyCalls { max } => CallError::Busy(Cap::Calls { max: max.into() }),
        Refusal::OutboxFull { max } => CallError::Busy(Cap::Outbox { max_bytes: max as usize }),
        Refusal::TooManyObservations { max } => CallError::Busy(Cap::Observations { max }),
    }
}

/// Why a session that has ended makes its device go offline.
pub(super) const fn of_end(reason: CloseReason) -> OfflineCause {
    match reason {
        CloseReason::Protocol(_) | CloseReason::VerifiedTwice => OfflineCause::ProtocolError,
        CloseReason::VerifyTimeout | CloseReason::Refused(_) | CloseReason::Revoked => OfflineCause::Refused,
        CloseReason::Silent => OfflineCause::Heartbeat,
        CloseReason::Vanished => OfflineCause::Vanished,
        CloseReason::Replaced => OfflineCause::Replaced,
        CloseReason::Disconnected => OfflineCause::Disconnected,
        CloseReason::Shutdown => OfflineCause::Drained,
        CloseReason::PeerGone => OfflineCause::ClosedByDevice,
    }
}

/// Why a session ends whose socket failed.
pub(super) fn of_broken(error: &io::Error) -> CloseReason {
    if net::is_vanished(error) { CloseReason::Vanished } else { CloseReason::PeerGone }
}

fn silent(stage: Stage, started: Instant, delivery: session::Delivery) -> CallError {
    CallError::DeviceSilent { stage, waited: started.elapsed(), delivery: of_delivery(delivery) }
}

fn of_delivery(delivery: session::Delivery) -> Delivery {
    match delivery {
        session::Delivery::NotSent => Delivery::NotSent,
        session::Delivery::Sent => Delivery::SentUnanswered,
    }
}
