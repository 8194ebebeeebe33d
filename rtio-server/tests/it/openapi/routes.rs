//! The routes that the hub has, found in its sources: axum's router does not list them, and callers' are the variants of an enum.

use std::collections::BTreeSet;

/// Sources of the callers' port with routes, and the enums that have them.
const CALLERS: [(&str, &str); 3] = [
    (include_str!("../../../src/http/router.rs"), "pub(super) enum Route {"),
    (include_str!("../../../src/http/realer/route.rs"), "pub(super) enum Route {"),
    (include_str!("../../../src/http/realer/route.rs"), "pub(super) enum Page {"),
];

/// Sources of the operators' port with routes, and what their paths begin with.
const OPERATORS: &[(&str, &str)] = &[
    (include_str!("../../../src/admin/router.rs"), ""),
    (include_str!("../../../src/admin/devices.rs"), "/v1"),
    (include_str!("../../../src/admin/events/mod.rs"), "/v1"),
    (include_str!("../../../src/admin/registry/mod.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/devices.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/commands.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/sensors.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/resources.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/history.rs"), "/v1"),
    (include_str!("../../../src/admin/realer/catalog.rs"), "/v1"),
    (include_str!("../../../src/admin/services.rs"), "/v1"),
];

/// Paths of the operators' port.
pub(super) fn operators_paths() -> BTreeSet<String> {
    let paths = |(source, prefix): &(&str, &str)| {
        let routes = source.split(".route(").skip(1).map(|rest| rest.trim_start());
        let path = |route: &str| route.strip_prefix('"').and_then(|route| route.split('"').next()).map(str::to_owned);
        let paths = routes.map(|route| path(route).unwrap_or_else(|| panic!("no path is written in {route:.40}")));
        paths.map(|path| format!("{prefix}{path}")).collect::<Vec<_>>()
    };
    OPERATORS.iter().flat_map(paths).collect()
}

/// How many sources of the operators' port have routes.
pub(super) fn sources_of_operators() -> usize {
    OPERATORS.len()
}

/// Methods and paths of the callers' port: what the documents of its routes say that each of their pages is.
pub(super) fn callers_routes() -> BTreeSet<(String, String)> {
    let documents = callers_lines().filter_map(|line| line.strip_prefix("/// `"));
    let requests = documents.filter_map(|document| document.split('`').next()?.split_once(' '));
    requests.map(|(method, path)| (method.to_owned(), path.replace('…', ""))).collect()
}

/// Variants of the routes that are a page, and those that are not.
pub(super) fn callers_variants() -> usize {
    callers_lines().filter(|line| line.starts_with(char::is_uppercase)).count()
}

/// Lines of the enums that say what a request is.
fn callers_lines() -> impl Iterator<Item = &'static str> {
    let lines = |(source, name): (&'static str, &str)| {
        let (_, variants) = source.split_once(name).expect("the source has its enum");
        let (variants, _) = variants.split_once("\n}").expect("the enum ends");
        variants.lines().map(str::trim)
    };
    CALLERS.into_iter().flat_map(lines)
}
