//! Why the runtime does not do something: one type for all transports, and its numbers and labels. (Contract §1.6.)

use std::borrow::Cow;
use std::time::Duration;

use super::Scope;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What was sent cannot be read.
    Malformed(String),
    /// No credentials were sent.
    NoCredentials,
    /// The token is malformed, unknown, expired or revoked.
    BadToken,
    /// The device's subscription is not active.
    SubscriptionInactive,
    /// The token is another device's, or the device may not use this way.
    Forbidden(&'static str),
    /// The token lacks a scope.
    LacksScope(Scope),
    /// There is no such device, command or sensor; says which.
    NotFound(&'static str),
    /// The path exists, not for this method.
    WrongMethod,
    /// The message id was used for another payload.
    Conflict,
    /// The body is over the device's budget.
    TooLarge {
        /// Most bytes.
        max: usize,
    },
    /// The body is not JSON by its type.
    NotJson,
    /// What was sent can be read and makes no sense.
    Invalid(Vec<Detail>),
    /// Sooner than the device may.
    TooSoon {
        /// When it may.
        retry_after: Duration,
    },
    /// A bug.
    Bug,
    /// The store cannot be read or written now.
    Unavailable,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Its name.
    pub field: Cow<'static, str>,
    /// What is wrong, in a stable word or two.
    pub problem: &'static str,
}

/// The label that firmware branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the labels, and Refusal says what they mean")]
pub enum ErrorType {
    BadRequest,
    Unauthorized,
    InvalidToken,
    SubscriptionInactive,
    Forbidden,
    InsufficientScope,
    ResourceNotFound,
    MethodNotAllowed,
    MessageConflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    RateLimited,
    InternalError,
    ServiceUnavailable,
}

impl Refusal {
    /// A single field that makes no sense.
    pub fn invalid(field: &'static str, problem: &'static str) -> Self {
        Self::Invalid(vec![Detail::new(field, problem)])
    }

    /// Its label.
    pub const fn error_type(&self) -> ErrorType {
        match self {
            Self::Malformed(_) => ErrorType::BadRequest,
            Self::NoCredentials => ErrorType::Unauthorized,
            Self::BadToken => ErrorType::InvalidToken,
            Self::SubscriptionInactive => ErrorType::SubscriptionInactive,
            Self::Forbidden(_) => ErrorType::Forbidden,
            Self::LacksScope(_) => ErrorType::InsufficientScope,
            Self::NotFound(_) => ErrorType::ResourceNotFound,
            Self::WrongMethod => ErrorType::MethodNotAllowed,
            Self::Conflict => ErrorType::MessageConflict,
            Self::TooLarge { .. } => ErrorType::PayloadTooLarge,
            Self::NotJson => ErrorType::UnsupportedMediaType,
            Self::Invalid(_) => ErrorType::ValidationFailed,
            Self::TooSoon { .. } => ErrorType::RateLimited,
            Self::Bug => ErrorType::InternalError,
            Self::Unavailable => ErrorType::ServiceUnavailable,
        }
    }

    /// When the same may come again, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooSoon { retry_after } => Some(*retry_after),
            Self::Malformed(_)
            | Self::NoCredentials
            | Self::BadToken
            | Self::SubscriptionInactive
            | Self::Forbidden(_)
            | Self::LacksScope(_)
            | Self::NotFound(_)
            | Self::WrongMethod
            | Self::Conflict
            | Self::TooLarge { .. }
            | Self::NotJson
            | Self::Invalid(_)
            | Self::Bug
            | Self::Unavailable => None,
        }
    }

    /// What people read; programs do not branch on it.
    pub fn message(&self) -> String {
        match self {
            Self::Malformed(why) => why.clone(),
            Self::NoCredentials => "no Bearer token was sent".to_owned(),
            Self::BadToken => "the token is malformed, unknown, expired or revoked".to_owned(),
            Self::SubscriptionInactive => "the subscription of this device is not active".to_owned(),
            Self::Forbidden(why) => (*why).to_owned(),
            Self::LacksScope(scope) => format!("the token lacks the scope {}", scope.name()),
            Self::NotFound(what) => format!("there is no such {what}"),
            Self::WrongMethod => "this path does not know the method".to_owned(),
            Self::Conflict => "this message_id was used for another payload".to_owned(),
            Self::TooLarge { max } => format!("the body has more than the {max} bytes of this device"),
            Self::NotJson => "the body must be application/json".to_owned(),
            Self::Invalid(details) => match details.as_slice() {
                [one] => format!("{}: {}", one.field, one.problem),
                more => format!("{} fields are not acceptable", more.len()),
            },
            Self::TooSoon { retry_after } => format!("sooner than allowed: wait {} s", whole_seconds(*retry_after)),
            Self::Bug => "the hub failed".to_owned(),
            Self::Unavailable => "the hub cannot read or write its store now".to_owned(),
        }
    }
}

impl Detail {
    /// What is wrong with a field.
    pub fn new(field: impl Into<Cow<'static, str>>, problem: &'static str) -> Self {
        Self { field: field.into(), problem }
    }
}

impl ErrorType {
    /// The label on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::InvalidToken => "invalid_token",
            Self::SubscriptionInactive => "subscription_inactive",
            Self::Forbidden => "forbidden",
            Self::InsufficientScope => "insufficient_scope",
            Self::ResourceNotFound => "resource_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::MessageConflict => "message_conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ValidationFailed => "validation_failed",
            Self::RateLimited => "rate_limited",
            Self::InternalError => "internal_error",
            Self::ServiceUnavailable => "service_unavailable",
        }
    }

    /// The status over HTTP.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::InvalidToken => 401,
            Self::SubscriptionInactive => 402,
            Self::Forbidden | Self::InsufficientScope => 403,
            Self::ResourceNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::MessageConflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::ValidationFailed => 422,
            Self::RateLimited => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
        }
    }

    /// The number on the wire, unless it is renamed ([`Codes::of`](super::Codes::of)): the class of the status, and its last two digits.
    pub const fn code(self) -> u16 {
        let status = self.http_status();
        status / 100 * 1000 + status % 100
    }

    /// Whether the same message may be sent again later (§7.5).
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RateLimited | Self::InternalError | Self::ServiceUnavailable => true,
            Self::BadRequest
            | Self::Unauthorized
            | Self::InvalidToken
            | Self::SubscriptionInactive
            | Self::Forbidden
            | Self::InsufficientScope
            | Self::ResourceNotFound
            | Self::MethodNotAllowed
            | Self::MessageConflict
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::ValidationFailed => false,
        }
    }
}

/// As `Retry-After` has it: rounded up, so that who waits that long is not too soon again.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
