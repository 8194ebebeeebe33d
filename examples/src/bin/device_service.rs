//! A device service: devices ask it which versions of their software there are. In the published form, JSON with base64:
//!
//! ```text
//! cargo run --bin device_service
//! curl http://localhost:17517/versions -d '{"id":7,"method":"copost","deviceid":"PRINTER-001","data":"cHJpbnRlcg=="}'
//! ```
//!
//! which answers `{"code":"OK","data":"Mi4xLjAgMi4wLjMgMS45Ljc=","id":7}`; and in the raw form, where it is an ordinary handler of
//! web requests that need not know RTIO:
//!
//! ```text
//! curl http://localhost:17517/raw/versions -H 'RTIO-Device-Id: PRINTER-001' -d printer
//! ```
//!
//! which answers `2.1.0 2.0.3 1.9.7`. With `--newest 3.0.0` there is one more of all of them. With `--key FILE`, the hub's `signing.key`,
//! who is not the hub gets status 401. The hub has to know which form a URL wants: docs/backends.md.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use examples::backend::{argument, published, refusal, serve};
use examples::signature::HubKey;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> io::Result<()> {
    let releases = Releases { newest: argument("--newest") };
    let key = argument("--key").map(|file| HubKey::read(&file)).transpose()?;
    serve("service", "127.0.0.1:17517", move |request| match request.uri().path() {
        _ if key.as_ref().is_some_and(|key| !key.has_signed(request, unix_seconds())) => {
            println!("a stranger was refused");
            refusal(StatusCode::UNAUTHORIZED)
        }
        "/versions" => published(request, "copost", |question| answer_published(&releases, question)),
        "/raw/versions" => answer_raw(&releases, request),
        _ => refusal(StatusCode::NOT_FOUND),
    })
    .await
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What there is.
struct Releases {
    /// Of everything.
    newest: Option<String>,
}

fn answer_published(releases: &Releases, question: &Value) -> Result<Value, &'static str> {
    let device = question["deviceid"].as_str().ok_or("BAD_REQUEST")?;
    let data = question["data"].as_str().and_then(|data| STANDARD.decode(data).ok()).ok_or("BAD_REQUEST")?;
    // Whatever is not OK or BAD_REQUEST is an internal error to the device.
    let versions = releases.versions(device, &data).ok_or("BAD_REQUEST")?;
    Ok(json!({ "data": STANDARD.encode(versions) }))
}

fn answer_raw(releases: &Releases, request: &Request<Bytes>) -> Response<Bytes> {
    let device = request.headers().get("rtio-device-id").and_then(|id| id.to_str().ok()).unwrap_or("?");
    match releases.versions(device, request.body()) {
        Some(versions) => Response::new(versions.into()),
        None => refusal(StatusCode::BAD_REQUEST),
    }
}

impl Releases {
    /// The versions of the software that the device asks for, newest first.
    fn versions(&self, device: &str, wanted: &[u8]) -> Option<String> {
        println!("{device} asks for versions of {}", wanted.escape_ascii());
        let (_, versions) = RELEASES.iter().find(|(name, _)| name.as_bytes() == wanted)?;
        Some(newest_that_fit(self.newest.as_deref().into_iter().chain(versions.iter().copied())))
    }
}

/// As many as fit into one message to any device.
fn newest_that_fit<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for version in versions {
        let blank = if text.is_empty() { "" } else { " " };
        if text.len() + blank.len() + version.len() > MAX_DATA_BYTES {
            break;
        }
        text += blank;
        text += version;
    }
    text
}

/// Newest first.
const RELEASES: [(&str, &[&str]); 2] = [("printer", &["2.1.0", "2.0.3", "1.9.7"]), ("scanner", &["1.0.1", "1.0.0"])];

/// What every device can take, whatever capacity it agreed with the hub: docs/protocol.md.
const MAX_DATA_BYTES: usize = 504;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_versions_fit_into_one_message() {
        let releases = |newest: Option<&str>| Releases { newest: newest.map(str::to_owned) };
        assert_eq!(releases(None).versions("d", b"printer").as_deref(), Some("2.1.0 2.0.3 1.9.7"));
        assert_eq!(releases(Some("3.0.0")).versions("d", b"scanner").as_deref(), Some("3.0.0 1.0.1 1.0.0"));
        assert_eq!(releases(None).versions("d", b"toaster"), None);
        // 84 versions with the blanks between them are 503 bytes, one more is 509.
        assert_eq!(newest_that_fit(["1.2.3"; 84].into_iter()).len(), 503);
        assert_eq!(newest_that_fit(["1.2.3"; 1_000].into_iter()).len(), 503);
        assert_eq!(newest_that_fit(["1.2.3.4.5"; 51].into_iter()).len(), 499);
    }
}
