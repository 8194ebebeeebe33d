//! Bodies: reading a caller's within limits of size and time, and what our answers are made of.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::group::GroupBody;
use super::observe::ObservationBody;

/// Body of an answer.
#[derive(Debug)]
pub(super) enum ReplyBody {
    /// All of it.
    Whole(Bytes),
    /// All of it, to a request whose body was not read to its end. The rest of that is dropped after the answer: HTTP/2 resets the
    /// stream then, and a stream that is reset before its answer has none.
    Early(Box<(Bytes, Incoming)>),
    /// Lines as an observation gives them.
    Observation(Box<ObservationBody>),
    /// Lines as the devices of a group answer.
    Group(Box<GroupBody>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(last_frame(bytes)),
            Self::Early(answer) => Poll::Ready(last_frame(&mut answer.0)),
            Self::Observation(observation) => observation.poll_lines(cx).map(frame),
            Self::Group(group) => group.poll_lines(cx).map(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Early(answer) => answer.0.is_empty(),
            Self::Observation(_) | Self::Group(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Early(answer) => SizeHint::with_exact(answer.0.len() as u64),
            Self::Observation(_) | Self::Group(_) => SizeHint::default(),
        }
    }
}

impl ReplyBody {
    /// The same answer to a request of whose body `unread` is left.
    pub(super) fn before(self, unread: Incoming) -> Self {
        match self {
            Self::Whole(bytes) if !unread.is_end_stream() => Self::Early(Box::new((bytes, unread))),
            Self::Whole(_) | Self::Early(_) | Self::Observation(_) | Self::Group(_) => self,
        }
    }
}

fn frame(lines: Option<Bytes>) -> Option<Result<Frame<Bytes>, Infallible>> {
    lines.map(|lines| Ok(Frame::data(lines)))
}

fn last_frame(bytes: &mut Bytes) -> Option<Result<Frame<Bytes>, Infallible>> {
    (!bytes.is_empty()).then(|| Ok(Frame::data(std::mem::take(bytes))))
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body has more than {max} bytes")]
    TooLong { max: usize },
    #[error("the body did not arrive within {} s", limit.as_secs_f64())]
    TooSlow { limit: Duration },
    #[error("the body broke off")]
    Broken,
}

/// Reads a body of at most `max` bytes within `limit`. Stops at the first byte too many.
///
/// # Errors
///
/// [`BodyError`].
///
/// # Cancel safety
///
/// What was read is lost with the request.
pub(super) async fn read(body: &mut Incoming, max: usize, limit: Duration) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > max as u64 {
        return Err(BodyError::TooLong { max });
    }
    match tokio::time::timeout(limit, collect(body, max)).await {
        Ok(body) => body,
        Err(_) => Err(BodyError::TooSlow { limit }),
    }
}

/// Nearly always the body comes in one piece, which is passed on as it is.
async fn collect(body: &mut Incoming, max: usize) -> Result<Bytes, BodyError> {
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if whole.len() + piece.len() > max {
            return Err(BodyError::TooLong { max });
        }
        whole = if whole.is_empty() { piece } else { joined(whole, &piece) };
    }
    Ok(whole)
}

/// Takes what is left of a body that nobody wants, as far as it comes soon and is small. There are callers (curl 7.88) that take an
/// answer over HTTP/2 for a broken stream when it comes before they have sent all.
///
/// # Cancel safety
///
/// What was taken is gone.
pub(super) async fn take_rest(body: &mut Incoming) {
    // Whether it came in time, or was whole, changes nothing.
    let _ = tokio::time::timeout(REST_LIMIT, collect(body, REST_BYTES)).await;
}

/// A caller that has begun to send a small body has sent it by then.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// As much as a stream may send before anybody reads it.
const REST_BYTES: usize = 16 * 1024;

fn joined(front: Bytes, back: &[u8]) -> Bytes {
    let mut joined = BytesMut::from(front);
    joined.extend_from_slice(back);
    joined.freeze()
}
