//! Who answers what devices send, by URI: the hub's own services, which stay, and those of the map, which is replaced as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::ports::DeviceService;
use super::{ServiceInfo, ServiceMap, ServiceSource, UriDigest};

/// The services behind the hub. All clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Services(Arc<Inner>);

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
    pub fn replace(&self, map: Arc<ServiceMap>) {
        self.0.mapped.store(map);
    }

    /// The hub's own URI of this digest, which no map may take.
    pub fn own_uri(&self, digest: UriDigest) -> Option<&'static str> {
        self.0.own.get(&digest).map(|own| own.uri)
    }

    /// Who answers for this digest.
    pub fn find(&self, digest: UriDigest) -> Option<Arc<dyn DeviceService>> {
        let own = self.0.own.get(&digest).map(|own| Arc::clone(&own.service));
        own.or_else(|| self.0.mapped.load().find(digest).cloned())
    }

    /// At most `max` services in the order of their URIs' bytes, from the first one after `after`, which need not be there. A URI
    /// that stays is on exactly one page, whatever becomes of the map meanwhile.
    pub fn list(&self, after: Option<&str>, max: usize) -> Vec<ServiceInfo> {
        let own = self.0.own.iter().filter(|(_, own)| after.is_none_or(|after| own.uri > after));
        let mut page: Vec<_> = own.map(|(&digest, own)| own.info(digest)).collect();
        let mapped = self.0.mapped.load();
        page.extend(mapped.list(after).filter(|info| self.own_uri(info.digest).is_none()).take(max));
        page.sort_unstable_by(|one, other| one.uri.cmp(&other.uri));
        page.truncate(max);
        page
    }
}

impl OwnService {
    fn info(&self, digest: UriDigest) -> ServiceInfo {
        let backend = self.service.backend();
        ServiceInfo { uri: self.uri.into(), digest, source: ServiceSource::Hub, backend }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::ports::BoxFuture;
    use crate::hub::{MappedService, Report, ReportAnswer};

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

    fn map(uris: &[(&str, &'static str)]) -> Arc<ServiceMap> {
        let service = |&(uri, name): &(&str, &'static str)| MappedService {
            uri: uri.into(),
            source: ServiceSource::File,
            service: named(name),
        };
        Arc::new(uris.iter().map(service).collect())
    }

    #[test]
    fn a_map_replaces_the_one_before_and_never_the_hubs_own_services() {
        let services = Services::new([("/rtio/time", named("time"))]);
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

    fn listed(services: &Services, after: Option<&str>, max: usize) -> Vec<(String, &'static str)> {
        services.list(after, max).into_iter().map(|info| (info.uri.to_string(), info.source.name())).collect()
    }

    #[test]
    fn a_page_has_the_hubs_own_services_between_those_of_the_map() {
        let services = Services::new([("/rtio/who", named("who")), ("/rtio/time", named("time"))]);
        services.replace(map(&[("/z", "z"), ("/rtio/time", "intruder"), ("/a", "a"), ("/rtio/u", "u")]));
        let all = [("/a", "file"), ("/rtio/time", "hub"), ("/rtio/u", "file"), ("/rtio/who", "hub"), ("/z", "file")];
        let all = all.map(|(uri, source)| (uri.to_owned(), source));
        assert_eq!(listed(&services, None, 9), all);
        for max in 1..=6 {
            for first in 0..=5_usize {
                let after = first.checked_sub(1).map(|before| all[before].0.as_str());
                assert_eq!(listed(&services, after, max), all[first..5.min(first + max)], "{max} after {after:?}");
            }
        }
        assert_eq!(listed(&services, Some("/rtio/nothing"), 1), all[1..2]);
        assert_eq!(listed(&services, Some("/zz"), 9), []);
    }
}
