//! A verifier as RTIO publishes it: says whether an id and a secret belong together. It knows the example devices, and those
//! of `--device ID=SECRET`. A real one keeps digests of secrets, not secrets.
//!
//! ```text
//! cargo run --bin device_verifier
//! rtio serve --dev --verifier-url http://127.0.0.1:17217
//! rtio device run PRINTER-001 --secret a-secret-of-24-characters
//! curl http://localhost:17217 -d '{"id":1999,"method":"verify","deviceid":"PRINTER-001","devicesecret":"guess"}'
//! ```
//!
//! The hub lets the device in; curl gets `{"code":"VERIFICATION_FAILED","id":1999}`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::HashMap;
use std::error::Error;

use examples::backend::{arguments, published, serve};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut secrets: HashMap<String, String> =
        EXAMPLE_DEVICES.iter().map(|&id| (id.to_owned(), EXAMPLE_SECRET.to_owned())).collect();
    for device in arguments("--device") {
        // No id has a `=` in it, but a secret may.
        let (id, secret) = device.split_once('=').ok_or("--device wants ID=SECRET")?;
        secrets.insert(id.to_owned(), secret.to_owned());
    }
    let verify = move |question: &Value| {
        let (id, verdict) = verdict(&secrets, question);
        // Never the secret.
        println!("verify {id}: {}", verdict.err().unwrap_or("OK"));
        verdict.map(|()| json!({}))
    };
    Ok(serve("verifier", "127.0.0.1:17217", move |request| published(request, "verify", &verify)).await?)
}

/// Who is asked about, and what is to be said.
fn verdict<'a>(secrets: &HashMap<String, String>, question: &'a Value) -> (&'a str, Result<(), &'static str>) {
    let (Some(id), Some(secret)) = (question["deviceid"].as_str(), question["devicesecret"].as_str()) else {
        return ("?", Err("BAD_REQUEST"));
    };
    let verdict = match secrets.get(id) {
        None => Err("NOT_FOUND"),
        Some(known) if known == secret => Ok(()),
        Some(_) => Err("VERIFICATION_FAILED"),
    };
    (id, verdict)
}

/// The README's device, and the one that the examples are.
const EXAMPLE_DEVICES: [&str; 2] = ["PRINTER-001", "cfa09baa-4913-4ad7-a936-3e26f9671b09"];

/// What the example devices show.
const EXAMPLE_SECRET: &str = "a-secret-of-24-characters";
