//! Who makes a request: what limits count by, and what logs say.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::check::{Digest, Verified};
use super::grant::{Lacking, Method};

/// The caller of one request. Cheap to clone. Its text is for logs: subject and the last characters of the token.
#[derive(Debug, Clone)]
pub struct Caller {
    peer: IpAddr,
    /// `None` where callers need no token.
    token: Option<Arc<Verified>>,
}

/// What limits count a caller by: its token; where there are no tokens, its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The bearer of this token.
    Token(Digest),
    /// Whoever is at this address. Of IPv6, the /64 that one caller has for itself.
    Peer(IpAddr),
}

impl Caller {
    /// A caller where none needs a token.
    pub const fn unchecked(peer: IpAddr) -> Self {
        Self { peer, token: None }
    }

    /// The bearer of a good token.
    pub const fn bearer(peer: IpAddr, token: Arc<Verified>) -> Self {
        Self { peer, token: Some(token) }
    }

    /// Where the request comes from.
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Who the token is about, if there is one and it says so.
    pub fn subject(&self) -> Option<&str> {
        self.token.as_ref()?.subject.as_deref()
    }

    /// Until when the token is valid, leeway included, as time since 1970. `None` without a token.
    pub fn until(&self) -> Option<Duration> {
        self.token.as_ref().map(|token| token.until)
    }

    /// What limits count it by.
    pub fn identity(&self) -> Identity {
        match (&self.token, self.peer) {
            (Some(token), _) => Identity::Token(token.digest),
            (None, IpAddr::V6(peer)) => match peer.to_ipv4_mapped() {
                Some(peer) => Identity::Peer(peer.into()),
                None => Identity::Peer(IpAddr::V6((peer.to_bits() & NETWORK).into())),
            },
            (None, peer @ IpAddr::V4(_)) => Identity::Peer(peer),
        }
    }

    /// Whether there may be something on `device` that it may do.
    ///
    /// # Errors
    ///
    /// [`Lacking`].
    pub fn reach(&self, device: &str) -> Result<(), Lacking> {
        self.token.as_ref().map_or(Ok(()), |token| token.rights.reach(device))
    }

    /// Whether it may use `method` on `uri` of `device`.
    ///
    /// # Errors
    ///
    /// [`Lacking`].
    pub fn allow(&self, device: &str, method: Method, uri: &str) -> Result<(), Lacking> {
        self.token.as_ref().map_or(Ok(()), |token| token.rights.allow(device, method, uri))
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.token {
            None => write!(out, "{}", self.peer),
            Some(token) => match &token.subject {
                // Debug, because a subject is somebody else's text: no line break of it gets into a log.
                Some(subject) => write!(out, "{subject:?} (token …{})", token.tail()),
                None => write!(out, "token …{}", token.tail()),
            },
        }
    }
}

/// The first 64 bits of an address.
const NETWORK: u128 = !(u64::MAX as u128);

#[cfg(test)]
mod tests {
    use super::super::check::tests::verified;
    use super::*;

    fn peer(text: &str) -> Caller {
        Caller::unchecked(text.parse().unwrap())
    }

    #[test]
    fn a_caller_is_its_token_or_its_address() {
        let token = Arc::new(verified("backend"));
        let bearer = Caller::bearer("10.0.0.1".parse().unwrap(), token);
        assert_eq!(bearer.identity(), Identity::Token([0; 32]));
        assert_eq!(bearer.to_string(), "\"backend\" (token …tail)");
        assert_eq!(peer("10.0.0.1").to_string(), "10.0.0.1");
        assert_ne!(peer("10.0.0.1").identity(), peer("10.0.0.2").identity());
        assert_eq!(peer("10.0.0.1").identity(), peer("::ffff:10.0.0.1").identity());
        assert_eq!(peer("2001:db8::1").identity(), peer("2001:db8::ffff:1").identity());
        assert_ne!(peer("2001:db8::1").identity(), peer("2001:db8:0:1::1").identity());
    }

    #[test]
    fn without_a_token_everything_is_allowed_and_never_ends() {
        let caller = peer("10.0.0.1");
        assert_eq!((caller.reach("any"), caller.until(), caller.subject()), (Ok(()), None, None));
        assert_eq!(caller.allow("any", Method::ObGet, "/any"), Ok(()));
    }
}
