//! Public names: a prefix of four characters and 26 that nobody decodes. (docs/realer.md, "Names"; contract §1.2.)

use std::fmt;
use std::sync::Arc;

use crate::hub::DeviceId;

/// This is no id of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of this kind is {prefix} and 26 characters of 0-9 a-z")]
pub struct InvalidId {
    /// What it begins with.
    pub prefix: &'static str,
}

/// Declares a kind of id by its prefix.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an id.
            ///
            /// # Errors
            ///
            /// [`InvalidId`].
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_of($prefix, text) { Ok(Self(text.into())) } else { Err(InvalidId { prefix: $prefix }) }
            }

            /// A new one: it sorts by `now_ms`, and no two are alike.
            ///
            /// # Errors
            ///
            /// The system gives no random bytes.
            pub fn new(now_ms: i64) -> Result<Self, getrandom::Error> {
                Ok(Self(made($prefix, now_ms)?.into()))
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// Something that a device can be told to be.
    CommandId,
    "cmd_"
);
id!(
    /// Something that a device measures.
    SensorId,
    "sns_"
);
id!(
    /// Something in the world that commands and sensors belong to.
    ResourceId,
    "res_"
);
id!(
    /// One wish about a command's value.
    DesiredId,
    "des_"
);

/// Where feed data comes from: a command that reports, or a sensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceId {
    /// What a command's actuator is.
    Command(CommandId),
    /// What a sensor reads.
    Sensor(SensorId),
}

impl SourceId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Command(id) => id.as_str(),
            Self::Sensor(id) => id.as_str(),
        }
    }
}

/// Whether this is the name of a control device: such devices are always the hub's own.
pub fn is_control_device(device: &DeviceId) -> bool {
    is_of(CONTROL_DEVICE, device.as_str())
}

/// A name for a new control device.
///
/// # Errors
///
/// The system gives no random bytes.
pub fn new_control_device(now_ms: i64) -> Result<DeviceId, getrandom::Error> {
    Ok(DeviceId::parse(&made(CONTROL_DEVICE, now_ms)?).expect("lower-case letters, digits and a low line"))
}

fn is_of(prefix: &str, text: &str) -> bool {
    let body = text.strip_prefix(prefix).map(str::as_bytes);
    body.is_some_and(|body| body.len() == BODY_CHARS && body.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'z')))
}

fn made(prefix: &str, now_ms: i64) -> Result<String, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(format!("{prefix}{}", body(now_ms, random)))
}

/// 48 bits of time and 80 of chance, five to a character: a ULID in lower case.
fn body(now_ms: i64, random: [u8; 10]) -> String {
    let time = u128::from(now_ms.cast_unsigned() & 0xFFFF_FFFF_FFFF);
    let chance = random.iter().fold(0, |bits, &byte| bits << 8 | u128::from(byte));
    let bits = time << 80 | chance;
    let character = |place: usize| char::from(CROCKFORD[(bits >> (5 * (BODY_CHARS - 1 - place)) & 31) as usize]);
    (0..BODY_CHARS).map(character).collect()
}

const CONTROL_DEVICE: &str = "cdv_";

/// Contract §1.2.
const BODY_CHARS: usize = 26;

/// Crockford's base32: no i, l, o and u, which are read wrongly.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_26_characters() {
        assert!(CommandId::parse("cmd_01jv3k9a0b1c2d3e4f5g6h7j8k").is_ok());
        let wrong = [
            "",
            "cmd_",
            "sns_01jv3k9a0b1c2d3e4f5g6h7j8k",
            "cmd_01jv3k9a0b1c2d3e4f5g6h7j8",
            "cmd_01jv3k9a0b1c2d3e4f5g6h7j8kk",
            "cmd_01JV3k9a0b1c2d3e4f5g6h7j8k",
            "cmd_01jv3k9a0b1c2d3e4f5g6h7jä",
        ];
        for text in wrong {
            assert_eq!(CommandId::parse(text), Err(InvalidId { prefix: "cmd_" }), "{text}");
        }
    }

    #[test]
    fn a_new_id_is_one_and_sorts_by_time() {
        let (one, two) = (DesiredId::new(1_000).unwrap(), DesiredId::new(2_000).unwrap());
        assert!(one < two, "{one} {two}");
        assert_eq!(DesiredId::parse(one.as_str()), Ok(one.clone()));
        assert_ne!(DesiredId::new(1_000).unwrap(), one);
        assert!(is_control_device(&new_control_device(1).unwrap()));
        assert!(!is_control_device(&DeviceId::parse("PRINTER-001").unwrap()));
    }

    #[test]
    fn the_body_is_that_of_a_ulid() {
        assert_eq!(body(0, [0; 10]), "0".repeat(26));
        assert_eq!(body(0xFFFF_FFFF_FFFF, [0xFF; 10]), format!("7{}", "z".repeat(25)));
        assert_eq!(body(1, [0; 10]), "00000000010000000000000000");
    }
}
