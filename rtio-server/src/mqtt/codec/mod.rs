//! The border to the bytes of MQTT, and the only place that knows the library `mqtt-protocol-core`. Pure: no IO, no clock.
//!
//! Called by the session. [`Frames`] finds the packets in the bytes; what the library does not look at is looked at before it sees the
//! packet (`incoming`, `connect`), so that nothing a client sends is taken on trust; `reasons` has each code of both versions.

mod connect;
mod frames;
mod incoming;
mod outgoing;
mod reasons;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU16;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::{Connection, Version as LibraryVersion, role};

use self::frames::{Frame, Frames, Kind};
use super::packet::{Connect, ConnectRefusal, Incoming, Message, Outgoing, PacketId, Qos, Reason, Version};

/// What this edge takes from one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of one packet; told in CONNACK of version 5. 64 at least.
    pub(super) max_packet_bytes: u32,
    /// Messages of the client that are not answered yet; told in CONNACK of version 5. In 3.1.1 it holds as well, so whoever decodes stops
    /// before it is reached.
    pub(super) receive_maximum: NonZeroU16,
}

/// The bytes of one connection. While nothing is under way it keeps none of them.
pub(super) struct Codec {
    limits: Limits,
    frames: Frames,
    state: State,
    /// What the client takes of one packet.
    max_sent_bytes: u32,
    library: Connection<role::Server>,
}

/// Without the library's state, of which there is much.
impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("limits", &self.limits).field("state", &self.state).finish_non_exhaustive()
    }
}

/// How far the connection is.
///
/// `Silent` → CONNECT → `Met` → CONNACK → `Open` → DISCONNECT of either side, or an error → `Over`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    Met(Version, Lasting),
    Open(Version, Lasting),
    Over(Version),
    /// Over before it was known what the client speaks.
    OverUnknown,
}

/// Whether the client asked that its session outlives the connection; what it did not ask for it may not ask for when it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    Yes,
    No,
}

/// The client broke the protocol: the connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) reason: Reason,
    /// What that means for a client that has not been let in; there before CONNACK and only there.
    pub(super) refusal: Option<ConnectRefusal>,
    /// What may be written before the connection ends: CONNACK, DISCONNECT or nothing.
    pub(super) last_words: Vec<u8>,
}

/// Why a message was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    /// It does not fit into a packet, or into one that the client takes.
    TooLarge,
    /// It cannot be numbered: the client takes no more before it has acknowledged some, the ids have run out, or the id is in use.
    NoId,
}

impl Codec {
    pub(super) fn new(limits: Limits) -> Self {
        let options = ConnectionOptions::new()
            .maximum_packet_size_recv(limits.max_packet_bytes)
            .receive_maximum(limits.receive_maximum.get());
        Self {
            limits,
            frames: Frames::default(),
            state: State::Silent,
            max_sent_bytes: outgoing::MAX_PACKET_BYTES,
            library: Connection::with_options(LibraryVersion::Undetermined, options),
        }
    }

    /// Takes at most one packet off the front: how many bytes were taken, and the packet if one is whole. If none is, all bytes were taken.
    ///
    /// An acknowledgement is passed on even if no message of that id waits for one: a client that comes back may be behind.
    ///
    /// # Errors
    ///
    /// [`Broken`], and from then on always.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Result<(usize, Option<Incoming>), Broken> {
        let broken = match self.step(bytes) {
            Ok(done) => return Ok(done),
            Err(Failure::Broken(broken)) => broken,
            Err(Failure::Reason(reason)) => self.broken(reason),
        };
        self.frames = Frames::default();
        self.state = self.state.over();
        Err(broken)
    }

    /// Appends the packet. What the version has no packet for, and what does not belong here now, is not written.
    pub(super) fn encode(&mut self, packet: &Outgoing, out: &mut Vec<u8>) {
        let Some(version) = self.version() else { return };
        if let Some(packet) = outgoing::packet(version, packet) {
            // The library refuses nothing but what does not belong here: each packet fits into what the client takes.
            let _out_of_place = write(&self.library.send(packet), out);
        }
        self.state = match packet {
            Outgoing::Accepted { .. } => self.state.open(),
            Outgoing::Refused(_) | Outgoing::Disconnect(_) => self.state.over(),
            Outgoing::Acknowledge { .. }
            | Outgoing::Subscribed { .. }
            | Outgoing::Unsubscribed { .. }
            | Outgoing::Pong => self.state,
        };
    }

    /// Appends a message; its id if it is to be acknowledged.
    ///
    /// # Errors
    ///
    /// [`Unsent`]: nothing was written.
    pub(super) fn publish(
        &mut self,
        message: &Message,
        qos: Qos,
        out: &mut Vec<u8>,
    ) -> Result<Option<PacketId>, Unsent> {
        let id = match qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce => {
                let id = self.library.acquire_packet_id().map_err(|_| Unsent::NoId)?;
                Some(PacketId::new(id).ok_or(Unsent::NoId)?)
            }
        };
        self.send(message, id, outgoing::Delivery::First, out)?;
        Ok(id)
    }

    /// Appends a message that an earlier connection of the session has sent already, under the id that it had.
    ///
    /// # Errors
    ///
    /// [`Unsent`]: nothing was written.
    pub(super) fn publish_again(&mut self, id: PacketId, message: &Message, out: &mut Vec<u8>) -> Result<(), Unsent> {
        self.library.register_packet_id(id.get()).map_err(|_| Unsent::NoId)?;
        self.send(message, Some(id), outgoing::Delivery::Again, out)
    }

    /// What the client speaks, once it has said so.
    pub(super) const fn version(&self) -> Option<Version> {
        match self.state {
            State::Silent | State::OverUnknown => None,
            State::Met(version, _) | State::Open(version, _) | State::Over(version) => Some(version),
        }
    }

    fn send(
        &mut self,
        message: &Message,
        id: Option<PacketId>,
        delivery: outgoing::Delivery,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsent> {
        let version = self.version().ok_or(Unsent::NoId)?;
        let sent = match outgoing::message(version, message, id, delivery) {
            Some(packet) => write(&self.library.send(packet), out),
            None => Err(MqttError::PacketTooLarge),
        };
        sent.map_err(|error| {
            if let Some(id) = id {
                // The library keeps the ids of some messages that it refuses.
                self.library.release_packet_id(id.get());
            }
            if error == MqttError::PacketTooLarge { Unsent::TooLarge } else { Unsent::NoId }
        })
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Incoming>), Failure> {
        if matches!(self.state, State::Over(_) | State::OverUnknown) {
            return Err(Reason::ProtocolError.into());
        }
        let Some(first) = self.frames.first().or_else(|| bytes.first().copied()) else { return Ok((0, None)) };
        let kind = Kind::of(first)?;
        if (kind == Kind::Connect) != (self.state == State::Silent) {
            return Err(Reason::ProtocolError.into());
        }
        let (taken, frame) = self.frames.take(bytes, self.limits.max_packet_bytes)?;
        let Some(mut frame) = frame else { return Ok((taken, None)) };
        let packet = match self.state {
            State::Silent => {
                let met = self.meet(&frame);
                frame.wipe();
                met?
            }
            State::Met(version, lasting) | State::Open(version, lasting) => {
                self.receive(kind, &frame, version, lasting)?
            }
            State::Over(_) | State::OverUnknown => return Err(Reason::ProtocolError.into()),
        };
        Ok((taken, Some(packet)))
    }

    /// CONNECT. The library is told of it only what it has to keep to: with the whole it would keep copies of messages, and timers.
    fn meet(&mut self, frame: &Frame<'_>) -> Result<Incoming, Failure> {
        let connect = connect::read(frame.body()).map_err(Failure::Broken)?;
        let introduction = connect::introduction(&connect).map_err(reasons::of_error)?;
        self.state = State::Met(connect.version, Lasting::of(&connect));
        self.max_sent_bytes = connect.max_packet_bytes;
        self.hear(&introduction)?;
        Ok(Incoming::Connect(Box::new(connect)))
    }

    fn receive(
        &mut self,
        kind: Kind,
        frame: &Frame<'_>,
        version: Version,
        lasting: Lasting,
    ) -> Result<Incoming, Failure> {
        incoming::check(kind, frame, version)?;
        if kind == Kind::Acknowledgement
            && let Some(id) = incoming::acknowledged(frame, version)?
            && self.is_free(id)
        {
            return Ok(Incoming::Acknowledged(id));
        }
        let packet = self.hear(&frame.bytes)?.ok_or(Reason::ProtocolError)?;
        let packet = incoming::of_packet(packet)?;
        incoming::check_room(&packet, version, self.max_sent_bytes)?;
        if let Incoming::Disconnect { session_expiry } = packet {
            if lasting == Lasting::No && session_expiry.is_some_and(|seconds| seconds > 0) {
                return Err(Reason::ProtocolError.into());
            }
            self.state = State::Over(version);
        }
        Ok(packet)
    }

    /// One whole packet, in the library's ears. Nothing that it would answer is written: `reasons` says what a client is told.
    fn hear(&mut self, bytes: &[u8]) -> Result<Option<Packet>, Reason> {
        let mut packet = None;
        for event in self.library.recv(&mut Cursor::new(bytes)) {
            match event {
                Event::NotifyPacketReceived(received) => packet = Some(received),
                Event::NotifyError(error) => return Err(reasons::of_error(error)),
                Event::RequestSendPacket { .. }
                | Event::NotifyPacketIdReleased(_)
                | Event::RequestTimerReset { .. }
                | Event::RequestTimerCancel(_)
                | Event::RequestClose => {}
            }
        }
        Ok(packet)
    }

    /// Whether no message has this id.
    fn is_free(&mut self, id: PacketId) -> bool {
        let free = self.library.register_packet_id(id.get()).is_ok();
        if free {
            self.library.release_packet_id(id.get());
        }
        free
    }

    fn broken(&self, reason: Reason) -> Broken {
        match self.state {
            State::Silent => Broken::unmet(reason),
            State::Met(version, _) => Broken::refused(version, reason, self.max_sent_bytes),
            State::Open(version, _) => {
                let last_words = outgoing::disconnect(version, reason, self.max_sent_bytes);
                Broken { reason, refusal: None, last_words }
            }
            State::Over(_) | State::OverUnknown => Broken { reason, refusal: None, last_words: Vec::new() },
        }
    }
}

/// What ends a connection, with or without the words for it.
enum Failure {
    Broken(Broken),
    Reason(Reason),
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl Broken {
    /// Before it is known what the client speaks.
    const fn unmet(reason: Reason) -> Self {
        Self { reason, refusal: Some(ConnectRefusal::Malformed), last_words: Vec::new() }
    }

    /// After CONNECT, before CONNACK.
    fn refused(version: Version, reason: Reason, max_sent_bytes: u32) -> Self {
        let last_words = outgoing::refusal(version, reason, max_sent_bytes);
        Self { reason, refusal: Some(ConnectRefusal::Malformed), last_words }
    }
}

impl State {
    const fn open(self) -> Self {
        match self {
            Self::Met(version, lasting) => Self::Open(version, lasting),
            Self::Silent | Self::Open(..) | Self::Over(_) | Self::OverUnknown => self,
        }
    }

    const fn over(self) -> Self {
        match self {
            Self::Silent | Self::OverUnknown => Self::OverUnknown,
            Self::Met(version, _) | Self::Open(version, _) | Self::Over(version) => Self::Over(version),
        }
    }
}

impl Lasting {
    const fn of(connect: &Connect) -> Self {
        if connect.session_expiry == 0 { Self::No } else { Self::Yes }
    }
}

/// Appends what the library wants sent.
fn write(events: &[Event], out: &mut Vec<u8>) -> Result<(), MqttError> {
    for event in events {
        match event {
            Event::RequestSendPacket { packet, .. } => {
                packet.to_buffers().iter().for_each(|part| out.extend_from_slice(part))
            }
            Event::NotifyError(error) => return Err(*error),
            Event::NotifyPacketReceived(_)
            | Event::NotifyPacketIdReleased(_)
            | Event::RequestTimerReset { .. }
            | Event::RequestTimerCancel(_)
            | Event::RequestClose => {}
        }
    }
    Ok(())
}
