//! `rtio device run` against the hub's end of a session.

use rtio_proto::StatusCode;
use rtio_proto::session::{CallOutcome, HubEvent, ObservationEnd, Verdict};
use rustix::process::Signal;

use crate::device_port::DevicePort;
use crate::program::{Running, rtio, run};

#[test]
fn a_device_verifies_itself_answers_echoes_streams_and_ends_with_0_on_either_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let port = DevicePort::open();
        let flags = "--secret s3:cret --answer /status=idle --echo /echo --stream /progress=1,2,0s,2";
        let mut device = Running::start(&mut rtio(&format!("device run PRINTER-001 --server {} {flags}", port.addr())));
        let (mut link, who) = port.accept();
        assert_eq!(who, "PRINTER-001:s3:cret");
        link.answer_verify(Verdict::Accepted);
        assert_eq!(device.line(), "serving as PRINTER-001\n");

        for (uri, status, data) in [
            ("/status", StatusCode::Ok, "idle"),
            ("/echo", StatusCode::Ok, "now"),
            ("/progress", StatusCode::MethodNotAllowed, ""),
            ("/nothing", StatusCode::NotFound, ""),
        ] {
            let outcome = CallOutcome::Answered { status, data: data.into() };
            assert_eq!(link.call(uri, b"now"), HubEvent::CallDone { token: (), outcome }, "{uri}");
        }

        let observation = link.observe("/progress");
        assert_eq!(link.event(), HubEvent::ObservationStarted { token: () });
        for _ in 0..2 {
            assert_eq!(link.event(), HubEvent::Notified { token: (), data: b"1,2".to_vec() });
            link.grant_frame(observation);
        }
        assert_eq!(link.event(), HubEvent::ObservationEnded { token: (), end: ObservationEnd::Terminated });
        assert_eq!(device.end_by(signal).0, Some(0));
    }
}

#[test]
fn a_device_that_the_hub_refuses_says_so_and_exits_with_6() {
    let port = DevicePort::open();
    let device = rtio(&format!("device run d --server {} --log-level off", port.addr())).spawn().unwrap();
    let (mut link, who) = port.accept();
    assert_eq!(who, "d:");
    link.answer_verify(Verdict::Refused);
    let (code, stdout, stderr) = crate::program::ended(device.wait_with_output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(6), ""));
    assert!(stderr.starts_with("rtio: the device cannot run: hub refused the device"), "{stderr}");
}

#[test]
fn a_device_without_a_hub_says_so_and_still_ends_with_0() {
    // An address that nobody listens on.
    let addr = DevicePort::open().addr();
    let mut device = Running::start(&mut rtio(&format!("device run d --server {addr}")));
    assert!(device.log_line().contains("no connection to the hub"));
    assert_eq!(device.end_by(Signal::INT).0, Some(0));
}

#[test]
fn a_uri_with_two_behaviours_is_wrong_usage() {
    for flags in ["--answer /a=b --echo /a", "--echo /a --echo /a", "--stream /a=b,1s,1 --stream /a=b,1s,1"] {
        let (code, stdout, stderr) = run(&mut rtio(&format!("device run d {flags}")));
        assert_eq!((code, stdout.as_str()), (Some(64), ""));
        assert!(stderr.contains("\"/a\""), "{stderr}");
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let (_, help, _) = run(rtio("device run --help").env("RTIO_SECRET", "s3cret"));
    assert!(!help.contains("s3cret"), "{help}");
}
