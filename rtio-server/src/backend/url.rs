//! Where a backend is.

use std::fmt;

use hyper::Uri;

/// An absolute `http` or `https` URL. It holds no password: it is logged, and a fragment or user would not be sent.
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
        self.0.fmt(out)
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
}
