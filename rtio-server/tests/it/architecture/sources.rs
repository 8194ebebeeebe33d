//! The workspace's source files.

use std::fs;
use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to where the reading began.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// Its lines up to the unit tests, which stand last, without comments.
    pub(super) fn code_without_tests(&self) -> String {
        let code = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        without_comments(code)
    }
}

/// `text` without lines that are comments.
pub(super) fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

/// The workspace's folder.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// The Rust files under `folder` of the workspace.
pub(super) fn read(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let mut sources = Vec::new();
    collect(&folder, &folder, &mut sources);
    assert!(!sources.is_empty(), "{} has no sources", folder.display());
    sources
}

/// Every Rust file of the workspace.
pub(super) fn rust_files() -> Vec<Source> {
    let mut sources = Vec::new();
    for member in ["rtio-proto", "rtio-server", "rtio-device-sdk", "examples", "benches"] {
        collect(root(), &root().join(member), &mut sources);
    }
    sources
}

fn collect(base: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(base, &path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let path = path.strip_prefix(base).expect("below the base").to_owned();
            sources.push(Source { path, text });
        }
    }
}
