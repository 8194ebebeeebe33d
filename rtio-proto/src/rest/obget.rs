//! ObGET bodies (§4): the hub establishes, the device notifies.
//!
//! ```text
//! establish request    3<<4 · observer id u16 · digest u32 · data      response   3<<4|status · observer id u16
//! notify request       3<<4|status · observer id u16 · data            response   3<<4|status · observer id u16
//! ```

use super::{Method, StatusCode, UriDigest, first_byte, split_first_byte};
use crate::wire_id::wire_id;

wire_id! {
    /// Names an observation on one connection: 1..=65535, chosen by the hub.
    ObserverId
}

/// The hub asks to observe a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Establish<'a> {
    /// Observer id as it is on the wire; 0 is refused by the device.
    pub raw_observer_id: u16,
    /// Which URI.
    pub digest: UriDigest,
    /// What for it.
    pub data: &'a [u8],
}

impl<'a> Establish<'a> {
    /// Fewest bytes of a body.
    pub const MIN_BYTES: usize = 7;

    /// Reads a body whose method is known to be ObGET; `None` where it is too short.
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        let (id, rest) = body.get(1..)?.split_first_chunk()?;
        let (digest, data) = rest.split_first_chunk()?;
        Some(Self { raw_observer_id: u16::from_be_bytes(*id), digest: UriDigest::from_wire(*digest), data })
    }

    /// What stands in front of the data.
    pub fn head(observer: ObserverId, digest: UriDigest) -> [u8; 7] {
        let [id_high, id_low] = observer.to_wire().to_be_bytes();
        let [a, b, c, d] = digest.to_wire();
        [first_byte(Method::ObGet, 0), id_high, id_low, a, b, c, d]
    }
}

/// The device sends one frame of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify<'a> {
    /// [`StatusCode::Continue`] when more will come, [`StatusCode::Terminate`] on the last.
    pub status: StatusCode,
    /// Observer id as it is on the wire.
    pub raw_observer_id: u16,
    /// The frame's data.
    pub data: &'a [u8],
}

impl<'a> Notify<'a> {
    /// Fewest bytes of a body.
    pub const MIN_BYTES: usize = 3;

    /// Reads a body whose method is known to be ObGET; `None` where it is too short.
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        let (&[first, id_high, id_low], data) = body.split_first_chunk()?;
        let raw_observer_id = u16::from_be_bytes([id_high, id_low]);
        Some(Self { status: StatusCode::from_wire(first), raw_observer_id, data })
    }

    /// What stands in front of the data.
    pub fn head(status: StatusCode, observer: ObserverId) -> [u8; 3] {
        status_and_observer(status, observer.to_wire())
    }
}

/// Answer to an [`Establish`]: [`StatusCode::Continue`] begins the observation, any other refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstablishResponse {
    /// How it went.
    pub status: StatusCode,
    /// Observer id as it is on the wire; must be the request's.
    pub raw_observer_id: u16,
}

impl EstablishResponse {
    /// Reads a body; `None` where it is no answer to an ObGET.
    pub fn decode(body: &[u8]) -> Option<Self> {
        decode_status_and_observer(body).map(|(status, raw_observer_id)| Self { status, raw_observer_id })
    }

    /// The whole body.
    pub fn encode(self) -> [u8; 3] {
        status_and_observer(self.status, self.raw_observer_id)
    }
}

/// Answer to a [`Notify`]: [`StatusCode::Continue`] asks for the next, [`StatusCode::Terminate`] ends the observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyResponse {
    /// Whether to go on.
    pub status: StatusCode,
    /// Observer id as it is on the wire; the request's.
    pub raw_observer_id: u16,
}

impl NotifyResponse {
    /// Reads a body; `None` where it is no answer to an ObGET.
    pub fn decode(body: &[u8]) -> Option<Self> {
        decode_status_and_observer(body).map(|(status, raw_observer_id)| Self { status, raw_observer_id })
    }

    /// The whole body.
    pub fn encode(self) -> [u8; 3] {
        status_and_observer(self.status, self.raw_observer_id)
    }
}

fn decode_status_and_observer(body: &[u8]) -> Option<(StatusCode, u16)> {
    let &[first, id_high, id_low] = body.first_chunk()?;
    let (method, status) = split_first_byte(first);
    let known = method == Method::ObGet as u8;
    known.then_some((StatusCode::from_wire(status), u16::from_be_bytes([id_high, id_low])))
}

fn status_and_observer(status: StatusCode, raw_observer_id: u16) -> [u8; 3] {
    let [id_high, id_low] = raw_observer_id.to_be_bytes();
    [first_byte(Method::ObGet, status.to_wire()), id_high, id_low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_establishment_is_method_observer_digest_and_data() {
        let head = Establish::head(ObserverId::FIRST, UriDigest::of("/aa/bb"));
        assert_eq!(head, *b"\x30\x00\x01\xa7\x96\xd0\x57");
        let expected = Establish { raw_observer_id: 1, digest: UriDigest::of("/aa/bb"), data: b"x" };
        assert_eq!(Establish::decode(b"\x30\x00\x01\xa7\x96\xd0\x57x"), Some(expected));
        assert_eq!(Establish::decode(b"\x30\x00\x01\xa7\x96\xd0"), None);
    }

    #[test]
    fn a_notification_is_status_observer_and_data() {
        let observer = ObserverId::new(0x0102).unwrap();
        assert_eq!(Notify::head(StatusCode::Continue, observer), *b"\x33\x01\x02");
        let expected = Notify { status: StatusCode::Terminate, raw_observer_id: 0x0102, data: b"bye" };
        assert_eq!(Notify::decode(b"\x34\x01\x02bye"), Some(expected));
        assert_eq!(Notify::decode(b"\x34\x01"), None);
    }

    #[test]
    fn an_answer_of_another_method_is_none() {
        let response = EstablishResponse { status: StatusCode::Continue, raw_observer_id: 7 };
        assert_eq!(EstablishResponse::decode(&response.encode()), Some(response));
        let response = NotifyResponse { status: StatusCode::Terminate, raw_observer_id: 7 };
        assert_eq!(NotifyResponse::decode(&response.encode()), Some(response));
        assert_eq!(NotifyResponse::decode(b"\x23\x00\x07"), None);
        assert_eq!(EstablishResponse::decode(b"\x33\x00"), None);
    }
}
