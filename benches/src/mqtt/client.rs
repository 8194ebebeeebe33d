//! One connection of a device to a broker: its packets in, and its packets out.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Account;
use super::packet::{Packet, Unreadable, write_connect, write_puback, write_publish, write_subscribe};
use crate::port::{Port, Stream};

/// A device that is in, and has what it subscribed to.
#[derive(Debug)]
pub(super) struct Client {
    stream: Stream,
    input: Vec<u8>,
    /// Bytes of `input` that were handed out.
    taken: usize,
    /// Packets that wait to be written.
    out: Vec<u8>,
}

/// What a broker says to a device that is in.
#[derive(Debug)]
pub(super) enum Word<'a> {
    /// It took a message of the device.
    Accepted(u16),
    /// A message for it; the number is to be acknowledged.
    Message { topic: &'a str, id: Option<u16>, payload: &'a [u8] },
}

impl Client {
    /// Connects, and subscribes to these topics.
    pub(super) async fn connect(broker: &Port, account: &Account, topics: &[String]) -> io::Result<Self> {
        let stream = broker.connect_device(account.device).await?;
        let mut client = Self { stream, input: Vec::new(), taken: 0, out: Vec::new() };
        write_connect(&account.id(), account.password.as_deref(), &mut client.out);
        client.expect("the connection", |packet| matches!(packet, Packet::Connected(0))).await?;
        if !topics.is_empty() {
            write_subscribe(SUBSCRIBE_ID, topics, &mut client.out);
            let granted = |packet: &Packet<'_>| matches!(packet, Packet::Subscribed(granted) if granted.iter().all(|&qos| qos == 1));
            client.expect("its topics", granted).await?;
        }
        Ok(client)
    }

    /// Sends a message, with the next flush.
    pub(super) fn publish(&mut self, id: u16, topic: &str, payload: &[u8]) {
        write_publish(id, topic, payload, &mut self.out);
    }

    /// Acknowledges a message, with the next flush.
    pub(super) fn acknowledge(&mut self, id: u16) {
        write_puback(id, &mut self.out);
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            // TLS may have kept some of it.
            self.stream.flush().await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits for bytes.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub(super) async fn read(&mut self) -> io::Result<()> {
        self.input.drain(..self.taken);
        self.taken = 0;
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next word of those that were read; `None` where more must be read first. Fails for what no broker says now.
    pub(super) fn next(&mut self) -> io::Result<Option<Word<'_>>> {
        Ok(match self.next_packet()? {
            None => None,
            Some(Packet::Accepted(id)) => Some(Word::Accepted(id)),
            Some(Packet::Message { topic, id, payload }) => Some(Word::Message { topic, id, payload }),
            Some(packet @ (Packet::Connected(_) | Packet::Subscribed(_) | Packet::Pong)) => {
                return Err(io::Error::other(format!("{packet:?}")));
            }
        })
    }

    /// Gives back what an idle client does not need.
    pub(super) fn shrink(&mut self) {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.shrink_to_fit();
        self.out = Vec::new();
    }

    async fn expect(&mut self, what: &str, is_it: impl Fn(&Packet<'_>) -> bool) -> io::Result<()> {
        self.flush().await?;
        while Packet::decode(&self.input[self.taken..]).is_ok_and(|packet| packet.is_none()) {
            self.read().await?;
        }
        let refused = |packet| io::Error::new(io::ErrorKind::PermissionDenied, format!("{what}: {packet:?}"));
        let packet = self.next_packet()?;
        if packet.as_ref().is_some_and(is_it) { Ok(()) } else { Err(refused(packet)) }
    }

    fn next_packet(&mut self) -> io::Result<Option<Packet<'_>>> {
        let unreadable = |Unreadable| io::Error::new(io::ErrorKind::InvalidData, "unreadable packet");
        let next = Packet::decode(&self.input[self.taken..]).map_err(unreadable)?;
        Ok(next.map(|(packet, length)| {
            self.taken += length;
            packet
        }))
    }
}

const SUBSCRIBE_ID: u16 = 1;
