//! Between a device's session and the caller that observes it: a few frames, and how it ended.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::CallError;

/// Frames on their way to one caller. The session lets no more in than its window, so that it needs no cap of its own.
#[derive(Debug, Default)]
pub struct Feed {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    frames: VecDeque<Vec<u8>>,
    end: Option<FeedEnd>,
    reader: Option<Waker>,
}

/// How an observation ended: as the device wanted it, or not.
pub type FeedEnd = Result<(), CallError>;

impl Feed {
    /// The device began the observation.
    pub fn start(&self) {
        self.change(|state| state.started = true);
    }

    /// One more frame.
    pub fn push(&self, data: Vec<u8>) {
        self.change(|state| state.frames.push_back(data));
    }

    /// Nothing more will come. The first end stays.
    pub fn end(&self, end: FeedEnd) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    /// Waits for the device to begin; an end that comes first is an error.
    pub(super) fn poll_started(&self, cx: &Context<'_>) -> Poll<Result<(), CallError>> {
        let mut state = self.state.lock();
        match (state.started, state.end) {
            (true, _) => Poll::Ready(Ok(())),
            (false, Some(end)) => Poll::Ready(end),
            (false, None) => state.wait(cx),
        }
    }

    /// The next frame, or the end once all frames are taken.
    pub(super) fn poll_frame(&self, cx: &Context<'_>) -> Poll<Result<Vec<u8>, FeedEnd>> {
        let mut state = self.state.lock();
        match (state.frames.pop_front(), state.end) {
            (Some(data), _) => Poll::Ready(Ok(data)),
            (None, Some(end)) => Poll::Ready(Err(end)),
            (None, None) => state.wait(cx),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.state.lock();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

#[cfg(test)]
impl Feed {
    /// Tests of who feeds it: whether it has begun, the frames since the last look, and the end.
    pub(crate) fn look(&self) -> (bool, Vec<Vec<u8>>, Option<FeedEnd>) {
        let mut state = self.state.lock();
        (state.started, state.frames.drain(..).collect(), state.end)
    }
}

impl State {
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}
