//! Packets of MQTT as this edge sees them, in one form for both versions. `codec/` makes bytes of them and the other way round; nobody
//! else here knows the bytes.

use std::fmt;
use std::num::NonZeroU16;

use zeroize::Zeroizing;

/// Which MQTT a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.1.1.
    V3,
    /// 5.
    V5,
}

/// The number of a packet that is answered; unique among those in flight in its direction.
pub(super) type PacketId = NonZeroU16;

/// How hard the delivery of a message is tried. What is more is not served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qos {
    /// At most once.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
}

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// The first packet, and only the first.
    Connect(Box<Connect>),
    Publish(Publish),
    /// PUBACK of a message of ours, whatever its reason.
    Acknowledged(PacketId),
    Subscribe {
        id: PacketId,
        /// One at least.
        filters: Vec<Filter>,
    },
    Unsubscribe {
        id: PacketId,
        /// One at least.
        filters: Vec<String>,
    },
    Ping,
    /// The orderly end.
    Disconnect {
        /// How long its session shall be kept from now on, in seconds, where it says so.
        session_expiry: Option<u32>,
    },
}

/// Who connects and how.
#[derive(PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) user_name: Option<String>,
    pub(super) password: Option<Zeroizing<Vec<u8>>>,
    /// In seconds; 0: none.
    pub(super) keep_alive: u16,
    /// Whether it wants nothing of an earlier session.
    pub(super) starts_clean: bool,
    /// How long its session shall be kept after the connection, in seconds. In 3.1.1 that is for ever, unless it is clean.
    pub(super) session_expiry: u32,
    /// Messages of ours that it takes before it has acknowledged them.
    pub(super) receive_maximum: NonZeroU16,
    /// Bytes of a packet that it takes.
    pub(super) max_packet_bytes: u32,
}

/// A message from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publish {
    /// `None` at most once.
    pub(super) id: Option<PacketId>,
    pub(super) retain: bool,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// What it answers, in version 5.
    pub(super) correlation: Option<Vec<u8>>,
    /// Its user property `status`, in version 5.
    pub(super) status: Option<String>,
}

/// One wish of a SUBSCRIBE.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) topic: String,
    /// The most it wants of what this edge serves.
    pub(super) qos: Qos,
}

/// What the hub sends, but for messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// The client is in.
    Accepted {
        /// Whether it finds its earlier session.
        session_present: bool,
        /// What it must keep to, where that is not what it asked for; told in version 5.
        keep_alive: Option<u16>,
        /// The same of its session's life, in seconds.
        session_expiry: Option<u32>,
    },
    /// The client is not let in; the connection ends.
    Refused(ConnectRefusal),
    /// PUBACK.
    Acknowledge { id: PacketId, reason: Option<PublishRefusal> },
    /// SUBACK, one for each filter.
    Subscribed { id: PacketId, results: Vec<Result<Qos, SubscribeRefusal>> },
    /// UNSUBACK: whether there was a subscription, for each filter.
    Unsubscribed { id: PacketId, existed: Vec<bool> },
    /// PINGRESP.
    Pong,
    /// The end, with its reason in version 5; nothing in 3.1.1.
    Disconnect(Reason),
}

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: Box<str>,
    pub(super) payload: Box<[u8]>,
    /// What only version 5 has, and only requests.
    pub(super) request: Option<Box<RequestProperties>>,
}

/// What a request says in version 5 beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestProperties {
    pub(super) response_topic: String,
    pub(super) correlation: Vec<u8>,
    /// User properties.
    pub(super) user: Vec<(&'static str, String)>,
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectRefusal {
    /// The packet makes no sense.
    Malformed,
    /// Neither 3.1.1 nor 5.
    UnsupportedVersion,
    /// No client id of a control device.
    ClientId,
    /// Not the tuple that was issued.
    BadCredential,
    /// The tuple is right, and the device may not connect now.
    NotAuthorized,
    /// As many as there may be, or this is not the time.
    Unavailable,
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublishRefusal {
    /// The topic is none that this client may publish to.
    NotAuthorized,
}

/// Why there is no subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubscribeRefusal {
    /// The topic is none that this client may read, or not one topic.
    NotAuthorized,
    /// As many as there may be.
    TooMany,
    /// The hub cannot tell now.
    Unavailable,
}

/// Why the hub ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Malformed,
    ProtocolError,
    NotAuthorized,
    KeepAliveTimeout,
    TakenOver,
    ReceiveMaximumExceeded,
    PacketTooLarge,
    TopicAliasInvalid,
    QosNotSupported,
    RetainNotSupported,
    /// Of a subscription; told in CONNACK.
    SubscriptionIdentifierNotSupported,
    ShuttingDown,
    Administrative,
    /// The hub cannot go on with it for want of room.
    QuotaExceeded,
}

/// Without the password.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("keep_alive", &self.keep_alive)
            .field("starts_clean", &self.starts_clean)
            .field("session_expiry", &self.session_expiry)
            .finish_non_exhaustive()
    }
}
