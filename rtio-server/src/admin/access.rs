//! Who may see and do what is under `/v1/`: whoever shows the operators' token. The decision is pure; the token is read again when
//! the hub reloads.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::token::{AdminToken, TokenError};
use crate::data_dir::DataDir;
use crate::reload::Reloads;

/// How operators are told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// By the token in this file.
    File(PathBuf),
    /// By the token in the data folder, which is made at the first start.
    DataDir,
    /// Not at all: whoever reaches the port from this machine may do everything, except web pages.
    OpenToThisMachine,
    /// Nothing says how: nobody may do anything under `/v1/`.
    Closed,
}

impl Guard {
    /// The guard of a port that was really bound to `addr`: a socket that was given may be open to others.
    #[must_use]
    pub fn at(self, addr: SocketAddr) -> Self {
        if self == Self::OpenToThisMachine && !addr.ip().is_loopback() { Self::Closed } else { self }
    }
}

/// The guard with what it needs to know.
#[derive(Debug)]
pub struct Access {
    guard: Guard,
    data_dir: Option<DataDir>,
    current: ArcSwap<Rule>,
}

#[derive(Debug)]
enum Rule {
    Token(AdminToken),
    OpenToThisMachine,
    Closed,
}

/// Why a request may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoToken,
    WrongToken,
    Closed,
    WebPage,
}

impl Access {
    /// Reads what the guard needs; makes the token in the data folder.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: a token shall be shown, but there is none to compare with.
    pub fn new(guard: Guard, data_dir: Option<DataDir>) -> Result<Self, TokenError> {
        let rule = Rule::read(&guard, data_dir.as_ref())?;
        Ok(Self { guard, data_dir, current: ArcSwap::from_pointee(rule) })
    }

    /// Reads the token again at each signal, for ever. One that cannot be read leaves the old one in force.
    pub async fn follow(&self, mut reloads: Reloads) {
        loop {
            reloads.next().await;
            match Rule::read(&self.guard, self.data_dir.as_ref()) {
                Ok(rule) => self.current.store(rule.into()),
                Err(error) => tracing::error!(
                    error = %crate::telemetry::chain(&error),
                    "the operators' token stays as it was"
                ),
            }
        }
    }

    fn decide(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &**self.current.load() {
            Rule::Token(token) => match bearer(headers) {
                None => Err(Refusal::NoToken),
                Some(shown) if token.is(shown) => Ok(()),
                Some(_) => Err(Refusal::WrongToken),
            },
            Rule::OpenToThisMachine if is_of_web_page(headers) => Err(Refusal::WebPage),
            Rule::OpenToThisMachine => Ok(()),
            Rule::Closed => Err(Refusal::Closed),
        }
    }
}

impl Rule {
    fn read(guard: &Guard, data_dir: Option<&DataDir>) -> Result<Self, TokenError> {
        Ok(match (guard, data_dir) {
            (Guard::File(path), _) => Self::Token(AdminToken::read(path)?),
            (Guard::DataDir, Some(dir)) => Self::Token(AdminToken::read_or_make(dir)?),
            (Guard::OpenToThisMachine, _) => Self::OpenToThisMachine,
            (Guard::DataDir, None) | (Guard::Closed, _) => Self::Closed,
        })
    }
}

/// Stands in front of everything under `/v1/`.
pub(super) async fn check(State(access): State<std::sync::Arc<Access>>, request: Request, next: Next) -> Response {
    match access.decide(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

/// The token that the request shows (RFC 6750, section 2.1). The scheme's case does not count; two headers are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a web page in a browser on this machine may be behind the request. Browsers name the page's origin with whatever could
/// change something, and what kind of page it is with everything; and a page that had its own host's name pointed at this machine
/// (DNS rebinding) sends that name.
fn is_of_web_page(headers: &HeaderMap) -> bool {
    let says_so = |site: &[u8]| !matches!(site, b"none" | b"same-origin");
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    headers.contains_key(ORIGIN)
        || headers.get(SEC_FETCH_SITE).is_some_and(|site| says_so(site.as_bytes()))
        || !host.is_some_and(is_this_machine)
}

/// Whether a `Host` says an address, or `localhost`: names that no foreign name server can give out.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok()
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoToken => {
                Self::unauthorized("this needs the operators' token: Authorization: Bearer TOKEN", "Bearer")
            }
            Refusal::WrongToken => {
                Self::unauthorized("this is not the operators' token", "Bearer error=\"invalid_token\"")
            }
            Refusal::Closed => Self::forbidden(
                "nothing says who is an operator: give the hub --admin-token-file, or --data-dir, where it makes a token",
            ),
            Refusal::WebPage => Self::forbidden(
                "this hub asks operators for no token (--dev), so it answers no web page; give it --admin-token-file or \
                 --data-dir, and use an IP address or localhost",
            ),
        }
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;

    fn access(rule: Rule) -> Access {
        Access { guard: Guard::Closed, data_dir: None, current: ArcSwap::from_pointee(rule) }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_token_opens() {
        let token = AdminToken::parse("/t".as_ref(), b"0123456789abcdef").unwrap();
        let access = access(Rule::Token(token));
        let cases = [
            (None, Err(Refusal::NoToken)),
            (Some("Basic 0123456789abcdef"), Err(Refusal::NoToken)),
            (Some("Bearer"), Err(Refusal::NoToken)),
            (Some("0123456789abcdef"), Err(Refusal::NoToken)),
            (Some("Bearer "), Err(Refusal::WrongToken)),
            (Some("Bearer 0123456789abcdeF"), Err(Refusal::WrongToken)),
            (Some("Bearer 0123456789abcdef"), Ok(())),
            (Some("bearer  0123456789abcdef"), Ok(())),
        ];
        for (value, expected) in cases {
            let headers = value.map_or_else(HeaderMap::new, |value| headers(&[("authorization", value)]));
            assert_eq!(access.decide(&headers), expected, "{value:?}");
        }
        let mut twice = headers(&[("authorization", "Bearer 0123456789abcdef")]);
        twice.append(AUTHORIZATION, "Bearer x".parse().unwrap());
        assert_eq!(access.decide(&twice), Err(Refusal::NoToken), "two headers are none");
    }

    #[test]
    fn a_port_on_the_network_is_never_open() {
        let at = |addr: &str| Guard::OpenToThisMachine.at(addr.parse().unwrap());
        assert_eq!((at("127.0.0.1:1"), at("[::1]:1")), (Guard::OpenToThisMachine, Guard::OpenToThisMachine));
        assert_eq!((at("0.0.0.0:1"), at("10.0.0.1:1"), at("[::]:1")), (Guard::Closed, Guard::Closed, Guard::Closed));
        assert_eq!(Guard::DataDir.at("0.0.0.0:1".parse().unwrap()), Guard::DataDir);
    }

    #[test]
    fn nothing_opens_what_nobody_configured() {
        let headers = headers(&[("authorization", "Bearer 0123456789abcdef"), ("host", "127.0.0.1")]);
        assert_eq!(access(Rule::Closed).decide(&headers), Err(Refusal::Closed));
    }

    #[test]
    fn an_open_port_answers_no_web_page() {
        let access = access(Rule::OpenToThisMachine);
        for host in ["127.0.0.1", "127.0.0.1:17918", "localhost:17918", "LOCALHOST", "[::1]:17918", "[::1]"] {
            assert_eq!(access.decide(&headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["evil.example", "evil.example:17918", "127.0.0.1.evil.example", "localhost.evil.example", "", ":1"]
        {
            assert_eq!(access.decide(&headers(&[("host", host)])), Err(Refusal::WebPage), "{host}");
        }
        assert_eq!(access.decide(&HeaderMap::new()), Err(Refusal::WebPage), "no host at all");
        let with = |name, value| access.decide(&headers(&[("host", "localhost"), (name, value)]));
        assert_eq!(with("origin", "http://localhost"), Err(Refusal::WebPage));
        assert_eq!(with("origin", "null"), Err(Refusal::WebPage));
        assert_eq!(with("sec-fetch-site", "cross-site"), Err(Refusal::WebPage));
        assert_eq!(with("sec-fetch-site", "same-site"), Err(Refusal::WebPage));
        assert_eq!(with("sec-fetch-site", "none"), Ok(()), "typed into the address bar");
    }
}
