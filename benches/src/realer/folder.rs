//! A data folder with control devices in it, made by the hub's own program, that goes away with the run.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use tempfile::TempDir;

use super::catalog::{Kind, MAX_DEVICES, catalog};
use super::{ControlDevice, control_device};
use crate::credentials::run;
use crate::error::RunError;

/// The folder, and the devices that are in it.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) devices: Vec<ControlDevice>,
}

impl Folder {
    /// A new one with so many devices. `hub` is the program.
    pub(crate) fn seeded(hub: &Path, devices: u64) -> Result<Self, RunError> {
        Self::seeded_with(hub, devices, Kind::Bare)
    }

    /// A new one with so many devices that may speak MQTT, too.
    pub(crate) fn seeded_for_mqtt(hub: &Path, devices: u64) -> Result<Self, RunError> {
        Self::seeded_with(hub, devices, Kind::Mqtt)
    }

    fn seeded_with(hub: &Path, devices: u64, kind: Kind) -> Result<Self, RunError> {
        let folder = tempfile::tempdir().map_err(RunError::io("make a folder"))?;
        let mut seeded = Self { folder, devices: Vec::new() };
        let mut from = 0;
        while from < devices {
            let until = devices.min(from + MAX_DEVICES);
            seeded.apply(hub, from..until, kind)?;
            from = until;
        }
        Ok(seeded)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes of the database. What a hub has not moved there yet from its log is not in it.
    pub(crate) fn database_bytes(&self) -> Result<u64, RunError> {
        let path = self.path().join("rtio.db");
        let data = std::fs::metadata(&path).map_err(RunError::io(format!("look at {}", path.display())))?;
        Ok(data.len())
    }

    fn apply(&mut self, hub: &Path, indexes: Range<u64>, kind: Kind) -> Result<(), RunError> {
        let file = self.path().join("catalog.json");
        std::fs::write(&file, catalog(indexes.clone(), kind)).map_err(RunError::io("write the catalog"))?;
        let folder = self.path().display().to_string();
        let said = run(hub, &["realer", "apply", "--json", "--data-dir", &folder], &file, &[])?;
        let secrets = secrets(&said);
        for index in indexes {
            let id = control_device::id(index);
            let secret = secrets.get(&*id).ok_or(RunError::NoSecret { id })?;
            self.devices.push(ControlDevice { index, secret: (*secret).to_owned() });
        }
        Ok(())
    }
}

/// What was issued, by id. Good enough for the hub's own output: a secret is the first word as long as one that follows its device.
fn secrets(said: &str) -> HashMap<&str, &str> {
    let is_of_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    let (mut secrets, mut device) = (HashMap::new(), None);
    for word in said.split(|char| !is_of_word(char)) {
        if word.starts_with("cdv_") {
            device = Some(word);
        } else if let Some(device) = device.take_if(|_| word.len() == SECRET_CHARS) {
            secrets.insert(device, word);
        }
    }
    secrets
}

/// As many as the secrets that the hub makes have.
const SECRET_CHARS: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_the_secret_that_follows_it() {
        let (one, two) = ("a".repeat(43), "-_".repeat(21) + "0");
        let said = format!(
            r#"{{"changes":[{{"kind":"device","id":"cdv_1"}},{{"kind":"command","id":"cmd_1"}}],
            "issued":[{{"id":"cdv_1","secret":"{one}"}},{{"id":"cdv_2","secret":"{two}"}}]}}"#
        );
        assert_eq!(secrets(&said), HashMap::from([("cdv_1", &*one), ("cdv_2", &*two)]));
    }
}
