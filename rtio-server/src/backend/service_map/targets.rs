//! From definitions to services. URIs of one definition share its target, with its count of posts in flight and its breaker; a target
//! lives as long as some URI of the map has its definition, whatever else changes.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::{Entry, Merged};
use crate::backend::{Client, HttpDeviceService, Metrics, ServiceDefinition, Target};
use crate::hub::ports::DeviceService;
use crate::hub::{MappedService, ServiceMap, UriDigest};

/// Makes services, and knows the targets of those that are in use.
#[derive(Debug)]
pub(super) struct Targets {
    client: Client,
    metrics: Metrics,
    by_definition: HashMap<Arc<ServiceDefinition>, Arc<Target>>,
}

/// A map, and the services that it was made to.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) map: Merged,
    pub(super) services: Arc<ServiceMap>,
}

impl Targets {
    pub(super) fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, metrics, by_definition: HashMap::new() }
    }

    /// The services of `map`. What is as in `before` is the same service.
    pub(super) fn serve(&mut self, map: Merged, before: &Served) -> Served {
        let known = std::mem::take(&mut self.by_definition);
        let services = map.entries.iter().map(|(uri, entry)| {
            let target = self.by_definition.entry(Arc::clone(&entry.definition));
            let target = target.or_insert_with(|| match known.get(&entry.definition) {
                Some(target) => Arc::clone(target),
                None => Arc::new(Target::new(ServiceDefinition::clone(&entry.definition))),
            });
            let target = Arc::clone(target);
            let service = before.service(uri, entry).unwrap_or_else(|| self.service(uri, target));
            MappedService { uri: Arc::clone(uri), source: entry.source, service }
        });
        let services = Arc::new(services.collect());
        Served { map, services }
    }

    fn service(&self, uri: &str, target: Arc<Target>) -> Arc<dyn DeviceService> {
        Arc::new(HttpDeviceService::new(uri, target, self.client.clone(), self.metrics.clone()))
    }
}

impl Served {
    fn service(&self, uri: &str, entry: &Entry) -> Option<Arc<dyn DeviceService>> {
        let before = self.map.entries.get(uri)?;
        let is_same = before.definition == entry.definition;
        self.services.find(UriDigest::of(uri)).filter(|_| is_same).cloned()
    }
}
