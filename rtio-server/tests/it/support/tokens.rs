//! An issuer of callers' tokens, in this process: its key, its tokens, its key set behind a URL that may be down.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rtio_server::token::sign::{SigningKey, Unsealed};
use rtio_server::token::{Algorithm, Config, JwksSource, unix_now};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::hub::{Builder, hub};

/// Somebody who makes tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
    folder: TempDir,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let issuer = Self { key: SigningKey::generate().unwrap(), folder: tempfile::tempdir().unwrap() };
        std::fs::write(issuer.public_file(), issuer.key.public_pem()).unwrap();
        issuer
    }

    /// The file that the hub knows the public key from.
    pub(crate) fn public_file(&self) -> PathBuf {
        self.folder.path().join("public.pem")
    }

    /// The private key in a file.
    pub(crate) fn private_file(&self) -> PathBuf {
        let path = self.folder.path().join("private.pem");
        std::fs::write(&path, self.key.private_pem()).unwrap();
        path
    }

    /// A hub that accepts its tokens.
    pub(crate) fn hub(&self) -> Builder {
        self.is_trusted_by(hub())
    }

    /// That hub, which accepts its tokens.
    pub(crate) fn is_trusted_by(&self, hub: Builder) -> Builder {
        hub.with(|config| config.tokens = Some(Config { keys: vec![self.public_file()], ..nothing() }))
    }

    /// A token with these claims; `exp` is in an hour unless they say otherwise.
    pub(crate) fn token(&self, claims: Value) -> String {
        self.token_named(self.key.kid().as_deref(), claims)
    }

    pub(crate) fn token_named(&self, kid: Option<&str>, mut claims: Value) -> String {
        let in_an_hour = json!(unix_now().as_secs() + 3600);
        claims.as_object_mut().unwrap().entry("exp").or_insert(in_an_hour);
        self.key.sign(&Unsealed { kid, claims: claims.to_string().as_bytes() }).unwrap()
    }

    /// The `Authorization` header of a token for one device.
    pub(crate) fn bearer(&self, device: &str) -> String {
        format!("Bearer {}", self.token(json!({ "sub": device })))
    }

    /// Its key as a key set, by this name.
    pub(crate) fn key_set(&self, kid: &str) -> String {
        let public = rcgen::KeyPair::from_pem(self.key.private_pem()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(public.public_key_raw());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]}).to_string()
    }
}

/// Tokens that nobody can have: no key.
pub(crate) fn nothing() -> Config {
    Config {
        keys: Vec::new(),
        jwks: Vec::new(),
        algorithms: vec![Algorithm::EdDsa],
        issuer: None,
        audience: None,
        refresh: Duration::from_secs(300),
        cached: 1000,
    }
}

/// A server with one document, which may be missing.
#[derive(Debug, Clone)]
pub(crate) struct KeyServer {
    port: u16,
    document: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    pub(crate) async fn start(document: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, document: Arc::new(Mutex::new(document)), asked: Arc::default() };
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.answers(stream).await;
            }
        });
        server
    }

    async fn answers(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let document = self.document.lock().clone();
        let status = if document.is_some() { "200 OK" } else { "503 Down" };
        let text = document.unwrap_or_default();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
        // A hub that went away does not matter.
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    /// From now on.
    pub(crate) fn has(&self, document: Option<String>) {
        *self.document.lock() = document;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A hub that takes its keys from here.
    pub(crate) fn hub(&self) -> Builder {
        let source = JwksSource::Url(format!("http://127.0.0.1:{}/keys", self.port));
        hub().with(|config| config.tokens = Some(Config { jwks: vec![source], ..nothing() }))
    }
}
