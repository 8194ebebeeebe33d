//! Why a call or an observation failed: blame and data. Each edge turns it into its own codes, in one exhaustive place.

use std::time::Duration;

use rtio_proto::StatusCode;

use super::ShadowRefusal;

/// A call or an observation that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No live session of this device.
    #[error("the device is offline")]
    DeviceOffline,
    /// The device is there, and does not listen to what it would have to be told this with.
    #[error("the device does not listen to calls")]
    NotListening,
    /// The device's session ended before it answered.
    #[error("the device went away")]
    DeviceGone {
        /// How far the request had got.
        delivery: Delivery,
    },
    /// The device cannot be reached: its transport acknowledged nothing any more.
    #[error("the device cannot be reached any more")]
    DeviceVanished {
        /// How far the request had got.
        delivery: Delivery,
    },
    /// The device did not answer in time.
    #[error("the device did not answer within {} ms", waited.as_millis())]
    DeviceSilent {
        /// What was awaited.
        stage: Stage,
        /// How long.
        waited: Duration,
        /// How far the request had got.
        delivery: Delivery,
    },
    /// The device answered with a status other than success.
    #[error("{}", refusal(*.0))]
    DeviceRefused(StatusCode),
    /// The device answered with something that is no answer to this request.
    #[error("the device's answer is malformed")]
    DeviceMalformed,
    /// The device sent a frame of an observation before the last one was answered.
    #[error("the device sent more than it was asked for")]
    DeviceOverran,
    /// The caller did not take the frames of its observation, for which the device had waited too long.
    #[error("the caller does not read its stream")]
    CallerStalled,
    /// More data than this device may be sent.
    #[error("{len} bytes of data, at most {max} allowed")]
    TooLarge {
        /// Bytes of data.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// The hub, which answers on the device's behalf, refuses.
    #[error(transparent)]
    ShadowRefused(#[from] ShadowRefusal),
    /// A cap of ours is reached; trying again later may succeed.
    #[error("{0}")]
    Busy(Cap),
}

/// How far a request got: whether doing it again may do it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing of it left the hub, and never will.
    NotSent,
    /// It was handed to the transport; the device may or may not have acted on it.
    SentUnanswered,
    /// The device answered.
    Answered,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The answer to a CoPOST.
    Call,
    /// The answer to the establishment of an ObGET.
    Establish,
}

/// A cap that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cap {
    /// Calls in flight to one device.
    #[error("the device has {max} calls in flight, the most allowed")]
    Calls {
        /// The cap.
        max: usize,
    },
    /// Bytes that wait for a device that does not read.
    #[error("the device does not read: {max_bytes} bytes wait for it, the most allowed")]
    Outbox {
        /// The cap.
        max_bytes: usize,
    },
    /// Live observations of one device.
    #[error("the device has {max} observations, the most allowed")]
    Observations {
        /// The cap.
        max: usize,
    },
    /// Live observations of all devices.
    #[error("the hub has {max} observations, the most allowed")]
    ObservationsInAll {
        /// The cap.
        max: usize,
    },
}

/// Whose doing an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request could not have succeeded.
    Caller,
    /// The device, or the way to it.
    Device,
    /// The hub is full.
    Hub,
}

const fn refusal(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NotFound => "the device has no handler for this URI",
        StatusCode::BadRequest => "the device can make nothing of this request",
        StatusCode::MethodNotAllowed => "the device does not allow this method on this URI",
        StatusCode::TooManyRequests => "the device has too many requests",
        StatusCode::TooManyObservers => "the device has too many observers",
        StatusCode::Unknown
        | StatusCode::InternalError
        | StatusCode::Ok
        | StatusCode::Continue
        | StatusCode::Terminate => "the device failed",
    }
}

impl CallError {
    /// How far the request got.
    pub const fn delivery(&self) -> Delivery {
        match self {
            Self::DeviceOffline
            | Self::NotListening
            | Self::TooLarge { .. }
            | Self::ShadowRefused(_)
            | Self::Busy(_) => Delivery::NotSent,
            Self::DeviceGone { delivery } | Self::DeviceVanished { delivery } | Self::DeviceSilent { delivery, .. } => {
                *delivery
            }
            Self::DeviceRefused(_) | Self::DeviceMalformed | Self::DeviceOverran | Self::CallerStalled => {
                Delivery::Answered
            }
        }
    }

    /// Whose doing it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotListening | Self::TooLarge { .. } | Self::CallerStalled => Fault::Caller,
            Self::DeviceRefused(status) if is_callers(*status) => Fault::Caller,
            Self::ShadowRefused(refusal) if is_callers(refusal.status) => Fault::Caller,
            Self::DeviceOffline
            | Self::DeviceGone { .. }
            | Self::DeviceVanished { .. }
            | Self::DeviceSilent { .. }
            | Self::DeviceRefused(_)
            | Self::DeviceMalformed
            | Self::DeviceOverran => Fault::Device,
            Self::ShadowRefused(_) | Self::Busy(_) => Fault::Hub,
        }
    }
}

/// Whether a refusal says that the request could not have succeeded.
const fn is_callers(status: StatusCode) -> bool {
    match status {
        StatusCode::BadRequest | StatusCode::NotFound | StatusCode::MethodNotAllowed => true,
        StatusCode::Unknown
        | StatusCode::InternalError
        | StatusCode::Ok
        | StatusCode::Continue
        | StatusCode::Terminate
        | StatusCode::TooManyRequests
        | StatusCode::TooManyObservers => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_whose_doing_it_is_and_how_far_the_request_got() {
        let silent = |delivery| CallError::DeviceSilent { stage: Stage::Call, waited: Duration::ZERO, delivery };
        let shadow = |status| CallError::from(ShadowRefusal { status, why: "no" });
        let cases = [
            (CallError::DeviceOffline, Fault::Device, Delivery::NotSent),
            (CallError::NotListening, Fault::Caller, Delivery::NotSent),
            (CallError::DeviceGone { delivery: Delivery::SentUnanswered }, Fault::Device, Delivery::SentUnanswered),
            (CallError::DeviceVanished { delivery: Delivery::SentUnanswered }, Fault::Device, Delivery::SentUnanswered),
            (silent(Delivery::NotSent), Fault::Device, Delivery::NotSent),
            (silent(Delivery::SentUnanswered), Fault::Device, Delivery::SentUnanswered),
            (CallError::DeviceRefused(StatusCode::NotFound), Fault::Caller, Delivery::Answered),
            (CallError::DeviceRefused(StatusCode::InternalError), Fault::Device, Delivery::Answered),
            (CallError::DeviceMalformed, Fault::Device, Delivery::Answered),
            (CallError::DeviceOverran, Fault::Device, Delivery::Answered),
            (CallError::CallerStalled, Fault::Caller, Delivery::Answered),
            (CallError::TooLarge { len: 505, max: 504 }, Fault::Caller, Delivery::NotSent),
            (shadow(StatusCode::NotFound), Fault::Caller, Delivery::NotSent),
            (shadow(StatusCode::InternalError), Fault::Hub, Delivery::NotSent),
            (CallError::Busy(Cap::Calls { max: 1024 }), Fault::Hub, Delivery::NotSent),
        ];
        for (error, fault, delivery) in cases {
            assert_eq!((error.fault(), error.delivery()), (fault, delivery), "{error:?}");
        }
    }
}
