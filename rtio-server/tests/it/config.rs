//! `rtio serve`: where its values come from, which are refused, and how it starts and ends.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::program::{Running, TestFile, rtio, run};

const FREE_PORTS: &str = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";

#[test]
fn serve_says_what_it_bound_and_ends_with_0_on_either_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut hub = Running::start(&mut rtio(FREE_PORTS));
        for (name, scheme) in [("devices ", ""), ("callers ", "http://")] {
            let value = hub.value_of(name);
            let addr = value.strip_prefix(scheme).unwrap().to_owned();
            assert!(addr.starts_with("127.0.0.1:") && !addr.ends_with(":0"), "{addr}");
            std::net::TcpStream::connect(addr).unwrap();
        }
        assert!(hub.value_of("descriptors ").parse::<u64>().unwrap() > 0);
        assert_eq!(hub.end_by(signal).0, Some(0));
    }
}

#[test]
fn a_flag_wins_over_its_variable_that_over_the_file_and_that_over_the_default() {
    let text =
        "[serve]\ndev = true\ndevice-addr = \"127.0.0.4:0\"\nhttp-addr = \"127.0.0.4:0\"\nadmin-addr = \"off\"\n";
    let file = TestFile::new("precedence", text);
    let check = |flags: &str, variable: Option<&str>, expected: &str| {
        let mut command = rtio(&format!("serve {flags}"));
        command.env("RTIO_CONFIG", &file.0).envs(variable.map(|value| ("RTIO_DEVICE_ADDR", value)));
        let mut hub = Running::start(&mut command);
        let addr = hub.value_of("devices ");
        assert!(addr.starts_with(expected), "{flags} {variable:?}: {addr}");
        assert!(hub.value_of("callers ").starts_with("http://127.0.0.4:"));
    };
    check("", None, "127.0.0.4:");
    check("", Some("127.0.0.3:0"), "127.0.0.3:");
    check("--device-addr 127.0.0.2:0", Some("127.0.0.3:0"), "127.0.0.2:");
    check("--device-addr 127.0.0.2:0", None, "127.0.0.2:");
}

#[test]
fn logs_are_text_or_json_and_can_be_turned_off() {
    let check = |flags: &str, is_expected: &dyn Fn(&str) -> bool| {
        let mut hub = Running::start(&mut rtio(&format!("{FREE_PORTS} {flags}")));
        hub.value_of("devices ");
        let (_, logs) = hub.end_by(Signal::TERM);
        assert!(is_expected(&logs), "{flags}: {logs}");
    };
    let is_json =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["level"] == "INFO");
    check("", &|logs| logs.contains(" INFO ") && logs.contains("draining"));
    check("--log-format json", &|logs| logs.contains("draining") && logs.lines().all(is_json));
    check("--log-level off", &str::is_empty);
    check("--log-level info,rtio=off", &|logs| !logs.contains("draining"));
}

#[test]
fn the_example_file_is_accepted() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/rtio.toml");
    let mut hub = Running::start(&mut rtio(&format!("{FREE_PORTS} --config {example}")));
    assert!(hub.value_of("devices ").starts_with("127.0.0.1:"));
}

#[test]
fn serve_without_a_verifier_refuses_to_start_and_says_what_to_configure() {
    for arguments in ["serve", "serve --device-addr 127.0.0.1:0"] {
        let (code, stdout, stderr) = run(&mut rtio(arguments));
        assert_eq!((code, stdout.as_str()), (Some(64), ""));
        assert!(stderr.contains("no verifier is configured") && stderr.contains("--dev"), "{stderr}");
    }
}

#[test]
fn an_address_that_is_taken_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    for (flag, other) in [("--device-addr", "--http-addr"), ("--http-addr", "--device-addr")] {
        let (code, stdout, stderr) = run(&mut rtio(&format!("serve --dev {flag} {addr} {other} 127.0.0.1:0")));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains(&addr.to_string()) && stderr.contains(flag), "{stderr}");
    }
}

/// Each key with a value that is refused, and what is said to be allowed.
const REFUSED: &[(&str, &str, &str)] = &[
    ("dev", "perhaps", "expected true or false"),
    ("device-addr", "localhost:17017", "expected an IP address and a port"),
    ("http-addr", "127.0.0.1", "expected an IP address and a port"),
    ("admin-addr", "none", "expected an IP address and a port, such as 127.0.0.1:17918, or off"),
    ("mqtt-addr", "0.0.0.0", "expected an IP address and a port"),
    ("proxy-protocol-from", "10.0.0.0/33", "expected an IP address or a network in CIDR notation"),
    ("cors-origin", "console.example.org", "expected * or one origin"),
    ("max-handshakes", "0", "expected a whole number from 1 to 1048576"),
    ("handshake-timeout", "9ms", "expected a time from 10ms to 1h"),
    ("jwt-jwks", "http://login.example.org/keys", "expected a file or an https URL"),
    ("jwt-algorithms", "HS256", "expected EdDSA, RS256 or ES256"),
    ("jwt-jwks-refresh", "9s", "expected a time from 10s to 1day"),
    ("jwt-cache", "1000001", "expected a whole number from 0 to 1000000"),
    ("open-callers", "perhaps", "expected true or false"),
    ("max-calls-per-caller", "-1", "expected a whole number from 0 to 16777216"),
    ("caller-rate", "1000001", "expected a whole number from 0 to 1000000"),
    ("caller-burst", "ten", "expected a whole number from 0 to 1000000"),
    ("call-timeout", "10", "expected a time from 10ms to 1h"),
    ("observe-timeout", "9ms", "expected a time from 10ms to 1h"),
    ("max-wait", "2h", "expected a time from 0s to 1h"),
    ("drain", "soon", "expected a time from 0s to 1h"),
    ("http-idle-timeout", "0s", "expected a time from 10ms to 1h"),
    ("http-header-timeout", "3601s", "expected a time from 10ms to 1h"),
    ("http-body-timeout", "0s", "expected a time from 10ms to 1h"),
    ("max-device-connections-per-peer", "0", "expected a whole number from 1 to 16777216"),
    ("max-http-connections-per-peer", "16777217", "expected a whole number from 1 to 16777216"),
    ("max-http2-streams", "0", "expected a whole number from 1 to 65536"),
    ("max-http-header-bytes", "8191", "expected a whole number from 8192 to 1048576"),
    ("max-http-headers", "4097", "expected a whole number from 1 to 4096"),
    ("max-device-connections", "0", "expected a whole number from 1 to 16777216"),
    ("max-unverified-connections", "16777217", "expected a whole number from 1 to 16777216"),
    ("max-http-connections", "-1", "expected a whole number from 1 to 16777216"),
    ("max-calls-per-device", "32769", "expected a whole number from 1 to 32768"),
    ("verifier", "nobody", "[possible values: any, registry, http]"),
    ("verifier-url", "ftp://a", "expected a URL such as https://"),
    ("max-verifications-per-second", "0", "expected a whole number from 1 to 1000000"),
    ("verifier-max-in-flight", "0", "expected a whole number from 1 to 65536"),
    ("verifier-cache-ttl", "2h", "expected a time from 0s to 1h"),
    ("backend-insecure", "perhaps", "expected true or false"),
    ("configurer-url", "127.0.0.1:17317", "expected a URL such as"),
    ("configurer-interval", "999ms", "expected a time from 1s to 1h"),
    ("realer-plain", "perhaps", "expected true or false"),
    ("realer-mqtt-url", "mqtt://a.example", "expected a URL such as mqtts://"),
    ("realer-token-lifetime", "9s", "expected a time from 10s to 1day"),
    ("realer-mqtt-credential-lifetime", "2days", "expected a time from 10s to 1day"),
    ("realer-renew-after", "100", "expected a whole number from 1 to 99"),
    ("realer-catalog-expected", "0s", "expected a time from 1s to 30days"),
    ("realer-catalog-minimum", "2days", "expected a time from 0s to 1day"),
    ("realer-desired-states-expected", "31days", "expected a time from 1s to 30days"),
    ("realer-desired-states-minimum", "5", "expected a time from 0s to 1day"),
    ("realer-feed-data-expected", "999ms", "expected a time from 1s to 30days"),
    ("realer-feed-data-minimum", "-1s", "expected a time from 0s to 1day"),
    ("realer-max-request-bytes", "511", "expected a whole number from 512 to 1048576"),
    ("realer-max-batch-items", "0", "expected a whole number from 1 to 10000"),
    ("realer-backoff-initial", "0s", "expected a time from 1s to 1day"),
    ("realer-backoff-multiplier", "11", "expected a whole number from 1 to 10"),
    ("realer-backoff-max", "never", "expected a time from 1s to 1day"),
    ("realer-desired-expiry", "0s", "expected a time from 1s to 1year"),
    ("realer-future-tolerance", "2days", "expected a time from 0s to 1day"),
    ("realer-message-ids", "0s", "expected a time from 1s to 1year"),
    ("realer-keep-for", "0s", "expected a time from 1s to 10years"),
    ("realer-keep-per-device", "0", "expected a whole number from 1 to 1000000000"),
    ("realer-keep-desired", "0", "expected a whole number from 1 to 1000000000"),
    ("realer-code", "4015=41", "expected two codes of four digits"),
    ("realer-replayed-label", "Replayed", "expected 1 to 32 characters of a-z and _"),
    ("log-level", "loud", "expected off, error, warn, info, debug or trace"),
    ("log-format", "xml", "[possible values: text, json]"),
];

#[test]
fn a_refused_value_is_named_with_its_key_and_with_where_it_stands() {
    for (key, value, allowed) in REFUSED {
        let file = TestFile::new(&format!("refused-{key}"), &format!("[serve]\n{key} = \"{value}\"\n"));
        let variable = format!("RTIO_{}", key.replace('-', "_").to_uppercase());
        let in_file = format!("it stands in {} as `{key}`", file.0.display());
        let in_variable = format!("it stands in the variable {variable}");
        let flag = format!("serve --{key}={value}");
        let cases = [
            (rtio(&flag), ""),
            (rtio("serve"), in_variable.as_str()),
            (rtio(&format!("serve --config {}", file.0.display())), in_file.as_str()),
        ];
        for (nth, (mut command, place)) in cases.into_iter().enumerate() {
            // A switch takes no value on the command line; clap says so itself.
            if nth == 0 && matches!(*key, "dev" | "backend-insecure" | "open-callers" | "realer-plain") {
                continue;
            }
            if nth == 1 {
                command.env(&variable, value);
            }
            let (code, stdout, stderr) = run(&mut command);
            assert_eq!((code, stdout.as_str()), (Some(64), ""), "{key}: {stderr}");
            for part in [&format!("--{key}"), *value, *allowed, place] {
                assert!(stderr.contains(part), "{part:?} is missing: {stderr}");
            }
        }
    }
}

#[test]
fn a_file_with_what_nobody_knows_is_refused() {
    for (nth, (text, expected)) in [
        ("[serv]\n", "unknown section [serv] in FILE; allowed: [serve], [device], [call], [observe]"),
        ("[serve]\ndrian = \"1s\"\n", "unknown key `drian` of [serve] in FILE; allowed: dev, "),
        ("[serve]\nconfig = \"x\"\n", "unknown key `config` of [serve] in FILE"),
        ("[serve]\nhelp = true\n", "unknown key `help` of [serve] in FILE"),
        ("[call]\nuri = \"/a\"\n", "unknown key `uri` of [call] in FILE; allowed: hub, "),
        ("drain = \"1s\"\n", "unknown section [drain] in FILE"),
        ("serve = 1\n", "`serve` in FILE is a section"),
        (
            "[serve]\ndrain = [\"1s\"]\n",
            "key `drain` of [serve] in FILE has the value [\"1s\"]; expected a string, a number",
        ),
        ("[device]\necho = [[\"/a\"]]\n", "key `echo` of [device] in FILE has the value [[\"/a\"]]; expected a list"),
        ("[serve\n", "the configuration file FILE is no TOML: "),
    ]
    .into_iter()
    .enumerate()
    {
        let file = TestFile::new(&format!("unknown-{nth}"), text);
        let path = file.0.display().to_string();
        let (code, stdout, stderr) = run(&mut rtio(&format!("--config {path} serve --dev")));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{text}");
        assert!(stderr.contains(&expected.replace("FILE", &path)), "{text}: {stderr}");
    }
    let (code, _, stderr) = run(&mut rtio("serve --dev --config /nowhere/rtio.toml"));
    assert_eq!(code, Some(64));
    assert!(stderr.contains("cannot read the configuration file /nowhere/rtio.toml: "), "{stderr}");
}

#[test]
fn authorities_are_not_given_together_with_the_wish_to_trust_anybody() {
    let file = TestFile::new("trust", "[serve]\nbackend-ca = \"/ca.pem\"\nbackend-insecure = true\n");
    for arguments in
        ["serve --dev --backend-ca /ca.pem --backend-insecure", &format!("serve --dev --config {}", file.0.display())]
    {
        let (code, _, stderr) = run(&mut rtio(arguments));
        assert_eq!(code, Some(64), "{stderr}");
        assert!(stderr.contains("--backend-ca and --backend-insecure contradict each other"), "{stderr}");
    }
}

#[test]
fn callers_need_keys_or_somebody_who_says_that_they_do_not() {
    for (arguments, expected) in [
        ("serve --data-dir /nowhere/at/all", "no keys for callers' tokens are configured"),
        ("serve --verifier any", "no keys for callers' tokens are configured"),
        ("serve --dev --open-callers --jwt-key key.pem", "--open-callers contradicts --jwt-key"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(arguments));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{arguments}");
        assert!(stderr.contains(expected), "{arguments}: {stderr}");
    }
}

#[test]
fn a_verifier_needs_what_it_asks() {
    for (arguments, expected) in [
        ("serve", "no verifier is configured"),
        ("serve --open-callers --data-dir /nowhere/at/all", "cannot use /nowhere/at/all"),
        ("serve --verifier http", "--verifier http needs --verifier-url"),
        ("serve --verifier registry", "--verifier registry needs --data-dir"),
        ("serve --dev --verifier http", "--verifier http needs --verifier-url"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(arguments));
        let exit = if arguments.contains("/nowhere") { 1 } else { 64 };
        assert_eq!((code, stdout.as_str()), (Some(exit), ""), "{arguments}");
        assert!(stderr.contains(expected), "{arguments}: {stderr}");
    }
}
