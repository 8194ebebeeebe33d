//! The beginning of a connection: who is this, and may it come in (docs/protocol.md §2).

use std::future::poll_fn;
use std::sync::Arc;

use rtio_proto::limits::VERIFY_TIMEOUT;
use rtio_proto::session::{CloseReason, Verdict};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::poll_requests;
use super::link::{Link, Request};
use super::span;
use crate::hub::ports::Verification;
use crate::hub::{DeviceId, DeviceLink, LinkInfo, Presence, Slowed};
use crate::net::tls::Identity;

/// Waits for the device to verify itself and asks about it. `None`: it was not let in, and the session is closed.
pub(super) async fn run(
    reader: &mut OwnedReadHalf,
    link: &Arc<Link>,
    identity: Option<Identity>,
    unverified: OwnedSemaphorePermit,
) -> Option<Presence> {
    let shutdown = &link.devices().shutdown;
    let presence = tokio::select! {
        presence = admit(reader, link, identity) => presence,
        () = time_out(link) => None,
        () = shutdown.triggered() => {
            link.end(CloseReason::Shutdown);
            None
        }
    };
    drop(unverified);
    presence
}

async fn admit(reader: &mut OwnedReadHalf, link: &Arc<Link>, identity: Option<Identity>) -> Option<Presence> {
    let mut requests = link.handle_early_bytes();
    if requests.is_empty() {
        warn_of_tls_hello(reader, link).await;
        requests = poll_fn(|cx| poll_requests(cx, reader, link)).await;
    }
    let Some(Request::Verify { id, secret }) = requests.into_iter().next() else { return None };
    if link.is_closed() {
        return None;
    }
    let Ok(device) = DeviceId::parse(&id) else {
        link.answer_verify(Verdict::Malformed);
        link.flush();
        return None;
    };
    if let Some(identity) = identity.filter(|identity| !identity.names(device.as_str())) {
        let names: Vec<&str> = identity.all().collect();
        span::of(link.peer(), Some(&device))
            .in_scope(|| tracing::warn!(?names, "device refused: its certificate is that of another"));
        link.answer_verify(Verdict::Refused);
        link.flush();
        return None;
    }
    let hub = &link.devices().hub;
    let revocations = hub.revocations();
    let verdict = match hub.verify(link.peer().ip(), &device, secret.reveal()).await {
        Verification::Accepted => settled(link, &device).await,
        Verification::AcceptedBy(credential) => {
            link.verified_by(credential);
            settled(link, &device).await
        }
        Verification::Refused => Verdict::Refused,
        Verification::Unavailable => Verdict::Unavailable,
    };
    // The answer is queued before the device can be called, and written after it can: it is the first frame that the device
    // gets, and once it has it, calls arrive.
    link.answer_verify(verdict);
    // A verdict that came too late has closed the session, and a closed one must not replace a live one.
    let let_in = verdict == Verdict::Accepted && !link.is_closed();
    let presence = let_in.then(|| {
        span::at_debug(link.peer(), Some(&device)).in_scope(|| tracing::debug!("device online"));
        hub.attach(device, Arc::clone(link) as Arc<dyn DeviceLink>)
    });
    if let Some(presence) = &presence
        && !hub.still_accepts(revocations, presence.device(), secret.reveal()).await
    {
        link.end(CloseReason::Revoked);
    }
    link.flush();
    presence
}

/// A device whose id others take over again and again waits before it does so, too.
async fn settled(link: &Link, device: &DeviceId) -> Verdict {
    let tell = |present: LinkInfo, slowed: Slowed| {
        let delay_ms = slowed.delay.as_millis();
        span::of(link.peer(), Some(device)).in_scope(|| {
            tracing::warn!(present = %present.peer, delay_ms, "devices dispute an id: this one and the one that is present");
        });
    };
    match link.devices().hub.settle(device, tell).await {
        Ok(()) => Verdict::Accepted,
        Err(error) => {
            span::of(link.peer(), Some(device)).in_scope(|| tracing::warn!(%error, "device sent away"));
            Verdict::Unavailable
        }
    }
}

/// Says in the log what is wrong when the device speaks TLS and the port does not. To the protocol it is an odd verification,
/// which is refused as such; nobody would guess the cause.
async fn warn_of_tls_hello(reader: &mut OwnedReadHalf, link: &Link) {
    let mut first = [0; TLS_HELLO.len()];
    if !link.has_tls() && matches!(reader.peek(&mut first).await, Ok(2)) && first == TLS_HELLO {
        tracing::warn!(peer = %link.peer(), "a TLS hello came, but the devices' port has no TLS (--device-tls-cert)");
    }
}

async fn time_out(link: &Link) {
    tokio::time::sleep(VERIFY_TIMEOUT).await;
    while !link.is_closed() {
        link.check_deadlines();
        tokio::time::sleep(rtio_proto::time::Duration::from_millis(1)).await;
    }
}

/// What a TLS handshake begins with: the type of its record and the major version (RFC 8446 §5.1).
const TLS_HELLO: [u8; 2] = [0x16, 0x03];
