//! The map of services as it is published: by digest for devices, by URI for operators. It does not change; another one takes its place.

use std::collections::HashMap;
use std::sync::Arc;

use super::ports::DeviceService;
use super::{ServiceInfo, ServiceSource, UriDigest};

/// Who answers which URI. It is made of [`MappedService`]s; whoever makes it sees to it that no two of them have one digest.
#[derive(Debug, Default)]
pub struct ServiceMap {
    by_digest: HashMap<UriDigest, Arc<dyn DeviceService>>,
    /// In the order of their bytes. 24 bytes for each, and the text is that of the map's maker.
    uris: Vec<MappedUri>,
}

/// A URI, and who answers it.
#[derive(Debug, Clone)]
pub struct MappedService {
    /// What devices send to.
    pub uri: Arc<str>,
    /// Who says so.
    pub source: ServiceSource,
    /// Who answers.
    pub service: Arc<dyn DeviceService>,
}

#[derive(Debug)]
struct MappedUri {
    uri: Arc<str>,
    digest: UriDigest,
    source: ServiceSource,
}

impl ServiceMap {
    /// Who answers for this digest.
    pub fn find(&self, digest: UriDigest) -> Option<&Arc<dyn DeviceService>> {
        self.by_digest.get(&digest)
    }

    /// The services whose URIs come after `after`, in order. To find the first one costs a look at a few.
    pub(super) fn list(&self, after: Option<&str>) -> impl Iterator<Item = ServiceInfo> {
        let first = after.map_or(0, |after| self.uris.partition_point(|mapped| &*mapped.uri <= after));
        self.uris.iter().skip(first).map(|mapped| ServiceInfo {
            uri: Arc::clone(&mapped.uri),
            digest: mapped.digest,
            source: mapped.source,
            backend: self.find(mapped.digest).and_then(|service| service.backend()),
        })
    }
}

impl FromIterator<MappedService> for ServiceMap {
    fn from_iter<I: IntoIterator<Item = MappedService>>(services: I) -> Self {
        let services = services.into_iter();
        let mut map = Self { by_digest: HashMap::with_capacity(services.size_hint().0), uris: Vec::new() };
        for MappedService { uri, source, service } in services {
            let digest = UriDigest::of(&uri);
            map.by_digest.insert(digest, service);
            map.uris.push(MappedUri { uri, digest, source });
        }
        map.uris.sort_unstable_by(|one, other| one.uri.cmp(&other.uri));
        map.uris.shrink_to_fit();
        map
    }
}

const _: () = assert!(size_of::<MappedUri>() == 24);
