//! `rtio call` and `rtio observe` against a fake hub, and what wrong usage looks like.

use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::Signal;

use crate::fake_hub::{STREAM_HEAD, answer, answers_once, serves};
use crate::program::{Running, TestFile, ended, rtio, run};

fn problem(code: &str) -> String {
    format!(r#"{{"type":"about:blank","title":"T","status":0,"code":"{code}","delivery":"not_sent","detail":"D"}}"#)
}

#[test]
fn a_call_prints_the_bytes_of_the_answer_and_nothing_else() {
    let (hub, request) = answers_once("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\x00\n\x7f");
    let output = rtio(&format!("call PRINTER-001 /a?b/ü now --wait 7s --hub {hub}")).output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..], &output.stderr[..]), (Some(0), &b"\x00\n\x7f"[..], &b""[..]));
    let request = request.join().unwrap();
    assert!(request.head.starts_with("POST /PRINTER-001/a%3Fb/%C3%BC HTTP/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("\r\nprefer: wait=7\r\n"), "{}", request.head);
    assert!(request.head.contains(&format!("\r\nhost: {}\r\n", &hub["http://".len()..])), "{}", request.head);
    assert_eq!(request.body, b"now");
}

#[test]
fn a_call_sends_nothing_text_a_file_or_standard_input() {
    let file = TestFile::new("call-data", "from the file");
    let path = file.0.display();
    for (data, expected) in
        [(String::new(), ""), ("-1".into(), "-1"), (format!("@{path}"), "from the file"), ("-".into(), "from the pipe")]
    {
        let (hub, request) = answers_once(answer(200, ""));
        let mut child = rtio(&format!("call d /uri --hub {hub} {data}")).stdin(Stdio::piped()).spawn().unwrap();
        // A command that does not read its input may be gone by now.
        drop(child.stdin.take().unwrap().write_all(b"from the pipe"));
        assert_eq!(ended(child.wait_with_output().unwrap()), (Some(0), String::new(), String::new()), "{data}");
        assert_eq!(request.join().unwrap().body, expected.as_bytes());
    }
}

#[test]
fn the_exit_code_of_a_call_tells_the_failures_apart() {
    for (status, code, exit) in [
        (503, "DEVICEID_OFFLINE", 3),
        (504, "REQUEST_TIMEOUT", 4),
        (504, "DEVICEID_TIMEOUT", 4),
        (404, "NOT_FOUND", 5),
        (400, "BAD_REQUEST", 6),
        (405, "METHOD_NOT_ALLOWED", 6),
        (413, "BAD_REQUEST", 6),
        (429, "TOO_MANY_REQUESTS", 6),
        (429, "TOO_MANY_OBSERVERS", 6),
        (502, "INTERNAL_SERVER_ERROR", 1),
    ] {
        for command in ["call", "observe"] {
            let (hub, _request) = answers_once(answer(status, &problem(code)));
            let got = run(&mut rtio(&format!("{command} d /uri --hub {hub}")));
            let line = format!("rtio: {code}: D (delivery: not_sent)\n");
            assert_eq!(got, (Some(exit), String::new(), line), "{command}: {status} {code}");
        }
    }
}

#[test]
fn a_token_is_sent_and_what_is_wrong_with_it_has_its_own_exit_code() {
    let file = TestFile::new("token", "eyJ.from.file\n");
    let from_file = format!("--token-file {}", file.0.display());
    for command in ["call", "observe"] {
        for (status, flags, sent, said) in [
            (401, "", None, "the hub wants a token (--token-file, --token or RTIO_TOKEN)"),
            (401, "--token eyJ.a.b", Some("eyJ.a.b"), "the hub does not take the token"),
            (403, &*from_file, Some("eyJ.from.file"), "not allowed"),
            (403, "", None, "not allowed"),
        ] {
            let (hub, request) = answers_once(answer(status, "as text\n"));
            let got = run(&mut rtio(&format!("{command} d /uri --hub {hub} {flags}")));
            assert_eq!(got, (Some(8), String::new(), format!("rtio: {said}: HTTP {status}: as text\n")), "{flags}");
            let head = request.join().unwrap().head;
            let header = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
            assert_eq!(header, sent, "{head}");
        }
    }
    let (hub, request) = answers_once(answer(200, "idle"));
    let got = run(rtio(&format!("call d /uri --hub {hub}")).env("RTIO_TOKEN", "eyJ.from.variable"));
    assert_eq!(got, (Some(0), "idle".to_owned(), String::new()));
    assert!(request.join().unwrap().head.contains("\r\nauthorization: Bearer eyJ.from.variable\r\n"));
}

#[test]
fn a_token_that_is_none_is_wrong_usage_and_shown_nowhere() {
    for (flags, said) in [
        ("--token s,3cret", "the value of --token is no token"),
        ("--token s3cret --token-file /x", "both --token and --token-file are given"),
        ("--token-file /nowhere/token", "cannot read the token file /nowhere/token"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(&format!("call d /uri {flags}")));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{flags}");
        assert!(stderr.contains(said) && !stderr.contains("3cret"), "{stderr}");
    }
    let (_, help, _) = run(rtio("call --help").env("RTIO_TOKEN", "s3cret"));
    let config = TestFile::new("token-config", "[call]\ntoken = \"s3cret\"\n");
    let (_, with_file, _) = run(&mut rtio(&format!("call --help --config {}", config.0.display())));
    assert!(!help.contains("s3cret") && !with_file.contains("s3cret"), "{help}{with_file}");
}

#[test]
fn an_answer_without_a_problem_document_is_judged_by_its_status() {
    for (status, exit) in [(404, 5), (413, 6), (503, 3), (504, 4), (500, 1), (302, 1)] {
        let (hub, _request) = answers_once(answer(status, "as text\n"));
        let got = run(&mut rtio(&format!("call d /uri --hub {hub}")));
        assert_eq!(got, (Some(exit), String::new(), format!("rtio: HTTP {status}: as text\n")));
    }
}

#[test]
fn a_hub_that_is_not_there_or_is_none_gets_its_own_exit_code() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (no_http, _request) = answers_once("SSH-2.0-x\r\n");
    let (closes, _request) = answers_once("");
    for hub in [format!("http://{free}"), no_http, closes] {
        for command in ["call", "observe"] {
            let (code, stdout, stderr) = run(&mut rtio(&format!("{command} d /uri --hub {hub}")));
            assert_eq!((code, stdout.as_str()), (Some(7), ""));
            assert!(stderr.starts_with(&format!("rtio: the hub at {hub} ")), "{stderr}");
        }
    }
}

#[test]
fn an_observation_prints_the_data_of_each_frame_and_ends_with_its_last() {
    let frames = "{\"id\":0,\"fid\":0,\"code\":\"CONTINUE\",\"data\":\"b25l\"}\n\n\
                  {\"id\":0,\"fid\":1,\"code\":\"CONTINUE\",\"data\":\"\"}\n";
    let check = |flags: &str, last: &str, exit: i32, stdout: &str, stderr: &str| {
        let (hub, request) = answers_once(format!("{STREAM_HEAD}{frames}{last}"));
        let got = run(&mut rtio(&format!("observe d /a/b {flags} --hub {hub}")));
        assert_eq!(got, (Some(exit), stdout.to_owned(), stderr.to_owned()), "{last}");
        assert!(request.join().unwrap().head.starts_with("GET /d/a/b HTTP/1.1\r\n"));
    };
    let last = |code: &str, data: &str| format!("{{\"id\":0,\"fid\":2,\"code\":\"{code}\",\"data\":\"{data}\"}}\n");
    check("", &last("TERMINATE", ""), 0, "one\n\n", "");
    check("", &last("TERMINATE", "ZW5k"), 0, "one\n\nend\n", "");
    let raw = format!("{}{}", frames.replace("\n\n", "\n"), last("TERMINATE", ""));
    check("--json", &last("TERMINATE", ""), 0, &raw, "");
    for (code, exit) in [("DEVICEID_OFFLINE", 3), ("DEVICEID_TIMEOUT", 4), ("NOT_FOUND", 5), ("OUT_OF_INK", 1)] {
        check("", &last(code, ""), exit, "one\n\n", &format!("rtio: {code}: the observation ended\n"));
    }
    check("", "", 1, "one\n\n", "rtio: the hub ended the stream without a last frame\n");
}

#[test]
fn an_observation_prints_a_frame_when_it_comes_and_ends_cleanly_on_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (hub, served) = serves(move |stream, _| {
            let frame = "{\"id\":0,\"fid\":0,\"code\":\"CONTINUE\",\"data\":\"b25l\"}\n";
            stream.write_all(format!("{STREAM_HEAD}{frame}").as_bytes()).unwrap();
            // The stream stays open until the observer is gone.
            let _ = wait.recv();
        });
        let mut observer = Running::start(&mut rtio(&format!("observe d /uri --hub {hub}")));
        assert_eq!(observer.line(), "one\n");
        assert_eq!(observer.end_by(signal), (Some(0), String::new()));
        drop(go_on);
        served.join().unwrap();
    }
}

#[test]
fn wrong_usage_exits_with_64_and_says_what_is_allowed() {
    for (arguments, expected) in [
        ("", "Usage: rtio"),
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("serve --bogus", "unexpected argument '--bogus'"),
        ("device", "Usage: rtio device"),
        ("call d", "<URI>"),
        ("call a:b /uri", "invalid value 'a:b' for '<DEVICE>': expected 1 to 64 characters of A-Z a-z 0-9 . _ ~ -"),
        ("call d uri", "invalid value 'uri' for '<URI>': expected a URI that begins with a slash"),
        ("call d /u --wait 1500ms", "'--wait <TIME>': expected whole seconds from 0s to 1h"),
        ("observe d /u --hub h:1", "'--hub <URL>': expected http://HOST[:PORT] or https://HOST[:PORT]"),
        ("device run d --server nowhere", "'--server <HOST:PORT>': expected HOST:PORT"),
        ("device run d --answer /a", "'--answer <URI=TEXT>': expected URI=TEXT, such as"),
        ("device run d --echo a", "'--echo <URI>': expected a URI that begins with a slash"),
        ("device run d --stream /a=b,1s", "expected URI=TEXT,INTERVAL,COUNT, such as"),
        ("device run d --stream /a=b,1,5", "INTERVAL: expected a time from 0s to 1day"),
        ("device run d --stream /a=b,1s,0", "COUNT: expected a whole number from 1 to 4294967295"),
        ("device run d --stream a=b,1s,5", "URI: expected a URI that begins with a slash"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(arguments));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{arguments}: {stderr}");
        assert!(stderr.contains(expected), "{arguments}: {stderr}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (arguments, expected) in [
        ("--help", "RTIO_DEVICE_ADDR"),
        ("--version", concat!("rtio ", env!("CARGO_PKG_VERSION"))),
        ("serve --help", "from 10ms to 1h [env: RTIO_CALL_TIMEOUT] [default: 10s]"),
        ("call --help", "3   the device is offline"),
        ("observe --help", "7   the hub cannot be reached, or is not trusted"),
        ("device run --help", "--stream <URI=TEXT,INTERVAL,COUNT>"),
    ] {
        let (code, stdout, stderr) = run(rtio(arguments).env("COLUMNS", "120"));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments}");
        let unwrapped = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(&expected), "{arguments}: {stdout}");
    }
}
