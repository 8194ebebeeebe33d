//! URI → handler. Filled by the builder, read by connections, knows nothing of either.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use rtio_proto::{StatusCode, UriDigest};

use crate::error::{ClientError, HandlerError};
use crate::sink::ObservationSink;

/// The handlers of a device, by what stands for their URIs on the wire.
#[derive(Default)]
pub(crate) struct Handlers {
    by_digest: BTreeMap<UriDigest, Entry>,
}

struct Entry {
    uri: String,
    copost: Option<CallHandler>,
    obget: Option<ObserveHandler>,
}

pub(crate) type CallHandler = Arc<dyn Fn(Bytes) -> BoxFuture<Result<Bytes, HandlerError>> + Send + Sync>;
pub(crate) type ObserveHandler =
    Arc<dyn Fn(Bytes, ObservationSink) -> BoxFuture<Result<(), HandlerError>> + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Handlers {
    pub(crate) fn add_copost(&mut self, uri: String, handler: CallHandler) -> Result<(), ClientError> {
        let entry = self.entry(uri)?;
        match entry.copost.replace(handler) {
            None => Ok(()),
            Some(_) => Err(ClientError::RegisteredTwice { uri: entry.uri.clone() }),
        }
    }

    pub(crate) fn add_obget(&mut self, uri: String, handler: ObserveHandler) -> Result<(), ClientError> {
        let entry = self.entry(uri)?;
        match entry.obget.replace(handler) {
            None => Ok(()),
            Some(_) => Err(ClientError::RegisteredTwice { uri: entry.uri.clone() }),
        }
    }

    fn entry(&mut self, uri: String) -> Result<&mut Entry, ClientError> {
        let digest = UriDigest::of(&uri);
        let entry =
            self.by_digest.entry(digest).or_insert_with(|| Entry { uri: uri.clone(), copost: None, obget: None });
        if entry.uri != uri {
            return Err(ClientError::DigestCollision { first: entry.uri.clone(), second: uri, digest });
        }
        Ok(entry)
    }

    /// The handler of calls to a URI, or the status to answer with.
    pub(crate) fn copost(&self, digest: UriDigest) -> Result<CallHandler, StatusCode> {
        let entry = self.by_digest.get(&digest).ok_or(StatusCode::NotFound)?;
        entry.copost.clone().ok_or(StatusCode::MethodNotAllowed)
    }

    /// The handler of observations of a URI, or the status to refuse with.
    pub(crate) fn obget(&self, digest: UriDigest) -> Result<ObserveHandler, StatusCode> {
        let entry = self.by_digest.get(&digest).ok_or(StatusCode::NotFound)?;
        entry.obget.clone().ok_or(StatusCode::MethodNotAllowed)
    }
}

pub(crate) fn call_handler<F, R, T>(handler: F) -> CallHandler
where
    F: Fn(Bytes) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, HandlerError>> + Send + 'static,
    T: Into<Bytes>,
{
    Arc::new(move |request| {
        let answer = handler(request);
        Box::pin(async move { answer.await.map(Into::into) })
    })
}

pub(crate) fn observe_handler<F, R>(handler: F) -> ObserveHandler
where
    F: Fn(Bytes, ObservationSink) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    Arc::new(move |request, sink| Box::pin(handler(request, sink)))
}

pub(crate) fn stream_handler<F, S>(handler: F) -> ObserveHandler
where
    F: Fn(Bytes) -> S + Send + Sync + 'static,
    S: Stream + Send + 'static,
    S::Item: Into<Bytes> + Send,
{
    observe_handler(move |request, mut sink| {
        let stream = handler(request);
        async move {
            let mut stream = pin!(stream);
            while let Some(frame) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                sink.send(frame).await?;
            }
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> CallHandler {
        call_handler(move |_| async move { Ok(text) })
    }

    #[test]
    fn uris_with_one_digest_are_refused_by_both_names() {
        // Both have the CRC-32 14d1e065.
        let (first, second) = ("/bath/blind85/level", "/studio/alarm55/on");
        let digest = UriDigest::of(first);
        assert_eq!(digest.to_string(), "14d1e065");
        let mut handlers = Handlers::default();
        handlers.add_copost(first.into(), answer("a")).unwrap();
        let observe = observe_handler(|_, _| async { Ok(()) });
        let collision = ClientError::DigestCollision { first: first.into(), second: second.into(), digest };
        assert_eq!(handlers.add_copost(second.into(), answer("b")), Err(collision.clone()));
        assert_eq!(handlers.add_obget(second.into(), observe.clone()), Err(collision));
        assert_eq!(handlers.add_obget(first.into(), observe), Ok(()));
        assert_eq!(
            handlers.add_copost(first.into(), answer("b")),
            Err(ClientError::RegisteredTwice { uri: first.into() })
        );
    }

    #[test]
    fn an_unknown_uri_is_told_from_one_without_the_method() {
        let mut handlers = Handlers::default();
        handlers.add_copost("/rainbow".into(), answer("world")).unwrap();
        assert!(handlers.copost(UriDigest::of("/rainbow")).is_ok());
        assert_eq!(handlers.copost(UriDigest::of("/rain")).err(), Some(StatusCode::NotFound));
        assert_eq!(handlers.obget(UriDigest::of("/rain")).err(), Some(StatusCode::NotFound));
        assert_eq!(handlers.obget(UriDigest::of("/rainbow")).err(), Some(StatusCode::MethodNotAllowed));
    }
}
