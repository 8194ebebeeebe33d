//! A configurer as RTIO publishes it: tells the hub which device service is where. `--map FILE` is read again for each answer,
//! so that a hub has what is in it with its next question:
//!
//! ```text
//! echo '{"deviceservicemap":{"/versions":"http://127.0.0.1:17517/versions"}}' >map.json
//! cargo run --bin hub_configurer -- --map map.json
//! rtio serve --dev --configurer-url http://127.0.0.1:17317
//! curl http://localhost:17317 -d '{"id":1999,"method":"getconfig"}'
//! ```
//!
//! The answer has the file as text in `config`, and the CRC-32 of this text as `digest`. Without `--map` it is the line above.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io;

use examples::backend::{argument, published, serve};
use rtio_device_sdk::UriDigest;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> io::Result<()> {
    let file = argument("--map");
    serve("configurer", "127.0.0.1:17317", move |request| {
        published(request, "getconfig", |_| document(file.as_deref()))
    })
    .await
}

/// The map as the hub wants it.
fn document(file: Option<&str>) -> Result<Value, &'static str> {
    let config = match file {
        None => DEFAULT_MAP.to_owned(),
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            println!("{file}: {error}");
            "INTERNAL_SERVER_ERROR"
        })?,
    };
    // The digest of a URI is the CRC-32 of its bytes, so that what there is for URIs does for this text, too.
    let digest = u32::from_be_bytes(UriDigest::of(&config).to_wire());
    println!("getconfig: digest {digest}");
    Ok(json!({ "config": config, "digest": digest }))
}

const DEFAULT_MAP: &str = r#"{"deviceservicemap":{"/versions":"http://127.0.0.1:17517/versions"}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_text() {
        let document = document(None).unwrap();
        assert_eq!(document["config"], DEFAULT_MAP);
        // By `python3 -c 'import zlib; print(zlib.crc32(...))'`.
        assert_eq!(document["digest"], 2_992_245_977_u32);
        assert_eq!(super::document(Some("/nonexistent/map.json")), Err("INTERNAL_SERVER_ERROR"));
    }
}
