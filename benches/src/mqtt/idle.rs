//! Devices that subscribe to their acknowledgements and to one command's desired states, and then do nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use super::client::Client;
use super::{Account, topics};
use crate::at_once::for_each;
use crate::error::RunError;
use crate::port::Port;

/// Devices that are connected until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct IdleClients {
    /// Of those that were disconnected, or sent something.
    ended: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl IdleClients {
    /// Adds the devices of these accounts.
    pub(crate) async fn grow(
        &mut self,
        broker: &Port,
        accounts: &Arc<[Account]>,
        range: Range<usize>,
    ) -> Result<(), RunError> {
        let (broker, accounts) = (broker.clone(), Arc::clone(accounts));
        let connect = move |index: u64| {
            let (broker, accounts) = (broker.clone(), Arc::clone(&accounts));
            async move { connect(&broker, &accounts[usize::try_from(index).expect("it was one")]).await }
        };
        for mut client in for_each(range.start as u64..range.end as u64, connect).await? {
            let ended = Arc::clone(&self.ended);
            self.tasks.spawn(async move {
                // Nothing is to come, and no end either.
                let _ = client.read().await;
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    /// Fails when the broker has let go of a device, or told it something.
    pub(crate) fn check_complete(&self) -> Result<(), RunError> {
        match self.ended.load(Ordering::Relaxed) {
            0 => Ok(()),
            ended => Err(RunError::DevicesGone { ended }),
        }
    }
}

async fn connect(broker: &Port, account: &Account) -> Result<Client, RunError> {
    let topics = [topics::acks(account.device), topics::desired(account.device, 0)];
    let client = Client::connect(broker, account, &topics).await;
    let mut client = client.map_err(RunError::io(format!("connect device {}", account.device)))?;
    client.shrink();
    Ok(client)
}
