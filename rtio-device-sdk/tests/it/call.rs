//! Calls from the hub: statuses, failures of handlers, and how many run at once.

use std::sync::Arc;

use bytes::Bytes;
use rtio_device_sdk::{HandlerError, StatusCode};
use rtio_proto::session::CallOutcome;

use crate::fake_hub::{FakeHub, device, gate};

#[tokio::test]
async fn every_way_a_handler_ends_has_its_status_and_harms_nothing_else() {
    let hub = FakeHub::start().await;
    let failing = |error: HandlerError| move |_: Bytes| std::future::ready(Err::<Bytes, _>(error.clone()));
    let builder = device()
        .on_copost("/rainbow", |_| async { Ok("world") })
        .on_copost("/echo", |request| async move { Ok(request) })
        .on_copost("/parse", |request: Bytes| async move { Ok(std::str::from_utf8(&request)?.to_uppercase()) })
        .on_copost("/missing", failing(HandlerError::NotFound))
        .on_copost("/picky", failing(HandlerError::BadRequest))
        .on_copost("/busy", failing(HandlerError::TooManyRequests))
        .on_copost("/big", |_| async { Ok(vec![0; 512]) })
        .on_copost("/brim", |_| async { Ok(vec![b'x'; 511]) })
        .on_copost("/panic", |request| async move { if request.is_empty() { panic!("on purpose") } else { Ok("") } })
        .on_copost("/early", |request| {
            assert!(!request.is_empty(), "on purpose");
            async { Ok("") }
        })
        .on_observe("/watch", |_, _| async { Ok(()) });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let brim = vec![b'x'; 511];
    let cases: [(&str, &[u8], StatusCode, &[u8]); 13] = [
        ("/rainbow", b"hello", StatusCode::Ok, b"world"),
        ("/echo", b"", StatusCode::Ok, b""),
        ("/echo", b"hello", StatusCode::Ok, b"hello"),
        ("/parse", b"hello", StatusCode::Ok, b"HELLO"),
        ("/parse", b"\xff", StatusCode::InternalError, b""),
        ("/missing", b"", StatusCode::NotFound, b""),
        ("/picky", b"", StatusCode::BadRequest, b""),
        ("/busy", b"", StatusCode::TooManyRequests, b""),
        ("/big", b"", StatusCode::InternalError, b""),
        ("/brim", b"", StatusCode::Ok, &brim),
        ("/panic", b"", StatusCode::InternalError, b""),
        ("/early", b"", StatusCode::InternalError, b""),
        ("/watch", b"", StatusCode::MethodNotAllowed, b""),
    ];
    for (uri, request, status, answer) in cases {
        assert_eq!(hub_end.ask(uri, request).await, (status, answer.to_vec()), "{uri}");
    }
    assert_eq!(hub_end.ask("/nowhere", b"").await.0, StatusCode::NotFound);
    assert_eq!(hub_end.ask("/rainbow", b"hello").await.0, StatusCode::Ok);
}

#[tokio::test]
async fn a_slow_handler_delays_no_other_call() {
    let hub = FakeHub::start().await;
    let slow = gate();
    let waits = Arc::clone(&slow);
    let builder = device().on_copost("/rainbow", |_| async { Ok("world") }).on_copost("/slow", move |_| {
        let waits = Arc::clone(&waits);
        async move { waits.acquire().await.map(|_| "done").map_err(Into::into) }
    });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let call = hub_end.call("/slow", b"").await;
    for _ in 0..10 {
        assert_eq!(hub_end.ask("/rainbow", b"").await, (StatusCode::Ok, b"world".to_vec()));
    }
    slow.add_permits(1);
    let done = CallOutcome::Answered { status: StatusCode::Ok, data: b"done".to_vec() };
    assert_eq!(hub_end.outcome(call).await, done);
}

#[tokio::test]
async fn sixty_four_handlers_run_and_the_next_call_is_told_to_come_back() {
    let hub = FakeHub::start().await;
    let slow = gate();
    let waits = Arc::clone(&slow);
    let builder = device().on_copost("/slow", move |request| {
        let waits = Arc::clone(&waits);
        async move { waits.acquire().await.map(|_| request).map_err(Into::into) }
    });
    let (_running, mut hub_end) = hub.serve(builder).await;
    let mut calls = Vec::new();
    for number in 0..64_u8 {
        calls.push((hub_end.call("/slow", &[number]).await, number));
    }
    assert_eq!(hub_end.ask("/slow", b"one more").await.0, StatusCode::TooManyRequests);
    slow.add_permits(1);
    for (call, number) in calls {
        let own = CallOutcome::Answered { status: StatusCode::Ok, data: vec![number] };
        assert_eq!(hub_end.outcome(call).await, own);
    }
    assert_eq!(hub_end.ask("/slow", b"again").await.0, StatusCode::Ok);
}
