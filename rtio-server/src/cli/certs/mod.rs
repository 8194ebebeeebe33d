//! `rtio certs`: a throw-away CA and what it signs, for trying out TLS and for tests. Which files, [`plan`] says; what stands
//! in them, [`issue`] makes.

mod folder;
mod issue;
mod plan;

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use rtio_server::config::value::{count_within, switch};

use self::folder::{Folder, FolderError, Readers};
use self::issue::{Authority, AuthorityError, Host, IssueError, Pair, Validity};
use self::plan::{Existing, Names, Plan, PlanError, Source, Wish};
use super::target::DeviceId;
use super::{Failure, start};

/// What `rtio certs` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Folder for the files; made where it is not there
    #[arg(long, value_name = "DIR", default_value = "certs")]
    out: PathBuf,

    /// What the server is reached by; may be repeated [default: localhost, 127.0.0.1 and ::1]
    #[arg(long, value_name = "NAME_OR_IP", value_parser = Host::parse)]
    host: Vec<Host>,

    /// Id of a device that gets a client certificate; may be repeated
    #[arg(long, value_name = "ID", value_parser = DeviceId::parse)]
    client: Vec<DeviceId>,

    /// Days until the certificates expire, 1 to 3650
    #[arg(long, value_name = "NUMBER", default_value = "90", value_parser = count_within::<u32>(1..=MAX_DAYS))]
    days: u32,

    /// Begin anew, with a new CA: what the old one signed is not trusted any more
    #[arg(long, value_parser = switch)]
    force: bool,
}

/// Makes the certificates, and says which files they are in.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let made = make(arguments, SystemTime::now()).map_err(|error| Failure::Certs(Box::new(error)))?;
    let lines: String = made.iter().map(|(what, path)| format!("{what} {}\n", path.display())).collect();
    start::print(lines.as_bytes())
}

/// What was made, and where it is.
type Made = Vec<(String, PathBuf)>;

/// Nothing is written before all is made.
fn make(arguments: Arguments, now: SystemTime) -> Result<Made, CertsError> {
    let folder = Folder::new(arguments.out);
    let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
    let wish = Wish { hosts: arguments.host, devices: arguments.client, existing };
    let plan = Plan::new(wish, |name| folder.has(name))?;
    let validity = Validity::new(now, arguments.days);
    let authority = match plan.authority {
        Source::New => Authority::generate(validity)?,
        Source::Folder => read_authority(&folder, now)?,
    };
    let pairs = make_pairs(&plan, &authority, validity)?;
    folder.make()?;
    let mut made = Made::new();
    for (what, names, pair) in pairs {
        made.push((what.clone(), folder.write(&names.certificate, &pair.certificate, Readers::All)?));
        made.push((format!("{what}-key"), folder.write(&names.key, &pair.key, Readers::Owner)?));
    }
    Ok(made)
}

fn read_authority(folder: &Folder, now: SystemTime) -> Result<Authority, CertsError> {
    let Names { certificate, key } = Names::authority();
    let authority = Authority::from_pem(&folder.read(&certificate)?, &folder.read(&key)?, now);
    authority.map_err(|source| CertsError::Authority { path: folder.path(&certificate), source })
}

fn make_pairs(
    plan: &Plan,
    authority: &Authority,
    validity: Validity,
) -> Result<Vec<(String, Names, Pair)>, IssueError> {
    let mut pairs = Vec::new();
    if plan.authority == Source::New {
        pairs.push(("ca".to_owned(), Names::authority(), authority.pair()));
    }
    if !plan.hosts.is_empty() {
        pairs.push(("server".to_owned(), Names::server(), authority.server(&plan.hosts, validity)?));
    }
    for id in &plan.devices {
        pairs.push(("device".to_owned(), Names::device(id), authority.device(id, validity)?));
    }
    Ok(pairs)
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertsError {
    /// Files would be lost.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The CA in the folder is of no use.
    #[error("{} cannot sign", path.display())]
    Authority { path: PathBuf, source: AuthorityError },
    /// The cryptography failed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Ten years.
const MAX_DAYS: u64 = 3650;

const AFTER_HELP: &str = "\
For trying out and for tests: this is no PKI. The CA's key lies beside the certificates, nothing can be
revoked, and nothing is renewed.

  ca.pem, ca-key.pem                  the CA: who trusts ca.pem trusts all of the others
  server.pem, server-key.pem          for the hub
  device-ID.pem, device-ID-key.pem    for the device with this id

Keys are readable by their owner only. A folder with a CA gets further certificates from it:
  rtio certs --client PRINTER-002";
