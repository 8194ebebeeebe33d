//! How a backend tells the hub from a stranger: a header with the time and a MAC of what is posted (docs/backends.md, “Signatures”). Pure: the
//! time is an argument.

use std::fmt::{self, Write};
use std::ops::RangeInclusive;

use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{DEVICE_ID, IDEMPOTENCY_KEY, URI};

/// The keys that posts are signed with: one, or for as long as receivers change over, two. Never printed.
#[derive(Clone)]
pub struct SigningKeys(Vec<Zeroizing<String>>);

/// Text that is no key, nor two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one key or two, a line each, of {} to {} printable ASCII characters without spaces",
    KEY_CHARACTERS.start(),
    KEY_CHARACTERS.end()
)]
pub struct MalformedKeys;

impl SigningKeys {
    /// Reads keys, a line each. Empty lines and white space around a key do not count.
    ///
    /// # Errors
    ///
    /// [`MalformedKeys`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedKeys> {
        let text = std::str::from_utf8(bytes).map_err(|_| MalformedKeys)?;
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let is_key =
            |line: &&str| KEY_CHARACTERS.contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=MAX_KEYS).contains(&lines.len()) || !lines.iter().all(is_key) {
            return Err(MalformedKeys);
        }
        Ok(Self(lines.into_iter().map(|line| Zeroizing::new(line.to_owned())).collect()))
    }

    /// What [`SIGNATURE`] says at `unix_seconds` of a post with these headers and this body.
    pub(super) fn sign(&self, unix_seconds: u64, headers: &HeaderMap, body: &[u8]) -> HeaderValue {
        let mut value = format!("t={unix_seconds}");
        let line = |name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        for key in &self.0 {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key is long enough");
            for part in [unix_seconds.to_string().as_bytes(), line(DEVICE_ID), line(URI), line(IDEMPOTENCY_KEY)] {
                // No header's value has a line feed in it, so that no two posts read the same.
                mac.update(part);
                mac.update(b"\n");
            }
            mac.update(body);
            value.push_str(",v1=");
            for byte in mac.finalize().into_bytes() {
                write!(value, "{byte:02x}").expect("a string has room");
            }
        }
        HeaderValue::try_from(value).expect("numbers and letters are a header's value")
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKeys({} MASKED)", self.0.len())
    }
}

/// The header that has the signature.
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("rtio-signature");

/// The old one and the new one.
const MAX_KEYS: usize = 2;

/// From half of what the hash gives out, were they hexadecimal digits, to what fits a line.
const KEY_CHARACTERS: RangeInclusive<usize> = 32..=128;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn keys(text: &str) -> SigningKeys {
        SigningKeys::parse(text.as_bytes()).unwrap()
    }

    fn headers(device: &str, uri: &str) -> HeaderMap {
        HeaderMap::from_iter([(DEVICE_ID, device.parse().unwrap()), (URI, uri.parse().unwrap())])
    }

    fn keyed(device: &str, uri: &str, key: &str) -> HeaderMap {
        let mut headers = headers(device, uri);
        headers.insert(IDEMPOTENCY_KEY, key.parse().unwrap());
        headers
    }

    #[test]
    fn a_file_has_one_key_or_two() {
        let long = "k".repeat(128);
        for good in [ONE, &long, &format!("{ONE}\n"), &format!("\n  {ONE} \r\n\n{OTHER}\n")] {
            assert!(SigningKeys::parse(good.as_bytes()).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "\n",
            &ONE[1..],
            &format!("{long}k"),
            &format!("{ONE} {OTHER}"),
            &format!("{ONE}\nshort"),
            &format!("{ONE}\n{OTHER}\n{ONE}"),
            &format!("{ONE}ü"),
        ] {
            assert_eq!(SigningKeys::parse(bad.as_bytes()).unwrap_err(), MalformedKeys, "{bad:?}");
        }
        assert_eq!(SigningKeys::parse(&[0xFF; 40]).unwrap_err(), MalformedKeys);
    }

    #[test]
    fn the_example_of_the_document_is_what_the_hub_sends() {
        let document = include_str!("../../../docs/backends.md");
        let value = keys("0123456789abcdef0123456789abcdef").sign(
            1_700_000_000,
            &keyed("PRINTER-001", "/printer/log", "01936f5e-7a3c-7d2e-9c41-2f6b8f0c1a55"),
            b"hello",
        );
        let line = format!("RTIO-Signature: {}", value.to_str().unwrap());
        assert!(document.contains(&line), "docs/backends.md has another one than {line}");
        let value = keys("0123456789abcdef0123456789abcdef").sign(1_700_000_000, &HeaderMap::new(), b"{}");
        let line = format!("RTIO-Signature: {}", value.to_str().unwrap());
        assert!(document.contains(&line), "docs/backends.md has another one than {line}");
    }

    #[test]
    fn whatever_is_changed_changes_the_signature() {
        let keys = keys(ONE);
        let sound = keys.sign(5, &keyed("dev", "/uri", "key"), b"body");
        let mac = |value: &HeaderValue| value.to_str().unwrap().split_once(',').unwrap().1.to_owned();
        for other in [
            keys.sign(6, &keyed("dev", "/uri", "key"), b"body"),
            keys.sign(5, &keyed("dev2", "/uri", "key"), b"body"),
            keys.sign(5, &keyed("dev", "/uri2", "key"), b"body"),
            keys.sign(5, &keyed("dev", "/uri", "key"), b"body2"),
            keys.sign(5, &headers("dev", ""), b"/uri\nkey\nbody"),
            keys.sign(5, &HeaderMap::new(), b"dev\n/uri\nkey\nbody"),
            keys.sign(5, &keyed("dev", "/uri", "another"), b"body"),
            keys.sign(5, &headers("dev", "/uri"), b"key\nbody"),
            self::keys(OTHER).sign(5, &keyed("dev", "/uri", "key"), b"body"),
        ] {
            assert_ne!(mac(&other), mac(&sound));
        }
    }

    #[test]
    fn two_keys_make_two_signatures() {
        let [one, other, both] =
            [ONE, OTHER, &format!("{ONE}\n{OTHER}")].map(|text| keys(text).sign(7, &HeaderMap::new(), b"body"));
        let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap().strip_prefix("t=7").unwrap());
        assert_eq!(both.to_str().unwrap(), format!("{one}{other}"));
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", keys(ONE)), "SigningKeys(1 MASKED)");
    }
}
