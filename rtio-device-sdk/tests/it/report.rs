//! Reports from the device to the hub: each has the answer to its own, or says how far it got.

use std::time::Duration;

use rtio_device_sdk::{Capacity, ClientError, StatusCode, UriDigest};

use crate::fake_hub::{FakeHub, PATIENCE, device, soon};

#[tokio::test]
async fn a_report_gets_its_own_answer() {
    let hub = FakeHub::start().await;
    let (running, mut hub_end) = hub.serve(device()).await;
    let reports: Vec<_> = (0..16_u8)
        .map(|number| {
            let device = running.device.clone();
            (number, tokio::spawn(async move { device.copost("/aa/bb", vec![number], PATIENCE).await }))
        })
        .collect();
    for _ in 0..16 {
        let digest = hub_end.answer_report(|data| (StatusCode::Ok, [data, b"!"].concat())).await;
        assert_eq!(digest, UriDigest::of("/aa/bb"));
    }
    let (mut hub_end, served) = (hub_end, reports);
    let answers = async {
        for (number, report) in served {
            assert_eq!(report.await.unwrap().unwrap(), [number, b'!'][..]);
        }
    };
    soon(answers).await;
    let refused = tokio::spawn({
        let device = running.device.clone();
        async move { device.copost("/aa/bb", "x", PATIENCE).await }
    });
    hub_end.answer_report(|_| (StatusCode::NotFound, Vec::new())).await;
    assert_eq!(soon(refused).await.unwrap(), Err(ClientError::ReportRefused { status: StatusCode::NotFound }));
}

#[tokio::test]
async fn a_report_fits_the_capacity_that_was_asked_for() {
    for (capacity, max) in [(Capacity::Bytes512, 507), (Capacity::Bytes4096, 4091)] {
        let hub = FakeHub::start().await;
        let (running, mut hub_end) = hub.serve(device().capacity(capacity)).await;
        let too_large = running.device.copost("/aa/bb", vec![0; max + 1], PATIENCE).await;
        assert_eq!(too_large, Err(ClientError::TooLarge { len: max + 1, max }));
        let fits = tokio::spawn(async move { running.device.copost("/aa/bb", vec![0; max], PATIENCE).await });
        hub_end.answer_report(|data| (StatusCode::Ok, data.len().to_be_bytes().to_vec())).await;
        assert_eq!(soon(fits).await.unwrap().unwrap(), max.to_be_bytes()[..]);
    }
}

#[tokio::test]
async fn a_report_without_an_answer_says_how_far_it_got() {
    let hub = FakeHub::start().await;
    let running = hub.run(device());
    let waited = Duration::from_millis(50);
    assert_eq!(running.device.copost("/aa/bb", "x", waited).await, Err(ClientError::Offline { waited }));
    let hub_end = hub.accept().await;
    soon(running.device.online()).await.unwrap();
    assert_eq!(running.device.copost("/aa/bb", "x", waited).await, Err(ClientError::TimedOut { waited }));

    let device = running.device.clone();
    let lost = tokio::spawn(async move { device.copost("/aa/bb", "x", PATIENCE).await });
    let mut hub_end = hub_end;
    for _ in 0..2 {
        hub_end.wait(|event| matches!(event, rtio_proto::session::HubEvent::Report { .. })).await;
    }
    drop(hub_end);
    assert_eq!(soon(lost).await.unwrap(), Err(ClientError::ConnectionLost));
}

#[tokio::test]
async fn reports_without_answers_are_capped() {
    let hub = FakeHub::start().await;
    let (running, _hub_end) = hub.serve(device()).await;
    soon(running.device.online()).await.unwrap();
    let waited = Duration::from_millis(20);
    for _ in 0..16 {
        assert_eq!(running.device.copost("/aa/bb", "x", waited).await, Err(ClientError::TimedOut { waited }));
    }
    let one_more = running.device.copost("/aa/bb", "x", PATIENCE).await;
    assert_eq!(one_more, Err(ClientError::TooManyReports { max: 16 }));
}
