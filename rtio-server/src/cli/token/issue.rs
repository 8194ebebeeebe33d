//! `rtio token issue`: one token, to standard output and nowhere else.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rtio_server::config::value::time_within;
use rtio_server::token::sign::{GrantOrder, Order, SigningKey};
use rtio_server::token::unix_now;

use super::super::target::DeviceId;
use super::{TokenError, read};

/// What `rtio token issue` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The key to sign with, as `rtio token keygen` makes it; - for standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The one device that the token is for, with all of its URIs
    #[arg(long, value_name = "ID", value_parser = DeviceId::parse, required_unless_present = "grant")]
    device: Option<DeviceId>,

    /// What the token is for, such as `devices=PRINTER-*;methods=copost;uris=/printer/*`; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = GrantOrder::parse, conflicts_with = "device")]
    grant: Vec<GrantOrder>,

    /// Who the token is for, where it has grants: stands in logs
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    subject: Option<String>,

    /// Time until the token expires; from 1s to 365days
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = time_within(EXPIRES))]
    expires: Duration,

    /// What the token says about who made it (`iss`)
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,

    /// What the token says about whom it is for (`aud`)
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
}

pub(super) fn run(arguments: Arguments) -> Result<String, TokenError> {
    let path = arguments.key;
    let failed = |source| TokenError::Sign { path: path.clone(), source };
    let key = SigningKey::from_pem(&read(&path)?).map_err(failed)?;
    let order = Order {
        subject: arguments.device.map(|device| device.as_str().to_owned()).or(arguments.subject),
        expires: unix_now() + arguments.expires,
        issuer: arguments.issuer,
        audience: arguments.audience,
        grants: arguments.grant,
    };
    let token = key.issue(&order).map_err(failed)?;
    Ok(token + "\n")
}

/// A token cannot be withdrawn but with its key, so that none should outlive a year; issuers of RTIO make them for 7 days.
const EXPIRES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(365 * 24 * 3600);

const AFTER_HELP: &str = "\
A token is a secret: whoever has it may do what it says until it expires.

  rtio token issue --key token-key.pem --device PRINTER-001
  rtio token issue --key token-key.pem --subject backend --grant 'devices=*' --expires 30d
  rtio token issue --key token-key.pem --grant 'devices=PRINTER-001;methods=obget;uris=/printer/*'

A grant has lists with commas. Absent methods or uris are all of them; * stands for anything.";
