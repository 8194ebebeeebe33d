//! The rules of ARCHITECTURE.md, checked on the sources: who may import whom, what the pure crate must not touch, sizes, first
//! lines, and that the document names every folder.

mod imports;
mod rules;
mod sources;

use std::path::Path;

use imports::{foreign_names, module_of, names_of_crate};
use rules::{
    CRATES, DEVICE_EDGE, IMPORTS, MAX_LINES, NO_OUTSIDE_IN_HUB, ONE_PROTOCOL_EDGE, ONE_SDK_FILE, OUTSIDE_OF_HUB,
    OUTSIDE_OF_PROTO, PROTO_VALUES, PURE, SDK_CRATE, SDK_PLACE, SERVER_CRATE, Violation, Why,
};
use sources::{Source, read, root, rust_files};

/// All violations of the import table in `sources`, whose paths are relative to the crate's `src`.
fn check_imports(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources {
        let from = module_of(&source.path);
        let Some(rule) = IMPORTS.iter().find(|rule| rule.module == from) else {
            violations.push(Violation::unknown_module(source, &from));
            continue;
        };
        for to in names_of_crate("crate", &source.text) {
            if to != from && !rule.may_use.contains(&to.as_str()) && IMPORTS.iter().any(|rule| rule.module == to) {
                violations.push(Violation::import(source, &to, rule.why));
            }
        }
    }
    violations
}

/// Names of `rtio_proto` that a module other than the device edge uses and that are not among its value types.
fn check_protocol_use(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| module_of(&source.path) != DEVICE_EDGE) {
        let module = module_of(&source.path);
        let allowed = PROTO_VALUES.iter().find(|(user, _)| *user == module).map_or(&[][..], |(_, names)| names);
        for name in foreign_names("rtio_proto", &source.text) {
            if !allowed.contains(&name.as_str()) {
                let what = format!("rtio_proto::{name}");
                violations.push(Violation::import(source, &what, ONE_PROTOCOL_EDGE));
            }
        }
    }
    violations
}

/// Code of `sources` that names one of `words`, as far as it is not test code at a file's end.
fn check_words(sources: &[Source], words: &[&str], why: Why) -> Vec<Violation> {
    let named = sources.iter().flat_map(|source| words.iter().map(move |word| (source, *word)));
    named
        .filter(|(source, word)| source.code_without_tests().contains(word))
        .map(|(source, word)| Violation::import(source, word, why))
        .collect()
}

fn none(violations: &[Violation]) {
    let sentences: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(sentences.is_empty(), "\n{}\n", sentences.join("\n"));
}

#[test]
fn modules_import_what_the_table_allows() {
    none(&check_imports(&read("rtio-server/src")));
}

#[test]
fn modules_beside_the_device_edge_use_value_types_of_the_protocol_only() {
    none(&check_protocol_use(&read("rtio-server/src")));
}

#[test]
fn the_protocol_crate_knows_no_outside() {
    none(&check_words(&read("rtio-proto/src"), OUTSIDE_OF_PROTO, PURE));
}

#[test]
fn the_hub_knows_no_outside() {
    let hub: Vec<Source> =
        read("rtio-server/src").into_iter().filter(|source| module_of(&source.path) == "hub").collect();
    none(&check_words(&hub, OUTSIDE_OF_HUB, NO_OUTSIDE_IN_HUB));
}

#[test]
fn the_protocol_crate_depends_on_no_crate() {
    let manifest = std::fs::read_to_string(root().join("rtio-proto/Cargo.toml")).expect("the crate has a manifest");
    assert!(!manifest.contains("\n[dependencies"), "rtio-proto depends on a crate (ARCHITECTURE.md, invariant 1)");
}

#[test]
fn the_two_ends_do_not_know_each_other() {
    none(&check_words(&read("rtio-device-sdk/src"), &[SERVER_CRATE], CRATES));
    let but_one = |source: &Source| source.path != Path::new(SDK_PLACE);
    let sources: Vec<Source> = read("rtio-server/src").into_iter().filter(but_one).collect();
    none(&check_words(&sources, &[SDK_CRATE], ONE_SDK_FILE));
}

#[test]
fn no_source_file_is_too_long() {
    for source in rust_files() {
        let lines = source.text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines: split it (at most {MAX_LINES})", source.path.display());
    }
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    for source in rust_files() {
        assert!(source.text.starts_with("//!"), "{} does not open with `//!`", source.path.display());
    }
}

#[test]
fn the_document_names_every_folder_of_the_server() {
    let document = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    // The cover page of the library is no place to put anything.
    for rule in IMPORTS.iter().filter(|rule| rule.module != "lib") {
        let place = root().join("rtio-server/src").join(rule.module);
        let name = if place.is_dir() { format!("`{}/`", rule.module) } else { format!("`{}.rs`", rule.module) };
        assert!(document.contains(&name), "ARCHITECTURE.md does not name {name} in its code map");
    }
}

mod self_test {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let source = Source { path: path.into(), text: text.to_owned() };
        let sentences: Vec<String> =
            check_imports(std::slice::from_ref(&source)).iter().map(ToString::to_string).collect();
        assert_eq!(sentences, expected, "{path}: {text}");
    }

    #[test]
    fn the_checker_finds_what_is_forbidden_and_nothing_else() {
        let edges = "edges do not know each other (ARCHITECTURE.md, invariant 2)";
        check("http/call.rs", "use crate::hub::Hub;\nuse super::body;", &[]);
        check("http/call.rs", "use crate::device::Link;", &[&format!("http/call.rs imports device: {edges}")]);
        check("http/call.rs", "let x = crate::device::link();", &[&format!("http/call.rs imports device: {edges}")]);
        check(
            "http/a.rs",
            "use crate::{\n    hub::{Hub, ports},\n    device,\n};",
            &[&format!("http/a.rs imports device: {edges}")],
        );
        check("device/a.rs", "use crate::hub::{Hub, http::X};", &[]);
        check("device/a.rs", "// use crate::http;\n//! crate::http", &[]);
        check(
            "shutdown.rs",
            "use crate::hub::Hub;",
            &["shutdown.rs imports hub: it uses nothing of ours (ARCHITECTURE.md, code map)"],
        );
        check("drawer/a.rs", "", &["drawer/a.rs is in no module of the import table (ARCHITECTURE.md)"]);
        check("app.rs", "use crate::{http, device, hub, backend, config, net, shutdown};", &[]);
    }

    #[test]
    fn a_session_in_the_hub_is_found() {
        let text = "use rtio_proto::{StatusCode, session::HubSession};".to_owned();
        let source = |path: &str| [Source { path: path.into(), text: text.clone() }];
        let why = "only the device edge speaks the protocol (ARCHITECTURE.md, code map)";
        let sentence = format!("hub/call.rs imports rtio_proto::session::HubSession: {why}");
        assert_eq!(check_protocol_use(&source("hub/call.rs"))[0].to_string(), sentence);
        assert_eq!(check_protocol_use(&source("http/call.rs")).len(), 2);
        assert!(check_protocol_use(&source("device/link.rs")).is_empty());
    }

    #[test]
    fn words_in_comments_and_tests_do_not_count() {
        let check = |text: &str| {
            let source = Source { path: "a.rs".into(), text: text.to_owned() };
            check_words(&[source], &["tokio"], PURE).len()
        };
        assert_eq!(check("use tokio::time;"), 1);
        assert_eq!(check("//! no tokio here\n#[cfg(test)]\nmod tests { use tokio::time; }"), 0);
    }

    #[test]
    fn names_inside_braces_are_found() {
        let names = |text| names_of_crate("crate", text);
        assert_eq!(names("use crate::{a::{b, c}, d};\nuse crate::e;"), ["a", "d", "e"]);
        assert_eq!(names("pub(crate) fn x() -> crate::f::G"), ["f"]);
        let foreign = |text| foreign_names("rtio_proto", text);
        assert_eq!(foreign("use rtio_proto::session::{CallId, X};"), ["session::CallId", "session::X"]);
        assert_eq!(foreign("use rtio_proto::{StatusCode, verify::Verify};"), ["StatusCode", "verify::Verify"]);
    }
}
