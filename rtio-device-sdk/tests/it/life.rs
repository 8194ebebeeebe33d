//! The life of a device: mistakes of its builder, verification, heartbeat, lost connections, shutdown.

use std::sync::Arc;
use std::time::Duration;

use rtio_device_sdk::{ClientError, Device, FrameCode, PingInterval, StatusCode, UriDigest};
use rtio_proto::session::{CallOutcome, ObservationEnd, Verdict};
use tokio::sync::mpsc;

use crate::fake_hub::{FakeHub, HubEnd, PATIENCE, Pipes, device, gate, pipe, soon};

#[test]
fn mistakes_are_told_before_anything_connects() {
    let (first, second) = ("/bath/blind85/level", "/studio/alarm55/on");
    let long = "x".repeat(65);
    let cases = [
        (Device::builder(""), ClientError::InvalidDeviceId { id: String::new() }),
        (Device::builder("a b"), ClientError::InvalidDeviceId { id: "a b".into() }),
        (Device::builder(&*long), ClientError::InvalidDeviceId { id: long.clone() }),
        (Device::builder("a").secret(vec![0; 257]), ClientError::SecretTooLong { len: 257, max: 256 }),
        (
            Device::builder("a").on_copost(first, |_| async { Ok("") }).on_observe(second, |_, _| async { Ok(()) }),
            ClientError::DigestCollision { first: first.into(), second: second.into(), digest: UriDigest::of(first) },
        ),
        (
            Device::builder("a").on_copost(first, |_| async { Ok("") }).on_copost(first, |_| async { Ok("") }),
            ClientError::RegisteredTwice { uri: first.into() },
        ),
    ];
    for (builder, mistake) in cases {
        assert_eq!(builder.connect("127.0.0.1:1").err(), Some(mistake));
    }
}

#[tokio::test]
async fn a_refusal_of_the_device_is_final_and_a_verifier_that_cannot_be_asked_is_not() {
    let cases = [(Verdict::Refused, FrameCode::VerificationFailed), (Verdict::Malformed, FrameCode::InvalidParameter)];
    for (verdict, code) in cases {
        let hub = FakeHub::start().await;
        let running = hub.run(device());
        drop(hub.accept_with(Verdict::Unavailable).await);
        hub.accept_with(verdict).await;
        assert_eq!(soon(running.ended).await.unwrap(), Err(ClientError::Refused { code }));
        assert_eq!(running.device.online().await, Err(ClientError::Stopped));
        assert_eq!(running.device.copost("/aa/bb", "", PATIENCE).await, Err(ClientError::Stopped));
    }
}

#[tokio::test]
async fn a_device_comes_back_after_every_kind_of_loss() {
    let hub = FakeHub::start().await;
    let running = hub.run(device().on_copost("/rainbow", |_| async { Ok("world") }));
    for _ in 0..5 {
        let mut hub_end = hub.accept().await;
        assert_eq!(hub_end.ask("/rainbow", b"").await, (StatusCode::Ok, b"world".to_vec()));
    }
    assert!(!running.ended.is_finished());
}

#[tokio::test]
async fn an_answer_of_an_old_connection_never_reaches_a_new_one() {
    let hub = FakeHub::start().await;
    let slow = gate();
    let waits = Arc::clone(&slow);
    let builder = device().on_copost("/slow", move |request| {
        let waits = Arc::clone(&waits);
        async move { waits.acquire().await.map(|_| request).map_err(Into::into) }
    });
    let (_running, mut old) = hub.serve(builder).await;
    old.call("/slow", b"old").await;
    // Both calls have the first message id of their connections.
    drop(old);
    let mut new = hub.accept().await;
    let call = new.call("/slow", b"new").await;
    slow.add_permits(1);
    let own = CallOutcome::Answered { status: StatusCode::Ok, data: b"new".to_vec() };
    assert_eq!(new.outcome(call).await, own);
}

#[tokio::test]
async fn handlers_of_observations_are_dropped_with_the_connection() {
    struct Dropped(mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.try_send(()).unwrap();
        }
    }
    let hub = FakeHub::start().await;
    let (dropped, mut was_dropped) = mpsc::channel(1);
    let builder = device().on_observe("/wait", move |_, mut sink| {
        let guard = Dropped(dropped.clone());
        async move {
            let _guard = guard;
            sink.send("first").await?;
            std::future::pending().await
        }
    });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let observation = hub_end.observe("/wait", b"").await;
    hub_end.frame(observation).await;
    drop(hub_end);
    assert_eq!(soon(was_dropped.recv()).await, Some(()));
}

#[tokio::test]
async fn shutdown_lets_calls_end_takes_no_new_ones_and_terminates_observations() {
    let hub = FakeHub::start().await;
    let slow = gate();
    let waits = Arc::clone(&slow);
    let builder = device()
        .on_copost("/slow", move |request| {
            let waits = Arc::clone(&waits);
            async move { waits.acquire().await.map(|_| request).map_err(Into::into) }
        })
        .on_observe("/wait", |_, mut sink| async move {
            sink.send("first").await?;
            std::future::pending().await
        });
    let (running, mut hub_end) = hub.serve(builder).await;
    let observation = hub_end.observe("/wait", b"").await;
    hub_end.frame(observation).await;
    let call = hub_end.call("/slow", b"mine").await;
    // The answer to another call says that this one has begun.
    assert_eq!(hub_end.ask("/nowhere", b"").await.0, StatusCode::NotFound);
    running.device.shutdown();
    assert_eq!(hub_end.end(observation.0).await, ObservationEnd::Terminated);
    assert_eq!(hub_end.ask("/slow", b"late").await.0, StatusCode::TooManyRequests);
    slow.add_permits(1);
    let own = CallOutcome::Answered { status: StatusCode::Ok, data: b"mine".to_vec() };
    assert_eq!(hub_end.outcome(call).await, own);
    hub_end.closed().await;
    assert_eq!(soon(running.ended).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn shutdown_ends_a_device_that_has_no_connection() {
    let runner = device().connect("127.0.0.1:1").unwrap();
    let device = runner.device();
    let ended = tokio::spawn(runner.run());
    device.shutdown();
    assert_eq!(soon(ended).await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_device_stays_connected_by_its_heartbeat() {
    for seconds in [30, 300] {
        let (pipes, connections) = Pipes::new();
        let runner = device().heartbeat(PingInterval::from_seconds(seconds).unwrap()).connect_with(pipes).unwrap();
        let running = tokio::spawn(runner.run());
        let (near, far) = pipe();
        connections.send(near).await.unwrap();
        let mut hub_end = HubEnd::verify(far, Verdict::Accepted).await;
        assert!(hub_end.serve_for(Duration::from_secs(2 * 86_400)).await, "{seconds} s");
        running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_falls_silent_is_left_for_a_new_connection() {
    let (pipes, connections) = Pipes::new();
    let runner = device().connect_with(pipes).unwrap();
    let device = runner.device();
    let _running = tokio::spawn(runner.run());
    let (near, far) = pipe();
    connections.send(near).await.unwrap();
    let mut silent = HubEnd::verify(far, Verdict::Accepted).await;
    device.online().await.unwrap();
    let began = tokio::time::Instant::now();
    silent.ignore().await;
    // One interval to the ping, 15 s for its answer.
    assert_eq!(began.elapsed().as_secs(), 315);
    let (near, far) = pipe();
    connections.send(near).await.unwrap();
    HubEnd::verify(far, Verdict::Accepted).await;
}

#[tokio::test]
async fn what_runs_alongside_ends_with_the_device_and_its_panic_harms_nobody() {
    let hub = FakeHub::start().await;
    let (told, mut heard) = mpsc::channel(1);
    let builder = device().alongside(|_| async { panic!("this is meant to be") }).alongside(move |device| async move {
        device.online().await.unwrap();
        told.send(()).await.unwrap();
        std::future::pending().await
    });
    let (running, mut hub_end) = hub.serve(builder).await;
    assert_eq!(soon(heard.recv()).await, Some(()));
    running.device.shutdown();
    hub_end.closed().await;
    soon(running.ended).await.unwrap().unwrap();
    assert_eq!(soon(heard.recv()).await, None);
}
