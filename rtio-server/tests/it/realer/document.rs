//! docs/realer.md says what the code says: refusals, warnings, scopes, and flags that there are.

use std::time::Duration;

use rtio_server::realer::{Refusal, Scope, Warning};

const DOCUMENT: &str = include_str!("../../../../docs/realer.md");

/// §1.6
#[test]
fn every_refusal_has_its_row() {
    let refusals = [
        Refusal::Malformed(String::new()),
        Refusal::NoCredentials,
        Refusal::BadToken,
        Refusal::SubscriptionInactive,
        Refusal::Forbidden("why"),
        Refusal::LacksScope(Scope::CatalogRead),
        Refusal::NotFound("command"),
        Refusal::WrongMethod,
        Refusal::Conflict,
        Refusal::TooLarge { max: 0 },
        Refusal::NotJson,
        Refusal::invalid("value", "required"),
        Refusal::TooSoon { retry_after: Duration::ZERO },
        Refusal::Bug,
        Refusal::Unavailable,
    ];
    for refusal in refusals {
        let kind = refusal.error_type();
        let (code, status, name) = (kind.code().to_string(), kind.http_status().to_string(), kind.name());
        let has = |cell: &str, value: &str| cell.trim().split(", ").any(|one| one.trim_matches('`') == value);
        let is_row = |line: &&str| {
            let cells: Vec<_> = line.split('|').skip(1).take(3).collect();
            matches!(cells[..], [codes, statuses, names]
                if has(codes, &code) && has(statuses, &status) && has(names, name))
        };
        assert!(DOCUMENT.lines().any(|line| is_row(&line)), "no row {code} {status} {name}");
    }
}

#[test]
fn every_warning_and_every_scope_is_named() {
    let names = Warning::ALL.map(Warning::name).into_iter().chain(Scope::ALL.map(Scope::name));
    for name in names {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}

/// §13: what rests on inference can be changed, and the document says how.
#[test]
fn every_flag_is_one() {
    let operations = include_str!("../../../../docs/operations.md");
    let flags = DOCUMENT.split("--").skip(1).filter(|rest| rest.starts_with("realer-"));
    let flags = flags.filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
    let mut known = 0;
    for flag in flags {
        assert!(operations.contains(&format!("`{flag}`")), "{flag}");
        known += 1;
    }
    assert!(known >= 10, "{known}");
}
