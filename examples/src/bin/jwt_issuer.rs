//! An issuer of callers' tokens as RTIO publishes it: whoever asks gets a token for one device. A real one asks first who that is.
//!
//! ```text
//! rtio token keygen
//! rtio serve --dev --jwt-key token-key.pub.pem
//! cargo run --bin jwt_issuer -- --key token-key.pem
//! curl http://localhost:17019 -d '{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":3600}'
//! ```
//!
//! The answer is `{"code":"OK","id":1,"jwt":"…"}`, or a code that says what was wrong.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use examples::backend::{argument, published, serve};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key_file =
        argument("--key").ok_or("--key FILE is missing: a private Ed25519 key, as `rtio token keygen` makes it")?;
    let key = EncodingKey::from_ed_pem(&std::fs::read(key_file)?)?;
    let issue = move |question: &Value| Ok(json!({ "jwt": token(&key, question)? }));
    Ok(serve("issuer", "127.0.0.1:17019", move |request| published(request, "jwtissuer", &issue)).await?)
}

fn token(key: &EncodingKey, question: &Value) -> Result<String, &'static str> {
    let device = question["deviceid"].as_str().filter(|id| is_device_id(id)).ok_or("BAD_REQUEST")?;
    let expires = &question["expires"];
    let seconds = if expires.is_null() { Some(LONGEST_SECONDS) } else { expires.as_u64() };
    let expires = seconds.filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds)).ok_or("BAD_REQUEST")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "INTERNAL_SERVER_ERROR")?;
    let claims = json!({"iss": "rtio", "sub": device, "exp": now.as_secs() + expires});
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, key).map_err(|_| "INTERNAL_SERVER_ERROR")
}

/// 1 to 64 characters of A-Z a-z 0-9 . _ ~ -
fn is_device_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
}

/// Seven days: the longest that the protocol allows, and what it gives without `expires`.
const LONGEST_SECONDS: u64 = 604_800;
