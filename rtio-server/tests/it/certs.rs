//! `rtio certs` as a user runs it: the files, their modes, what openssl says of them, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::program::{rtio, run};

/// Runs `rtio certs` into the folder.
fn certs(folder: &Path, flags: &str) -> (Option<i32>, String, String) {
    run(&mut rtio(&format!("certs --out {} {flags}", folder.display())))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn openssl(arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new("openssl").args(arguments).output() else {
        eprintln!("skipped: there is no openssl");
        return None;
    };
    Some((output.status.success(), format!("{output:?}")))
}

#[test]
fn certificates_are_files_with_private_keys_and_stdout_names_them() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/certs");
    let (code, stdout, stderr) = certs(&folder, "--client PRINTER-001 --client ~ --days 1");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let made = ["ca", "server", "device-PRINTER-001", "device-~"];
    let mut expected: Vec<_> =
        made.iter().flat_map(|name| [format!("{name}.pem"), format!("{name}-key.pem")]).collect();
    expected.sort();
    assert_eq!(names(&folder), expected);
    for name in expected {
        let path = folder.join(&name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(name.ends_with("-key.pem") == (mode == 0o600), "{name}: {mode:o}");
        assert!(stdout.lines().any(|line| line.ends_with(&format!(" {}", path.display()))), "{stdout}");
    }
    assert!(!stdout.contains("PRIVATE"));
}

#[test]
fn openssl_verifies_a_server_for_its_names_and_a_device_of_a_later_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(certs(folder.path(), "--host hub.example --host 192.0.2.7").0, Some(0));
    let (code, stdout, _) = certs(folder.path(), "--client d");
    assert_eq!((code, stdout.lines().count()), (Some(0), 2), "the CA is the one that was there");
    let verify = |what: &[&str], file: &str| {
        openssl(&[&["verify", "-CAfile", &path("ca.pem"), "-x509_strict"], what, &[&path(file)]].concat())
    };
    for (what, file, good) in [
        (["-purpose", "sslserver", "-verify_hostname", "hub.example"], "server.pem", true),
        (["-purpose", "sslserver", "-verify_ip", "192.0.2.7"], "server.pem", true),
        (["-purpose", "sslserver", "-verify_hostname", "other.example"], "server.pem", false),
        (["-purpose", "sslclient", "-verify_hostname", "d"], "device-d.pem", true),
        (["-purpose", "sslserver", "-verify_hostname", "d"], "device-d.pem", false),
    ] {
        let Some((verified, output)) = verify(&what, file) else { return };
        assert_eq!(verified, good, "{output}");
    }
}

#[test]
fn what_is_there_stays_unless_it_is_forced() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(certs(folder.path(), "--client d").0, Some(0));
    let (ca, device) = (read("ca.pem"), read("device-d.pem"));
    for (flags, name) in [("", "ca.pem"), ("--client e --client d", "device-d.pem"), ("--host h", "server.pem")] {
        let (code, stdout, stderr) = certs(folder.path(), flags);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{flags}");
        assert!(stderr.starts_with(&format!("rtio: no certificates were made: {name} is there already")), "{stderr}");
    }
    assert_eq!((read("ca.pem"), names(folder.path()).len()), (ca.clone(), 6), "nothing was made half");
    assert_eq!(certs(folder.path(), "--client d --force").0, Some(0));
    assert!(read("ca.pem") != ca && read("device-d.pem") != device);
}

#[test]
fn a_ca_that_cannot_sign_and_a_folder_that_cannot_be_made_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(certs(folder.path(), "").0, Some(0));
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let (code, _, stderr) = certs(folder.path(), "--client d");
    let line =
        format!("rtio: no certificates were made: {} cannot sign: it is no certificate in PEM\n", file.display());
    assert_eq!((code, stderr), (Some(1), line));
    let (code, _, stderr) = certs(&file.join("below"), "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("cannot use {}", file.join("below").display())), "{stderr}");
}

#[test]
fn wrong_ids_names_and_days_are_wrong_usage() {
    for (flags, expected) in [
        ("--client a:b", "'--client <ID>': expected 1 to 64 characters"),
        ("--client ../a", "'--client <ID>': expected 1 to 64 characters"),
        ("--host h:443", "'--host <NAME_OR_IP>': expected a DNS name or an IP address"),
        ("--days 0", "'--days <NUMBER>': expected a whole number from 1 to 3650"),
        ("--days 3651", "'--days <NUMBER>': expected a whole number from 1 to 3650"),
    ] {
        let (code, _, stderr) = certs(Path::new("/nowhere"), flags);
        assert_eq!(code, Some(64), "{flags}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}
