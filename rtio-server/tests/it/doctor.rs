//! `rtio doctor` on machines that are folders.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use crate::program::{rtio, run};

fn machine(somaxconn: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("proc/sys/net/core")).unwrap();
    std::fs::write(root.path().join("proc/sys/net/core/somaxconn"), somaxconn).unwrap();
    root
}

#[test]
fn a_machine_that_has_enough_is_well() {
    let root = machine("4096\n");
    let (code, stdout, stderr) = run(&mut rtio(&format!("doctor --devices 1 --root {}", root.path().display())));
    assert!(stdout.contains("ok   net.core.somaxconn             is 4096, needs 4096\n"), "{stdout}{stderr}");
    // The limit of descriptors is that of this process, whatever the folder says: one device needs some, too.
    assert_eq!(code == Some(0), !stdout.contains("LOW"), "{stdout}");
}

#[test]
fn what_is_not_enough_is_named_with_the_command_that_changes_it() {
    let root = machine("128\n");
    let flags = format!("doctor --root {}", root.path().display());
    let (code, stdout, _) = run(&mut rtio(&flags));
    assert_eq!(code, Some(1));
    assert!(stdout.contains(
        "LOW  net.core.somaxconn             is 128, needs 62500\n     sysctl -w net.core.somaxconn=62500\n"
    ));
    let (code, stdout, _) = run(&mut rtio(&format!("{flags} --json")));
    assert_eq!(code, Some(1));
    let findings: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let found = findings.as_array().unwrap().iter().find(|finding| finding["what"] == "net.core.somaxconn").unwrap();
    assert_eq!((&found["fine"], &found["is"]), (&serde_json::json!(false), &serde_json::json!(128)));
}
