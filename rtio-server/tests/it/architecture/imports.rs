//! Which modules and names a source text uses, found without a parser: `crate::…` anywhere, with braces in `use` lines.

use std::path::Path;

use super::sources::without_comments;

/// The top module that a file belongs to: its folder, or its own name.
pub(super) fn module_of(path: &Path) -> String {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    let first = parts.next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// First segments after `krate::`, in order.
pub(super) fn names_of_crate(krate: &str, text: &str) -> Vec<String> {
    let first = |name: String| name.split("::").next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = foreign_names(krate, text).into_iter().map(first).collect();
    names.dedup();
    names
}

/// Whole paths after `krate::`, in order, braces resolved.
pub(super) fn foreign_names(krate: &str, text: &str) -> Vec<String> {
    let text = without_comments(text);
    let start = format!("{krate}::");
    let mut names = Vec::new();
    for (at, _) in text.match_indices(&start) {
        let stands_alone = !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        if stands_alone {
            resolve("", &text[at + start.len()..], &mut names);
        }
    }
    names
}

/// Adds the paths at the front of `text`, each after `prefix`; returns what follows them.
fn resolve<'a>(prefix: &str, text: &'a str, names: &mut Vec<String>) -> &'a str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let whole = format!("{prefix}{path}");
    let Some(inside) = rest.strip_prefix('{') else {
        names.push(whole.trim_end_matches(':').to_owned());
        return rest;
    };
    let mut rest = inside.trim_start();
    while !rest.starts_with('}') && !rest.is_empty() {
        rest = resolve(&whole, rest, names).trim_start();
        rest = rest.split_once([',', '}']).map_or("", |(alias, _)| &rest[alias.len()..]);
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    rest.strip_prefix('}').unwrap_or(rest)
}
