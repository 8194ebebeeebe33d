//! Making tokens: for `rtio token`, and for tests. The hub itself never signs.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Map, Value, json};

use super::grant::Grant;
use super::key::Key;
use super::pattern::MAX_PATTERN_BYTES;

/// A private Ed25519 key.
pub struct SigningKey {
    private_pem: String,
    public_pem: String,
    key: EncodingKey,
}

/// A token before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsealed<'a> {
    /// Name of the key.
    pub kid: Option<&'a str>,
    /// The claims as JSON.
    pub claims: &'a [u8],
}

/// What a new token shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// `sub`: the device that the token is for, or whoever bears it where there are grants.
    pub subject: Option<String>,
    /// `exp`, as time since 1970.
    pub expires: Duration,
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`.
    pub audience: Option<String>,
    /// `rtio`; none makes a token for one device.
    pub grants: Vec<GrantOrder>,
}

/// A grant as it is written on the command line: `devices=PRINTER-*;methods=copost;uris=/printer/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOrder(Map<String, Value>);

/// Why there is no key or no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The file has no key that we sign with.
    #[error("expected a private Ed25519 key in PEM, as `rtio token keygen` makes it")]
    NoKey,
    /// The cryptography failed.
    #[error("the key does not sign")]
    Failed,
}

/// What a grant should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected devices=PATTERN[,…] and perhaps ;methods=copost|obget[,…] and ;uris=PATTERN[,…], with patterns of 1 to \
     {MAX_PATTERN_BYTES} bytes in which * stands for anything, such as devices=PRINTER-*;methods=copost;uris=/printer/*"
)]
pub struct MalformedGrant;

impl SigningKey {
    /// Makes a key of 256 random bits.
    ///
    /// # Errors
    ///
    /// [`SignError::Failed`]: the system gives no randomness.
    pub fn generate() -> Result<Self, SignError> {
        let pair = KeyPair::generate_for(&PKCS_ED25519).map_err(|_| SignError::Failed)?;
        Self::from_pem(&pair.serialize_pem())
    }

    /// Reads a private key in PEM (PKCS #8).
    ///
    /// # Errors
    ///
    /// [`SignError::NoKey`].
    pub fn from_pem(pem: &str) -> Result<Self, SignError> {
        let pair = KeyPair::from_pem(pem).map_err(|_| SignError::NoKey)?;
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| SignError::NoKey)?;
        Ok(Self { private_pem: pem.to_owned(), public_pem: pair.public_key_pem(), key })
    }

    /// The key in PEM: the secret itself.
    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// Its public half in PEM, for `--jwt-key`.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub fn kid(&self) -> Option<String> {
        Key::from_pem(self.public_pem.as_bytes()).ok()?.thumbprint()
    }

    /// Makes a token that names this key.
    ///
    /// # Errors
    ///
    /// [`SignError::Failed`].
    pub fn issue(&self, order: &Order) -> Result<String, SignError> {
        let claims = order.claims().to_string();
        self.sign(&Unsealed { kid: self.kid().as_deref(), claims: claims.as_bytes() })
    }

    /// Signs whatever the claims are.
    ///
    /// # Errors
    ///
    /// [`SignError::Failed`].
    pub fn sign(&self, token: &Unsealed<'_>) -> Result<String, SignError> {
        let header = match token.kid {
            Some(kid) => json!({"alg": "EdDSA", "typ": "JWT", "kid": kid}),
            None => json!({"alg": "EdDSA", "typ": "JWT"}),
        };
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(token.claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, jsonwebtoken::Algorithm::EdDSA);
        Ok(format!("{signed}.{}", signature.map_err(|_| SignError::Failed)?))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(MASKED)")
    }
}

impl Order {
    fn claims(&self) -> Value {
        let mut claims = Map::new();
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), json!(value));
            }
        };
        text("iss", &self.issuer);
        text("sub", &self.subject);
        text("aud", &self.audience);
        claims.insert("exp".to_owned(), json!(self.expires.as_secs()));
        if !self.grants.is_empty() {
            claims.insert("rtio".to_owned(), self.grants.iter().map(|grant| json!(grant.0)).collect());
        }
        Value::Object(claims)
    }
}

impl GrantOrder {
    /// Reads `devices=…;methods=…;uris=…`, each a list with commas; all but the devices may be absent.
    ///
    /// # Errors
    ///
    /// [`MalformedGrant`].
    pub fn parse(text: &str) -> Result<Self, MalformedGrant> {
        let mut lists = Map::new();
        for part in text.split(';') {
            let (name, list) = part.split_once('=').ok_or(MalformedGrant)?;
            let list: Vec<&str> = list.split(',').collect();
            let known = ["devices", "methods", "uris"].contains(&name);
            if !known || lists.insert(name.to_owned(), json!(list)).is_some() {
                return Err(MalformedGrant);
            }
        }
        let texts = |name: &str| -> Option<Vec<String>> {
            let list = lists.get(name)?.as_array()?;
            list.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let devices = texts("devices").ok_or(MalformedGrant)?;
        // What the hub would refuse is refused here already.
        Grant::from_lists(&devices, texts("methods").as_deref(), texts("uris").as_deref()).ok_or(MalformedGrant)?;
        Ok(Self(lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_never_shows() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pem(key.private_pem()).unwrap();
        assert_eq!((again.public_pem(), again.kid()), (key.public_pem(), key.kid()));
        assert_eq!(key.kid().map(|kid| kid.len()), Some(43));
        assert_eq!(format!("{key:?}"), "SigningKey(MASKED)");
        for bad in ["", "no key", key.public_pem()] {
            assert_eq!(SigningKey::from_pem(bad).err(), Some(SignError::NoKey));
        }
    }

    #[test]
    fn an_order_becomes_claims() {
        let order = Order {
            subject: Some("PRINTER-001".into()),
            expires: Duration::from_secs(2000),
            issuer: None,
            audience: Some("hub".into()),
            grants: vec![GrantOrder::parse("devices=A,B-*;methods=copost").unwrap()],
        };
        let expected = json!({"sub": "PRINTER-001", "aud": "hub", "exp": 2000,
            "rtio": [{"devices": ["A", "B-*"], "methods": ["copost"]}]});
        assert_eq!(order.claims(), expected);
    }

    #[test]
    fn a_grant_that_the_hub_would_refuse_is_refused() {
        assert!(GrantOrder::parse("devices=*").is_ok());
        assert!(GrantOrder::parse("uris=/a,/b/*;devices=A").is_ok());
        for bad in [
            "",
            "A",
            "methods=copost",
            "devices=",
            "devices=A;methods=delete",
            "devices=A;devices=B",
            "devices=A;hours=9",
            "devices=A;",
        ] {
            assert_eq!(GrantOrder::parse(bad), Err(MalformedGrant), "{bad}");
        }
    }
}
