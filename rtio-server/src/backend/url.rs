//! Where a backend is.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::Authority;

/// An absolute `http` or `https` URL without a user or fragment, which would not be sent. Its query may hold a token, so neither logs nor
/// operators see that: it is written as `?…`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BackendUrl(Uri);

/// Text that is no URL of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as https://backend.example/verify, without a user")]
pub struct BackendUrlError;

impl BackendUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`BackendUrlError`].
    pub fn parse(text: &str) -> Result<Self, BackendUrlError> {
        let uri: Uri = text.parse().map_err(|_| BackendUrlError)?;
        let has_host = uri.authority().is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'));
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if has_host && is_http && !text.contains('#') { Ok(Self(uri)) } else { Err(BackendUrlError) }
    }

    pub(super) const fn as_uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [scheme, authority] = [self.0.scheme_str(), self.0.authority().map(Authority::as_str)];
        let query = if self.0.query().is_some() { "?…" } else { "" };
        write!(out, "{}://{}{}{query}", scheme.unwrap_or_default(), authority.unwrap_or_default(), self.0.path())
    }
}

impl fmt::Debug for BackendUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_that_we_speak_and_a_host() {
        for good in ["http://127.0.0.1:17217/verify", "https://a.example", "https://[::1]:1/?a=b"] {
            assert!(BackendUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a.example", "/verify", "ftp://a", "http://", "http://u:p@a/", "http://a/#b", "http:// a"] {
            assert_eq!(BackendUrl::parse(bad), Err(BackendUrlError), "{bad}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_written() {
        for (text, expected) in [
            ("http://a.example", "http://a.example/"),
            ("https://a.example:8443/x/y", "https://a.example:8443/x/y"),
            ("https://a.example/x?token=secret&b=/c", "https://a.example/x?…"),
            ("https://a.example?secret", "https://a.example/?…"),
            ("http://[::1]:1/?", "http://[::1]:1/?…"),
        ] {
            let url = BackendUrl::parse(text).unwrap();
            assert_eq!([url.to_string(), format!("{url:?}")], [expected, expected]);
        }
    }
}
