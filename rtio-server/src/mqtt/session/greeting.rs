//! The beginning of a connection: the client says who it is, and is let in or not (pure).

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroize;

use super::super::calls::CallLimits;
use super::super::codec::{Broken, Codec, Limits};
use super::super::packet::{Connect, ConnectRefusal, Incoming, Outgoing, Version};
use super::{Client, Lasting, Session};
use crate::hub::DeviceId;
use crate::realer::MqttGrant;

/// A connection that waits for its client to say who it is.
pub(in crate::mqtt) struct Greeting {
    /// What came; the CONNECT is taken out once the client is let in.
    input: Vec<u8>,
    codec: Codec,
    /// Bytes of `input` that are the CONNECT.
    connect_bytes: usize,
}

impl Greeting {
    /// Nothing came so far.
    pub(in crate::mqtt) fn new() -> Self {
        let limits = Limits { max_packet_bytes: MAX_CONNECT_BYTES, receive_maximum: super::RECEIVE_MAXIMUM };
        Self { input: Vec::new(), codec: Codec::new(limits), connect_bytes: 0 }
    }

    /// Feeds what was read. `None`: the CONNECT is not whole yet.
    ///
    /// # Errors
    ///
    /// [`Broken`]: this is no CONNECT that can be answered with anything but its last words.
    pub(in crate::mqtt) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Option<Connect>, Broken> {
        let fed = self.input.len();
        self.keep(bytes);
        match self.codec.decode(&self.input[fed..])? {
            (taken, Some(Incoming::Connect(connect))) => {
                self.connect_bytes = fed + taken;
                Ok(Some(*connect))
            }
            // Only a CONNECT can be whole: the codec takes nothing else first.
            (_, _) => Ok(None),
        }
    }

    /// What grows in place leaves copies of a secret behind.
    fn keep(&mut self, bytes: &[u8]) {
        let len = self.input.len() + bytes.len();
        if len > self.input.capacity() {
            let mut larger = Vec::with_capacity(len.next_power_of_two());
            larger.extend_from_slice(&self.input);
            std::mem::replace(&mut self.input, larger).zeroize();
        }
        self.input.extend_from_slice(bytes);
    }

    /// The client is not let in: its last words.
    pub(in crate::mqtt) fn refuse(mut self, refusal: ConnectRefusal) -> Vec<u8> {
        let mut words = Vec::new();
        self.codec.encode(&Outgoing::Refused(refusal), &mut words);
        words
    }

    /// The client is let in, as `device`, and goes on with what `lasting` has of an earlier connection.
    pub(in crate::mqtt) fn accept(mut self, admission: Admission, lasting: Option<Lasting>) -> Session {
        let Admission { device, connect, grant, expires, now, calls } = admission;
        let version = connect.version;
        let (keep_alive, session_expiry) = (keep_alive(&connect), connect.session_expiry.min(MAX_SESSION_EXPIRY));
        // The CONNECT, which is read once more, fits in any case.
        let max_packet_bytes = grant.max_payload_bytes.saturating_add(PACKET_SLACK_BYTES).max(self.connect_bytes);
        let limits = Limits {
            max_packet_bytes: u32::try_from(max_packet_bytes).unwrap_or(u32::MAX),
            receive_maximum: super::RECEIVE_MAXIMUM,
        };
        // Only now is it known how large its packets may be, and that is fixed when a codec is made.
        let mut codec = Codec::new(limits);
        let again = codec.decode(&self.input[..self.connect_bytes]);
        debug_assert!(matches!(again, Ok((_, Some(_)))), "it was read before");
        let rest = self.input.split_off(self.connect_bytes);
        let accepted = Outgoing::Accepted {
            session_present: lasting.is_some(),
            keep_alive: Some(keep_alive).filter(|&seconds| seconds != connect.keep_alive),
            session_expiry: Some(session_expiry).filter(|&seconds| seconds != connect.session_expiry),
        };
        let client = Client {
            device,
            version,
            scopes: grant.scopes,
            expires,
            keep_alive: (keep_alive > 0).then(|| Duration::from_secs(keep_alive.into())),
            session_expiry,
            window: usize::from(connect.receive_maximum.get()).min(MAX_WINDOW),
            max_payload: grant.max_payload_bytes,
            max_data: max_data(&connect, &grant),
            calls,
        };
        Session::open(client, codec, (&accepted, lasting), (rest, now))
    }
}

/// Who is let in, and how.
#[derive(Debug)]
pub(in crate::mqtt) struct Admission {
    pub(in crate::mqtt) device: DeviceId,
    pub(in crate::mqtt) connect: Connect,
    pub(in crate::mqtt) grant: MqttGrant,
    /// When the grant ends.
    pub(in crate::mqtt) expires: Instant,
    pub(in crate::mqtt) now: Instant,
    /// The caps of its calls.
    pub(in crate::mqtt) calls: CallLimits,
}

/// Without what came.
impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting").field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// Whoever connects shows a secret.
impl Drop for Greeting {
    fn drop(&mut self) {
        self.input.zeroize();
    }
}

/// In seconds; version 5 can be told another one than it wanted.
fn keep_alive(connect: &Connect) -> u16 {
    match (connect.version, connect.keep_alive) {
        (Version::V3, wanted) => wanted,
        (Version::V5, 0) => MAX_KEEP_ALIVE,
        (Version::V5, wanted) => wanted.min(MAX_KEEP_ALIVE),
    }
}

/// Bytes of data of a request that the client takes.
fn max_data(connect: &Connect, grant: &MqttGrant) -> usize {
    (connect.max_packet_bytes as usize).saturating_sub(REQUEST_OVERHEAD_BYTES).min(grant.max_payload_bytes)
}

/// Bytes of a CONNECT: id, name and credential have under 200, the rest is a will and properties that nobody reads.
const MAX_CONNECT_BYTES: u32 = 4096;

/// What a packet of a client may have beyond the largest payload of its plan, so that a payload that is somewhat too large is
/// answered, and only one that is far too large ends the connection.
const PACKET_SLACK_BYTES: usize = 16 * 1024;

/// Topics, properties and URI of a request.
const REQUEST_OVERHEAD_BYTES: usize = 512;

/// A client is idle for an hour at most, in seconds; 3.1.1 cannot be told.
const MAX_KEEP_ALIVE: u16 = 3600;

/// How long a session is kept after its connection, in seconds: as long as an outage that a device bridges without starting anew.
pub(super) const MAX_SESSION_EXPIRY: u32 = 3600;

/// Messages in flight to one client: what the catalog announces for the other direction (contract §7.1).
pub(super) const MAX_WINDOW: usize = 10;
