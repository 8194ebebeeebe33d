//! Whether files have changed, told by what the system says of them: pure, asked every few seconds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells one content of some files from another. It follows links, so that a folder that is swapped by its link, as
/// Kubernetes does it, has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<FileStamp>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    len: u64,
    changed_at: (i64, i64),
}

impl Stamp {
    /// What the system says now; a file that is not there is a state like others.
    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        Self(paths.map(|path| fs::metadata(path).ok().map(|found| FileStamp::of(&found))).collect())
    }
}

impl FileStamp {
    fn of(found: &fs::Metadata) -> Self {
        // The time of the last change of content or name: unlike that of the last write, nobody can set it.
        let changed_at = (found.ctime(), found.ctime_nsec());
        Self { device: found.dev(), inode: found.ino(), len: found.len(), changed_at }
    }
}

/// Says when files that changed have come to rest: certificate and key are two files, and one is written after the other.
#[derive(Debug)]
pub(super) struct Changes {
    /// What was loaded last.
    loaded: Stamp,
    /// What was seen last.
    seen: Stamp,
}

impl Changes {
    /// Since `loaded`.
    pub(super) fn since(loaded: Stamp) -> Self {
        Self { seen: loaded.clone(), loaded }
    }

    /// Whether to load what is there `now`: it is new, and the same as at the last look.
    pub(super) fn are_at_rest(&mut self, now: Stamp) -> bool {
        let load = now != self.loaded && now == self.seen;
        if load {
            self.loaded = now.clone();
        }
        self.seen = now;
        load
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn stamp(len: u64) -> Stamp {
        Stamp(vec![Some(FileStamp { device: 1, inode: 1, len, changed_at: (0, 0) })])
    }

    #[test]
    fn files_are_loaded_once_when_they_have_come_to_rest() {
        let mut changes = Changes::since(stamp(0));
        let looks = [(0, false), (1, false), (2, false), (2, true), (2, false), (0, false), (2, false), (2, false)];
        for (nth, (len, load)) in looks.into_iter().enumerate() {
            assert_eq!(changes.are_at_rest(stamp(len)), load, "look {nth}");
        }
    }

    #[test]
    fn a_folder_that_is_swapped_by_its_link_has_changed() {
        let root = tempfile::tempdir().unwrap();
        for version in ["v1", "v2"] {
            fs::create_dir(root.path().join(version)).unwrap();
            fs::write(root.path().join(version).join("tls.crt"), "same length").unwrap();
        }
        let (link, draft) = (root.path().join("data"), root.path().join("data.new"));
        symlink("v1", &link).unwrap();
        let path = link.join("tls.crt");
        let look = || Stamp::of([path.as_path()].into_iter());
        let before = look();
        assert_eq!(look(), before);
        symlink("v2", &draft).unwrap();
        fs::rename(&draft, &link).unwrap();
        assert_ne!(look(), before);
    }

    #[test]
    fn a_file_that_comes_or_goes_has_changed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("tls.crt");
        let look = || Stamp::of([path.as_path()].into_iter());
        let missing = look();
        fs::write(&path, "x").unwrap();
        assert_ne!(look(), missing);
    }
}
