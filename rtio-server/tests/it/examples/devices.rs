//! The example devices.

use super::{Example, asks, curl_lines};
use crate::support::backends::Echo;
use crate::support::hub;
use crate::support::tls::Ca;

#[tokio::test]
async fn simple_device_answers_both_forms() {
    let hub = hub().start().await;
    let _example = Example::start(&hub, "simple_device").await;
    let curl = curl_lines(include_str!("../../../../examples/src/bin/simple_device.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
    let reply = asks(&hub, &curl[1]).await;
    assert_eq!((reply.envelope(), reply.field("id")), (("OK".to_owned(), b"world".to_vec()), "12667".to_owned()));
}

#[tokio::test]
async fn simple_device_tls_answers_over_a_session_that_it_verified() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca.pem()).expect("the folder can be written");
    let hub = hub().with_device_tls(&ca).start().await;
    let flags = ["--ca", file.to_str().expect("text")];
    let _example = Example::start_with(&hub, "simple_device_tls", &flags).await;
    let curl = curl_lines(include_str!("../../../../examples/src/bin/simple_device_tls.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
}

#[tokio::test]
async fn simple_device_obget_streams_in_both_forms() {
    let hub = hub().start().await;
    let _example = Example::start(&hub, "simple_device_obget").await;
    let curl = curl_lines(include_str!("../../../../examples/src/bin/simple_device_obget.rs"));
    let (direct, compatible) = tokio::join!(asks(&hub, &curl[0]), asks(&hub, &curl[1]));
    for (reply, id) in [(direct, 0), (compatible, 12667)] {
        let text = reply.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], format!(r#"{{"id":{id},"fid":0,"code":"CONTINUE","data":"d29ybGQgMA=="}}"#));
        assert_eq!(lines[10], format!(r#"{{"id":{id},"fid":10,"code":"TERMINATE","data":""}}"#));
    }
}

#[tokio::test]
async fn simple_device_copost_to_server_reports_and_answers() {
    let hub = hub().with_service("/aa/bb", Echo).start().await;
    let mut example = Example::start(&hub, "simple_device_copost_to_server").await;
    let curl = curl_lines(include_str!("../../../../examples/src/bin/simple_device_copost_to_server.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
    example.prints("report answered with").await;
}
