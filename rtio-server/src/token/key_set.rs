//! All keys that a token may be signed with (pure).

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use super::jwt::{Header, Parts};
use super::key::{Algorithm, Key, KeyError};

/// The keys of all sources together.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Why no key vouches for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// No key is for its algorithm at all.
    Algorithm,
    /// No key has the name that it gives.
    UnknownKey,
    /// It has no name, and too many keys may be meant.
    Ambiguous,
    /// The keys that fit did not sign it.
    Signature,
}

/// What a document with a key set gave.
#[derive(Debug)]
pub struct Read {
    /// The keys that can be used.
    pub keys: Vec<Key>,
    /// How many were left out: for another use, malformed, or of an algorithm that is not allowed.
    pub skipped: usize,
}

impl KeySet {
    /// A set of these keys.
    pub const fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// Whether a key signed the token. Tries at most [`MAX_TRIES`] of them.
    ///
    /// # Errors
    ///
    /// [`Unsigned`].
    pub fn vouch(&self, header: &Header, token: &Parts<'_>) -> Result<(), Unsigned> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm().name() == header.alg).peekable();
        if fitting.peek().is_none() {
            let known = Algorithm::ALL.iter().any(|algorithm| algorithm.name() == header.alg);
            return Err(if known { Unsigned::UnknownKey } else { Unsigned::Algorithm });
        }
        let is_meant = |key: &&Key| match (key.kid(), &header.kid) {
            (Some(name), Some(kid)) => name == kid,
            (None, _) | (_, None) => true,
        };
        let meant: Vec<&Key> = fitting.filter(is_meant).take(MAX_TRIES + 1).collect();
        match meant.as_slice() {
            [] => Err(Unsigned::UnknownKey),
            tried if tried.len() > MAX_TRIES => Err(Unsigned::Ambiguous),
            tried if tried.iter().any(|key| key.signed(token)) => Ok(()),
            tried if header.kid.is_some() && tried.iter().all(|key| key.kid().is_none()) => Err(Unsigned::UnknownKey),
            _ => Err(Unsigned::Signature),
        }
    }
}

/// Reads a key set (RFC 7517). Keys that cannot be used are left out, as the RFC wants it.
///
/// # Errors
///
/// [`KeyError::Malformed`]: no JSON object with a list of at most [`MAX_KEYS`] `keys`.
pub fn read(json: &[u8], allowed: &[Algorithm]) -> Result<Read, KeyError> {
    #[derive(Deserialize)]
    struct Document {
        keys: Vec<Value>,
    }
    let document: Document = serde_json::from_slice(json).map_err(|_| KeyError::Malformed)?;
    if document.keys.len() > MAX_KEYS {
        return Err(KeyError::Malformed);
    }
    let total = document.keys.len();
    let key = |value| serde_json::from_value::<Jwk>(value).ok().and_then(|jwk| Key::from_jwk(&jwk).ok());
    let keys: Vec<Key> =
        document.keys.into_iter().filter_map(key).filter(|key| allowed.contains(&key.algorithm())).collect();
    Ok(Read { skipped: total - keys.len(), keys })
}

/// Most keys that are tried on one token: verifying is dear, and anybody may send one. A token whose issuer has more keys must
/// name its own.
pub const MAX_TRIES: usize = 8;

/// Most keys in one key set. Issuers have two or three, and a few more while they change them.
pub const MAX_KEYS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::sign::{SigningKey, Unsealed};
    use jsonwebtoken::EncodingKey;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
    use serde_json::json;

    /// An issuer of tokens without claims.
    struct Issuer {
        algorithm: Algorithm,
        pem: String,
        public: Key,
        public_pem: String,
    }

    impl Issuer {
        fn new(algorithm: Algorithm) -> Self {
            let kind = match algorithm {
                Algorithm::EdDsa => &rcgen::PKCS_ED25519,
                Algorithm::Rs256 => &PKCS_RSA_SHA256,
                Algorithm::Es256 => &PKCS_ECDSA_P256_SHA256,
            };
            let pair = KeyPair::generate_for(kind).unwrap();
            let public_pem = pair.public_key_pem();
            let public = Key::from_pem(public_pem.as_bytes()).unwrap();
            Self { algorithm, pem: pair.serialize_pem(), public, public_pem }
        }

        fn token(&self, kid: Option<&str>) -> String {
            let pem = self.pem.as_bytes();
            let (algorithm, key) = match self.algorithm {
                Algorithm::EdDsa => (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
                Algorithm::Rs256 => (jsonwebtoken::Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
                Algorithm::Es256 => (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            };
            let mut header = jsonwebtoken::Header::new(algorithm);
            header.kid = kid.map(str::to_owned);
            jsonwebtoken::encode(&header, &json!({}), &key.unwrap()).unwrap()
        }

        /// The public key as an entry of a key set.
        fn jwk(&self, common: Value) -> Value {
            let reader = match self.algorithm {
                Algorithm::EdDsa => jsonwebtoken::DecodingKey::from_ed_pem,
                Algorithm::Rs256 => jsonwebtoken::DecodingKey::from_rsa_pem,
                Algorithm::Es256 => jsonwebtoken::DecodingKey::from_ec_pem,
            };
            let jwk = Jwk::from_decoding_key(&reader(self.public_pem.as_bytes()).unwrap(), None).unwrap();
            let mut value = serde_json::to_value(jwk).unwrap();
            let (value_map, Value::Object(common)) = (value.as_object_mut().unwrap(), common) else {
                panic!("an object")
            };
            value_map.extend(common);
            value
        }
    }

    fn vouch(keys: &KeySet, token: &str) -> Result<(), Unsigned> {
        let parts = Parts::of(token).unwrap();
        keys.vouch(&parts.read_header().unwrap(), &parts)
    }

    fn set(keys: &[Value], allowed: &[Algorithm]) -> Read {
        read(json!({ "keys": keys }).to_string().as_bytes(), allowed).unwrap()
    }

    #[test]
    fn each_algorithm_verifies_with_a_pem_and_with_a_key_set() {
        for algorithm in Algorithm::ALL {
            let issuer = Issuer::new(algorithm);
            assert_eq!(issuer.public.algorithm(), algorithm);
            assert_eq!(issuer.public.thumbprint().map(|print| print.len()), Some(43), "{algorithm:?}");
            let from_pem = KeySet::new(vec![issuer.public.clone()]);
            let from_set = KeySet::new(set(&[issuer.jwk(json!({"kid": "k"}))], &[algorithm]).keys);
            for keys in [&from_pem, &from_set] {
                assert_eq!((vouch(keys, &issuer.token(None)), vouch(keys, &issuer.token(Some("k")))), (Ok(()), Ok(())));
                let stranger = Issuer::new(algorithm);
                assert_eq!(vouch(keys, &stranger.token(None)), Err(Unsigned::Signature), "{algorithm:?}");
            }
        }
    }

    #[test]
    fn a_key_of_a_key_set_is_tried_for_its_own_name_only() {
        let (one, two) = (Issuer::new(Algorithm::EdDsa), Issuer::new(Algorithm::EdDsa));
        let keys = set(&[one.jwk(json!({"kid": "1"})), two.jwk(json!({"kid": "2"}))], &Algorithm::ALL);
        let keys = KeySet::new(keys.keys);
        assert_eq!((vouch(&keys, &two.token(Some("2"))), vouch(&keys, &two.token(None))), (Ok(()), Ok(())));
        assert_eq!(vouch(&keys, &two.token(Some("1"))), Err(Unsigned::Signature));
        assert_eq!(vouch(&keys, &two.token(Some("3"))), Err(Unsigned::UnknownKey));
    }

    #[test]
    fn only_so_many_keys_are_tried() {
        let issuers: Vec<Issuer> = (0..=MAX_TRIES).map(|_| Issuer::new(Algorithm::EdDsa)).collect();
        let keys = |count: usize| {
            let named = |nth: usize| issuers[nth].jwk(json!({"kid": nth.to_string()}));
            KeySet::new(set(&(0..count).map(named).collect::<Vec<_>>(), &Algorithm::ALL).keys)
        };
        let last = |count: usize| issuers[count - 1].token(None);
        assert_eq!(vouch(&keys(MAX_TRIES), &last(MAX_TRIES)), Ok(()));
        assert_eq!(vouch(&keys(MAX_TRIES + 1), &last(MAX_TRIES + 1)), Err(Unsigned::Ambiguous));
        let named = issuers[MAX_TRIES].token(Some(&MAX_TRIES.to_string()));
        assert_eq!(vouch(&keys(MAX_TRIES + 1), &named), Ok(()));
    }

    #[test]
    fn keys_for_other_uses_are_left_out() {
        let (ed, rsa) = (Issuer::new(Algorithm::EdDsa), Issuer::new(Algorithm::Rs256));
        let keys = [
            ed.jwk(json!({"kid": "good", "use": "sig", "alg": "EdDSA"})),
            ed.jwk(json!({"use": "enc"})),
            ed.jwk(json!({"alg": "ES256"})),
            ed.jwk(json!({"kid": "x".repeat(257)})),
            ed.jwk(json!({"x": "AA"})),
            rsa.jwk(json!({})),
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "new", "alg": "ML-DSA-44"}),
            json!(7),
        ];
        let read = set(&keys, &[Algorithm::EdDsa]);
        assert_eq!((read.keys.len(), read.skipped), (1, 8));
        assert_eq!(read.keys[0].kid(), Some("good"));
        assert_eq!(set(&keys, &Algorithm::ALL).keys.len(), 2);
    }

    #[test]
    fn a_key_set_has_at_most_64_keys() {
        let key = Issuer::new(Algorithm::EdDsa).jwk(json!({}));
        assert_eq!(set(&vec![key.clone(); MAX_KEYS], &Algorithm::ALL).keys.len(), MAX_KEYS);
        for bad in [json!({"keys": vec![key; MAX_KEYS + 1]}), json!({"keys": {}}), json!([]), json!("")] {
            assert_eq!(read(bad.to_string().as_bytes(), &Algorithm::ALL).err(), Some(KeyError::Malformed));
        }
    }

    #[test]
    fn what_is_no_public_key_of_ours_is_named() {
        let ed = Issuer::new(Algorithm::EdDsa);
        let curve = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        for (pem, expected) in [
            (ed.pem.as_str(), KeyError::Private),
            (&Issuer::new(Algorithm::Rs256).pem, KeyError::Private),
            (&curve.public_key_pem(), KeyError::Malformed),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", KeyError::Malformed),
            ("", KeyError::Malformed),
        ] {
            assert_eq!(Key::from_pem(pem.as_bytes()).err(), Some(expected), "{pem}");
        }
    }

    #[test]
    fn a_signature_of_a_set_without_its_algorithm_is_refused() {
        let key = SigningKey::generate().unwrap();
        let token = key.sign(&Unsealed { kid: None, claims: b"{}" }).unwrap();
        let rsa_only = KeySet::new(vec![Issuer::new(Algorithm::Rs256).public]);
        assert_eq!(vouch(&rsa_only, &token), Err(Unsigned::UnknownKey));
        assert_eq!(vouch(&KeySet::default(), &token), Err(Unsigned::UnknownKey));
    }
}
