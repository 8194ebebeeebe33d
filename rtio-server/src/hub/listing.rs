//! Who is online, page by page, while devices come and go.

use super::registry::SHARDS;
use super::{DeviceId, Epoch, Hub, IdPattern, LinkInfo};

/// Which page of which devices.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// Only these.
    pub pattern: IdPattern,
    /// Those that come after this one in the listing; it need not be online any more.
    pub after: Option<DeviceId>,
    /// Devices on the page, at most.
    pub limit: usize,
}

impl Hub {
    /// One page of the devices that are online; shorter than `limit` only at the end.
    ///
    /// The order is one of this hub's life ([`listing_order`](Self::listing_order)): by shard, then by id. So a device that is online all
    /// the time is on exactly one page, and who comes or goes meanwhile moves nobody else. Nothing is sorted but one shard at a
    /// time, a 256th of all. A page looks at as many shards as it needs; with a pattern that few match, it looks at all. No lock is held
    /// for longer than a pass over one shard (0.4 to 2 ms at a million devices, by the pattern), and other tasks run between two shards.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only looks.
    pub async fn list(&self, request: &ListRequest) -> Vec<(DeviceId, Epoch, LinkInfo)> {
        let first = request.after.as_ref().map_or(0, |after| self.registry.shard_of(after));
        let mut page = Vec::new();
        for shard in first..SHARDS {
            let after = request.after.as_ref().filter(|_| shard == first);
            let wanted = |id: &DeviceId| after.is_none_or(|after| id > after) && request.pattern.matches(id);
            let mut ids = self.registry.ids_in_shard(shard, wanted);
            ids.sort_unstable();
            let found = ids.into_iter().filter_map(|id| self.info(&id).map(|(epoch, info)| (id, epoch, info)));
            page.extend(found.take(request.limit - page.len()));
            if page.len() >= request.limit {
                break;
            }
            tokio::task::yield_now().await;
        }
        page
    }

    /// The session of one device, and how it stands; `None` if it has none.
    pub fn info(&self, device: &DeviceId) -> Option<(Epoch, LinkInfo)> {
        self.registry.session(device).map(|session| (session.epoch, session.link.info()))
    }

    /// A number that tells the order of this hub's [`list`](Self::list) from that of another, such as the same hub before its restart.
    pub fn listing_order(&self) -> u64 {
        self.registry.order()
    }
}
