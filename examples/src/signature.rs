//! How a backend tells its hub from a stranger: by the signature of what the hub posts (docs/backends.md).

use std::{fmt, io};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hyper::Request;
use sha2::Sha256;

/// The key that the hub signs with: what `signing.key` in its data folder says.
#[derive(Clone)]
pub struct HubKey(Vec<u8>);

impl HubKey {
    /// The key in this file: its first line as it stands.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there is no key in it.
    pub fn read(file: &str) -> io::Result<Self> {
        let text = std::fs::read_to_string(file)?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self(line.as_bytes().to_vec())),
            Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{file} has no key"))),
        }
    }

    /// Whether the hub sent this request, and not long before `unix_seconds`.
    pub fn has_signed(&self, request: &Request<Bytes>, unix_seconds: u64) -> bool {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let fields = || header("rtio-signature").split(',').filter_map(|field| field.split_once('='));
        let Some((_, sent)) = fields().find(|(name, _)| *name == "t") else { return false };
        if !sent.parse::<u64>().is_ok_and(|sent| sent.abs_diff(unix_seconds) <= MAX_AGE_SECONDS) {
            return false;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for line in [sent, header("rtio-device-id"), header("rtio-uri"), header("idempotency-key")] {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(request.body());
        // While the key changes there are two, of which one has to be good; compared in constant time.
        let mut signatures = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, digits)| bytes_of(digits));
        signatures.any(|signature| mac.clone().verify_slice(&signature).is_ok())
    }
}

impl fmt::Debug for HubKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HubKey(MASKED)")
    }
}

/// What hexadecimal digits stand for.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// What a signature is good for; the clocks of hub and backend may differ by as much.
const MAX_AGE_SECONDS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/backends.md.
    const SIGNATURE: &str = "t=1700000000,v1=083bc472db8a33afa0ae0ca0e47420ed7c88229f1536925d35bc2757a1be7769";

    const NUMBER: &str = "01936f5e-7a3c-7d2e-9c41-2f6b8f0c1a55";

    fn check(signature: &str, uri: &str, unix_seconds: u64, expected: bool) {
        let key = HubKey(b"0123456789abcdef0123456789abcdef".to_vec());
        let request = Request::post("/").header("RTIO-Signature", signature).header("RTIO-Device-Id", "PRINTER-001");
        let request = request
            .header("RTIO-URI", uri)
            .header("Idempotency-Key", NUMBER)
            .body(Bytes::from_static(b"hello"))
            .unwrap();
        assert_eq!(key.has_signed(&request, unix_seconds), expected, "{signature} {uri} {unix_seconds}");
    }

    #[test]
    fn the_hub_is_told_from_a_stranger_and_from_what_it_said_long_ago() {
        let uri = "/printer/log";
        check(SIGNATURE, uri, 1_700_000_300, true);
        check(SIGNATURE, uri, 1_700_000_301, false);
        check(SIGNATURE, uri, 1_699_999_700, true);
        check(SIGNATURE, uri, 1_699_999_699, false);
        check(SIGNATURE, "/printer/logs", 1_700_000_000, false);
        check(&SIGNATURE.replace("t=17", "t=18"), uri, 1_800_000_000, false);
        check(&format!("{SIGNATURE},v1=00"), uri, 1_700_000_000, true);
        check(&SIGNATURE.replace("v1=", "v1=00,v1="), uri, 1_700_000_000, true);
        for nothing in ["", "t=1700000000", "v1=00", "t=1700000000,v1=", "t=now,v1=90e7", "t=1700000000,v1=é"] {
            check(nothing, uri, 1_700_000_000, false);
        }
    }
}
