//! Who answered a call: the device, or the hub on its behalf ([`Shadow`](super::ports::Shadow)).

use bytes::Bytes;

use super::StatusCode;

/// What a call was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub data: Bytes,
    /// Whose it is.
    pub by: AnsweredBy,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The device's.
    Device,
    /// The hub's own, on the device's behalf: a JSON document, which may be a refusal.
    Hub {
        /// What it means, as a status of HTTP has it; an edge without HTTP lets the document speak.
        status: u16,
    },
}

/// Why the hub does not begin, or go on with, an observation on a device's behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ShadowRefusal {
    /// What a device would have refused it with. [`StatusCode::InternalError`]: the hub cannot do it now.
    pub status: StatusCode,
    /// In words.
    pub why: &'static str,
}

impl Answered {
    /// A device's answer.
    pub fn by_device(data: Vec<u8>) -> Self {
        Self { data: data.into(), by: AnsweredBy::Device }
    }

    /// Whether nothing came of it because the hub could not, so that the same call again may succeed.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.by, AnsweredBy::Hub { status: 503 })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{poll_fn, ready};
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use super::*;
    use crate::hub::fake_link::fake_hub;
    use crate::hub::ports::{BoxFuture, Shadow, ShadowFeed};
    use crate::hub::{CallError, CallRequest, Cap, DeviceId, Hub, ObservationItem};

    /// Answers for one URI of every device.
    #[derive(Debug)]
    struct Fake;

    /// One event and no end.
    #[derive(Debug, Default)]
    struct OneEvent(bool);

    impl Shadow for Fake {
        fn has(&self, _: &DeviceId, uri: &str) -> bool {
            uri == "/own"
        }

        fn call<'a>(&'a self, _: &'a DeviceId, request: CallRequest<'a>) -> BoxFuture<'a, Answered> {
            let status = if request.is_wait_asked { 200 } else { 202 };
            Box::pin(async move { Answered { data: "{}".into(), by: AnsweredBy::Hub { status } } })
        }

        fn observe<'a>(
            &'a self,
            _: &'a DeviceId,
            request: CallRequest<'a>,
        ) -> BoxFuture<'a, Result<Box<dyn ShadowFeed>, ShadowRefusal>> {
            let refusal = ShadowRefusal { status: StatusCode::BadRequest, why: "no event has this id" };
            let feed: Box<dyn ShadowFeed> = Box::new(OneEvent::default());
            Box::pin(ready(request.after.map_or(Ok(feed), |_| Err(refusal))))
        }

        fn is_removed(&self, _: &DeviceId) {}
    }

    impl ShadowFeed for OneEvent {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<ObservationItem> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            Poll::Ready(ObservationItem::Event { id: 7, data: b"{}".to_vec() })
        }
    }

    fn hub() -> Hub {
        let hub = Arc::into_inner(fake_hub(1)).expect("nobody else has it");
        hub.with_shadow(Some(Arc::new(Fake)))
    }

    fn request(uri: &str) -> CallRequest<'_> {
        CallRequest::new(uri, b"", None, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn the_hub_answers_its_own_uris_of_a_device_that_is_offline_and_no_others() {
        let (hub, device) = (hub(), DeviceId::parse("dev").unwrap());
        let answered = hub.call(&device, request("/own")).await.unwrap();
        assert_eq!(answered.by, AnsweredBy::Hub { status: 202 });
        let asked = CallRequest::new("/own", b"", Some(Duration::from_secs(5)), Duration::from_secs(1));
        assert_eq!(hub.call(&device, asked).await.unwrap().by, AnsweredBy::Hub { status: 200 });
        assert_eq!(hub.call(&device, request("/other")).await, Err(CallError::DeviceOffline));
    }

    #[tokio::test]
    async fn its_observations_are_counted_among_all_until_they_are_dropped() {
        let (hub, device) = (hub(), DeviceId::parse("dev").unwrap());
        let mut watch = hub.observe(&device, request("/own")).await.unwrap();
        let item = poll_fn(|cx| watch.poll_next(cx)).await;
        assert_eq!(item, ObservationItem::Event { id: 7, data: b"{}".to_vec() });
        let full = hub.observe(&device, request("/own")).await.map(drop);
        assert_eq!(full, Err(CallError::Busy(Cap::ObservationsInAll { max: 1 })));
        drop(watch);
        let refused = hub.observe(&device, request("/own").after(Some("x"))).await.map(drop);
        assert!(matches!(refused, Err(CallError::ShadowRefused(_))), "{refused:?}");
        assert_eq!(hub.observations(), 0);
    }
}
