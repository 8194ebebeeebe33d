//! The hub's outcomes as the codes that callers see (pure; docs/caller-http.md §1 and §2). The one place that maps them.

use hyper::StatusCode as HttpStatus;

use crate::hub::{CallError, Delivery, Stage, StatusCode};

/// `code` of every answer, in the envelope and in problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    Continue,
    Terminate,
    DeviceOffline,
    RequestTimeout,
    DeviceTimeout,
    NotFound,
    BadRequest,
    MethodNotAllowed,
    TooManyRequests,
    TooManyObservers,
    InternalServerError,
}

impl Code {
    /// The name on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Continue => "CONTINUE",
            Self::Terminate => "TERMINATE",
            Self::DeviceOffline => "DEVICEID_OFFLINE",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::DeviceTimeout => "DEVICEID_TIMEOUT",
            Self::NotFound => "NOT_FOUND",
            Self::BadRequest => "BAD_REQUEST",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::TooManyObservers => "TOO_MANY_OBSERVERS",
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
        }
    }

    /// The direct form's HTTP status.
    pub(super) const fn http_status(self) -> HttpStatus {
        match self {
            Self::Ok | Self::Continue | Self::Terminate => HttpStatus::OK,
            Self::NotFound => HttpStatus::NOT_FOUND,
            Self::DeviceOffline => HttpStatus::SERVICE_UNAVAILABLE,
            Self::RequestTimeout | Self::DeviceTimeout => HttpStatus::GATEWAY_TIMEOUT,
            Self::BadRequest => HttpStatus::BAD_REQUEST,
            Self::MethodNotAllowed => HttpStatus::METHOD_NOT_ALLOWED,
            Self::TooManyRequests | Self::TooManyObservers => HttpStatus::TOO_MANY_REQUESTS,
            Self::InternalServerError => HttpStatus::BAD_GATEWAY,
        }
    }
}

/// The code of a call, or of an observation, that failed.
pub(super) const fn code_of(error: &CallError) -> Code {
    match error {
        CallError::DeviceOffline | CallError::DeviceGone { .. } => Code::DeviceOffline,
        CallError::DeviceVanished { .. } => Code::DeviceTimeout,
        CallError::DeviceSilent { stage: Stage::Call, .. } => Code::RequestTimeout,
        CallError::DeviceSilent { stage: Stage::Establish, .. } => Code::DeviceTimeout,
        CallError::NotListening => Code::NotFound,
        CallError::DeviceRefused(status) => code_of_status(*status),
        CallError::DeviceMalformed | CallError::DeviceOverran => Code::InternalServerError,
        // Nobody is there to read it; the hub ends the stream, as it would for its own sake.
        CallError::CallerStalled => Code::Terminate,
        CallError::ShadowRefused(refusal) => code_of_status(refusal.status),
        CallError::TooLarge { .. } => Code::BadRequest,
        CallError::Busy(cap) => match cap {
            crate::hub::Cap::Calls { .. } | crate::hub::Cap::Outbox { .. } => Code::TooManyRequests,
            crate::hub::Cap::Observations { .. } | crate::hub::Cap::ObservationsInAll { .. } => Code::TooManyObservers,
        },
    }
}

/// A status that a device refuses with. Those that mean success elsewhere make no sense here: the device failed.
const fn code_of_status(status: StatusCode) -> Code {
    match status {
        StatusCode::NotFound => Code::NotFound,
        StatusCode::BadRequest => Code::BadRequest,
        StatusCode::MethodNotAllowed => Code::MethodNotAllowed,
        StatusCode::TooManyRequests => Code::TooManyRequests,
        StatusCode::TooManyObservers => Code::TooManyObservers,
        StatusCode::Unknown
        | StatusCode::InternalError
        | StatusCode::Ok
        | StatusCode::Continue
        | StatusCode::Terminate => Code::InternalServerError,
    }
}

/// `delivery` of a problem.
pub(super) const fn delivery_name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::NotSent => "not_sent",
        Delivery::SentUnanswered => "sent_unanswered",
        Delivery::Answered => "answered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Cap, ShadowRefusal};
    use std::time::Duration;

    #[test]
    fn every_error_has_its_code_and_status() {
        let silent = |stage| CallError::DeviceSilent { stage, waited: Duration::ZERO, delivery: Delivery::NotSent };
        let gone = CallError::DeviceGone { delivery: Delivery::SentUnanswered };
        let refused = CallError::DeviceRefused;
        let shadow = |status| CallError::from(ShadowRefusal { status, why: "no" });
        let cases = [
            (CallError::DeviceOffline, "DEVICEID_OFFLINE", 503),
            (CallError::NotListening, "NOT_FOUND", 404),
            (gone, "DEVICEID_OFFLINE", 503),
            (CallError::DeviceVanished { delivery: Delivery::SentUnanswered }, "DEVICEID_TIMEOUT", 504),
            (silent(Stage::Call), "REQUEST_TIMEOUT", 504),
            (silent(Stage::Establish), "DEVICEID_TIMEOUT", 504),
            (refused(StatusCode::NotFound), "NOT_FOUND", 404),
            (refused(StatusCode::BadRequest), "BAD_REQUEST", 400),
            (refused(StatusCode::MethodNotAllowed), "METHOD_NOT_ALLOWED", 405),
            (refused(StatusCode::TooManyRequests), "TOO_MANY_REQUESTS", 429),
            (refused(StatusCode::TooManyObservers), "TOO_MANY_OBSERVERS", 429),
            (refused(StatusCode::InternalError), "INTERNAL_SERVER_ERROR", 502),
            (refused(StatusCode::Unknown), "INTERNAL_SERVER_ERROR", 502),
            (refused(StatusCode::Terminate), "INTERNAL_SERVER_ERROR", 502),
            (CallError::DeviceMalformed, "INTERNAL_SERVER_ERROR", 502),
            (CallError::DeviceOverran, "INTERNAL_SERVER_ERROR", 502),
            (CallError::CallerStalled, "TERMINATE", 200),
            (CallError::TooLarge { len: 505, max: 504 }, "BAD_REQUEST", 400),
            (shadow(StatusCode::NotFound), "NOT_FOUND", 404),
            (shadow(StatusCode::BadRequest), "BAD_REQUEST", 400),
            (CallError::Busy(Cap::Calls { max: 1 }), "TOO_MANY_REQUESTS", 429),
            (CallError::Busy(Cap::Outbox { max_bytes: 1 }), "TOO_MANY_REQUESTS", 429),
            (CallError::Busy(Cap::Observations { max: 256 }), "TOO_MANY_OBSERVERS", 429),
            (CallError::Busy(Cap::ObservationsInAll { max: 1 }), "TOO_MANY_OBSERVERS", 429),
        ];
        for (error, name, status) in cases {
            let code = code_of(&error);
            assert_eq!((code.as_str(), code.http_status().as_u16()), (name, status), "{error:?}");
        }
    }
}
