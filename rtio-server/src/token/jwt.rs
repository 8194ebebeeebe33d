//! The three parts of a token (pure; RFC 7515). Nothing in a token is believed before its signature is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// A token that was cut, nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What is signed: the first two parts and their dot.
    pub signed: &'a str,
    /// First part, in base64.
    pub header: &'a str,
    /// Second part, in base64.
    pub claims: &'a str,
    /// Third part, in base64.
    pub signature: &'a str,
}

/// What the header says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// The algorithm that the token claims to be signed with. Never decides which one is used.
    pub alg: String,
    /// The key that it claims to be signed with.
    #[serde(default)]
    pub kid: Option<String>,
    /// Extensions that whoever reads the token must understand.
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Parts<'a> {
    /// Cuts a token of exactly three parts, none of which is empty.
    pub fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let sound = |part: &str| !part.is_empty() && !part.contains('.');
        (sound(header) && sound(claims) && sound(signature)).then_some(Self { signed, header, claims, signature })
    }

    /// Reads the header. `None` if it is too long, is no JSON, or asks for extensions: we understand none (RFC 7515 §4.1.11).
    pub fn read_header(&self) -> Option<Header> {
        if self.header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let header: Header = serde_json::from_slice(&decode(self.header)?).ok()?;
        let short = header.kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID_BYTES);
        (header.crit.is_none() && short).then_some(header)
    }
}

/// Bytes of a part; `None` if it is no base64 of the URL alphabet without padding.
pub fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// Longest header in base64. Ours have about 100 bytes.
const MAX_HEADER_BYTES: usize = 1024;

/// Longest name of a key, in a token and in a key set. Thumbprints have 43 bytes.
pub const MAX_KID_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts() {
        let parts = Parts { signed: "a.b", header: "a", claims: "b", signature: "c" };
        assert_eq!(Parts::of("a.b.c"), Some(parts));
        for bad in ["", ".", "..", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c."] {
            assert_eq!(Parts::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_header_that_is_not_understood_is_none() {
        let header = |json: &str| {
            let token = format!("{}.b.c", URL_SAFE_NO_PAD.encode(json));
            Parts::of(&token).unwrap().read_header()
        };
        let sound = header(r#"{"alg":"EdDSA","kid":"1","typ":"JWT","x":1}"#).unwrap();
        assert_eq!((sound.alg.as_str(), sound.kid.as_deref()), ("EdDSA", Some("1")));
        for bad in [" ", "{}", "[]", r#"{"alg":1}"#, r#"{"alg":"EdDSA","crit":["b64"]}"#, r#"{"alg":"a","alg":"b"}"#] {
            assert_eq!(header(bad), None, "{bad}");
        }
        assert!(header(&format!(r#"{{"alg":"a","kid":"{}"}}"#, "x".repeat(MAX_KID_BYTES))).is_some());
        assert_eq!(header(&format!(r#"{{"alg":"a","kid":"{}"}}"#, "x".repeat(MAX_KID_BYTES + 1))), None);
        assert_eq!(header(&format!(r#"{{"alg":"a","x":"{}"}}"#, "x".repeat(1024))), None);
        assert_eq!(Parts::of("e30=.b.c").unwrap().read_header(), None, "padding is no part of it");
    }
}
