//! What the hub posts is signed, so that a backend can tell it from a stranger (docs/backends.md, “Signatures”).

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use rtio_proto::UriDigest;
use rtio_server::backend::Form;
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::program::{rtio, run};
use crate::support::service::{Does, FakeService, Posted};
use crate::support::{Device, eventually, hub};

const ONE: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "the-key-that-comes-after-it-0123456789";
const DOCUMENT: &str = include_str!("../../../docs/backends.md");

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("the file can be written");
    file
}

async fn asks(device: &mut Device, uri: &str, data: &[u8]) {
    device.reports(&[&[0x20], &UriDigest::of(uri).to_wire()[..], data].concat()).await;
    assert_eq!(device.receives().await.body[0], 0x22);
}

fn mac(key: &str, time: &str, posted: &Posted) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key is long enough");
    let header = |name| posted.header(name).unwrap_or_default();
    let [device, uri, number] = ["rtio-device-id", "rtio-uri", "idempotency-key"].map(header);
    mac.update(format!("{time}\n{device}\n{uri}\n{number}\n").as_bytes());
    mac.update(&posted.body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// It is signed with each of these keys, now.
fn assert_signed(posted: &Posted, keys: &[&str]) {
    let signature = posted.header("rtio-signature").expect("a signature");
    let time = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).expect("a time");
    let macs: Vec<_> = signature.split(",v1=").skip(1).map(str::to_owned).collect();
    assert_eq!(macs, keys.iter().map(|key| mac(key, time, posted)).collect::<Vec<_>>(), "{signature}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    assert!((now - 60..=now).contains(&time.parse().expect("seconds")), "{time}");
}

#[tokio::test]
async fn both_forms_are_signed() {
    let key = file(ONE);
    let json = FakeService::that(Does::Echoes("OK")).await;
    let raw = FakeService::that(Does::Answers(200, Vec::new())).await;
    let hub = hub().with_signing_keys(key.path()).with_backend("/json", json.definition(Form::Json));
    let hub = hub.with_backend("/raw uri", raw.definition(Form::Raw)).start().await;
    let mut device = hub.device("PRINTER-001").await;
    asks(&mut device, "/json", b"x").await;
    asks(&mut device, "/raw uri", b"\x00\n\xff").await;
    assert_signed(&json.posted()[0], &[ONE]);
    assert_signed(&raw.posted()[0], &[ONE]);
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let service = FakeService::that(Does::Echoes("OK")).await;
    let hub = hub().with_backend("/json", service.definition(Form::Json)).start().await;
    asks(&mut hub.device("dev").await, "/json", b"x").await;
    assert_eq!(service.posted()[0].header("rtio-signature"), None);
}

#[tokio::test]
async fn keys_change_at_a_reload_without_a_post_that_a_receiver_refuses() {
    let key = file(ONE);
    let service = FakeService::that(Does::Echoes("OK")).await;
    let hub = hub().with_signing_keys(key.path()).with_backend("/json", service.definition(Form::Json)).start().await;
    let mut device = hub.device("dev").await;
    for (text, keys) in [
        (format!("{ONE}\n{OTHER}\n"), &[ONE, OTHER][..]),
        ("too short".to_owned(), &[ONE, OTHER]),
        (OTHER.to_owned(), &[OTHER]),
    ] {
        std::fs::write(key.path(), &text).unwrap();
        hub.reload.trigger();
        for _ in 0..10 {
            // Time for the one who reads the file, also where nothing is to be seen of it.
            tokio::task::yield_now().await;
        }
        asks(&mut device, "/json", b"x").await;
        assert_signed(service.posted().last().unwrap(), keys);
    }
}

#[tokio::test]
async fn the_verifier_is_asked_under_a_signature_too() {
    let key = file(ONE);
    let verifier = FakeService::scripted(|posted| {
        Does::Answers(200, format!(r#"{{"id":{},"code":"OK"}}"#, posted.json()["id"]).into_bytes())
    })
    .await;
    let url = verifier.definition(Form::Json).url.to_string();
    let hub = hub().with(|config| config.backend.signing_key_file = Some(key.path().to_owned()));
    let hub = hub.with_verifier_at(&url, |_, _| ()).start().await;
    let _device = hub.device("dev").await;
    assert_signed(&verifier.posted()[0], &[ONE]);
}

#[tokio::test]
async fn a_hub_with_a_data_folder_makes_itself_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let service = FakeService::that(Does::Echoes("OK")).await;
    let hub = hub().with_data_dir(dir.path()).with_backend("/json", service.definition(Form::Json)).start().await;
    asks(&mut hub.device("dev").await, "/json", b"x").await;
    let key = std::fs::read_to_string(dir.path().join("signing.key")).unwrap();
    assert_eq!(key.len(), 43);
    assert_signed(&service.posted()[0], &[&key]);
}

#[test]
fn a_key_file_that_is_of_no_use_is_named() {
    let bad = file("short");
    for (path, why) in [("/nowhere/key", "cannot read"), (bad.path().to_str().unwrap(), "holds no signing key")] {
        let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off --signing-key-file";
        let (code, _, stderr) = run(rtio(flags).arg(path));
        assert_eq!(code, Some(1));
        assert!(["--signing-key-file", path, why].iter().all(|word| stderr.contains(word)), "{stderr}");
    }
}

/// The receiver's few lines in the document, against what the hub sends.
#[tokio::test]
async fn the_documents_receiver_tells_the_hub_from_a_stranger() {
    let Ok(version) = Command::new("python3").arg("--version").output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    assert!(version.status.success());
    let key = file(&format!("{ONE}\n{OTHER}\n"));
    let service = FakeService::that(Does::Answers(200, Vec::new())).await;
    let hub = hub().with_signing_keys(key.path()).with_backend("/uri", service.definition(Form::Raw)).start().await;
    asks(&mut hub.device("dev").await, "/uri", b"hello").await;
    eventually("it is posted", || service.posted().len() == 1).await;
    let posted = &service.posted()[0];
    let signature = posted.header("rtio-signature").unwrap();
    let old = signature.replacen("t=", "t=1", 1);
    let number = posted.header("idempotency-key").unwrap();
    for (key, signature, number, body, expected) in [
        (ONE, signature, number, "hello", "True"),
        (OTHER, signature, number, "hello", "True"),
        ("a-stranger-has-none-of-the-two-keys", signature, number, "hello", "False"),
        (ONE, signature, number, "hellO", "False"),
        (ONE, signature, "another-key-for-the-same-message", "hello", "False"),
        (ONE, &old, number, "hello", "False"),
        (ONE, "", number, "hello", "False"),
    ] {
        let names = format!("'RTIO-Device-Id': 'dev', 'RTIO-URI': '/uri', 'Idempotency-Key': '{number}'");
        let headers = format!("{{'RTIO-Signature': '{signature}', {names}}}");
        let program = format!("{}\nprint(is_from_hub('{key}', {headers}, b'{body}'))", receiver());
        let output = Command::new("python3").arg("-c").arg(program).output().unwrap();
        let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(said.trim(), expected, "{key} {signature} {body}: {complaint}");
    }
}

fn receiver() -> &'static str {
    let (_, rest) = DOCUMENT.split_once("```python\n").expect("the document has a receiver");
    rest.split_once("```").expect("the block ends").0
}
