//! `rtio token show`: what is in a token, and with a key whether it is good.

use std::path::{Path, PathBuf};

use clap::Args;
use rtio_server::token::check::{Rules, check};
use rtio_server::token::jwt::{Parts, decode};
use rtio_server::token::key::Key;
use rtio_server::token::key_set::KeySet;
use rtio_server::token::unix_now;
use serde_json::Value;

use super::{TokenError, read};

/// What `rtio token show` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The token; - reads it from standard input, where no list of processes shows it
    #[arg(value_name = "TOKEN|-")]
    token: String,

    /// Public key to verify it with; without one, nothing is verified
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<String, TokenError> {
    let token = if arguments.token == "-" { read(Path::new("-"))? } else { arguments.token.clone() };
    let token = token.trim();
    let parts = Parts::of(token).ok_or(TokenError::NoToken("it has not three parts"))?;
    let (header, claims) = (json(parts.header)?, json(parts.claims)?);
    let verdict = match &arguments.key {
        None => "NOT verified: anybody can write this (--key verifies it)",
        Some(path) => {
            verify(token, path)?;
            "verified"
        }
    };
    Ok(format!("{verdict}\n{header:#}\n{claims:#}\n"))
}

fn json(part: &str) -> Result<Value, TokenError> {
    let bytes = decode(part).ok_or(TokenError::NoToken("a part is no base64"))?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::NoToken("a part is no JSON"))
}

fn verify(token: &str, path: &Path) -> Result<(), TokenError> {
    let key = Key::from_pem(read(path)?.as_bytes());
    let key = key.map_err(|source| TokenError::Verify { path: path.to_owned(), source })?;
    let keys = KeySet::new(vec![key]);
    check(token, [0; 32], &keys, &Rules::default(), unix_now()).map(drop).map_err(TokenError::Refused)
}
