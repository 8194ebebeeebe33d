//! The routes that the hub has, found in its sources: axum's router does not list them, and callers' are the variants of an enum.

use std::collections::BTreeSet;

const CALLERS: &str = include_str!("../../../src/http/router.rs");

/// Sources of the operators' port with routes, and what their paths begin with.
const OPERATORS: &[(&str, &str)] = &[
    (include_str!("../../../src/admin/router.rs"), ""),
    (include_str!("../../../src/admin/devices.rs"), "/v1"),
    (include_str!("../../../src/admin/events/mod.rs"), "/v1"),
    (include_str!("../../../src/admin/registry/mod.rs"), "/v1"),
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

/// Methods and paths of the callers' port: what the documents of `Route` say that each of its pages is.
pub(super) fn callers_routes() -> BTreeSet<(String, String)> {
    let (_, variants) = CALLERS.split_once("pub(super) enum Route {").expect("the router has its enum");
    let (variants, _) = variants.split_once("\n}").expect("the enum ends");
    let documents = variants.lines().map(str::trim).filter_map(|line| line.strip_prefix("/// `"));
    let requests = documents.filter_map(|document| document.split('`').next()?.split_once(' '));
    requests.map(|(method, path)| (method.to_owned(), path.replace('…', ""))).collect()
}

/// Variants of `Route` that are a page, and those that are not.
pub(super) fn callers_variants() -> usize {
    let (_, variants) = CALLERS.split_once("pub(super) enum Route {").expect("the router has its enum");
    let (variants, _) = variants.split_once("\n}").expect("the enum ends");
    variants.lines().map(str::trim).filter(|line| line.starts_with(char::is_uppercase)).count()
}
