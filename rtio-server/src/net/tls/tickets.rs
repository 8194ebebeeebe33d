//! Session tickets whose keys lie in the data folder, so that clients come back cheaply after a restart of the hub, too.
//! Without a data folder the keys live as long as the process.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::ProducesTickets;

use super::key_ring::{KeyRing, TICKET_SECONDS};
use super::server_config::Port;
use crate::data_dir::{DataDir, DataDirError};

/// The keys of all ports.
#[derive(Debug)]
pub(super) struct Tickets {
    ring: ArcSwap<KeyRing>,
    data_dir: Option<DataDir>,
}

/// Tickets of one port. One that was made at another port is none here.
#[derive(Debug)]
pub(super) struct PortTickets {
    port: Port,
    tickets: Arc<Tickets>,
}

impl Tickets {
    /// Takes the keys from the data folder, or makes new ones, and keeps them there.
    ///
    /// Keys that cannot be read cost each client one full handshake, so they are replaced.
    pub(super) fn open(data_dir: Option<DataDir>, now: u64) -> Result<Self, DataDirError> {
        let stored = data_dir.as_ref().map(|dir| dir.read(FILE)).transpose()?.flatten();
        let ring = match stored.as_deref().map(KeyRing::decode) {
            Some(Some(ring)) => ring,
            Some(None) => {
                tracing::warn!(
                    file = FILE,
                    "the ticket keys cannot be read and are replaced: clients shake hands in full once"
                );
                KeyRing::new(now)
            }
            None => KeyRing::new(now),
        };
        let tickets = Self { ring: ArcSwap::from_pointee(ring.rotated(now).unwrap_or(ring)), data_dir };
        tickets.store()?;
        Ok(tickets)
    }

    /// Changes the keys if their time has come.
    pub(super) fn rotate(&self, now: u64) {
        let Some(ring) = self.ring.load().rotated(now) else { return };
        self.ring.store(Arc::new(ring));
        match self.store() {
            Ok(()) => tracing::debug!("ticket keys rotated"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "the new ticket keys are not kept: after a restart clients shake hands in full once"
                );
            }
        }
    }

    fn store(&self) -> Result<(), DataDirError> {
        match &self.data_dir {
            Some(dir) => dir.write(FILE, &self.ring.load().encode()),
            None => Ok(()),
        }
    }
}

impl PortTickets {
    pub(super) const fn new(port: Port, tickets: Arc<Tickets>) -> Self {
        Self { port, tickets }
    }
}

impl ProducesTickets for PortTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        TICKET_SECONDS
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.ring.load().seal(self.port.name().as_bytes(), plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.tickets.ring.load().open(self.port.name().as_bytes(), ticket)
    }
}

/// Name of the file in the data folder.
const FILE: &str = "tls-ticket-keys";

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000;

    fn at(port: Port, tickets: &Arc<Tickets>) -> PortTickets {
        PortTickets::new(port, Arc::clone(tickets))
    }

    #[test]
    fn a_ticket_outlives_the_process_that_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Arc::new(Tickets::open(Some(DataDir::open(folder.path()).unwrap()), START).unwrap());
        let ticket = at(Port::Devices, &open()).encrypt(b"session").unwrap();
        let later = open();
        assert_eq!(at(Port::Devices, &later).decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(at(Port::Callers, &later).decrypt(&ticket), None, "a ticket is for its port");
        later.rotate(START + 40 * 3600);
        assert_eq!(at(Port::Devices, &open()).decrypt(&ticket), None, "its key had its time");
    }

    #[test]
    fn keys_that_cannot_be_read_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        dir.write(FILE, b"something else").unwrap();
        Tickets::open(Some(dir.clone()), START).unwrap();
        assert!(KeyRing::decode(&dir.read(FILE).unwrap().unwrap()).is_some());
    }

    #[test]
    fn without_a_data_folder_tickets_live_as_long_as_the_process() {
        let tickets = Arc::new(Tickets::open(None, START).unwrap());
        let ticket = at(Port::Callers, &tickets).encrypt(b"session").unwrap();
        assert!(at(Port::Callers, &tickets).decrypt(&ticket).is_some());
        let again = Arc::new(Tickets::open(None, START).unwrap());
        assert_eq!(at(Port::Callers, &again).decrypt(&ticket), None);
    }
}
