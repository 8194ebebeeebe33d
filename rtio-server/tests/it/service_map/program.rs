//! The executable with a table in its configuration file, and with a configurer: what it refuses, and what it logs.

use rustix::process::Signal;
use serde_json::json;

use crate::program::{Running, TestFile, rtio, run};
use crate::support::configurer::{FakeConfigurer, Manner};

const FREE_PORTS: &str = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";

#[test]
fn a_table_that_is_wrong_is_told_with_file_line_and_uri_before_anything_starts() {
    for (nth, (entry, expected)) in [
        ("\"/a\" = \"nowhere\"", "\"/a\": expected a URL such as https://"),
        ("\"/a\" = 7", "\"/a\": expected a URL in quotes, or a table with the key url"),
        (
            "\"/a\" = { url = \"http://a\", retries = 1 }",
            "\"/a\": unknown field `retries`, expected one of `url`, `form`",
        ),
        ("\"/a\" = { url = \"http://a\", timeout = \"6s\" }", "\"/a\": timeout: expected a time from 10ms to 5s"),
        ("\"\" = \"http://a\"", "\"\": expected a URI of 1 to 128 bytes"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = TestFile::new(&format!("table-{nth}"), &format!("[device-services]\n{entry}\n"));
        let (code, stdout, stderr) = run(&mut rtio(&format!("{FREE_PORTS} --config {}", file.0.display())));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{stderr}");
        let expected = format!("[device-services] in {}, line 2: {expected}", file.0.display());
        assert!(stderr.contains(&expected), "{expected} is missing: {stderr}");
    }
}

#[test]
fn uris_of_one_digest_in_a_table_are_both_named() {
    for (nth, (uris, expected)) in [
        (
            ["/plumless", "/buckeroo"],
            "\"/plumless\" (of the configuration file) and \"/buckeroo\" (of the configuration file)",
        ),
        (["/rtio/time", "/a"], "\"/rtio/time\" (of the configuration file) and \"/rtio/time\" (the hub's own)"),
    ]
    .into_iter()
    .enumerate()
    {
        let entries = uris.map(|uri| format!("\"{uri}\" = \"http://a\"\n")).concat();
        let file = TestFile::new(&format!("table-collision-{nth}"), &format!("[device-services]\n{entries}"));
        let (code, stdout, stderr) = run(&mut rtio(&format!("{FREE_PORTS} --config {}", file.0.display())));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{stderr}");
        assert!(stderr.contains(expected), "{expected} is missing: {stderr}");
    }
}

#[test]
fn at_sighup_the_table_is_read_again_and_a_wrong_one_leaves_the_old() {
    let file = TestFile::new("table-sighup", "[device-services]\n\"/a\" = \"http://127.0.0.1:9/\"\n");
    let mut hub = Running::start(&mut rtio(&format!("{FREE_PORTS} --config {}", file.0.display())));
    has_logged(&mut hub, "the map of device services changed uris=1 changes=added 1 (\"/a\")");
    hub.value_of("devices ");
    std::fs::write(&file.0, "[device-services]\n\"/a\" = 1\n").unwrap();
    hub.sends(Signal::HUP);
    has_logged(&mut hub, "[device-services] cannot be read again, the old table stays");
    std::fs::write(&file.0, "[device-services]\n\"/b\" = \"http://127.0.0.1:9/\"\n").unwrap();
    hub.sends(Signal::HUP);
    has_logged(&mut hub, "changes=added 1 (\"/b\"), removed 1 (\"/a\")");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_wrong_with_the_configurer_is_logged_once_and_so_is_that_it_is_well_again() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/a")}));
    configurer.becomes(Manner::OtherId);
    let flags = format!("{FREE_PORTS} --configurer-url {} --configurer-interval 1h", configurer.url());
    let mut hub = Running::start(&mut rtio(&flags));
    has_logged(&mut hub, "no map from the configurer, the last good one stays");
    for asked in 2..5 {
        hub.sends(Signal::HUP);
        crate::support::eventually("it is asked", || configurer.questions().len() >= asked).await;
    }
    configurer.becomes(Manner::Sound);
    hub.sends(Signal::HUP);
    let logs = has_logged(&mut hub, "the configurer is well again");
    assert!(!logs.contains("WARN"), "{logs}");
    assert!(logs.contains("changes=added 1 (\"/a\")"), "{logs}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

/// Reads the log up to a line with `text`.
pub(super) fn has_logged(hub: &mut Running, text: &str) -> String {
    let mut logs = String::new();
    while !logs.contains(text) {
        let line = hub.log_line();
        assert!(!line.is_empty(), "{text:?} is missing: {logs}");
        logs.push_str(&line);
    }
    logs
}
