//! Which key of whom, and for which request (pure).

use sha2::{Digest, Sha256};

use super::key::Key;
use crate::http::router::Form;
use crate::hub::DeviceId;
use crate::token::{Caller, Identity};

/// Where a key counts: the same key of another caller, or for another device, is another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    owner: Owner,
    device: DeviceId,
    key: Key,
}

/// Whose keys they are. A subject may have several tokens, one after the other: a retry is often made with a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    /// Everybody's, where callers need no token.
    Anyone,
    /// Of all tokens about this one.
    Subject(Box<str>),
    /// Of a token that is about nobody.
    Bearer(Identity),
}

impl Scope {
    pub(super) fn new(caller: &Caller, device: &DeviceId, key: Key) -> Self {
        let owner = match (caller.subject(), caller.identity()) {
            (Some(subject), _) => Owner::Subject(subject.into()),
            (None, bearer @ Identity::Token(_)) => Owner::Bearer(bearer),
            (None, Identity::Peer(_)) => Owner::Anyone,
        };
        Self { owner, device: device.clone(), key }
    }

    /// What a caller's text in it takes, in bytes.
    pub(super) fn len(&self) -> usize {
        let owner = match &self.owner {
            Owner::Anyone | Owner::Bearer(_) => 0,
            Owner::Subject(subject) => subject.len(),
        };
        owner + self.device.as_str().len() + self.key.len()
    }
}

/// What is asked of the device.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Wish<'a> {
    pub(in crate::http) form: Form,
    pub(in crate::http) uri: &'a str,
    pub(in crate::http) data: &'a [u8],
}

/// What tells one request from another, whatever its size. Neither the time limit nor the `id` of the compatible form is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(wish: &Wish<'_>) -> Self {
        let form = match wish.form {
            Form::Compatible => "copost compatible",
            Form::Direct => "copost direct",
        };
        let mut hash = Sha256::new();
        for part in [form.as_bytes(), wish.uri.as_bytes(), wish.data] {
            // With its length, so that what moves from one part to the next makes another request.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_uri_and_data_make_the_request() {
        let of = |form, uri, data: &[u8]| Fingerprint::of(&Wish { form, uri, data });
        let one = of(Form::Direct, "/uri", b"data");
        assert_eq!(one, of(Form::Direct, "/uri", b"data"));
        assert_ne!(one, of(Form::Compatible, "/uri", b"data"));
        assert_ne!(one, of(Form::Direct, "/urid", b"ata"));
        assert_ne!(one, of(Form::Direct, "/uri", b"data "));
        assert_ne!(one, of(Form::Direct, "/URI", b"data"));
    }
}
