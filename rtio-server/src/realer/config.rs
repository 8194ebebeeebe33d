//! What an operator may change about the runtime: the numbers that the contract leaves to the server. (Contract §13.)

use std::sync::OnceLock;
use std::time::Duration;

use crate::hub::UriDigest;

/// The runtime's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whether it is served without TLS, too: for trying out, or behind a proxy that has TLS.
    pub plain: bool,
    /// Where devices find the MQTT broker. Not set: there is none, or the hub itself is one and does not listen yet.
    pub broker_url: OnceLock<String>,
    /// How long an access token lives.
    pub token_lifetime: Duration,
    /// How long an MQTT credential lives.
    pub mqtt_credential_lifetime: Duration,
    /// After which share of a lifetime the next is fetched, in percent.
    pub renew_after_percent: u8,
    /// How often devices come.
    pub cadence: Cadence,
    /// How much they bring.
    pub limits: Limits,
    /// How they wait after failures.
    pub backoff: Backoff,
    /// How long a desired state waits unless it says otherwise.
    pub desired_expiry: Duration,
    /// How far ahead of the hub's clock an observation may be before it is ordered by its arrival.
    pub future_tolerance: Duration,
    /// What is kept for how long.
    pub retention: Retention,
    /// Numeric codes and labels that rest on inference.
    pub codes: Codes,
}

/// How often devices come, by endpoint family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Bootstrap and catalogs.
    pub catalog: Interval,
    /// Desired states.
    pub desired_states: Interval,
    /// Feed data.
    pub feed_data: Interval,
}

/// How often one thing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// How often contact is expected; after three of these without, the device counts as offline.
    pub expected: Duration,
    /// The shortest spacing that is allowed. Zero: any.
    pub minimum: Duration,
}

/// How much a device may bring at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request's body.
    pub max_request_bytes: usize,
    /// Items of one batch.
    pub max_batch_items: usize,
}

/// How devices shall wait after failures; announced, not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub initial: Duration,
    /// What each wait is multiplied by.
    pub multiplier: u32,
    /// The longest.
    pub max: Duration,
}

/// What is kept for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Age of feed data, closed desired states and adoptions after which they are forgotten.
    pub max_age: Duration,
    /// Feed data of one device; the oldest is forgotten.
    pub max_items_per_device: u64,
    /// Closed desired states of one device, beside the newest of each context; the oldest is forgotten.
    pub max_desired_per_device: u64,
    /// How long message ids are remembered: §6.4 asks for 7 days at least.
    pub message_ids: Duration,
}

/// Numeric codes and labels that rest on inference, so that a hub can follow a server that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    /// `replayed`, or another label.
    pub replayed: String,
    /// Other codes than the pattern's, by the pattern's own.
    pub renamed: Vec<(u16, u16)>,
}

impl Codes {
    /// The code on the wire for the code of the pattern.
    pub fn of(&self, code: u16) -> u16 {
        self.renamed.iter().find(|(from, _)| *from == code).map_or(code, |&(_, to)| to)
    }
}

impl Cadence {
    /// The same with another spacing for all.
    pub fn with_minimum_ms(self, minimum: u32) -> Self {
        let with = |interval: Interval| Interval { minimum: Duration::from_millis(minimum.into()), ..interval };
        Self { catalog: with(self.catalog), desired_states: with(self.desired_states), feed_data: with(self.feed_data) }
    }
}

impl Config {
    /// When the next token or credential is to be fetched, of one that lives that long.
    pub fn renew_after(&self, lifetime: Duration) -> Duration {
        lifetime * u32::from(self.renew_after_percent) / 100
    }

    /// Differs where something differs that a bootstrap announces.
    pub fn fingerprint(&self) -> u16 {
        let announced = format!("{:?}{:?}{:?}{:?}", self.cadence, self.limits, self.backoff, self.broker_url.get());
        let bits = UriDigest::of(&announced).to_wire();
        u16::from_be_bytes([bits[0] ^ bits[2], bits[1] ^ bits[3]])
    }
}

impl Default for Config {
    /// The contract's own numbers.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let interval = |expected| Interval { expected: seconds(expected), minimum: seconds(5) };
        Self {
            plain: false,
            broker_url: OnceLock::new(),
            token_lifetime: seconds(3600),
            mqtt_credential_lifetime: seconds(900),
            renew_after_percent: 80,
            cadence: Cadence { catalog: interval(3600), desired_states: interval(30), feed_data: interval(60) },
            limits: Limits { max_request_bytes: 5120, max_batch_items: 100 },
            backoff: Backoff { initial: seconds(2), multiplier: 2, max: seconds(300) },
            desired_expiry: seconds(15 * 60),
            future_tolerance: seconds(5 * 60),
            retention: Retention {
                max_age: seconds(30 * 24 * 3600),
                max_items_per_device: 1_000_000,
                max_desired_per_device: 10_000,
                message_ids: seconds(7 * 24 * 3600),
            },
            codes: Codes { replayed: "replayed".to_owned(), renamed: Vec::new() },
        }
    }
}
