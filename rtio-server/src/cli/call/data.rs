//! What a call sends: text, a file, or standard input.

use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;

use super::super::Failure;

/// Where the bytes to send come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Text(String),
    File(PathBuf),
    StandardInput,
}

impl Data {
    pub(super) fn read(&self) -> Result<Bytes, Failure> {
        let (path, read) = match self {
            Self::Text(text) => return Ok(Bytes::copy_from_slice(text.as_bytes())),
            Self::File(path) => (path.clone(), std::fs::read(path)),
            Self::StandardInput => {
                let mut bytes = Vec::new();
                let limited = io::stdin().lock().take(MAX_INPUT_BYTES).read_to_end(&mut bytes);
                (PathBuf::from("standard input"), limited.map(|_| bytes))
            }
        };
        read.map(Bytes::from).map_err(|source| Failure::Data { path, source })
    }
}

impl FromStr for Data {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.strip_prefix('@')) {
            ("-", _) => Self::StandardInput,
            (_, Some(path)) => Self::File(path.into()),
            (_, None) => Self::Text(text.to_owned()),
        })
    }
}

/// Far above what a hub takes, so that it is the hub that refuses; standard input may have no end.
const MAX_INPUT_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_a_file_or_standard_input() {
        assert_eq!("now".parse(), Ok(Data::Text("now".into())));
        assert_eq!("@a/b".parse(), Ok(Data::File("a/b".into())));
        assert_eq!("-".parse(), Ok(Data::StandardInput));
        assert_eq!("-1".parse(), Ok(Data::Text("-1".into())));
    }
}
