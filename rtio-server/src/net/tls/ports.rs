//! The TLS of all ports: opened at the start, then kept up to date with its files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rustls_pki_types::UnixTime;

use super::certificate::{CertificateError, Credentials};
use super::changes::{Changes, Stamp};
use super::config::{Config, Files};
use super::handshake::{Bounds, Tls};
use super::metrics::Metrics;
use super::server_config::{Port, server_config};
use super::tickets::Tickets;
use crate::data_dir::{DataDir, DataDirError};
use crate::reload::Reloads;

/// TLS of the ports that have it.
#[derive(Debug)]
pub struct Ports {
    sources: Vec<Source>,
    tickets: Arc<Tickets>,
    reloads: Reloads,
}

/// Where the TLS of a port comes from.
#[derive(Debug)]
struct Source {
    port: Port,
    files: Files,
    changes: Changes,
    tls: Arc<Tls>,
}

/// Why TLS cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The files of a port cannot be used.
    #[error("TLS of the {} port", port.name())]
    Port {
        /// Which.
        port: Port,
        /// Why.
        source: CertificateError,
    },
    /// The keys of tickets cannot be kept.
    #[error("the keys of TLS tickets")]
    Tickets(#[source] DataDirError),
}

/// What made us look at the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Somebody asked for it.
    Asked,
    /// It was time to look.
    Time,
}

impl Ports {
    /// Reads all files of `config`. What `reloads` says from now on is heard. Keys of tickets live in `data_dir`, or else as long as this.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the port and the file.
    pub fn open(
        config: &Config,
        data_dir: Option<&DataDir>,
        reloads: Reloads,
        registry: &mut Registry,
    ) -> Result<Self, OpenError> {
        let metrics = Metrics::register(registry);
        let ports = [(Port::Devices, &config.device), (Port::Mqtt, &config.mqtt), (Port::Callers, &config.http)];
        let ports: Vec<_> = ports.into_iter().filter_map(|(port, files)| Some((port, files.clone()?))).collect();
        let data_dir = data_dir.filter(|_| !ports.is_empty());
        let tickets = Arc::new(Tickets::open(data_dir.cloned(), now()).map_err(OpenError::Tickets)?);
        let bounds = Bounds { max_handshakes: config.max_handshakes, handshake_timeout: config.handshake_timeout };
        let open = |(port, files)| {
            Source::open(port, files, &tickets, (bounds, &metrics)).map_err(|source| OpenError::Port { port, source })
        };
        let sources = ports.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { sources, tickets, reloads })
    }

    /// TLS of a port, if it has it.
    pub fn of(&self, port: Port) -> Option<Arc<Tls>> {
        self.sources.iter().find(|source| source.port == port).map(|source| Arc::clone(&source.tls))
    }

    /// Reads the files again whenever it is asked to and whenever they have changed, and rotates the keys of tickets. Files
    /// that cannot be used change nothing. Never ends, unless no port has TLS.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the next look.
    pub async fn keep_up_to_date(mut self) {
        if self.sources.is_empty() {
            return;
        }
        loop {
            let occasion = tokio::select! {
                () = self.reloads.next() => Occasion::Asked,
                () = tokio::time::sleep(LOOK_INTERVAL) => Occasion::Time,
            };
            let look = tokio::task::spawn_blocking(move || {
                self.look(occasion);
                self
            });
            self = look.await.expect("looking at files does not panic");
        }
    }

    fn look(&mut self, occasion: Occasion) {
        self.tickets.rotate(now());
        for source in &mut self.sources {
            source.look(occasion, &self.tickets);
        }
    }
}

impl Source {
    fn open(
        port: Port,
        files: Files,
        tickets: &Arc<Tickets>,
        (bounds, metrics): (Bounds, &Metrics),
    ) -> Result<Self, CertificateError> {
        // Before the files are read, so that what changes meanwhile is noticed.
        let changes = Changes::since(Stamp::of(files.paths()));
        let credentials = Credentials::read(&files)?;
        let config = Arc::new(server_config(port, &credentials, tickets));
        let tls = Arc::new(Tls::new(config, bounds, metrics.of(port)));
        let source = Self { port, files, changes, tls };
        source.tell(&credentials);
        Ok(source)
    }

    fn look(&mut self, occasion: Occasion, tickets: &Arc<Tickets>) {
        let stamp = Stamp::of(self.files.paths());
        if occasion == Occasion::Asked {
            self.changes = Changes::since(stamp);
        } else if !self.changes.are_at_rest(stamp) {
            return;
        }
        let port = self.port.name();
        match Credentials::read(&self.files) {
            Ok(credentials) => {
                self.tls.replace(Arc::new(server_config(self.port, &credentials, tickets)));
                self.tls.metrics().reloads.inc();
                tracing::info!(port, "TLS certificate read again");
                self.tell(&credentials);
            }
            Err(error) => {
                self.tls.metrics().reload_failures.inc();
                let error = &error as &dyn std::error::Error;
                tracing::error!(port, error, "the new TLS certificate cannot be used, the old one stays");
            }
        }
    }

    /// Says until when the certificate is good, and whether it is.
    fn tell(&self, credentials: &Credentials) {
        self.tls.metrics().expiry.set(credentials.validity.not_after);
        if let Some(complaint) = credentials.validity.complaint(i64::try_from(now()).unwrap_or(i64::MAX)) {
            tracing::warn!(port = self.port.name(), file = %self.files.cert.display(), "{complaint}");
        }
    }
}

impl Files {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().map(AsRef::as_ref)
    }
}

/// Seconds since 1970: certificates and keys outlive the process.
fn now() -> u64 {
    UnixTime::now().as_secs()
}

/// How often the files are looked at: a handful of questions to the system. What has changed is used after two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
