//! Whether a token is good, and for what (pure: keys and time are arguments).

use std::fmt;
use std::time::Duration;

use super::claims::Claims;
use super::grant::Rights;
use super::jwt::{Parts, decode};
use super::key_set::{KeySet, Unsigned};

/// What is asked of every token beside its signature and its time.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must contain.
    pub audience: Option<String>,
}

/// What a good token says.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who it is about: a device for a device token; whoever the issuer means for one with grants.
    pub subject: Option<Box<str>>,
    /// What its bearer may do.
    pub rights: Rights,
    /// Until when, leeway included, as time since 1970.
    pub until: Duration,
    /// SHA-256 of the token: its bearer, as far as limits go.
    pub digest: Digest,
    /// The last characters of the token: what logs show of it.
    pub(super) tail: Box<str>,
}

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// Why a caller is not let in. What it lacks once it is in is [`Lacking`](super::Lacking).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no `Authorization` header.
    #[error("no Authorization header")]
    Missing,
    /// There is more than one, or it is not of the form `SCHEME TOKEN`.
    #[error("the Authorization header is malformed")]
    Malformed,
    /// It has another scheme than `Bearer`.
    #[error("the Authorization header has another scheme than Bearer")]
    OtherScheme,
    /// The token is longer than any that we read.
    #[error("the token is too long")]
    TooLong,
    /// The token is no good.
    #[error(transparent)]
    Token(#[from] Flaw),
    /// A key set was never read yet, so that nobody can say whether the token is good.
    #[error("the keys that tokens are verified with are not there yet")]
    NoKeys,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not three parts of base64, or no header.
    #[error("malformed")]
    Malformed,
    /// Signed in a way that is not accepted, or not signed.
    #[error("algorithm not accepted")]
    Algorithm,
    /// Signed with a key that we do not have, or it does not say with which of many.
    #[error("unknown key")]
    UnknownKey,
    /// Not signed by the key that it names.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing or malformed.
    #[error("malformed claims")]
    Claims,
    /// `exp` is over.
    #[error("expired")]
    Expired,
    /// `nbf` is to come.
    #[error("not valid yet")]
    NotYet,
    /// From somebody else.
    #[error("wrong issuer")]
    Issuer,
    /// For somebody else.
    #[error("wrong audience")]
    Audience,
}

/// Checks a token. `digest` is its SHA-256; `now` is the time since 1970.
///
/// # Errors
///
/// The first [`Flaw`] in this order: form, algorithm, key, signature, claims, times, issuer, audience, grants.
pub fn check(token: &str, digest: Digest, keys: &KeySet, rules: &Rules, now: Duration) -> Result<Verified, Flaw> {
    let parts = Parts::of(token).ok_or(Flaw::Malformed)?;
    let header = parts.read_header().ok_or(Flaw::Malformed)?;
    keys.vouch(&header, &parts)?;
    let claims = Claims::read(&decode(parts.claims).ok_or(Flaw::Malformed)?)?;
    let until = claims.valid_until(now)?;
    if rules.issuer.as_ref().is_some_and(|issuer| !claims.is_from(issuer)) {
        return Err(Flaw::Issuer);
    }
    if rules.audience.as_ref().is_some_and(|audience| !claims.is_for(audience)) {
        return Err(Flaw::Audience);
    }
    let (subject, rights) = claims.into_rights()?;
    let tail = &parts.signature[parts.signature.len().saturating_sub(TAIL_BYTES)..];
    Ok(Verified { subject, rights, until, digest, tail: tail.into() })
}

impl Verified {
    /// The last characters of the token, at most 8: enough to tell tokens apart in logs, of no use to whoever reads them.
    pub fn tail(&self) -> &str {
        &self.tail
    }
}

impl fmt::Debug for Verified {
    /// Without the digest, which is what limits and caches know a bearer by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("subject", &self.subject)
            .field("rights", &self.rights)
            .field("until", &self.until)
            .field("tail", &self.tail)
            .finish_non_exhaustive()
    }
}

impl From<Unsigned> for Flaw {
    fn from(unsigned: Unsigned) -> Self {
        match unsigned {
            Unsigned::Algorithm => Self::Algorithm,
            Unsigned::UnknownKey | Unsigned::Ambiguous => Self::UnknownKey,
            Unsigned::Signature => Self::Signature,
        }
    }
}

impl Refusal {
    /// The refusal in one word, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "header",
            Self::OtherScheme => "scheme",
            Self::TooLong => "too_long",
            Self::NoKeys => "no_keys",
            Self::Token(flaw) => flaw.name(),
        }
    }
}

impl Flaw {
    /// The flaw in one word, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
        }
    }
}

/// Characters of a token that logs may show.
const TAIL_BYTES: usize = 8;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::token::Method;
    use crate::token::key::Key;
    use crate::token::sign::{SigningKey, Unsealed};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    pub(crate) fn verified(subject: &str) -> Verified {
        let rights = Rights::Device(subject.into());
        Verified { subject: Some(subject.into()), rights, until: Duration::MAX, digest: [0; 32], tail: "tail".into() }
    }

    /// A key, and the set that has its public half.
    fn keys() -> (SigningKey, KeySet) {
        let key = SigningKey::generate().unwrap();
        let set = KeySet::new(vec![Key::from_pem(key.public_pem().as_bytes()).unwrap()]);
        (key, set)
    }

    fn token(key: &SigningKey, claims: &str) -> String {
        key.sign(&Unsealed { kid: None, claims: claims.as_bytes() }).unwrap()
    }

    fn at(token: &str, keys: &KeySet, seconds: u64) -> Result<Verified, Flaw> {
        check(token, [7; 32], keys, &Rules::default(), Duration::from_secs(seconds))
    }

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn a_good_token_says_what_its_bearer_may() {
        let (key, keys) = keys();
        let token = token(&key, r#"{"sub":"PRINTER-001","exp":2000,"iss":"rtio"}"#);
        let verified = at(&token, &keys, 1000).unwrap();
        assert_eq!((verified.subject.as_deref(), verified.until), (Some("PRINTER-001"), Duration::from_secs(2010)));
        assert_eq!(verified.rights.allow("PRINTER-001", Method::CoPost, "/any"), Ok(()));
        assert!(verified.tail().len() == 8 && token.ends_with(verified.tail()));
        let text = format!("{verified:?}");
        assert!(!text.contains("7, 7") && !text.contains(&token), "{text}");
    }

    #[test]
    fn time_decides_after_the_signature() {
        let (key, keys) = keys();
        let token = token(&key, r#"{"sub":"d","exp":2000,"nbf":1000}"#);
        assert_eq!(at(&token, &keys, 989), Err(Flaw::NotYet));
        assert!(at(&token, &keys, 990).is_ok() && at(&token, &keys, 2009).is_ok());
        assert_eq!(at(&token, &keys, 2010), Err(Flaw::Expired));
        let (_, strangers) = self::keys();
        assert_eq!(at(&token, &strangers, 2010), Err(Flaw::Signature));
    }

    #[test]
    fn a_token_that_was_touched_has_a_wrong_signature() {
        let (key, keys) = keys();
        let good = token(&key, r#"{"sub":"d","exp":2000}"#);
        let parts = Parts::of(&good).unwrap();
        let forged = part(r#"{"sub":"e","exp":2000}"#);
        let other_signature = Parts::of(&token(&key, r#"{"sub":"e","exp":2000}"#)).unwrap().signature.to_owned();
        for bad in [
            format!("{}.{forged}.{}", parts.header, parts.signature),
            format!("{}.{}.{other_signature}", parts.header, parts.claims),
            format!("{}.{}.{}", parts.header, parts.claims, part("short")),
            format!("{}.{}.{}", parts.header, parts.claims, "\u{fc}".repeat(30)),
            format!("{}.{}.{}=", parts.header, parts.claims, parts.signature),
        ] {
            assert_eq!(at(&bad, &keys, 1000), Err(Flaw::Signature), "{bad}");
        }
    }

    #[test]
    fn the_header_never_picks_the_algorithm() {
        let (key, keys) = keys();
        let good = token(&key, r#"{"sub":"d","exp":2000}"#);
        let parts = Parts::of(&good).unwrap();
        for (alg, expected) in [
            ("none", Flaw::Algorithm),
            ("None", Flaw::Algorithm),
            ("HS256", Flaw::Algorithm),
            ("eddsa", Flaw::Algorithm),
            ("Ed25519", Flaw::Algorithm),
            ("", Flaw::Algorithm),
            ("RS256", Flaw::UnknownKey),
            ("ES256", Flaw::UnknownKey),
        ] {
            let header = part(&format!(r#"{{"alg":"{alg}"}}"#));
            let bad = format!("{header}.{}.{}", parts.claims, parts.signature);
            assert_eq!(at(&bad, &keys, 1000), Err(expected), "{alg}");
        }
    }

    #[test]
    fn hs256_with_the_public_key_as_secret_is_refused() {
        let (key, keys) = keys();
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        let claims = serde_json::json!({"sub": "d", "exp": 2000});
        let secret = jsonwebtoken::EncodingKey::from_secret(key.public_pem().as_bytes());
        let forged = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
        assert_eq!(at(&forged, &keys, 1000), Err(Flaw::Algorithm));
    }

    #[test]
    fn each_part_may_be_malformed() {
        let (key, keys) = keys();
        let good = token(&key, r#"{"sub":"d","exp":2000}"#);
        let parts = Parts::of(&good).unwrap();
        for (bad, expected) in [
            (String::new(), Flaw::Malformed),
            ("a.b".to_owned(), Flaw::Malformed),
            (format!("{good}.x"), Flaw::Malformed),
            (format!("!.{}.{}", parts.claims, parts.signature), Flaw::Malformed),
            (format!("{}.{}.{}", part("[]"), parts.claims, parts.signature), Flaw::Malformed),
            (format!("{}.!.{}", parts.header, parts.signature), Flaw::Signature),
            (token(&key, "no json"), Flaw::Claims),
            (token(&key, r#"{"sub":"d"}"#), Flaw::Claims),
            (token(&key, r#"{"sub":"d","exp":2000,"rtio":"all"}"#), Flaw::Claims),
        ] {
            assert_eq!(at(&bad, &keys, 1000), Err(expected), "{bad}");
        }
    }

    #[test]
    fn issuer_and_audience_matter_where_they_are_configured() {
        let (key, keys) = keys();
        let token = token(&key, r#"{"sub":"d","exp":2000,"iss":"me","aud":"hub"}"#);
        let with = |issuer: Option<&str>, audience: Option<&str>| {
            let rules = Rules { issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned) };
            check(&token, [0; 32], &keys, &rules, Duration::from_secs(1000)).map(|_| ())
        };
        assert_eq!((with(None, None), with(Some("me"), Some("hub"))), (Ok(()), Ok(())));
        assert_eq!(with(Some("you"), None), Err(Flaw::Issuer));
        assert_eq!(with(None, Some("pub")), Err(Flaw::Audience));
    }
}
