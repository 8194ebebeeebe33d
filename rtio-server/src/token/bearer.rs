//! The token in an `Authorization` header (pure; RFC 6750 §2.1).

use super::check::Refusal;

/// Finds the token in the values of all `Authorization` headers of a request.
///
/// # Errors
///
/// [`Refusal::Missing`], [`Refusal::Malformed`], [`Refusal::OtherScheme`] or [`Refusal::TooLong`].
pub fn token<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, Refusal> {
    let value = headers.next().ok_or(Refusal::Missing)?;
    if headers.next().is_some() {
        // Whoever is in front of us may have looked at the other one.
        return Err(Refusal::Malformed);
    }
    let value = str::from_utf8(value).map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = value.trim_matches(' ').split_once(' ').ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::OtherScheme);
    }
    match token.trim_start_matches(' ') {
        token if token.len() > MAX_TOKEN_BYTES => Err(Refusal::TooLong),
        token => Ok(token),
    }
}

/// Longest token: far more than a token with 100 grants has, and within the 16 KiB of a request's head.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str], expected: Result<&str, Refusal>) {
        assert_eq!(token(headers.iter().map(|value| value.as_bytes())), expected, "{headers:?}");
    }

    #[test]
    fn a_token_comes_after_the_scheme_in_any_case() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", " Bearer a.b.c"] {
            check(&[header], Ok("a.b.c"));
        }
    }

    #[test]
    fn what_is_no_token_says_why() {
        check(&[], Err(Refusal::Missing));
        check(&["Bearer a.b.c", "Bearer a.b.c"], Err(Refusal::Malformed));
        for header in ["", "Bearer", "Bearer ", "a.b.c"] {
            check(&[header], Err(Refusal::Malformed));
        }
        check(&["Basic dXNlcjpwYXNz"], Err(Refusal::OtherScheme));
        assert_eq!(token([&b"Bearer \xff"[..]].into_iter()), Err(Refusal::Malformed));
    }

    #[test]
    fn a_token_has_at_most_8_kib() {
        let longest = "x".repeat(MAX_TOKEN_BYTES);
        check(&[&format!("Bearer {longest}")], Ok(&longest));
        check(&[&format!("Bearer {longest}x")], Err(Refusal::TooLong));
    }
}
