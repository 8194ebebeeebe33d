//! Status of an answer or a notification (§4).

/// Low four bits of a Send body's byte 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// Failure without a known cause.
    Unknown = 0,
    /// The one who was asked failed.
    InternalError = 1,
    /// Done; data may follow.
    Ok = 2,
    /// Observation begins, or goes on.
    Continue = 3,
    /// Observation ends.
    Terminate = 4,
    /// No handler for the URI.
    NotFound = 5,
    /// The request makes no sense to its handler.
    BadRequest = 6,
    /// The URI exists, not for this method.
    MethodNotAllowed = 7,
    /// Try again later.
    TooManyRequests = 8,
    /// No room for one more observation.
    TooManyObservers = 9,
}

impl StatusCode {
    /// The status in the low four bits of `byte`; 10 and above count as [`StatusCode::InternalError`].
    pub const fn from_wire(byte: u8) -> Self {
        match byte & 0x0f {
            0 => Self::Unknown,
            2 => Self::Ok,
            3 => Self::Continue,
            4 => Self::Terminate,
            5 => Self::NotFound,
            6 => Self::BadRequest,
            7 => Self::MethodNotAllowed,
            8 => Self::TooManyRequests,
            9 => Self::TooManyObservers,
            _ => Self::InternalError,
        }
    }

    /// The four bits on the wire.
    pub const fn to_wire(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_codes_survive_and_the_rest_is_an_internal_error() {
        for bits in 0..=9 {
            assert_eq!(StatusCode::from_wire(bits).to_wire(), bits);
        }
        for bits in 10..=15 {
            assert_eq!(StatusCode::from_wire(bits), StatusCode::InternalError);
        }
        assert_eq!(StatusCode::from_wire(0x32), StatusCode::Ok);
    }
}
