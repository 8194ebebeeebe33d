//! `rtio token` as a user runs it, and a hub that takes its tokens.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::{Running, rtio, run};
use crate::support::Caller;

fn token(folder: &Path, arguments: &str) -> (Option<i32>, String, String) {
    run(rtio(&format!("token {arguments}")).current_dir(folder))
}

#[test]
fn keygen_makes_a_key_for_its_owner_and_never_writes_over_one() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = token(folder.path(), "keygen --out keys");
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[..2], ["key keys/token-key.pem", "public keys/token-key.pub.pem"]);
    assert_eq!(lines[2].strip_prefix("kid ").unwrap().len(), 43);
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys/token-key.pem"), mode("keys/token-key.pub.pem")), (0o600, 0o644));
    let before = std::fs::read(folder.path().join("keys/token-key.pem")).unwrap();
    let (code, _, stderr) = token(folder.path(), "keygen --out keys");
    assert!(code == Some(1) && stderr.contains("cannot make keys/token-key.pem"), "{stderr}");
    assert_eq!(std::fs::read(folder.path().join("keys/token-key.pem")).unwrap(), before);
}

#[test]
fn show_says_what_is_in_a_token_and_whether_it_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    for keys in ["a", "b"] {
        assert_eq!(token(folder.path(), &format!("keygen --out {keys}")).0, Some(0));
    }
    let issue = "issue --key a/token-key.pem --subject me --grant devices=A-*,B;methods=obget --issuer i";
    let (code, issued, _) = token(folder.path(), issue);
    assert_eq!((code, issued.lines().count()), (Some(0), 1));
    let (code, shown, _) = token(folder.path(), &format!("show {issued}"));
    assert!(code == Some(0) && shown.starts_with("NOT verified"), "{shown}");
    for part in [r#""alg": "EdDSA""#, r#""sub": "me""#, r#""A-*""#, r#""obget""#, r#""iss": "i""#, r#""exp""#] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    let (code, shown, _) = token(folder.path(), &format!("show --key a/token-key.pub.pem {issued}"));
    assert!(code == Some(0) && shown.starts_with("verified\n"), "{shown}");
    let (code, stdout, stderr) = token(folder.path(), &format!("show --key b/token-key.pub.pem {issued}"));
    assert!(code == Some(1) && stdout.is_empty() && stderr.contains("the token is refused: unknown key"), "{stderr}");
    assert_eq!(token(folder.path(), "show no-token").0, Some(1));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        "issue --key k.pem",
        "issue --device d",
        "issue --key k.pem --device d --grant devices=*",
        "issue --key k.pem --device d --expires 366days",
        "issue --key k.pem --device d --expires 0s",
        "issue --key k.pem --grant everything",
    ] {
        assert_eq!(token(folder.path(), arguments).0, Some(64), "{arguments}");
    }
    let (code, _, stderr) = token(folder.path(), "issue --key k.pem --device d");
    assert!(code == Some(1) && stderr.contains("cannot read k.pem"), "{stderr}");
}

#[tokio::test]
async fn a_hub_takes_the_tokens_and_refuses_to_start_with_a_private_key() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(token(folder.path(), "keygen").0, Some(0));
    let (_, issued, _) = token(folder.path(), "issue --key token-key.pem --device dev");
    let serve = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off --jwt-key";
    let (code, _, stderr) = run(rtio(&format!("{serve} token-key.pem")).current_dir(folder.path()));
    assert!(code == Some(1) && stderr.contains("this is a private key"), "{stderr}");
    let mut hub = Running::start(rtio(&format!("{serve} token-key.pub.pem")).current_dir(folder.path()));
    hub.value_of("devices ");
    let addr = hub.value_of("callers http://").parse().unwrap();
    let bearer = format!("Bearer {}", issued.trim());
    let mut caller = Caller::connect(addr).await;
    assert_eq!(caller.asks("POST", "/dev/uri", &[("authorization", &bearer)], b"").await.status, 503);
    assert_eq!(caller.asks("POST", "/dev/uri", &[], b"").await.status, 401);
}
