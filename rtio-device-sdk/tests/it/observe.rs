//! Observations: frames in order, back-pressure, and every way they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use rtio_device_sdk::{HandlerError, ObservationSink, SinkError, StatusCode};
use rtio_proto::session::{ObservationEnd, Verdict};
use tokio::sync::mpsc;

use crate::fake_hub::{FakeHub, HubEnd, Pipes, device, pipe, soon};

#[tokio::test]
async fn frames_come_in_order_no_faster_than_the_hub_takes_them_until_the_caller_leaves() {
    let hub = FakeHub::start().await;
    let (left, mut caller_left) = mpsc::channel(1);
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let builder = device().on_observe("/count", move |_, mut sink| {
        let (left, count) = (left.clone(), Arc::clone(&count));
        async move {
            let error = count_up(&mut sink, &count).await;
            left.send(error).await.map_err(Into::into)
        }
    });
    let builder = builder.on_copost("/rainbow", |_| async { Ok("world") });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let observation = hub_end.observe("/count", b"").await;
    hub_end.started(observation.0).await;
    for number in 0..100_u32 {
        assert_eq!(hub_end.frame(observation).await, number.to_be_bytes());
    }
    // The caller takes nothing more: the window of two fills, the second frame goes unanswered, calls go on.
    let granted = sent.load(Ordering::Relaxed);
    hub_end.frame_kept(observation.0).await;
    hub_end.frame_kept(observation.0).await;
    for _ in 0..20 {
        assert_eq!(hub_end.ask("/rainbow", b"").await.0, StatusCode::Ok);
    }
    assert!(sent.load(Ordering::Relaxed) <= granted + 2);
    hub_end.apply(|session, now| session.leave_observation(now, observation.1)).await;
    assert_eq!(soon(caller_left.recv()).await, Some(SinkError::Closed));
}

#[tokio::test]
async fn a_stream_ends_its_observation_when_it_ends() {
    let hub = FakeHub::start().await;
    let builder = device().on_observe_stream("/count", |request: Bytes| Countdown(request[0]));
    let (_running, mut hub_end) = hub.serve(builder).await;
    for _ in 0..3 {
        let observation = hub_end.observe("/count", &[3]).await;
        for number in [3, 2, 1] {
            assert_eq!(hub_end.frame(observation).await, [number]);
        }
        assert_eq!(hub_end.end(observation.0).await, ObservationEnd::Terminated);
    }
    let (empty, _) = hub_end.observe("/count", &[0]).await;
    hub_end.started(empty).await;
    assert_eq!(hub_end.end(empty).await, ObservationEnd::Terminated);
}

#[tokio::test]
async fn a_failure_before_the_first_frame_refuses_and_one_after_it_ends_the_observation() {
    let hub = FakeHub::start().await;
    let builder = device()
        .on_observe("/picky", |_, _| async { Err(HandlerError::BadRequest) })
        .on_observe("/panic", |request, mut sink| async move {
            if !request.is_empty() {
                sink.send(request).await?;
            }
            panic!("on purpose")
        })
        .on_observe("/fail", |request, mut sink| async move {
            sink.send(request).await?;
            Err(HandlerError::NotFound)
        })
        .on_observe("/big", |_, mut sink| async move {
            let refused = sink.send(vec![0; 510]).await;
            assert_eq!(refused, Err(SinkError::TooLarge { len: 510, max: 509 }));
            sink.send(vec![0; 509]).await?;
            Ok(())
        })
        .on_copost("/rainbow", |_| async { Ok("world") });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let cases: [(&str, &[u8], usize, ObservationEnd); 7] = [
        ("/picky", b"", 0, ObservationEnd::Refused(StatusCode::BadRequest)),
        ("/panic", b"", 0, ObservationEnd::Refused(StatusCode::InternalError)),
        ("/panic", b"x", 1, ObservationEnd::Failed(StatusCode::InternalError)),
        ("/fail", b"x", 1, ObservationEnd::Failed(StatusCode::NotFound)),
        ("/nowhere", b"", 0, ObservationEnd::Refused(StatusCode::NotFound)),
        ("/rainbow", b"", 0, ObservationEnd::Refused(StatusCode::MethodNotAllowed)),
        ("/big", b"", 509, ObservationEnd::Terminated),
    ];
    for (uri, request, frame_bytes, end) in cases {
        let observation = hub_end.observe(uri, request).await;
        if frame_bytes > 0 {
            assert_eq!(hub_end.frame(observation).await.len(), frame_bytes, "{uri}");
        }
        assert_eq!(hub_end.end(observation.0).await, end, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observation_whose_first_frame_is_late_begins_after_a_second() {
    let (pipes, connections) = Pipes::new();
    let builder = device().on_observe("/late", |_, mut sink| async move {
        tokio::time::sleep(Duration::from_secs(9)).await;
        sink.send("late").await?;
        Err(HandlerError::NotFound)
    });
    let _running = tokio::spawn(builder.connect_with(pipes).unwrap().run());
    let (near, far) = pipe();
    connections.send(near).await.unwrap();
    let mut hub_end = HubEnd::verify(far, Verdict::Accepted).await;
    let began = tokio::time::Instant::now();
    let observation = hub_end.observe("/late", b"").await;
    hub_end.started(observation.0).await;
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(hub_end.frame(observation).await, b"late");
    assert_eq!(hub_end.end(observation.0).await, ObservationEnd::Failed(StatusCode::NotFound));
}

#[tokio::test]
async fn sixty_four_observations_live_and_the_next_is_refused() {
    let hub = FakeHub::start().await;
    let builder = device().on_observe("/wait", |_, mut sink| async move {
        sink.send("first").await?;
        std::future::pending().await
    });
    let (_running, mut hub_end) = hub.serve(builder).await;
    for _ in 0..64 {
        let observation = hub_end.observe("/wait", b"").await;
        hub_end.frame(observation).await;
    }
    let (one_more, _) = hub_end.observe("/wait", b"").await;
    assert_eq!(hub_end.end(one_more).await, ObservationEnd::Refused(StatusCode::TooManyObservers));
}

#[tokio::test]
async fn a_frame_whose_wait_was_dropped_is_sent_and_so_is_the_next() {
    let hub = FakeHub::start().await;
    let builder = device().on_observe("/hasty", |_, mut sink| async move {
        for frame in ["one", "two"] {
            tokio::select! {
                biased;
                sent = sink.send(frame) => sent?,
                () = std::future::ready(()) => {}
            }
        }
        sink.send("three").await?;
        Ok(())
    });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let observation = hub_end.observe("/hasty", b"").await;
    assert_eq!(hub_end.frame(observation).await, b"one");
    // The second may have been replaced by the third while the first was unanswered.
    let next = hub_end.frame(observation).await;
    if next == b"two" {
        assert_eq!(hub_end.frame(observation).await, b"three");
    } else {
        assert_eq!(next, b"three");
    }
    assert_eq!(hub_end.end(observation.0).await, ObservationEnd::Terminated);
}

/// Sends the numbers of its frames until it may not.
async fn count_up(sink: &mut ObservationSink, sent: &AtomicU32) -> SinkError {
    loop {
        if let Err(error) = sink.send(sent.load(Ordering::Relaxed).to_be_bytes().to_vec()).await {
            return error;
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts down to one.
struct Countdown(u8);

impl Stream for Countdown {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let number = self.0;
        self.0 = number.saturating_sub(1);
        Poll::Ready((number > 0).then(|| vec![number]))
    }
}
