//! `rtio call --all` as a process.

use std::io::Write;
use std::sync::mpsc;

use rustix::process::Signal;

use crate::fake_hub::{STREAM_HEAD, answer, answers_once, serves};
use crate::program::{Running, rtio, run};
use crate::support::hub;

/// Runs beside the hub of the test.
async fn runs(arguments: String) -> (Option<i32>, String, String) {
    tokio::task::spawn_blocking(move || run(&mut rtio(&arguments))).await.unwrap()
}

#[tokio::test]
async fn answers_are_printed_and_then_a_table() {
    let hub = hub().start().await;
    let addr = hub.http_addr;
    let (_one, _two) = (hub.device("A-1").await.answers("/status", b"idle"), hub.device("A-2").await.echoes());
    let (code, stdout, stderr) = runs(format!("call --hub http://{addr} --all A-* --all A-1 /status now")).await;
    let (answers, table) = stdout.split_once("\n\n").unwrap();
    let mut answers: Vec<_> = answers.lines().collect();
    answers.sort_unstable();
    assert_eq!((code, stderr.as_str(), &answers[..]), (Some(0), "", &["A-1\tidle", "A-2\tnow"][..]));
    assert_eq!(table, "OUTCOME   DEVICES   SHARE\nOK              2  100.0 %\nall             2\n");

    let (code, stdout, stderr) =
        runs(format!("call --hub http://{addr} --all A-2 --all gone --all B-* /status now")).await;
    assert_eq!((code, stderr.as_str()), (Some(9), "rtio: 1 of 2 devices did not answer with OK\n"));
    assert!(stdout.starts_with("A-2\tnow\n"), "{stdout}");
    assert!(stdout.contains("\nDEVICEID_OFFLINE         1   50.0 %\n"), "{stdout}");
    assert!(stdout.ends_with("\nDEVICEID_OFFLINE: gone\n"), "{stdout}");

    let (code, stdout, _) = runs(format!("call --hub http://{addr} --json --all A-1 --all gone /status")).await;
    let lines: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len(), &lines[2]["summary"]["devices"]), (Some(9), 3, &2.into()));
}

#[tokio::test]
async fn a_group_of_many_shows_its_progress_in_lines_where_there_is_no_terminal() {
    let hub = hub().start().await;
    let _fleet = crate::support::fleet::puts_online(&hub, (0..3000).map(|number| format!("device-{number}")));
    let (code, stdout, stderr) = runs(format!("call --hub http://{} --all * /status x", hub.http_addr)).await;
    assert_eq!((code, stdout.lines().filter(|line| line.ends_with("\tx")).count()), (Some(0), 3000));
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines.len() >= 3 && lines[0].starts_with("rtio: 1000 devices, 0 not OK, "), "{stderr}");
}

#[test]
fn what_is_asked_is_a_request_of_the_hub() {
    let line = |last: &str| format!("{STREAM_HEAD}{last}\n");
    let (hub, request) = answers_once(line(r#"{"summary":{"devices":0,"codes":{},"ms":0}}"#));
    let arguments = format!("call --hub {hub} --token eyJ.a.b --all A-* --all B --concurrency 7 --wait 9s /uri -1");
    let got = run(&mut rtio(&arguments));
    assert_eq!(got, (Some(0), "\nOUTCOME   DEVICES   SHARE\nall             0\n".into(), String::new()));
    let request = request.join().unwrap();
    assert!(request.head.starts_with("POST /v1/calls HTTP/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("\r\nauthorization: Bearer eyJ.a.b\r\n"), "{}", request.head);
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let expected = r#"{"devices":["A-*","B"],"uri":"/uri","data_base64":"LTE=","concurrency":7,"wait":9}"#;
    assert_eq!(body, serde_json::from_str::<serde_json::Value>(expected).unwrap());
}

#[test]
fn what_is_no_end_of_a_group_call_is_said() {
    let ok = r#"{"device":"a","code":"OK","data":"eA==","ms":1}"#;
    let table = "\nOUTCOME   DEVICES   SHARE\nOK              1  100.0 %\nall             1\n";
    for (last, exit, said) in [
        (
            r#"{"aborted":"draining","devices":1,"codes":{"OK":1},"ms":1}"#,
            9,
            "the hub ended the group call before its end: draining",
        ),
        ("", 1, "the hub ended the stream without a last frame"),
        ("nonsense", 1, "the hub sent a line that is no frame: expected ident at line 1 column 2"),
    ] {
        let (hub, _request) = answers_once(format!("{STREAM_HEAD}{ok}\n{last}\n"));
        let (code, stdout, stderr) = run(&mut rtio(&format!("call --hub {hub} --all a /uri")));
        assert_eq!((code, stdout, stderr), (Some(exit), format!("a\tx\n{table}"), format!("rtio: {said}\n")), "{last}");
    }
    let problem = r#"{"code":"TOO_MANY_REQUESTS","detail":"D","delivery":"not_sent"}"#;
    for (status, body, exit) in [(429, problem, 6), (401, "", 8), (404, "", 5)] {
        let (hub, _request) = answers_once(answer(status, body));
        assert_eq!(run(&mut rtio(&format!("call --hub {hub} --all a /uri"))).0, Some(exit), "{status}");
    }
}

#[test]
fn a_signal_stops_it_and_the_table_so_far_is_printed() {
    for signal in [Signal::INT, Signal::TERM] {
        let (go_on, wait) = mpsc::channel::<()>();
        let (hub, served) = serves(move |stream, _| {
            let answer = "{\"device\":\"a\",\"code\":\"OK\",\"data\":\"eA==\",\"ms\":1}\n";
            stream.write_all(format!("{STREAM_HEAD}{answer}").as_bytes()).unwrap();
            // The stream stays open until the caller is gone.
            let _ = wait.recv();
        });
        let mut caller = Running::start(&mut rtio(&format!("call --hub {hub} --all * /uri")));
        assert_eq!(caller.line(), "a\tx\n");
        caller.sends(signal);
        let table: Vec<_> = (0..4).map(|_| caller.line()).collect();
        assert_eq!(table.concat(), "\nOUTCOME   DEVICES   SHARE\nOK              1  100.0 %\nall             1\n");
        assert_eq!(caller.log_line(), "rtio: interrupted before the end of the group call\n");
        assert_eq!(caller.ends(), Some(9));
        drop(go_on);
        served.join().unwrap();
    }
}

#[test]
fn arguments_that_do_not_go_together_are_wrong_usage() {
    for (arguments, expected) in [
        ("call d", "<URI> is missing"),
        ("call /uri now", "invalid value '/uri' for '<DEVICE>'"),
        ("call --all A-* d /uri", "--all says which devices"),
        ("call --all A-* /uri now more", "--all says which devices"),
        ("call --all A-*", "<DEVICE>"),
        ("call --all A-* --idempotency-key k /uri", "a group call has no --idempotency-key"),
        ("call --all A-* --concurrency 0 /uri", "'--concurrency <COUNT>'"),
        ("call --all A-* --concurrency 1025 /uri", "'--concurrency <COUNT>'"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(arguments));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{arguments}: {stderr}");
        assert!(stderr.contains(expected), "{arguments}: {stderr}");
    }
}
