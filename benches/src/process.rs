//! A server as a child process: started, asked for its addresses, watched by the system's own accounting, and killed when
//! dropped. Knows nothing of what the server does.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::credentials::Credentials;
use crate::error::RunError;
use crate::port::Port;

/// A running server.
pub(crate) struct ServerProcess {
    child: Child,
    program: String,
    devices: Option<SocketAddr>,
    callers: Option<SocketAddr>,
    mqtt: Option<SocketAddr>,
    /// How to speak with a server that is not open to everybody.
    credentials: Option<Credentials>,
    /// Its configuration; goes away with it.
    folder: Option<TempDir>,
}

impl ServerProcess {
    /// Starts `program` and waits until it has printed as many addresses as `edges`.
    pub(crate) async fn start(program: &Path, args: &[&str], edges: usize) -> Result<Self, RunError> {
        let name = program.display().to_string();
        let mut child = Command::new(program)
            .args(args)
            // The baselines end when it closes, so none is left behind even where this tool is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(RunError::io(format!("start {name}")))?;
        let stdout = child.stdout.take().expect("it was piped");
        let mut server =
            Self { child, program: name, devices: None, callers: None, mqtt: None, credentials: None, folder: None };
        let (sender, mut addresses) = mpsc::channel(edges);
        std::thread::spawn(move || read_addresses(stdout, &sender));
        for _ in 0..edges {
            match timeout(START_TIMEOUT, addresses.recv()).await {
                Ok(Some(Edge::Devices(address))) => server.devices = Some(address),
                Ok(Some(Edge::Callers(address))) => server.callers = Some(address),
                Ok(Some(Edge::Mqtt(address))) => server.mqtt = Some(address),
                Ok(None) | Err(_) => return Err(RunError::NoAddresses { program: server.program.clone() }),
            }
        }
        Ok(server)
    }

    /// Starts a server that prints no address, and waits until it listens at this one.
    pub(crate) async fn start_at(mut command: Command, address: SocketAddr) -> Result<Self, RunError> {
        let program = command.get_program().display().to_string();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(RunError::io(format!("start {program}")))?;
        let server = Self { child, program, devices: None, callers: None, mqtt: None, credentials: None, folder: None };
        for _ in 0..START_STEPS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(server);
            }
            sleep(START_STEP).await;
        }
        Err(RunError::NotListening { program: server.program.clone(), address })
    }

    /// With what it takes to speak with it; kept as long as it runs.
    pub(crate) fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// With its configuration; kept as long as it runs.
    pub(crate) fn with_folder(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Where it takes devices.
    pub(crate) fn devices(&self) -> Result<Port, RunError> {
        let address = self.devices.ok_or_else(|| self.no_edge("devices"))?;
        Ok(match &self.credentials {
            None => address.into(),
            Some(credentials) => Port::from(address).with_tls(&credentials.trust),
        })
    }

    /// Where it takes devices that speak MQTT. The certificate is that of the port of devices.
    pub(crate) fn mqtt(&self) -> Result<Port, RunError> {
        let address = self.mqtt.ok_or_else(|| self.no_edge("devices with MQTT"))?;
        Ok(match &self.credentials {
            None => address.into(),
            Some(credentials) => Port::from(address).with_tls(&credentials.trust),
        })
    }

    /// Where it takes callers.
    pub(crate) fn callers(&self) -> Result<Port, RunError> {
        let address = self.callers.ok_or_else(|| self.no_edge("callers"))?;
        let Some(credentials) = &self.credentials else { return Ok(address.into()) };
        let port = Port::from(address).with_tls(&credentials.trust);
        Ok(match &credentials.token {
            None => port,
            Some(token) => port.with_token(token),
        })
    }

    fn no_edge(&self, edge: &'static str) -> RunError {
        RunError::NoEdge { program: self.program.clone(), edge }
    }

    /// Processor time it has used so far, user and system, in steps of 10 ms.
    pub(crate) fn cpu_time(&self) -> Result<Duration, RunError> {
        let ticks = cpu_ticks(&self.read_proc("stat")?).ok_or_else(|| self.unreadable("stat"))?;
        Ok(Duration::from_millis(ticks * TICK_MILLIS))
    }

    /// Memory of it that is in RAM.
    pub(crate) fn resident_bytes(&self) -> Result<u64, RunError> {
        resident_bytes(&self.read_proc("smaps_rollup")?).ok_or_else(|| self.unreadable("smaps_rollup"))
    }

    /// Lets it end in order, and waits for it.
    pub(crate) async fn end(mut self) -> Result<(), RunError> {
        let doing = format!("end {}", self.program);
        // The standard library knows no signal but the one that nobody can handle.
        let kill = Command::new("kill").arg(self.child.id().to_string()).status();
        kill.map_err(RunError::io(&*doing))?;
        for _ in 0..END_STEPS {
            if self.child.try_wait().map_err(RunError::io(&*doing))?.is_some() {
                return Ok(());
            }
            sleep(END_STEP).await;
        }
        Err(RunError::Io { doing, source: std::io::ErrorKind::TimedOut.into() })
    }

    fn read_proc(&self, file: &str) -> Result<String, RunError> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).map_err(RunError::io(format!("read {path} of {}", self.program)))
    }

    fn unreadable(&self, file: &str) -> RunError {
        let source = std::io::Error::from(std::io::ErrorKind::InvalidData);
        RunError::Io { doing: format!("make sense of {file} of {}", self.program), source }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and waiting returns at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

enum Edge {
    Devices(SocketAddr),
    Callers(SocketAddr),
    Mqtt(SocketAddr),
}

/// Reads to the end, also when nobody wants more, so that the server never blocks on a full pipe.
fn read_addresses(stdout: ChildStdout, sender: &mpsc::Sender<Edge>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(edge) = edge_of(&line) {
            // Fails when the starter has all it wants.
            let _ = sender.blocking_send(edge);
        }
    }
}

fn edge_of(line: &str) -> Option<Edge> {
    if let Some(address) = line.strip_prefix("devices ") {
        return address.trim().trim_end_matches(" tls").parse().ok().map(Edge::Devices);
    }
    if let Some(address) = line.strip_prefix("mqtt mqtt://").or_else(|| line.strip_prefix("mqtt mqtts://")) {
        return address.trim().parse().ok().map(Edge::Mqtt);
    }
    let address = line.strip_prefix("callers http://").or_else(|| line.strip_prefix("callers https://"))?;
    address.trim().parse().ok().map(Edge::Callers)
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold blanks.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(UTIME_FIELD_AFTER_NAME);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_bytes(smaps_rollup: &str) -> Option<u64> {
    let kib: u64 =
        smaps_rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// A server that takes longer to start is broken, whatever it has to read first.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const START_STEP: Duration = Duration::from_millis(10);

/// Times five seconds, for one that has nothing to read.
const START_STEPS: u32 = 500;

const END_STEP: Duration = Duration::from_millis(20);

/// Times half a minute: longer than any grace of the hub.
const END_STEPS: u32 = 1_500;

/// USER_HZ is 100 on every architecture that the hub runs on: proc(5).
const TICK_MILLIS: u64 = 10;

/// Field 14 of /proc/PID/stat, where the fields after the name begin with 3: proc(5).
const UTIME_FIELD_AFTER_NAME: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_name_with_blanks() {
        let stat = "12 (a b) c) S 1 12 12 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 3 0 99 1000 200";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("12 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident_bytes("5000-6000 [rollup]\nRss:                2048 kB\nPss: 1 kB\n"), Some(2 << 20));
    }

    #[test]
    fn only_addresses_are_taken_from_the_output() {
        assert!(matches!(edge_of("devices 127.0.0.1:17017"), Some(Edge::Devices(a)) if a.port() == 17017));
        assert!(matches!(edge_of("callers http://127.0.0.1:17917"), Some(Edge::Callers(a)) if a.port() == 17917));
        assert!(matches!(edge_of("devices 127.0.0.1:17017 tls"), Some(Edge::Devices(a)) if a.port() == 17017));
        assert!(matches!(edge_of("callers https://127.0.0.1:17917"), Some(Edge::Callers(a)) if a.port() == 17917));
        assert!(matches!(edge_of("mqtt mqtts://127.0.0.1:8883"), Some(Edge::Mqtt(a)) if a.port() == 8883));
        assert!(edge_of("descriptors 20000 of 20000").is_none());
    }
}
