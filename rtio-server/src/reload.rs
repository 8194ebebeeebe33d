//! Reload: the one signal, given by SIGHUP or an admin, at which everything that was read from files is read again. Whoever holds
//! such a thing waits for it in a task of its own; what cannot be read keeps its last good value and says so.

use tokio::sync::watch;

/// Gives the signal. All clones are the same one.
#[derive(Debug, Clone)]
pub struct Reload {
    sender: watch::Sender<()>,
}

/// Waits for the signal.
#[derive(Debug, Clone)]
pub struct Reloads {
    receiver: watch::Receiver<()>,
}

impl Reload {
    /// A signal that was not given yet.
    pub fn new() -> Self {
        Self { sender: watch::Sender::new(()) }
    }

    /// Tells everybody who waits to read again.
    pub fn trigger(&self) {
        self.sender.send_replace(());
    }

    /// Somebody who waits from now on.
    pub fn subscribe(&self) -> Reloads {
        Reloads { receiver: self.sender.subscribe() }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Self::new()
    }
}

impl Reloads {
    /// Waits for the next signal. Signals that come while nobody waits count as one. Never ends once no [`Reload`] is left.
    ///
    /// # Cancel safety
    ///
    /// Safe: no signal is lost when the future is dropped.
    pub async fn next(&mut self) {
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
