//! Keeps the map up to date: reads the table at the start and at each reload, asks the configurer in between, and publishes what
//! comes of both. Reading and joining is done off the runtime's workers, because a map may be large.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use super::causes::{Causes, printable};
use super::changes::{Changes, Uris};
use super::configurer::{Configurer, PollError, Polled};
use super::entries::{Draft, Entries};
use super::exchange::{Document, meaning};
use super::merge::Collision;
use super::state::State;
use super::targets::Targets;
use super::{MapConfig, MapMetrics};
use crate::backend::{Client, Metrics, TableError, table};
use crate::data_dir::DataDir;
use crate::hub::Services;
use crate::readiness::Readiness;
use crate::reload::Reloads;
use crate::telemetry;

/// Keeps the map of device services up to date.
#[derive(Debug)]
pub struct MapKeeper {
    keeping: Arc<Keeping>,
    configurer: Option<Configurer>,
}

/// What the map is made with, and made for.
#[derive(Debug)]
pub struct Surroundings {
    /// Asks the configurer and the services.
    pub client: Client,
    /// Where the map goes.
    pub services: Services,
    /// Where the configurer's last good document is kept, if anywhere.
    pub data_dir: Option<DataDir>,
    /// Is told while there is no map of the configurer.
    pub readiness: Readiness,
    /// What services count.
    pub metrics: Metrics,
    /// What the map counts.
    pub map_metrics: MapMetrics,
}

/// The table of the configuration file is of no use.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MapError(#[from] FileError);

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("[device-services] in {}: {collision}", file.display())]
    Collision { file: PathBuf, collision: Collision },
    #[error("the table could not be read")]
    Panicked(#[source] tokio::task::JoinError),
}

#[derive(Debug)]
struct Keeping {
    file: Option<PathBuf>,
    services: Services,
    data_dir: Option<DataDir>,
    readiness: Readiness,
    metrics: MapMetrics,
    state: Mutex<State>,
}

impl MapKeeper {
    /// Reads the table and the document that was kept, and publishes the map of both. The configurer is not asked yet: a hub starts
    /// without it.
    ///
    /// # Errors
    ///
    /// [`MapError`], where the table is of no use. A kept document that is of no use is logged and forgotten.
    pub fn open(config: &MapConfig, around: Surroundings) -> Result<Self, MapError> {
        let configurer =
            config.configurer.as_ref().map(|config| Configurer::new(around.client.clone(), config.clone()));
        let keeping = Keeping {
            file: config.file.clone(),
            services: around.services,
            data_dir: around.data_dir.filter(|_| configurer.is_some()),
            readiness: around.readiness,
            metrics: around.map_metrics,
            state: Mutex::new(State::new(Targets::new(around.client, around.metrics))),
        };
        keeping.read_file()?;
        if configurer.is_some() {
            keeping.readiness.lost(PART, "no map yet");
            keeping.recall();
        }
        Ok(Self { keeping: Arc::new(keeping), configurer })
    }

    /// Follows the file and the configurer, for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; a map that has been read meanwhile may still be published.
    pub async fn run(self, reloads: Reloads) {
        tokio::join!(self.follow_file(reloads.clone()), self.follow_configurer(reloads));
    }

    async fn follow_file(&self, mut reloads: Reloads) {
        loop {
            reloads.next().await;
            let keeping = Arc::clone(&self.keeping);
            let read = tokio::task::spawn_blocking(move || keeping.read_file()).await;
            if let Err(error) = read.unwrap_or_else(|stopped| Err(FileError::Panicked(stopped))) {
                let error = printable(&telemetry::chain(&error));
                tracing::error!(%error, "[device-services] cannot be read again, the old table stays");
            }
        }
    }

    /// Asks at each tick, and at a reload at once.
    async fn follow_configurer(&self, mut reloads: Reloads) {
        let Some(configurer) = &self.configurer else { return };
        let mut ticks = tokio::time::interval_at(Instant::now(), configurer.config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut causes = Causes::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = reloads.next() => ticks.reset(),
            }
            self.settle(configurer, self.poll(configurer).await, &mut causes);
        }
    }

    async fn poll(&self, configurer: &Configurer) -> Result<Polled, PollError> {
        let (id, answer) = configurer.ask().await?;
        let keeping = Arc::clone(&self.keeping);
        let taken = tokio::task::spawn_blocking(move || keeping.take_answer(id, &answer)).await;
        taken.unwrap_or_else(|stopped| Err(PollError::Panicked(stopped)))
    }

    fn settle(&self, configurer: &Configurer, result: Result<Polled, PollError>, causes: &mut Causes) {
        let (keeping, url) = (&self.keeping, &configurer.config.url);
        match result {
            Ok(polled) => {
                keeping.metrics.polled(polled.name());
                keeping.metrics.is_well();
                keeping.readiness.found(PART);
                if causes.are_over() {
                    tracing::info!(%url, "the configurer is well again");
                }
            }
            Err(error) => {
                keeping.metrics.polled(error.name());
                let error = printable(&telemetry::chain(&error));
                if causes.is_news(&error) {
                    tracing::warn!(%url, %error, "no map from the configurer, the last good one stays");
                } else {
                    tracing::debug!(%url, %error, "still no map from the configurer");
                }
            }
        }
    }
}

impl Keeping {
    /// Reads the table, if there is a file that may have one.
    fn read_file(&self) -> Result<(), FileError> {
        let Some(file) = &self.file else { return Ok(()) };
        self.take_file(entries_of(file)?, file)
    }

    fn take_file(&self, entries: Entries, file: &Path) -> Result<(), FileError> {
        let mut state = self.state.lock();
        let collides = |collision| FileError::Collision { file: file.to_owned(), collision };
        let changes = state.take_file(entries, |digest| self.services.own_uri(digest)).map_err(collides)?;
        self.publish(&state, &changes);
        Ok(())
    }

    fn take_answer(&self, id: u32, answer: &[u8]) -> Result<Polled, PollError> {
        let document = meaning(id, answer)?;
        if self.state.lock().has(document.digest) {
            return Ok(Polled::Same);
        }
        self.take_document(&document)?;
        if let Some(dir) = &self.data_dir
            && let Err(error) = dir.write(KEPT, document.text.as_bytes())
        {
            let error = telemetry::chain(&error);
            tracing::error!(%error, "the configurer's document is not kept: after a restart the hub needs the configurer");
        }
        Ok(Polled::Changed)
    }

    fn take_document(&self, document: &Document) -> Result<(), PollError> {
        let entries = document.entries().map_err(PollError::Document)?;
        let mut state = self.state.lock();
        let changes = state.take_configurer(document.digest, entries, |digest| self.services.own_uri(digest))?;
        self.publish(&state, &changes);
        Ok(())
    }

    /// Takes the document that was kept, if there is one.
    fn recall(&self) {
        let Some(dir) = &self.data_dir else { return };
        let kept = match dir.read(KEPT) {
            Ok(None) => return,
            Ok(Some(kept)) => Ok(kept),
            Err(error) => Err(telemetry::chain(&error).to_string()),
        };
        let text = kept.and_then(|kept| String::from_utf8(kept).map_err(|error| error.to_string()));
        let taken = text.and_then(|text| {
            let taken = self.take_document(&Document::new(text));
            taken.map_err(|error| telemetry::chain(&error).to_string())
        });
        match taken {
            Ok(()) => {
                self.readiness.found(PART);
                tracing::info!(file = KEPT, "the configurer's last good map is in force until it answers");
            }
            Err(error) => {
                let error = printable(&error);
                tracing::warn!(file = KEPT, %error, "the configurer's last good map is of no use");
            }
        }
    }

    fn publish(&self, state: &State, changes: &Changes) {
        let served = state.served();
        self.metrics.shows(&served.map);
        // Also where no device can tell: who says so may be another one.
        self.services.replace(Arc::clone(&served.services));
        if changes.is_empty() {
            tracing::debug!("the map of device services is as it was");
            return;
        }
        tracing::info!(uris = served.map.entries.len(), %changes, "the map of device services changed");
        if !served.map.overruled.is_empty() {
            let uris = Uris(served.map.overruled.clone());
            tracing::info!(%uris, "the configuration file overrules the configurer");
        }
    }
}

fn entries_of(file: &Path) -> Result<Entries, TableError> {
    let mut draft = Draft::default();
    table::read(file, "device-services", |uri, definition| draft.add(uri, definition))?;
    Ok(draft.finish())
}

/// The configurer's name among what may be missing.
const PART: &str = "configurer";

/// Name of the configurer's last good document in the data folder.
const KEPT: &str = "service-map.json";

#[cfg(test)]
mod tests {
    use super::*;

    /// How many entries `text` has.
    fn read(text: &str) -> Result<usize, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let place = file.path().display().to_string();
        entries_of(file.path()).map(|entries| entries.len()).map_err(|error| error.to_string().replace(&place, "FILE"))
    }

    fn check_refused(text: &str, expected: &str) {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(expected), "{text:.100}: {error}");
    }

    #[test]
    fn the_table_is_read_and_the_rest_of_the_file_is_not() {
        assert_eq!(read("").unwrap(), 0);
        assert_eq!(read("[serve]\ndev = true\n[webhooks.a]\nurl = 1\n").unwrap(), 0);
        let entries = "\"/aa/bb\" = \"http://a\"\n\"/b\" = { url = \"http://b\" }\n";
        assert_eq!(read(&format!("[serve]\ndev = true\n[device-services]\n{entries}")).unwrap(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_uri() {
        let place = "[device-services] in FILE, line";
        for (entry, expected) in [
            ("\n\"/a\" = \"nowhere\"", "3: \"/a\": expected a URL such as"),
            ("\"/a\" = 1", "2: \"/a\": expected a URL in quotes, or a table with the key url"),
            ("\"/a\" = 1979-05-27", "2: \"/a\": "),
            ("\"/b\" = \"http://a\"\n\"\" = \"http://a\"", "3: \"\": expected a URI of 1 to 128 bytes"),
        ] {
            check_refused(&format!("[device-services]\n{entry}\n"), &format!("{place} {expected}"));
        }
        let table = "[device-services.\"/a\"]\nurl = \"http://a\"\nretries = 1\n";
        check_refused(table, &format!("{place} 1: \"/a\": unknown field `retries`"));
        check_refused("device-services = 1\n", "`device-services` in FILE, line 1, is a table");
    }

    #[test]
    fn a_full_table_is_read_and_the_first_that_is_too_many_ends_it() {
        let table = |count: usize| {
            let entries = (0..count).map(|nth| format!("\"/{nth:05}\" = \"http://a\"\n"));
            format!("[device-services]\n{}", entries.collect::<String>())
        };
        assert_eq!(read(&table(65_536)).unwrap(), 65_536);
        check_refused(&table(65_540), "[device-services] in FILE, line 65538: there are more than 65536 URIs");
    }

    #[test]
    fn the_example_is_accepted() {
        let (_, example) = include_str!("../../../rtio.toml").split_once("# [device-services]\n").unwrap();
        let lines: Vec<_> = example.lines().map_while(|line| line.strip_prefix("# ")).collect();
        assert_eq!(read(&format!("[device-services]\n{}", lines.join("\n"))).unwrap(), 2);
    }
}
