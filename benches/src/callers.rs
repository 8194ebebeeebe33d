//! Closed-loop callers: each has one keep-alive connection, sends a call, waits for its answer, checks that it is its own,
//! and sends the next. The same code for the hub and for bare hyper.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::RunError;
use crate::http_answer::{Answer, Unreadable};
use crate::load::{Outcome, Progress, Stop};
use crate::port::{Port, Stream};
use crate::request::{Form, Match, device_id};

/// What callers do, and until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) form: Form,
    pub(crate) callers: u64,
    /// Index of the first device to call, and how many follow.
    pub(crate) first_device: u64,
    pub(crate) devices: u64,
    pub(crate) stop: Stop,
}

/// What a caller asks again and again.
pub(crate) trait Asks: Send + 'static {
    /// Writes request `number` to `out`.
    fn write(&self, number: u64, out: &mut Vec<u8>);

    /// What an answer is to this request.
    fn judge(&self, number: u64, answer: &Answer<'_>) -> Match;
}

/// Callers at work.
#[derive(Debug)]
pub(crate) struct Callers {
    tasks: JoinSet<Outcome>,
    progress: Arc<Progress>,
}

impl Callers {
    /// Connects all callers, then lets them begin.
    pub(crate) async fn start(hub: impl Into<Port>, plan: Plan) -> Result<Self, RunError> {
        let hub = hub.into();
        let call = |_| DeviceCall { plan, authorization: Arc::clone(&hub.authorization) };
        Self::start_each(&hub, (0..plan.callers).map(call), plan.stop).await
    }

    /// Connects one caller for each of these, then lets them begin.
    pub(crate) async fn start_each(
        hub: &Port,
        asks: impl IntoIterator<Item = impl Asks>,
        stop: Stop,
    ) -> Result<Self, RunError> {
        let progress = Arc::new(Progress::default());
        let mut callers = Vec::new();
        for asks in asks {
            callers.push(Caller::connect(hub, asks, stop).await.map_err(RunError::io("connect a caller"))?);
        }
        let tasks = callers.into_iter().map(|caller| caller.run(Arc::clone(&progress))).collect();
        Ok(Self { tasks, progress })
    }

    /// For who wants to watch.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Lets each caller end with the call that it is at.
    pub(crate) fn stop(&self) {
        self.progress.tell_to_stop();
    }

    /// Waits until they have stopped. A caller that hangs has lost a call.
    pub(crate) async fn join(self) -> Outcome {
        Outcome::join(self.tasks, &self.progress).await
    }
}

/// Calls of one device after the other.
struct DeviceCall {
    plan: Plan,
    /// Goes into each request.
    authorization: Arc<str>,
}

impl Asks for DeviceCall {
    fn write(&self, number: u64, out: &mut Vec<u8>) {
        let device = self.plan.first_device + number.wrapping_mul(DEVICE_STRIDE) % self.plan.devices;
        self.plan.form.write_call(&device_id(device), number, &self.authorization, out);
    }

    fn judge(&self, number: u64, answer: &Answer<'_>) -> Match {
        self.plan.form.judge(number, answer)
    }
}

struct Caller<A> {
    stream: Stream,
    asks: A,
    stop: Stop,
    request: Vec<u8>,
    answer: Vec<u8>,
    outcome: Outcome,
}

impl<A: Asks> Caller<A> {
    async fn connect(hub: &Port, asks: A, stop: Stop) -> io::Result<Self> {
        let stream = hub.connect().await?;
        Ok(Self { stream, asks, stop, request: Vec::new(), answer: Vec::new(), outcome: Outcome::default() })
    }

    async fn run(mut self, progress: Arc<Progress>) -> Outcome {
        let mut begin = Instant::now();
        while let Some(number) = progress.next_call(self.stop, begin) {
            self.outcome.tally.sent += 1;
            match self.call(number).await {
                Ok(()) => {}
                Err(error) => {
                    self.outcome.tally.lose(|| format!("call {number}: {error}"));
                    break;
                }
            }
            let end = Instant::now();
            self.outcome.record(self.stop, begin, end);
            begin = end;
        }
        self.outcome
    }

    /// One call, judged. Fails when the connection is of no use any more.
    async fn call(&mut self, number: u64) -> io::Result<()> {
        self.request.clear();
        self.asks.write(number, &mut self.request);
        self.stream.write_all(&self.request).await?;
        // TLS may have kept some of it.
        self.stream.flush().await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.judge(number)? {
                return Ok(());
            }
        }
    }

    /// Whether the answer is whole; then it has been counted.
    fn judge(&mut self, number: u64) -> io::Result<bool> {
        let unreadable = |Unreadable| io::Error::new(io::ErrorKind::InvalidData, "unreadable answer");
        let Some((answer, length)) = Answer::decode(&self.answer).map_err(unreadable)? else { return Ok(false) };
        let example = || format!("call {number}: {} {}", answer.status, answer.body.escape_ascii());
        let tally = &mut self.outcome.tally;
        match self.asks.judge(number, &answer) {
            Match::Own => {}
            Match::Others => tally.cross(example),
            Match::Failure => tally.lose(example),
        }
        if length < self.answer.len() {
            tally.duplicated += 1;
        }
        Ok(true)
    }
}

/// Visits all devices before it comes back to the first, in an order that favours no cache: a prime, and no divisor of any
/// usual number of devices.
const DEVICE_STRIDE: u64 = 617;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::hyper_server;
    use crate::tally::Tally;

    async fn run(form: Form, calls: u64) -> Outcome {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(hyper_server::serve(listener));
        let plan = Plan { form, callers: 8, first_device: 0, devices: 10, stop: Stop::AfterCalls(calls) };
        let outcome = Callers::start(address, plan).await.unwrap().join().await;
        server.abort();
        outcome
    }

    #[tokio::test]
    async fn every_call_to_bare_hyper_is_answered_with_its_own() {
        for form in [Form::Compatible, Form::Direct] {
            let outcome = run(form, 1_000).await;
            assert_eq!(outcome.tally, Tally { sent: 1_000, ..Tally::default() });
            assert_eq!(outcome.latency.len(), 1_000);
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_loses_the_call() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { listener.accept().await.map(drop) });
        let plan = Plan { form: Form::Direct, callers: 1, first_device: 0, devices: 1, stop: Stop::AfterCalls(5) };
        let outcome = Callers::start(address, plan).await.unwrap().join().await;
        server.await.unwrap().unwrap();
        assert_eq!((outcome.tally.sent, outcome.tally.lost), (1, 1));
    }

    #[tokio::test]
    async fn the_answer_to_another_call_is_crossed_and_one_too_many_is_duplicated() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Plan { form: Form::Direct, callers: 1, first_device: 0, devices: 1, stop: Stop::AfterCalls(1) };
        let callers = Callers::start(address, plan).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother";
        stream.write_all(&[&answer[..], answer].concat()).await.unwrap();
        let tally = callers.join().await.tally;
        assert_eq!((tally.sent, tally.lost, tally.crossed, tally.duplicated), (1, 0, 1, 1));
        assert!(tally.into_result().is_err());
    }
}
