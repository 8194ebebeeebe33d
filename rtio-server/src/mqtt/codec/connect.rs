//! CONNECT: what the client says of itself, and the little of it that the library is told. A will is read and dropped.

use std::num::NonZeroU16;

use mqtt_protocol_core::mqtt::packet::{MaximumPacketSize, Property, ReceiveMaximum, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use zeroize::Zeroizing;

use super::incoming::text;
use super::{Broken, outgoing, reasons};
use crate::mqtt::packet::{Connect, ConnectRefusal, Reason, Version};

/// # Errors
///
/// With the CONNACK for it, where the version has one.
pub(super) fn read(body: &[u8]) -> Result<Connect, Broken> {
    let version = version(body)?;
    let connect = check_flags(body).and_then(|()| match version {
        Version::V3 => of_v3(body),
        Version::V5 => of_v5(body),
    });
    connect.map_err(|failed| match failed {
        Failed::Reason(reason) => Broken::refused(version, reason, outgoing::MAX_PACKET_BYTES),
        Failed::Authentication => Broken {
            reason: Reason::ProtocolError,
            refusal: Some(ConnectRefusal::BadCredential),
            last_words: outgoing::unknown_authentication(),
        },
    })
}

/// A CONNECT with which the library keeps to what this client takes, and to nothing else: no timers, no copies of messages.
pub(super) fn introduction(connect: &Connect) -> Result<Vec<u8>, MqttError> {
    match connect.version {
        Version::V3 => {
            Ok(v3_1_1::Connect::builder().client_id("")?.clean_session(true).build()?.to_continuous_buffer())
        }
        Version::V5 => {
            let properties: Vec<Property> = vec![
                ReceiveMaximum::new(connect.receive_maximum.get())?.into(),
                MaximumPacketSize::new(connect.max_packet_bytes)?.into(),
            ];
            Ok(v5_0::Connect::builder()
                .client_id("")?
                .clean_start(true)
                .props(properties)
                .build()?
                .to_continuous_buffer())
        }
    }
}

/// What is wrong with a CONNECT.
enum Failed {
    Reason(Reason),
    /// It wants another way to say who it is.
    Authentication,
}

impl From<MqttError> for Failed {
    fn from(error: MqttError) -> Self {
        Self::Reason(reasons::of_error(error))
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

fn version(body: &[u8]) -> Result<Version, Broken> {
    if let Some(rest) = body.strip_prefix(b"\x00\x04MQTT") {
        return match rest.first() {
            Some(4) => Ok(Version::V3),
            Some(5) => Ok(Version::V5),
            Some(0..4) => Err(unsupported(Version::V3)),
            Some(6..) => Err(unsupported(Version::V5)),
            None => Err(Broken::unmet(Reason::Malformed)),
        };
    }
    if body.starts_with(b"\x00\x06MQIsdp") {
        // MQTT 3.1.
        return Err(unsupported(Version::V3));
    }
    Err(Broken::unmet(Reason::Malformed))
}

fn unsupported(told_in: Version) -> Broken {
    Broken {
        reason: Reason::ProtocolError,
        refusal: Some(ConnectRefusal::UnsupportedVersion),
        last_words: outgoing::unsupported_version(told_in),
    }
}

/// The flags that the library takes on trust.
fn check_flags(body: &[u8]) -> Result<(), Failed> {
    const RESERVED: u8 = 0b0000_0001;
    const WILL: u8 = 0b0000_0100;
    const OF_WILL: u8 = 0b0011_1000;
    const WILL_QOS: u8 = 0b0001_1000;
    let Some(flags) = body.get(7) else { return Err(Reason::Malformed.into()) };
    let stray = flags & WILL == 0 && flags & OF_WILL != 0;
    if flags & RESERVED != 0 || stray || flags & WILL_QOS == WILL_QOS {
        return Err(Reason::Malformed.into());
    }
    Ok(())
}

fn of_v3(body: &[u8]) -> Result<Connect, Failed> {
    let (packet, parsed) = v3_1_1::Connect::parse(body)?;
    if parsed != body.len() {
        return Err(Reason::Malformed.into());
    }
    Ok(Connect {
        version: Version::V3,
        client_id: text(packet.client_id())?,
        user_name: packet.user_name().map(text).transpose()?,
        password: packet.password().map(|password| Zeroizing::new(password.to_vec())),
        keep_alive: packet.keep_alive(),
        starts_clean: packet.clean_session(),
        session_expiry: if packet.clean_session() { 0 } else { u32::MAX },
        receive_maximum: NonZeroU16::MAX,
        max_packet_bytes: outgoing::MAX_PACKET_BYTES,
    })
}

fn of_v5(body: &[u8]) -> Result<Connect, Failed> {
    let (packet, parsed) = v5_0::Connect::parse(body)?;
    if parsed != body.len() {
        return Err(Reason::Malformed.into());
    }
    let mut connect = Connect {
        version: Version::V5,
        client_id: text(packet.client_id())?,
        user_name: packet.user_name().map(text).transpose()?,
        password: packet.password().map(|password| Zeroizing::new(password.to_vec())),
        keep_alive: packet.keep_alive(),
        starts_clean: packet.clean_start(),
        session_expiry: 0,
        receive_maximum: NonZeroU16::MAX,
        max_packet_bytes: outgoing::MAX_PACKET_BYTES,
    };
    for property in packet.props() {
        if let Property::SessionExpiryInterval(seconds) = property {
            connect.session_expiry = seconds.val();
        } else if let Property::ReceiveMaximum(messages) = property {
            connect.receive_maximum = NonZeroU16::new(messages.val()).ok_or(Reason::ProtocolError)?;
        } else if let Property::MaximumPacketSize(bytes) = property {
            connect.max_packet_bytes = bytes.val().min(outgoing::MAX_PACKET_BYTES);
        } else if let Property::AuthenticationMethod(_) | Property::AuthenticationData(_) = property {
            return Err(Failed::Authentication);
        }
    }
    if connect.max_packet_bytes < outgoing::MIN_CLIENT_PACKET_BYTES {
        return Err(Reason::PacketTooLarge.into());
    }
    Ok(connect)
}
