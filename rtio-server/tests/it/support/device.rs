//! A verified device in a test's hand: it answers by a table, or step by step.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_proto::{StatusCode, UriDigest};
use tokio::task::JoinHandle;

use super::{Frame, Peer};

/// A connection whose verification succeeded.
#[derive(Debug)]
pub(crate) struct Device {
    peer: Peer,
    next_message_id: u16,
}

/// A device that answers by itself until this is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    task: JoinHandle<()>,
}

/// Body of a DeviceVerifyReq.
pub(crate) fn verify_body(level: u8, id: &str, secret: &str) -> Vec<u8> {
    [&[level << 6], id.as_bytes(), b":", secret.as_bytes()].concat()
}

impl Device {
    /// Verifies itself over `peer`; the hub must accept.
    pub(crate) async fn verify(peer: Peer, id: &str, level: u8) -> Self {
        Self::verify_with(peer, id, "secret", level).await
    }

    /// The same with a secret that somebody knows.
    pub(crate) async fn verify_with(mut peer: Peer, id: &str, secret: &str, level: u8) -> Self {
        peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(level, id, secret)).await;
        let accepted = Frame::new(FrameKind::DeviceVerifyResp, FrameCode::Success, 1, b"");
        assert_eq!(peer.receives().await, accepted, "{id} is let in");
        Self::verified(peer)
    }

    /// A connection that is verified already.
    pub(crate) fn verified(peer: Peer) -> Self {
        Self { peer, next_message_id: 2 }
    }

    /// The next request of the hub.
    pub(crate) async fn receives_request(&mut self) -> Frame {
        let frame = self.peer.receives().await;
        assert_eq!(frame.kind, FrameKind::ServerSendReq, "{frame:?}");
        frame
    }

    /// Answers the request `message_id` with a body.
    pub(crate) async fn answers_request(&mut self, message_id: u16, body: &[u8]) {
        self.peer.sends_frame(FrameKind::ServerSendResp, message_id, body).await;
    }

    /// Takes the next request and answers it with a body.
    pub(crate) async fn answers_next(&mut self, body: &[u8]) {
        let request = self.receives_request().await;
        self.answers_request(request.message_id, body).await;
    }

    /// Begins the next observation; its observer id.
    pub(crate) async fn begins_observation(&mut self) -> u16 {
        let request = self.receives_request().await;
        assert_eq!(request.body[0], 0x30, "an establishment");
        self.answers_request(request.message_id, &[0x33, request.body[1], request.body[2]]).await;
        u16::from_be_bytes([request.body[1], request.body[2]])
    }

    /// Sends a frame of an observation and does not wait for its answer; its message id.
    pub(crate) async fn notifies(&mut self, status: StatusCode, observer: u16, data: &[u8]) -> u16 {
        let [high, low] = observer.to_be_bytes();
        self.reports(&[&[0x30 | status.to_wire(), high, low], data].concat()).await
    }

    /// Sends a DeviceSendReq; its message id.
    pub(crate) async fn reports(&mut self, body: &[u8]) -> u16 {
        let message_id = self.next_message_id;
        self.next_message_id = self.next_message_id.checked_add(1).unwrap_or(1);
        self.peer.sends_frame(FrameKind::DeviceSendReq, message_id, body).await;
        message_id
    }

    /// The hub's answer to `message_id` is `body`.
    pub(crate) async fn receives_answer(&mut self, message_id: u16, body: &[u8]) {
        let expected = Frame::new(FrameKind::DeviceSendResp, FrameCode::Success, message_id, body);
        assert_eq!(self.peer.receives().await, expected);
    }

    /// From now on answers calls of `uri` with `data`, and all others with NotFound.
    pub(crate) fn answers(self, uri: &str, data: &[u8]) -> Serving {
        let table = HashMap::from([(UriDigest::of(uri).to_wire(), data.to_vec())]);
        self.serves(move |digest, _| match table.get(&digest) {
            Some(data) => [&[0x22], &data[..]].concat(),
            None => vec![0x25],
        })
    }

    /// From now on answers every call with what it sent.
    pub(crate) fn echoes(self) -> Serving {
        self.serves(|_, data| [&[0x22], data].concat())
    }

    /// From now on answers calls with the body that `answer` makes of digest and data.
    fn serves(mut self, answer: impl Fn([u8; 4], &[u8]) -> Vec<u8> + Send + 'static) -> Serving {
        let task = tokio::spawn(async move {
            while let Some(request) = self.peer.wait_for_ever().await {
                let (digest, data) = request.body[1..].split_first_chunk().expect("a CoPOST has a digest");
                let body = answer(*digest, data);
                self.peer.tries_to_send(&response(request.message_id, &body)).await;
            }
        });
        Serving { task }
    }
}

fn response(message_id: u16, body: &[u8]) -> Vec<u8> {
    Frame::new(FrameKind::ServerSendResp, FrameCode::Success, message_id, body).bytes()
}

impl Deref for Device {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Device {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl From<Device> for Peer {
    fn from(device: Device) -> Self {
        device.peer
    }
}
