//! What waits to leave for a client: bytes that are packets already, messages that wait for a place in flight, and messages in flight.

use std::collections::VecDeque;

use super::super::codec::{Codec, Unsent};
use super::super::packet::{Message, PacketId, Qos};

/// What waits to leave. Idle, it owns no heap.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Packets that leave before any message.
    pub(super) bytes: Vec<u8>,
    queued: VecDeque<Queued>,
    /// Of `queued`.
    queued_bytes: usize,
    /// Sent at least once, and not acknowledged. At most the client's window.
    in_flight: Vec<(PacketId, Message)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Queued {
    message: Message,
    qos: Qos,
    kind: Kind,
}

/// What a message is, for who must give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An acknowledgement: a device that misses it publishes again.
    Ack,
    /// A desired state: the store has it, and a new subscription is told it.
    Desired,
}

/// As much waits as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Messages that outlive a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    in_flight: Vec<(PacketId, Message)>,
    queued: VecDeque<Queued>,
}

impl Outbox {
    /// Goes on with what an earlier connection left: what was in flight is sent again, as far as the client's window goes.
    pub(super) fn resume(&mut self, codec: &mut Codec, messages: Messages, window: usize) {
        let Messages { mut in_flight, queued } = messages;
        let beyond = in_flight.split_off(window.min(in_flight.len()));
        for (id, message) in in_flight {
            if codec.publish_again(id, &message, &mut self.bytes).is_ok() {
                self.in_flight.push((id, message));
            }
        }
        let again = |(_, message)| Queued { message, qos: Qos::AtLeastOnce, kind: Kind::Desired };
        self.queued = beyond.into_iter().map(again).chain(queued).collect();
        self.queued_bytes = self.queued.iter().map(Queued::weight).sum();
    }

    /// Queues an acknowledgement. Where there is no room the oldest one gives way; says how many were lost.
    pub(super) fn push_ack(&mut self, message: Message, qos: Qos) -> u64 {
        let mut lost = 0;
        while !self.has_room(message.weight(), MAX_QUEUED, MAX_QUEUED_BYTES) {
            let Some(oldest) = self.queued.iter().position(|queued| queued.kind == Kind::Ack) else { return lost + 1 };
            self.queued_bytes -= self.queued.remove(oldest).map_or(0, |queued| queued.weight());
            lost += 1;
        }
        self.push(Queued { message, qos, kind: Kind::Ack });
        lost
    }

    /// Queues a desired state, unless the same waits or is in flight already. Some room is left to acknowledgements.
    pub(super) fn push_desired(&mut self, message: Message, qos: Qos) -> Result<(), Full> {
        let waits = self.queued.iter().any(|queued| queued.message == message);
        if waits || self.in_flight.iter().any(|(_, flying)| *flying == message) {
            return Ok(());
        }
        if !self.has_room(message.weight(), MAX_QUEUED / 4 * 3, MAX_QUEUED_BYTES / 4 * 3) {
            return Err(Full);
        }
        self.push(Queued { message, qos, kind: Kind::Desired });
        Ok(())
    }

    /// Makes packets of messages as long as the client's window has room, and there are not too many bytes yet. Says how many messages
    /// were dropped because the client takes no packet as large.
    pub(super) fn pump(&mut self, codec: &mut Codec, window: usize) -> u64 {
        let mut dropped = 0;
        while self.in_flight.len() < window && self.bytes.len() < CHUNK_BYTES {
            let Some(queued) = self.queued.pop_front() else { break };
            self.queued_bytes -= queued.weight();
            match codec.publish(&queued.message, queued.qos, &mut self.bytes) {
                Ok(Some(id)) => self.in_flight.push((id, queued.message)),
                Ok(None) => {}
                Err(Unsent::TooLarge | Unsent::NoId) => dropped += 1,
            }
        }
        self.release();
        dropped
    }

    /// The client has it.
    pub(super) fn acknowledged(&mut self, id: PacketId) {
        self.in_flight.retain(|(flying, _)| *flying != id);
        self.release();
    }

    /// Whether something waits that a client with this window can get now.
    pub(super) fn has_output(&self, window: usize) -> bool {
        !self.bytes.is_empty() || (!self.queued.is_empty() && self.in_flight.len() < window)
    }

    /// What outlives the connection. Desired states that were not sent are left to the store, which knows what of them is open when the
    /// client comes back.
    pub(super) fn take_messages(&mut self) -> Messages {
        let (in_flight, mut queued) = (std::mem::take(&mut self.in_flight), std::mem::take(&mut self.queued));
        queued.retain(|queued| queued.kind == Kind::Ack && queued.qos == Qos::AtLeastOnce);
        self.queued_bytes = 0;
        Messages { in_flight, queued }
    }

    fn push(&mut self, queued: Queued) {
        self.queued_bytes += queued.weight();
        self.queued.push_back(queued);
    }

    fn has_room(&self, weight: usize, max: usize, max_bytes: usize) -> bool {
        self.queued.len() < max && self.queued_bytes + weight <= max_bytes
    }

    /// An idle client keeps no memory of a busy time.
    fn release(&mut self) {
        if self.queued.is_empty() && self.queued.capacity() > 0 {
            self.queued = VecDeque::new();
        }
        if self.in_flight.is_empty() && self.in_flight.capacity() > 0 {
            self.in_flight = Vec::new();
        }
    }
}

impl Messages {
    /// Forgets those whose topic is not `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.in_flight.retain(|(_, message)| wanted(&message.topic));
        self.queued.retain(|queued| wanted(&queued.message.topic));
    }

    /// Bytes that this may take.
    pub(super) fn weight(&self) -> usize {
        let flying = self.in_flight.iter().map(|(_, message)| message.weight());
        flying.chain(self.queued.iter().map(Queued::weight)).sum()
    }
}

impl Queued {
    fn weight(&self) -> usize {
        self.message.weight()
    }
}

impl Message {
    fn weight(&self) -> usize {
        self.topic.len() + self.payload.len() + MESSAGE_BYTES
    }
}

/// Messages that wait for one client: a device has ten publishes in flight, so this is many times what one that reads leaves here.
pub(super) const MAX_QUEUED: usize = 128;

/// Bytes of those.
pub(super) const MAX_QUEUED_BYTES: usize = 32 * 1024;

/// What a message costs beside its topic and payload.
const MESSAGE_BYTES: usize = 64;

/// Bytes that are made before the socket has taken those before: what it takes at once.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;
