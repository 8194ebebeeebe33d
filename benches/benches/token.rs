//! Micro-benchmarks of callers' tokens: one that is known, one that is not, one that is forged, and a grant's patterns.
//! Run with `cargo bench -p benches --bench token`.

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use rtio_server::token::sign::{GrantOrder, Order, SigningKey};
use rtio_server::token::{Algorithm, Config, Fetch, Fetching, Method, Metrics, Tokens, unix_now};

fn main() {
    rtio_server::net::tls::install_provider();
    divan::main();
}

/// Key sets are not part of this.
#[derive(Debug)]
struct NoUrls;

impl Fetch for NoUrls {
    fn fetch<'a>(&'a self, _url: &'a str, _max_bytes: usize) -> Fetching<'a> {
        Box::pin(std::future::ready(Err("no URL is configured".into())))
    }
}

/// A hub's tokens with a memory for `cached` of them, and the key that signs them.
fn tokens(cached: usize) -> (Arc<Tokens>, SigningKey) {
    let key = SigningKey::generate().expect("the system has randomness");
    let folder = tempfile::tempdir().expect("there is room for a file");
    let file = folder.path().join("key.pem");
    std::fs::write(&file, key.public_pem()).expect("there is room for a file");
    let refresh = Duration::from_secs(300);
    let algorithms = vec![Algorithm::EdDsa];
    let config =
        Config { keys: vec![file], jwks: Vec::new(), algorithms, issuer: None, audience: None, refresh, cached };
    let keeper = Tokens::open(&config, Arc::new(NoUrls), Metrics::default()).expect("the key is sound");
    (keeper.tokens(), key)
}

fn token(key: &SigningKey, grants: Vec<GrantOrder>) -> String {
    let expires = unix_now() + Duration::from_secs(3600);
    let order = Order { subject: Some("PRINTER-001".to_owned()), expires, issuer: None, audience: None, grants };
    key.issue(&order).expect("the key signs")
}

/// As it is for all requests of a caller but the first.
#[divan::bench]
fn known_token(bencher: Bencher<'_, '_>) {
    let (tokens, key) = tokens(10_000);
    let token = token(&key, Vec::new());
    bencher.bench(|| tokens.check_now(black_box(&token), unix_now()).expect("the token is good"));
}

#[divan::bench]
fn unknown_token(bencher: Bencher<'_, '_>) {
    let (tokens, key) = tokens(0);
    let token = token(&key, Vec::new());
    bencher.bench(|| tokens.check_now(black_box(&token), unix_now()).expect("the token is good"));
}

#[divan::bench]
fn forged_token(bencher: Bencher<'_, '_>) {
    let (tokens, _) = tokens(10_000);
    let stranger = SigningKey::generate().expect("the system has randomness");
    let token = token(&stranger, Vec::new());
    bencher.bench(|| tokens.check_now(black_box(&token), unix_now()).expect_err("the token is forged"));
}

/// The last of so many grants is the one that allows it.
#[divan::bench(args = [1, 64])]
fn grants(bencher: Bencher<'_, '_>, count: usize) {
    let (tokens, key) = tokens(10_000);
    let grant = |number: usize| GrantOrder::parse(&format!("devices=*{number}-*-X;uris=/a/*/{number}"));
    let orders = (1..=count).map(|number| grant(number).expect("the grant is sound")).collect();
    let verified = tokens.check_now(&token(&key, orders), unix_now()).expect("the token is good");
    let (device, uri) = (format!("PRINTER-{count}-1-X"), format!("/a/b/{count}"));
    bencher.bench(|| verified.rights.allow(black_box(&device), Method::CoPost, black_box(&uri)));
}
