//! A hub of one connection at a time, built from the hub's end of a session: the test says what it asks and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rtio_device_sdk::{Builder, ClientError, Device, Dial, Runner, StatusCode, UriDigest};
use rtio_proto::session::{
    CallOutcome, CallRequest, HubEvent, HubSession, ObservationEnd, ObservationId, SessionLimits, Verdict,
};
use rtio_proto::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const SECRET: &str = "secret";

pub(crate) fn device() -> Builder {
    Device::builder("dev").secret(SECRET).backoff(Duration::from_millis(1), Duration::from_millis(10))
}

/// What is waited for comes within this or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("in time")
}

/// Listens on loopback.
pub(crate) struct FakeHub {
    listener: TcpListener,
}

/// A device that runs in a task.
pub(crate) struct Running {
    pub(crate) device: Device,
    pub(crate) ended: JoinHandle<Result<(), ClientError>>,
}

impl Running {
    pub(crate) fn of<D: Dial>(runner: Runner<D>) -> Self {
        Self { device: runner.device(), ended: tokio::spawn(runner.run()) }
    }
}

impl FakeHub {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Runs the device against this hub.
    pub(crate) fn run(&self, builder: Builder) -> Running {
        Running::of(builder.connect(self.address()).unwrap())
    }

    /// The next connection, whose verification is answered with `verdict`.
    pub(crate) async fn accept_with(&self, verdict: Verdict) -> HubEnd<TcpStream> {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        HubEnd::verify(stream, verdict).await
    }

    pub(crate) async fn accept(&self) -> HubEnd<TcpStream> {
        self.accept_with(Verdict::Accepted).await
    }

    /// Runs the device and lets it in.
    pub(crate) async fn serve(&self, builder: Builder) -> (Running, HubEnd<TcpStream>) {
        let running = self.run(builder);
        let hub_end = self.accept().await;
        (running, hub_end)
    }
}

/// Connections in memory, for tests with a paused clock.
pub(crate) struct Pipes(Mutex<mpsc::Receiver<DuplexStream>>);

impl Pipes {
    pub(crate) fn new() -> (Self, mpsc::Sender<DuplexStream>) {
        let (sender, receiver) = mpsc::channel(8);
        (Self(Mutex::new(receiver)), sender)
    }
}

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&self) -> io::Result<DuplexStream> {
        let stream = self.0.lock().await.recv().await;
        stream.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

pub(crate) fn pipe() -> (DuplexStream, DuplexStream) {
    duplex(64 * 1024)
}

/// The hub's end of one connection.
pub(crate) struct HubEnd<S> {
    stream: S,
    session: HubSession<u32, u32>,
    started_at: tokio::time::Instant,
    told: VecDeque<HubEvent<u32, u32>>,
    next_token: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> HubEnd<S> {
    pub(crate) async fn verify(stream: S, verdict: Verdict) -> Self {
        let limits = SessionLimits { observation_window: 2, ..SessionLimits::default() };
        let started_at = tokio::time::Instant::now();
        let session = HubSession::new(limits, Instant::START);
        let mut hub_end = Self { stream, session, started_at, told: VecDeque::new(), next_token: 0 };
        let asked = hub_end.wait(|event| matches!(event, HubEvent::VerifyRequested { .. })).await;
        assert_eq!(asked, HubEvent::VerifyRequested { id: "dev".into(), secret: SECRET.as_bytes().into() });
        hub_end.apply(|session, now| session.answer_verify(now, verdict)).await;
        hub_end
    }

    /// Sends a CoPOST, returns its token.
    pub(crate) async fn call(&mut self, uri: &str, data: &[u8]) -> u32 {
        self.next_token += 1;
        let token = self.next_token;
        let digest = UriDigest::of(uri);
        self.apply(|session, now| {
            let deadline = now.after(PATIENCE);
            session.start_call(now, CallRequest { digest, data, deadline }, token).unwrap();
        })
        .await;
        token
    }

    pub(crate) async fn outcome(&mut self, wanted: u32) -> CallOutcome {
        let done = self.wait(|event| matches!(event, HubEvent::CallDone { token, .. } if *token == wanted)).await;
        let HubEvent::CallDone { outcome, .. } = done else { unreachable!() };
        outcome
    }

    /// Calls and waits for status and data.
    pub(crate) async fn ask(&mut self, uri: &str, data: &[u8]) -> (StatusCode, Vec<u8>) {
        let token = self.call(uri, data).await;
        match self.outcome(token).await {
            CallOutcome::Answered { status, data } => (status, data),
            outcome @ (CallOutcome::Malformed
            | CallOutcome::TimedOut(_)
            | CallOutcome::Gone(_)
            | CallOutcome::Vanished(_)) => panic!("{outcome:?}"),
        }
    }

    pub(crate) async fn observe(&mut self, uri: &str, data: &[u8]) -> (u32, ObservationId) {
        self.next_token += 1;
        let token = self.next_token;
        let digest = UriDigest::of(uri);
        let id = self
            .apply(|session, now| {
                let deadline = now.after(PATIENCE);
                session.start_observation(now, CallRequest { digest, data, deadline }, token).unwrap()
            })
            .await;
        (token, id)
    }

    pub(crate) async fn started(&mut self, wanted: u32) {
        self.wait(|event| matches!(event, HubEvent::ObservationStarted { token } if *token == wanted)).await;
    }

    /// The next frame of an observation; room for it is given back.
    pub(crate) async fn frame(&mut self, (wanted, id): (u32, ObservationId)) -> Vec<u8> {
        let data = self.frame_kept(wanted).await;
        self.apply(|session, _| session.grant_frame(id)).await;
        data
    }

    pub(crate) async fn frame_kept(&mut self, wanted: u32) -> Vec<u8> {
        let frame = self.wait(|event| matches!(event, HubEvent::Notified { token, .. } if *token == wanted)).await;
        let HubEvent::Notified { data, .. } = frame else { unreachable!() };
        data
    }

    pub(crate) async fn end(&mut self, wanted: u32) -> ObservationEnd {
        let ended =
            self.wait(|event| matches!(event, HubEvent::ObservationEnded { token, .. } if *token == wanted)).await;
        let HubEvent::ObservationEnded { end, .. } = ended else { unreachable!() };
        end
    }

    /// Answers the device's next report, with the status and data that `answer` makes of its own.
    pub(crate) async fn answer_report(&mut self, answer: impl Fn(&[u8]) -> (StatusCode, Vec<u8>)) -> UriDigest {
        let report = self.wait(|event| matches!(event, HubEvent::Report { .. })).await;
        let HubEvent::Report { message_id, digest, data } = report else { unreachable!() };
        let (status, data) = answer(&data);
        self.apply(|session, _| session.answer_report(message_id, status, &data)).await;
        digest
    }

    /// One mutation of the session, then drain.
    pub(crate) async fn apply<R>(&mut self, mutate: impl FnOnce(&mut HubSession<u32, u32>, Instant) -> R) -> R {
        let millis = self.started_at.elapsed().as_millis();
        let result = mutate(&mut self.session, Instant::from_millis(millis.try_into().unwrap()));
        while let Some(event) = self.session.poll_event() {
            self.told.push_back(event);
        }
        while let Some(bytes) = self.session.poll_transmit() {
            self.stream.write_all(&bytes).await.unwrap();
        }
        result
    }

    /// Serves the device until the session tells something that is `wanted`. What else it tells is kept.
    pub(crate) async fn wait(&mut self, wanted: impl Fn(&HubEvent<u32, u32>) -> bool) -> HubEvent<u32, u32> {
        loop {
            if let Some(event) = self.told.iter().position(&wanted).and_then(|at| self.told.remove(at)) {
                return event;
            }
            assert!(self.read().await, "the device closed the connection");
        }
    }

    /// Serves the device until it closes the connection.
    pub(crate) async fn closed(&mut self) {
        while self.read().await {}
    }

    /// Answers nothing until the device closes the connection.
    pub(crate) async fn ignore(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).await.is_ok_and(|len| len > 0) {}
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let len = soon(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.feed(&buffer[..len]).await;
        len > 0
    }

    /// Serves the device for so long, as a hub does whose clock sweeps over its sessions; says whether it is alive after.
    pub(crate) async fn serve_for(&mut self, time: Duration) -> bool {
        let end = tokio::time::Instant::now() + time;
        let mut buffer = [0; 4096];
        while self.session.close_reason().is_none() {
            let silence = self.started_at + self.session.silence_deadline().since(Instant::START);
            tokio::select! {
                () = tokio::time::sleep_until(end) => return true,
                () = tokio::time::sleep_until(silence) => self.apply(|session, now| session.handle_timeout(now)).await,
                len = self.stream.read(&mut buffer) => match len.unwrap_or(0) {
                    0 => return false,
                    len => self.feed(&buffer[..len]).await,
                },
            }
        }
        false
    }

    async fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.apply(|session, now| session.handle_bytes(now, bytes)).await.unwrap();
            bytes = &bytes[taken..];
        }
    }
}

/// A semaphore without permits: handlers wait until the test adds some.
pub(crate) fn gate() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(0))
}
