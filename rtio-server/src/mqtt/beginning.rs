//! The beginning of a connection: who is this, and may it come in (contract §7.2, §7.3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::Mqtt;
use super::connection::{Connection, Unsent};
use super::link::Link;
use super::packet::{Connect, ConnectRefusal};
use super::session::{Admission, Greeting};
use crate::hub::ports::Verification;
use crate::hub::{DeviceId, DeviceLink, Ending, LinkInfo, Presence, Slowed};
use crate::net::{Admitted, Stream};
use crate::realer::{MqttGrant, Refusal, is_control_device};

/// Waits for the client to say who it is, and asks about it. `None`: it was not let in, and the connection is closed.
pub(super) async fn begin(edge: Arc<Mqtt>, admitted: Admitted, unverified: OwnedSemaphorePermit) -> Option<Connection> {
    let connected = Instant::now();
    let shutdown = edge.shutdown.clone();
    let connection = tokio::select! {
        connection = greet(edge, admitted, connected) => connection,
        () = shutdown.triggered() => None,
    };
    drop(unverified);
    connection
}

async fn greet(edge: Arc<Mqtt>, admitted: Admitted, connected: Instant) -> Option<Connection> {
    let Admitted { mut stream, peer, seat, .. } = admitted;
    let mut greeting = Greeting::new();
    let connect = match timeout(CONNECT_TIMEOUT, read_connect(&mut stream, &mut greeting)).await {
        Ok(Ok(connect)) => connect,
        Ok(Err(cause)) => {
            edge.metrics.connected(cause);
            return None;
        }
        Err(_) => {
            edge.metrics.connected("no_connect");
            return None;
        }
    };
    let revocations = edge.hub.revocations();
    let admitted = timeout(VERIFY_TIMEOUT, admit(&edge, peer, &connect)).await;
    let (device, grant) = match admitted.unwrap_or(Err(ConnectRefusal::Unavailable)) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            edge.metrics.connected(cause(refusal));
            tracing::debug!(%peer, client = %connect.client_id.escape_debug(), ?refusal, "MQTT client not let in");
            say_goodbye(stream, &greeting.refuse(refusal)).await;
            return None;
        }
    };
    edge.metrics.connected("accepted");
    let password = connect.password.clone();
    let (link, presence) = open(&edge, (peer, connected), greeting, (device, connect, grant));
    if edge.hub.revocations() != revocations && !still_may(&link, password.as_deref()).await {
        link.close(Ending::Revoked);
    }
    Some(Connection { stream, link, presence, _seat: seat, unsent: Unsent::default(), work: None })
}

/// Who has said its id, and shown that it is the one.
async fn admit(edge: &Mqtt, peer: SocketAddr, connect: &Connect) -> Result<(DeviceId, MqttGrant), ConnectRefusal> {
    let device = DeviceId::parse(&connect.client_id).ok().filter(is_control_device).ok_or(ConnectRefusal::ClientId)?;
    let password = connect.password.as_ref().and_then(|password| std::str::from_utf8(password).ok());
    let is_its_name = connect.user_name.as_deref() == Some(device.as_str());
    let password = password.filter(|_| is_its_name).ok_or(ConnectRefusal::BadCredential)?;
    let mut outcome = Err(Refusal::Unavailable);
    let verification = edge.hub.verify_by(peer.ip(), &device, async {
        outcome = edge.realer.connect_mqtt(&device, password).await;
        match &outcome {
            Ok(grant) => Verification::AcceptedBy(grant.credential),
            Err(Refusal::BadToken) => Verification::Refused,
            Err(Refusal::Unavailable | Refusal::Bug) => Verification::Unavailable,
            // It has proved who it is.
            Err(_) => Verification::Accepted,
        }
    });
    let verification = verification.await;
    match (verification, outcome) {
        (Verification::AcceptedBy(_), Ok(grant)) => {
            settle(edge, peer, &device).await?;
            Ok((device, grant))
        }
        (Verification::Accepted, _) => Err(ConnectRefusal::NotAuthorized),
        (Verification::Refused, _) => Err(ConnectRefusal::BadCredential),
        (Verification::Unavailable | Verification::AcceptedBy(_), _) => Err(ConnectRefusal::Unavailable),
    }
}

/// A client whose id others take over again and again waits before it does so, too.
async fn settle(edge: &Mqtt, peer: SocketAddr, device: &DeviceId) -> Result<(), ConnectRefusal> {
    let tell = |present: LinkInfo, slowed: Slowed| {
        let delay_ms = slowed.delay.as_millis();
        tracing::warn!(%device, %peer, present = %present.peer, delay_ms, "devices dispute an id: this one and the one that is present");
    };
    edge.hub.settle(device, tell).await.map_err(|error| {
        tracing::warn!(%device, %peer, %error, "MQTT client sent away");
        ConnectRefusal::Unavailable
    })
}

/// Puts the client online. CONNACK is the first that it gets: it waits in the session before anybody else can say anything to it.
fn open(
    edge: &Arc<Mqtt>,
    (peer, connected): (SocketAddr, Instant),
    greeting: Greeting,
    (device, connect, grant): (DeviceId, Connect, MqttGrant),
) -> (Arc<Link>, Presence) {
    let now = Instant::now();
    let left_ms = grant.expires_ms.saturating_sub(edge.realer.now_ms()).max(0).unsigned_abs();
    let (credential, starts_clean) = (grant.credential, connect.starts_clean);
    let turn = edge.sessions.turn(&device);
    let lasting = edge.sessions.take(&device, now).filter(|_| !starts_clean);
    let (expires, calls) = (now + Duration::from_millis(left_ms), edge.calls);
    let session = greeting.accept(Admission { device: device.clone(), connect, grant, expires, now, calls }, lasting);
    let is_persistent = session.is_persistent();
    let link = Arc::new(Link::new(Arc::clone(edge), (device.clone(), credential), (peer, connected), session));
    let presence = edge.hub.attach(device, Arc::clone(&link) as Arc<dyn DeviceLink>);
    if is_persistent {
        edge.sessions.hold(link.device(), &link);
    }
    drop(turn);
    if edge.shutdown.is_triggered() {
        // Whoever closes all sessions may have looked before this one was there.
        link.close(Ending::Shutdown);
    }
    tracing::debug!(device = %link.device(), %peer, "MQTT client online");
    (link, presence)
}

/// Something was taken away while the client was let in, which has ended the sessions that were there then: whether it was this one's.
async fn still_may(link: &Link, password: Option<&Vec<u8>>) -> bool {
    let password = password.and_then(|password| std::str::from_utf8(password).ok()).unwrap_or_default();
    link.edge().realer.connect_mqtt(link.device(), password).await.is_ok()
}

/// Reads until the CONNECT is whole.
///
/// # Errors
///
/// Why there is none, as metrics name it; the client has heard what there is to say.
async fn read_connect(stream: &mut Stream, greeting: &mut Greeting) -> Result<Connect, &'static str> {
    let mut buffer = Zeroizing::new(vec![0; READ_BYTES]);
    loop {
        let len = stream.read(&mut buffer).await.map_err(|_| "broke")?;
        if len == 0 {
            return Err("broke");
        }
        match greeting.handle_bytes(&buffer[..len]) {
            Ok(Some(connect)) => return Ok(connect),
            Ok(None) => {}
            Err(broken) => {
                // The connection ends in any case.
                let _: io::Result<()> = write(stream, &broken.last_words).await;
                return Err(broken.refusal.map_or("protocol", cause));
            }
        }
    }
}

async fn say_goodbye(mut stream: Stream, words: &[u8]) {
    // The connection ends in any case.
    let _ = timeout(LINGER, async {
        write(&mut stream, words).await?;
        // A socket that is closed with unread bytes in it is reset, and the reset may overtake the answer.
        let mut sink = [0; 64];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

async fn write(stream: &mut Stream, words: &[u8]) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await
}

/// The name that metrics have.
const fn cause(refusal: ConnectRefusal) -> &'static str {
    match refusal {
        ConnectRefusal::Malformed => "malformed",
        ConnectRefusal::UnsupportedVersion => "version",
        ConnectRefusal::ClientId => "client_id",
        ConnectRefusal::BadCredential => "credential",
        ConnectRefusal::NotAuthorized => "not_authorized",
        ConnectRefusal::Unavailable => "unavailable",
    }
}

/// Time for a CONNECT to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for its client to be let in: as for devices with a session (docs/protocol.md §2).
const VERIFY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client that is not let in may take to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// A CONNECT is shorter.
const READ_BYTES: usize = 2048;
