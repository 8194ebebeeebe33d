//! What a token says once its signature is believed (pure; RFC 7519 §4.1).

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Number, Value};

use super::check::Flaw;
use super::grant::{RawGrant, Rights, present};

/// The claims that mean something to the hub. Others are ignored, as the RFC wants it.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    sub: Option<String>,
    exp: Number,
    #[serde(default)]
    nbf: Option<Number>,
    #[serde(default)]
    iss: Option<Value>,
    #[serde(default)]
    aud: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    rtio: Option<Vec<RawGrant>>,
}

impl Claims {
    /// # Errors
    ///
    /// [`Flaw::Claims`]: no JSON object, no `exp`, or a claim of the wrong type, `rtio` among them.
    pub(super) fn read(json: &[u8]) -> Result<Self, Flaw> {
        serde_json::from_slice(json).map_err(|_| Flaw::Claims)
    }

    /// Until when the token is valid, leeway included, if it is valid `now`. All times are since 1970.
    ///
    /// # Errors
    ///
    /// [`Flaw::Expired`], [`Flaw::NotYet`], or [`Flaw::Claims`] for what is no time.
    pub(super) fn valid_until(&self, now: Duration) -> Result<Duration, Flaw> {
        let end = time(&self.exp).ok_or(Flaw::Claims)?.saturating_add(LEEWAY);
        if now >= end {
            return Err(Flaw::Expired);
        }
        match self.nbf.as_ref().map(time) {
            Some(None) => Err(Flaw::Claims),
            Some(Some(begin)) if now.saturating_add(LEEWAY) < begin => Err(Flaw::NotYet),
            Some(Some(_)) | None => Ok(end),
        }
    }

    /// Whether `iss` is `expected`.
    pub(super) fn is_from(&self, expected: &str) -> bool {
        self.iss.as_ref().and_then(Value::as_str) == Some(expected)
    }

    /// Whether `aud`, one name or a list of them, contains `expected`.
    pub(super) fn is_for(&self, expected: &str) -> bool {
        match &self.aud {
            Some(Value::String(name)) => name == expected,
            Some(Value::Array(names)) => names.iter().any(|name| name.as_str() == Some(expected)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    /// Who the token is about, and what it lets its bearer do. Grants, once they are there, replace the right of `sub`.
    ///
    /// # Errors
    ///
    /// [`Flaw::Claims`]: a malformed grant, no `sub` where there are no grants, or one that is too long.
    pub(super) fn into_rights(self) -> Result<(Option<Box<str>>, Rights), Flaw> {
        let subject = self.sub.map(String::into_boxed_str);
        if subject.as_ref().is_some_and(|subject| subject.len() > MAX_SUBJECT_BYTES) {
            return Err(Flaw::Claims);
        }
        let rights = match (&self.rtio, &subject) {
            (Some(raw), _) => Rights::Grants(RawGrant::all(raw).ok_or(Flaw::Claims)?),
            (None, Some(device)) => Rights::Device(device.clone()),
            (None, None) => return Err(Flaw::Claims),
        };
        Ok((subject, rights))
    }
}

/// A time since 1970 in seconds, which may have a fraction. Before that is 0; what is beyond all times is the last one.
fn time(number: &Number) -> Option<Duration> {
    let seconds = number.as_f64().filter(|seconds| seconds.is_finite())?;
    Some(match number.as_u64() {
        Some(seconds) => Duration::from_secs(seconds),
        None if seconds < 0.0 => Duration::ZERO,
        None => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
    })
}

/// How far the clocks of the issuer and the hub may be apart. Source: docs/caller-http.md §3.
pub const LEEWAY: Duration = Duration::from_secs(10);

/// Longest subject: it stands in logs. A device id has 64 bytes at most.
pub const MAX_SUBJECT_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Claims {
        Claims::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_valid_from_nbf_to_exp_with_10_s_on_both_ends() {
        let claims = read(r#"{"sub":"d","nbf":1000,"exp":2000}"#);
        let at = |millis| claims.valid_until(Duration::from_millis(millis));
        let end = Ok(Duration::from_secs(2010));
        assert_eq!(at(989_999), Err(Flaw::NotYet));
        assert_eq!((at(990_000), at(2_009_999)), (end, end));
        assert_eq!(at(2_010_000), Err(Flaw::Expired));
    }

    #[test]
    fn times_are_numbers_of_any_size() {
        let end = |exp: &str| read(&format!(r#"{{"sub":"d","exp":{exp}}}"#)).valid_until(Duration::from_secs(1));
        assert_eq!(end("1.5"), Ok(Duration::from_millis(11_500)));
        assert_eq!(end("-5"), Ok(Duration::from_secs(10)));
        for huge in ["18446744073709551615", "1e300"] {
            assert!(end(huge).unwrap() > Duration::from_secs(1 << 60), "{huge}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_are_malformed() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"sub":"d"}"#,
            r#"{"sub":"d","exp":"2000"}"#,
            r#"{"sub":"d","exp":null}"#,
            r#"{"sub":1,"exp":2000}"#,
            r#"{"sub":"d","exp":2000,"nbf":"1"}"#,
            r#"{"sub":"d","exp":2000,"exp":3000}"#,
            r#"{"sub":"d","exp":2000,"rtio":null}"#,
            r#"{"sub":"d","exp":2000,"rtio":{}}"#,
            r#"{"sub":"d","exp":2000,"rtio":[{"devices":"*"}]}"#,
        ] {
            assert_eq!(Claims::read(json.as_bytes()).err(), Some(Flaw::Claims), "{json}");
        }
        let long = format!(r#"{{"sub":"{}","exp":1}}"#, "x".repeat(MAX_SUBJECT_BYTES + 1));
        for json in [r#"{"exp":1}"#, r#"{"exp":1,"rtio":[{"devices":[""]}]}"#, &long] {
            assert_eq!(read(json).into_rights(), Err(Flaw::Claims), "{json}");
        }
    }

    #[test]
    fn grants_replace_the_right_of_the_subject() {
        let (subject, rights) = read(r#"{"sub":"d","exp":1}"#).into_rights().unwrap();
        assert_eq!((subject.as_deref(), rights), (Some("d"), Rights::Device("d".into())));
        let (subject, rights) = read(r#"{"sub":"d","exp":1,"rtio":[]}"#).into_rights().unwrap();
        assert_eq!((subject.as_deref(), rights), (Some("d"), Rights::Grants(Vec::new())));
        assert_eq!(read(r#"{"exp":1,"rtio":[]}"#).into_rights(), Ok((None, Rights::Grants(Vec::new()))));
    }

    #[test]
    fn issuer_and_audience_are_compared_as_a_whole() {
        let claims = read(r#"{"sub":"d","exp":1,"iss":"me","aud":["a","hub"]}"#);
        assert!(claims.is_from("me") && !claims.is_from("m") && claims.is_for("hub") && !claims.is_for("hu"));
        assert!(read(r#"{"exp":1,"aud":"hub"}"#).is_for("hub"));
        for json in [r#"{"exp":1}"#, r#"{"exp":1,"iss":7,"aud":7}"#, r#"{"exp":1,"iss":["me"],"aud":{"hub":1}}"#] {
            assert!(!read(json).is_from("me") && !read(json).is_for("hub"), "{json}");
        }
    }
}
