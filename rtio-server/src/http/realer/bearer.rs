//! The access token in an `Authorization` header, and whether a body is JSON by its type (pure; RFC 6750 §2.1).

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::realer::Refusal;

/// The token of a request.
///
/// # Errors
///
/// [`Refusal::NoCredentials`]: there is none. [`Refusal::BadToken`]: there is something that can be none.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let value = values.next().ok_or(Refusal::NoCredentials)?;
    let value = str::from_utf8(value).map_err(|_| Refusal::BadToken)?.trim_matches(' ');
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoCredentials);
    }
    let token = token.trim_start_matches(' ');
    let could_be = (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic());
    // Of two, somebody in front of us may have looked at the other one.
    if could_be && values.next().is_none() { Ok(token) } else { Err(Refusal::BadToken) }
}

/// Whether the body of a request is JSON by its type. (Contract §1.3.)
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some((essence, parameters)) = content_type(headers) else { return false };
    let is_utf8 = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    let mut parameters = parameters.split(';').filter(|parameter| !parameter.trim().is_empty());
    essence.eq_ignore_ascii_case("application/json") && parameters.all(is_utf8)
}

/// The type of a request's body and its parameters, if one was said.
pub(super) fn content_type(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next()?.to_str().ok()?;
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    values.next().is_none().then_some((essence.trim(), parameters))
}

/// Several times as long as ours are.
const MAX_TOKEN_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str], expected: Result<&str, Refusal>) {
        let values = headers.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        let mut map = HeaderMap::new();
        values.for_each(|(name, value)| {
            map.append(name, value);
        });
        assert_eq!(token(&map), expected, "{headers:?}");
    }

    #[test]
    fn a_token_comes_after_the_scheme_in_any_case() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            check(&[header], Ok("abc"));
        }
        let longest = "x".repeat(MAX_TOKEN_BYTES);
        check(&[&format!("Bearer {longest}")], Ok(&longest));
    }

    #[test]
    fn no_token_and_one_that_can_be_none_are_told_apart() {
        check(&[], Err(Refusal::NoCredentials));
        check(&["Basic abc"], Err(Refusal::NoCredentials));
        check(&["abc"], Err(Refusal::NoCredentials));
        for header in ["Bearer", "Bearer ", "Bearer a b", "Bearer \u{e4}", &format!("Bearer {}", "x".repeat(513))] {
            check(&[header], Err(Refusal::BadToken));
        }
        check(&["Bearer abc", "Bearer abc"], Err(Refusal::BadToken));
    }

    #[test]
    fn json_may_say_that_it_is_utf_8() {
        let is = |value: &str| {
            let mut map = HeaderMap::new();
            map.insert(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            is_json(&map)
        };
        for json in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\";",
        ] {
            assert!(is(json), "{json}");
        }
        for other in
            ["", "text/plain", "application/jsonp", "application/json; charset=latin1", "application/json; q=1", "json"]
        {
            assert!(!is(other), "{other}");
        }
        let mut two = HeaderMap::new();
        assert!(!is_json(&two));
        two.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        two.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert!(!is_json(&two));
    }
}
