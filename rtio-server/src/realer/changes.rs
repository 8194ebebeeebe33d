//! Tells who waits for a device that something about it has changed. What, they read from the store: so nothing is queued for a
//! reader that is slow, and nothing is lost for one that was away.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::hub::DeviceId;

/// Who waits for changes of which device. All clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Mutex<Waiting>>);

type Waiting = HashMap<DeviceId, watch::Sender<()>, RandomState>;

/// Waits for changes of one device.
#[derive(Debug)]
pub struct Watcher {
    changes: Changes,
    device: DeviceId,
    /// `None` only while it is dropped.
    receiver: Option<watch::Receiver<()>>,
}

impl Changes {
    /// Watches a device from now on: a change after this is not missed, however late it is waited for.
    pub fn watch(&self, device: &DeviceId) -> Watcher {
        let mut waiting = self.0.lock();
        let sender = waiting.entry(device.clone()).or_insert_with(|| watch::Sender::new(()));
        let receiver = Some(sender.subscribe());
        drop(waiting);
        Watcher { changes: self.clone(), device: device.clone(), receiver }
    }

    /// Something about the device has changed, and the store knows it.
    pub fn tell(&self, device: &DeviceId) {
        let sender = self.0.lock().get(device).cloned();
        if let Some(sender) = sender {
            // Nobody may wait any more.
            let _ = sender.send(());
        }
    }

    /// Devices that somebody watches.
    pub fn watched(&self) -> usize {
        self.0.lock().len()
    }
}

impl Watcher {
    /// Waits until something has changed since the last time, or since the watch began.
    ///
    /// # Cancel safety
    ///
    /// Safe: a change that was not returned is returned the next time.
    pub async fn changed(&mut self) {
        let receiver = self.receiver.as_mut().expect("it is there until the drop");
        // The sender stays as long as somebody watches.
        let _ = receiver.changed().await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut waiting = self.changes.0.lock();
        self.receiver = None;
        if waiting.get(&self.device).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> DeviceId {
        DeviceId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn a_change_is_seen_once_by_each_who_watches_that_device() {
        let changes = Changes::default();
        let (mut one, mut other) = (changes.watch(&device("a")), changes.watch(&device("a")));
        let mut stranger = changes.watch(&device("b"));
        changes.tell(&device("a"));
        changes.tell(&device("a"));
        one.changed().await;
        other.changed().await;
        for watcher in [&mut one, &mut stranger] {
            let more = tokio::time::timeout(std::time::Duration::ZERO, watcher.changed()).await;
            assert!(more.is_err(), "{watcher:?}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_device_that_nobody_watches_any_more() {
        let changes = Changes::default();
        let (one, other) = (changes.watch(&device("a")), changes.watch(&device("a")));
        drop(one);
        assert_eq!(changes.watched(), 1);
        drop(other);
        assert_eq!(changes.watched(), 0);
        changes.tell(&device("a"));
    }
}
