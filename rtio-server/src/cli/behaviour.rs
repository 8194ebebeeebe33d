//! What a virtual device does at one of its URIs, as written on the command line. Pure: [`super::device`] acts it out.

use std::time::Duration;

use super::target::{DeviceUri, TargetError};

/// `URI=TEXT`: answer each call with the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) uri: DeviceUri,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn parse(text: &str) -> Result<Self, BehaviourError> {
        let (uri, text) = text.split_once('=').ok_or(BehaviourError::Answer)?;
        Ok(Self { uri: DeviceUri::parse(uri)?, text: text.to_owned() })
    }
}

/// `URI=TEXT,INTERVAL,COUNT`: send each observer the text `count` times, `interval` apart, then end the observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) uri: DeviceUri,
    pub(super) text: String,
    pub(super) interval: Duration,
    pub(super) count: u32,
}

impl Stream {
    /// Interval and count stand at the end, so that the text may have commas.
    pub(super) fn parse(text: &str) -> Result<Self, BehaviourError> {
        let (uri, rest) = text.split_once('=').ok_or(BehaviourError::Stream)?;
        let (rest, count) = rest.rsplit_once(',').ok_or(BehaviourError::Stream)?;
        let (text, interval) = rest.rsplit_once(',').ok_or(BehaviourError::Stream)?;
        let count = count.trim().parse().ok().filter(|&count| count > 0).ok_or(BehaviourError::Count)?;
        let interval = humantime::parse_duration(interval.trim()).ok().filter(|&interval| interval <= MAX_INTERVAL);
        let interval = interval.ok_or(BehaviourError::Interval)?;
        Ok(Self { uri: DeviceUri::parse(uri)?, text: text.to_owned(), interval, count })
    }
}

/// What is wrong with a behaviour, and what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BehaviourError {
    #[error("expected URI=TEXT, such as /printer/status=idle")]
    Answer,
    #[error("expected URI=TEXT,INTERVAL,COUNT, such as /printer/progress=printing,500ms,10")]
    Stream,
    #[error(
        "INTERVAL: expected a time from 0s to {}, such as 500ms, in URI=TEXT,INTERVAL,COUNT",
        humantime::format_duration(MAX_INTERVAL)
    )]
    Interval,
    #[error("COUNT: expected a whole number from 1 to {}, in URI=TEXT,INTERVAL,COUNT", u32::MAX)]
    Count,
    #[error("URI: {0}")]
    Uri(#[from] TargetError),
}

/// A day: longer is a slip of the unit.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_its_uri_at_the_first_equals_sign() {
        let check = |spec: &str, expected: Result<(&str, &str), BehaviourError>| {
            let got = Answer::parse(spec);
            assert_eq!(got.as_ref().map(|it| (it.uri.as_str(), it.text.as_str())).map_err(|error| *error), expected);
        };
        check("/a=b", Ok(("/a", "b")));
        check("/a=b=c", Ok(("/a", "b=c")));
        check("/a=", Ok(("/a", "")));
        check("/a", Err(BehaviourError::Answer));
        check("a=b", Err(BehaviourError::Uri(TargetError::Uri)));
    }

    #[test]
    fn a_stream_has_its_interval_and_count_at_the_end() {
        let stream = Stream::parse("/a=x,y,500ms,3").unwrap();
        assert_eq!((stream.uri.as_str(), stream.text.as_str()), ("/a", "x,y"));
        assert_eq!((stream.interval, stream.count), (Duration::from_millis(500), 3));
        for (spec, error) in [
            ("/a", BehaviourError::Stream),
            ("/a=x,1s", BehaviourError::Stream),
            ("/a=x,soon,3", BehaviourError::Interval),
            ("/a=x,25h,3", BehaviourError::Interval),
            ("/a=x,1s,0", BehaviourError::Count),
            ("/a=x,1s,many", BehaviourError::Count),
            ("a=x,1s,3", BehaviourError::Uri(TargetError::Uri)),
        ] {
            assert_eq!(Stream::parse(spec), Err(error), "{spec}");
        }
    }
}
