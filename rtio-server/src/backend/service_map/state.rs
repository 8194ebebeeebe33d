//! The map that counts, and the sources that it was made of. Each step replaces one source, or changes nothing.

use super::changes::Changes;
use super::entries::Entries;
use super::merge::{Collision, Merged, merge};
use super::targets::{Served, Targets};
use crate::hub::UriDigest;

/// The map, its sources and its services.
#[derive(Debug)]
pub(super) struct State {
    file: Entries,
    configurer: Entries,
    /// Of the configurer's document that counts, once there was one.
    digest: Option<u32>,
    targets: Targets,
    served: Served,
}

impl State {
    pub(super) fn new(targets: Targets) -> Self {
        Self {
            file: Entries::default(),
            configurer: Entries::default(),
            digest: None,
            targets,
            served: Served::default(),
        }
    }

    /// Puts the file's table into the place of the one before.
    pub(super) fn take_file(&mut self, file: Entries, own: impl Fn(UriDigest) -> Option<&'static str>) -> Step {
        let map = merge(&file, &self.configurer, own)?;
        self.file = file;
        Ok(self.serve(map))
    }

    /// Puts what the configurer's document says into the place of what it said before.
    pub(super) fn take_configurer(
        &mut self,
        digest: u32,
        configurer: Entries,
        own: impl Fn(UriDigest) -> Option<&'static str>,
    ) -> Step {
        let map = merge(&self.file, &configurer, own)?;
        (self.configurer, self.digest) = (configurer, Some(digest));
        Ok(self.serve(map))
    }

    /// Whether the configurer's document with this digest counts.
    pub(super) fn has(&self, digest: u32) -> bool {
        self.digest == Some(digest)
    }

    pub(super) const fn served(&self) -> &Served {
        &self.served
    }

    fn serve(&mut self, map: Merged) -> Changes {
        let changes = Changes::between(&self.served.map, &map);
        self.served = self.targets.serve(map, &self.served);
        changes
    }
}

/// What a step changed, or why it was not taken.
pub(super) type Step = Result<Changes, Collision>;
