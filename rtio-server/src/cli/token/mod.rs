//! `rtio token`: keys and tokens for callers, without any other service. What they are, the library's `token` knows.

mod issue;
mod keygen;
mod show;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use rtio_server::token::sign::SignError;
use rtio_server::token::{Flaw, key::KeyError};

use super::{Failure, start};

/// What to do about tokens.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Make a key that signs tokens, and its public half for the hub
    Keygen(keygen::Arguments),
    /// Make a token; it goes to standard output
    Issue(issue::Arguments),
    /// Say what is in a token
    Show(show::Arguments),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let text = match command {
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Issue(arguments) => issue::run(arguments),
        Command::Show(arguments) => show::run(&arguments),
    };
    start::print(text.map_err(|error| Failure::Token(Box::new(error)))?.as_bytes())
}

/// Why there is no key or token, or it is no good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file cannot be made, or is there already.
    #[error("cannot make {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// No key to sign with.
    #[error("{} does not sign", path.display())]
    Sign { path: PathBuf, source: SignError },
    /// No key could be made.
    #[error("cannot make a key")]
    NoKey(#[source] SignError),
    /// No key to verify with.
    #[error("{} does not verify", path.display())]
    Verify { path: PathBuf, source: KeyError },
    /// The text is no token.
    #[error("this is no token: {0}")]
    NoToken(&'static str),
    /// It is one, and it is no good.
    #[error("the token is refused")]
    Refused(#[source] Flaw),
}

/// The text of a file; of standard input where the path is `-`.
fn read(path: &Path) -> Result<String, TokenError> {
    let failed = |source| TokenError::Read { path: path.to_owned(), source };
    if path != Path::new("-") {
        return std::fs::read_to_string(path).map_err(failed);
    }
    let mut text = String::new();
    io::stdin().lock().take(MAX_INPUT_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Far above a key in PEM and the longest token; standard input may have no end.
const MAX_INPUT_BYTES: u64 = 64 * 1024;
