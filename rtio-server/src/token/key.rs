//! A public key, and the one algorithm that it is for (pure).

use std::str::FromStr;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};

use super::jwt::{MAX_KID_BYTES, Parts};

/// How a token is signed. Nothing else exists for the hub, above all nothing with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// RSA with SHA-256, PKCS #1 v1.5; keys of 2048 bits and more.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

/// A public key. What kind of key it is decides the algorithm; the header of a token never does.
#[derive(Debug, Clone)]
pub struct Key {
    algorithm: Algorithm,
    /// Its name, if tokens that name another key are not to be tried with it.
    kid: Option<String>,
    key: DecodingKey,
}

/// Why something is no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Somebody should take better care of it.
    #[error("this is a private key; the hub needs the public one")]
    Private,
    /// Nothing that we can read.
    #[error("expected a public key in PEM (\"BEGIN PUBLIC KEY\"): Ed25519, RSA of 2048 to 8192 bits, or EC P-256")]
    Malformed,
    /// A sound key, but the operator did not allow its algorithm.
    #[error("the key is for {}, which is not among --jwt-algorithms", .0.name())]
    NotAllowed(Algorithm),
    /// A key set has keys for many uses; this one is not for tokens of ours.
    #[error("the key is not for verifying tokens with EdDSA, RS256 or ES256")]
    OtherUse,
}

impl Algorithm {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Rs256, Self::Es256];

    /// The name in the header of a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    const fn for_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }

    /// The algorithm that a key set may say a key is for.
    const fn in_key_set(self) -> KeyAlgorithm {
        match self {
            Self::EdDsa => KeyAlgorithm::EdDSA,
            Self::Rs256 => KeyAlgorithm::RS256,
            Self::Es256 => KeyAlgorithm::ES256,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// Not the name of an algorithm that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected EdDSA, RS256 or ES256")]
pub struct UnknownAlgorithm;

impl Key {
    /// Reads a public key in PEM. Tokens may call it by any name, or by none.
    ///
    /// # Errors
    ///
    /// [`KeyError::Private`] or [`KeyError::Malformed`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.windows(PRIVATE_MARK.len()).any(|window| window == PRIVATE_MARK) {
            return Err(KeyError::Private);
        }
        let readers: [fn(&[u8]) -> _; 3] =
            [DecodingKey::from_ed_pem, DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem];
        let key = readers.iter().find_map(|read| read(pem).ok()).ok_or(KeyError::Malformed)?;
        let jwk = Jwk::from_decoding_key(&key, None).map_err(|_| KeyError::Malformed)?;
        let algorithm = algorithm_of(&jwk).ok_or(KeyError::Malformed)?;
        Ok(Self { algorithm, kid: None, key })
    }

    /// Takes a key of a key set. It goes by the name that it has there.
    ///
    /// # Errors
    ///
    /// [`KeyError::OtherUse`] or [`KeyError::Malformed`].
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let algorithm = algorithm_of(jwk).ok_or(KeyError::OtherUse)?;
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let fits = jwk.common.key_algorithm.is_none_or(|named| named == algorithm.in_key_set());
        if !signs || !fits {
            return Err(KeyError::OtherUse);
        }
        let kid = jwk.common.key_id.clone();
        let short = kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID_BYTES);
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| short).ok_or(KeyError::Malformed)?;
        // The components of a key set come unread; this reads them.
        Jwk::from_decoding_key(&key, None).map_err(|_| KeyError::Malformed)?;
        Ok(Self { algorithm, kid, key })
    }

    /// The one algorithm that it is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name that it has in its key set, if any.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// SHA-256 over the key itself (RFC 7638): a name for a key that has none.
    pub fn thumbprint(&self) -> Option<String> {
        let jwk = Jwk::from_decoding_key(&self.key, None).ok()?;
        jwk.thumbprint(ThumbprintHash::SHA256).ok()
    }

    /// Whether this key signed the token. Takes 20 to 80 µs.
    pub fn signed(&self, token: &Parts<'_>) -> bool {
        let algorithm = self.algorithm.for_jsonwebtoken();
        jsonwebtoken::crypto::verify(token.signature, token.signed.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// What a key is for, by what it is.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if let AlgorithmParameters::OctetKeyPair(key) = &jwk.algorithm {
        (key.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDsa)
    } else if let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm {
        (key.curve == EllipticCurve::P256).then_some(Algorithm::Es256)
    } else {
        matches!(&jwk.algorithm, AlgorithmParameters::RSA(_)).then_some(Algorithm::Rs256)
    }
}

/// What stands in the first line of every private key in PEM.
const PRIVATE_MARK: &[u8] = b"PRIVATE KEY";
