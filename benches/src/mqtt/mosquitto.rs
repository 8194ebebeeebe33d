//! The broker to compare with: Mosquitto of Debian's packages, wherever it is on this machine. It takes everybody, stores nothing and
//! acknowledges nothing but the packets.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::RunError;
use crate::options::Settings;
use crate::process::ServerProcess;

/// Where its program is.
#[derive(Debug)]
pub(crate) struct Mosquitto {
    program: PathBuf,
    /// Folders of the libraries that came with it.
    libraries: String,
}

impl Mosquitto {
    /// The system's own, or the one that `scripts/mosquitto.sh` has fetched. `None`, and a line that says so, where there is none.
    pub(crate) fn find(settings: &Settings) -> Option<Self> {
        let fetched = settings.own.ancestors().nth(2).map(|target| target.join("mosquitto"));
        let mosquitto =
            installed().or_else(|| fetched.filter(|folder| folder.join(PROGRAM).is_file()).map(|at| Self::of(&at)));
        if mosquitto.is_none() {
            eprintln!("Mosquitto is not here, so nothing is compared with it; scripts/mosquitto.sh fetches it");
        }
        mosquitto
    }

    /// Starts it at a free port.
    pub(crate) async fn start(&self) -> Result<(ServerProcess, SocketAddr), RunError> {
        let folder = tempfile::tempdir().map_err(RunError::io("make a folder"))?;
        let address = free_address().map_err(RunError::io("find a free port"))?;
        let file = folder.path().join("mosquitto.conf");
        std::fs::write(&file, configuration(address)).map_err(RunError::io("write the configuration of Mosquitto"))?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&file).env("LD_LIBRARY_PATH", &self.libraries);
        let process = ServerProcess::start_at(command, address).await?;
        Ok((process.with_folder(folder), address))
    }

    fn of(folder: &Path) -> Self {
        let libraries =
            ["usr/lib", "lib"].map(|lib| std::fs::read_dir(folder.join(lib)).into_iter().flatten().flatten());
        let libraries: Vec<_> =
            libraries.into_iter().flatten().map(|entry| entry.path().display().to_string()).collect();
        Self { program: folder.join(PROGRAM), libraries: libraries.join(":") }
    }
}

fn installed() -> Option<Mosquitto> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps it where only root looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let program = folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file())?;
    Some(Mosquitto { program, libraries: String::new() })
}

/// It prints no port that it found itself. Nobody else takes ports of this machine's loopback while figures are taken.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn configuration(address: SocketAddr) -> String {
    let mut text = format!("listener {} {}\n", address.port(), address.ip());
    // By default it lets Nagle wait, which no server here does. Started by root, it goes on as the user that exists everywhere.
    for line in ["allow_anonymous true", "persistence false", "log_dest none", "set_tcp_nodelay true", "user nobody"] {
        writeln!(text, "{line}").expect("a String takes all");
    }
    text
}

/// In the folder of what was fetched.
const PROGRAM: &str = "usr/sbin/mosquitto";
