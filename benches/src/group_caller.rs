//! A caller of groups: sends one call of many devices and checks that each of them is answered once, as it has to be.

use std::io;

use tokio::io::AsyncWriteExt;

use crate::error::RunError;
use crate::json_field::json_field;
use crate::line_answer::read_lines;
use crate::payload::Payload;
use crate::port::{Port, Stream};
use crate::request::{device_id, device_index, write_group_call};
use crate::tally::Tally;

/// Which devices a group call is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whom {
    /// All that are online, by the pattern `*`: so many.
    All(u64),
    /// By their ids, so many; only those below `online` are there.
    Named { first: u64, count: u64, online: u64 },
}

/// A connection on which group calls are made, one after the other.
#[derive(Debug)]
pub(crate) struct GroupCaller {
    stream: Stream,
    number: u64,
}

/// What came of the devices of one group call.
#[derive(Debug)]
struct Answers {
    whom: Whom,
    payload: Payload,
    /// By index, from the first of them on.
    seen: Vec<bool>,
    /// Whether the line that ends a whole answer has come.
    summed_up: bool,
    tally: Tally,
}

impl GroupCaller {
    pub(crate) async fn connect(hub: &Port) -> Result<Self, RunError> {
        let stream = hub.connect().await.map_err(RunError::io("connect a caller of groups"))?;
        Ok(Self { stream, number: 0 })
    }

    /// Makes one call of these devices, so many at once, and waits for all answers. `sent` is the number of the devices.
    pub(crate) async fn call(&mut self, whom: Whom, concurrency: u64) -> Result<Tally, RunError> {
        let answers = Answers::expected(whom, Payload::of(self.number));
        self.number += 1;
        self.exchange(answers, concurrency).await.map_err(RunError::io("make a group call"))
    }

    async fn exchange(&mut self, mut answers: Answers, concurrency: u64) -> io::Result<Tally> {
        let mut request = Vec::new();
        write_group_call(&answers.whom.patterns(), answers.payload, concurrency, &mut request);
        self.stream.write_all(&request).await?;
        self.stream.flush().await?;
        read_lines(&mut self.stream, |line| answers.take(line)).await?;
        Ok(answers.into_tally())
    }
}

impl Whom {
    fn first(self) -> u64 {
        match self {
            Self::All(_) => 0,
            Self::Named { first, .. } => first,
        }
    }

    /// How many devices have to be answered for.
    pub(crate) fn count(self) -> u64 {
        match self {
            Self::All(count) | Self::Named { count, .. } => count,
        }
    }

    fn is_online(self, index: u64) -> bool {
        match self {
            Self::All(_) => true,
            Self::Named { online, .. } => index < online,
        }
    }

    fn patterns(self) -> Vec<String> {
        match self {
            Self::All(_) => vec!["*".to_owned()],
            Self::Named { first, count, .. } => (first..first + count).map(device_id).collect(),
        }
    }
}

impl Answers {
    fn expected(whom: Whom, payload: Payload) -> Self {
        let seen = (0..whom.count()).map(|_| false).collect();
        Self { whom, payload, seen, summed_up: false, tally: Tally { sent: whom.count(), ..Tally::default() } }
    }

    fn take(&mut self, line: &[u8]) {
        let Some(device) = json_field(line, b"\"device\":") else {
            self.summed_up = line.starts_with(b"{\"summary\":");
            return;
        };
        let example = || line.escape_ascii().to_string();
        let place = device_index(device).and_then(|index| Some((index, index.checked_sub(self.whom.first())?)));
        let seen = place.and_then(|(index, at)| Some((index, self.seen.get_mut(usize::try_from(at).ok()?)?)));
        let Some((index, seen)) = seen else { return self.tally.cross(example) };
        if std::mem::replace(seen, true) {
            self.tally.duplicated += 1;
        }
        let code = json_field(line, b"\"code\":");
        match (self.whom.is_online(index), code) {
            (true, Some(b"OK")) if json_field(line, b"\"data\":") == Some(&self.payload.base64()) => {}
            (true, Some(b"OK")) => self.tally.cross(example),
            (false, Some(b"DEVICEID_OFFLINE")) => {}
            (true | false, _) => self.tally.lose(example),
        }
    }

    fn into_tally(mut self) -> Tally {
        let missing = self.seen.iter().filter(|&&seen| !seen).count();
        for _ in 0..missing {
            self.tally.lose(|| "a device without an answer in a group call".to_owned());
        }
        if !self.summed_up {
            self.tally.lose(|| "a group call without its summary".to_owned());
        }
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(whom: Whom, lines: &[&str]) -> (u64, u64, u64) {
        let mut answers = Answers::expected(whom, Payload::of(258));
        lines.iter().for_each(|line| answers.take(line.as_bytes()));
        let tally = answers.into_tally();
        assert_eq!(tally.sent, whom.count());
        (tally.lost, tally.crossed, tally.duplicated)
    }

    #[test]
    fn each_device_is_to_be_answered_once() {
        let ok = |index: u64| format!(r#"{{"device":"{}","code":"OK","data":"AAAAAQI=","ms":1}}"#, device_id(index));
        let offline = r#"{"device":"fleet-000007","code":"DEVICEID_OFFLINE","delivery":"not_sent","ms":0}"#;
        let sum = r#"{"summary":{"devices":2,"codes":{"OK":2},"ms":3}}"#;
        let aborted = r#"{"aborted":"draining","devices":2,"codes":{"OK":2},"ms":3}"#;
        assert_eq!(tally(Whom::All(2), &[&ok(1), &ok(0), sum]), (0, 0, 0));
        assert_eq!(tally(Whom::All(2), &[&ok(1), &ok(1), sum]), (1, 0, 1));
        assert_eq!(tally(Whom::All(2), &[&ok(1), &ok(2), sum]), (1, 1, 0), "nobody asked for the third");
        assert_eq!(tally(Whom::All(1), &[&ok(0)]), (1, 0, 0));
        assert_eq!(tally(Whom::All(1), &[&ok(0), aborted]), (1, 0, 0));
        assert_eq!(tally(Whom::All(1), &[&ok(0).replace("QI=", "QM="), sum]), (0, 1, 0));
        let named = Whom::Named { first: 6, count: 2, online: 7 };
        assert_eq!(tally(named, &[&ok(6), offline, sum]), (0, 0, 0));
        assert_eq!(tally(named, &[&ok(6), &ok(7), sum]), (1, 0, 0), "it is offline");
        assert_eq!(tally(Whom::All(8), &[offline, sum]).0, 8);
    }
}
