//! Who answers what devices send, by URI: the hub's own services, which stay, and those of the map, which is replaced as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::UriDigest;
use super::ports::DeviceService;

/// The services behind the hub. All clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Services(Arc<Inner>);

/// Services by the digest of their URI.
pub type ServiceMap = HashMap<UriDigest, Arc<dyn DeviceService>>;

#[derive(Debug, Default)]
struct Inner {
    own: HashMap<UriDigest, OwnService>,
    mapped: ArcSwap<ServiceMap>,
}

#[derive(Debug)]
struct OwnService {
    uri: &'static str,
    service: Arc<dyn DeviceService>,
}

impl Services {
    /// The hub's own services, by URI, and an empty map.
    ///
    /// # Panics
    ///
    /// If two of the URIs have one digest: they are written in the code.
    pub fn new(own: impl IntoIterator<Item = (&'static str, Arc<dyn DeviceService>)>) -> Self {
        let mut services = HashMap::new();
        for (uri, service) in own {
            let before = services.insert(UriDigest::of(uri), OwnService { uri, service });
            assert!(before.is_none(), "the digest of {uri} is that of {before:?}");
        }
        Self(Arc::new(Inner { own: services, mapped: ArcSwap::default() }))
    }

    /// Puts `map` in the place of the map before. What it has of the hub's own URIs is never asked.
    pub fn replace(&self, map: ServiceMap) {
        self.0.mapped.store(Arc::new(map));
    }

    /// The hub's own URI of this digest, which no map may take.
    pub fn own_uri(&self, digest: UriDigest) -> Option<&'static str> {
        self.0.own.get(&digest).map(|own| own.uri)
    }

    /// Who answers for this digest.
    pub fn find(&self, digest: UriDigest) -> Option<Arc<dyn DeviceService>> {
        let own = self.0.own.get(&digest).map(|own| Arc::clone(&own.service));
        own.or_else(|| self.0.mapped.load().get(&digest).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::ports::BoxFuture;
    use crate::hub::{Report, ReportAnswer};

    #[derive(Debug)]
    struct Named(&'static str);

    impl DeviceService for Named {
        fn post<'a>(&'a self, _report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
            unreachable!("nobody posts to {}", self.0)
        }
    }

    fn named(name: &'static str) -> Arc<dyn DeviceService> {
        Arc::new(Named(name))
    }

    fn check(services: &Services, uri: &str, expected: Option<&str>) {
        let found = services.find(UriDigest::of(uri)).map(|service| format!("{service:?}"));
        assert_eq!(found, expected.map(|name| format!("Named({name:?})")), "{uri}");
    }

    #[test]
    fn a_map_replaces_the_one_before_and_never_the_hubs_own_services() {
        let services = Services::new([("/rtio/time", named("time"))]);
        let map = |uris: &[(&str, &'static str)]| {
            uris.iter().map(|(uri, name)| (UriDigest::of(uri), named(name))).collect::<ServiceMap>()
        };
        check(&services, "/a", None);
        services.replace(map(&[("/a", "a"), ("/rtio/time", "intruder")]));
        check(&services, "/a", Some("a"));
        check(&services, "/rtio/time", Some("time"));
        services.replace(map(&[("/b", "b")]));
        check(&services, "/a", None);
        check(&services, "/b", Some("b"));
        assert_eq!(services.own_uri(UriDigest::of("/rtio/time")), Some("/rtio/time"));
        assert_eq!(services.own_uri(UriDigest::of("/b")), None);
    }
}
