//! `rtio token keygen`: a key pair in two files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use rtio_server::token::sign::SigningKey;

use super::TokenError;

/// What `rtio token keygen` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Folder for the files; made where it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<String, TokenError> {
    let key = SigningKey::generate().map_err(TokenError::NoKey)?;
    let (private, public) = (arguments.out.join(PRIVATE), arguments.out.join(PUBLIC));
    let failed = |source| TokenError::Write { path: arguments.out.clone(), source };
    std::fs::create_dir_all(&arguments.out).map_err(failed)?;
    write_new(&private, key.private_pem(), 0o600)?;
    write_new(&public, key.public_pem(), 0o644)?;
    let kid = key.kid().unwrap_or_default();
    Ok(format!("key {}\npublic {}\nkid {kid}\n", private.display(), public.display()))
}

/// A key that is there is never written over: tokens out there are signed with it.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), TokenError> {
    let write = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes());
    write().map_err(|source| TokenError::Write { path: path.to_owned(), source })
}

const PRIVATE: &str = "token-key.pem";
const PUBLIC: &str = "token-key.pub.pem";

const AFTER_HELP: &str = "\
  token-key.pem       the key (Ed25519, PKCS #8): whoever has it makes tokens; readable by its owner only
  token-key.pub.pem   its public half, for `rtio serve --jwt-key`

A key that is there is not written over. kid is the key's thumbprint (RFC 7638); tokens name it.";
