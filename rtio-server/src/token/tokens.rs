//! Checks the tokens of callers, and keeps their keys fresh.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::cache::Cache;
use super::check::{Flaw, Refusal, Rules, Verified, check};
use super::key_set::KeySet;
use super::metrics::Metrics;
use super::sources::{Fetch, Round, SourceError, Sources};
use super::{Config, bearer, unix_now};
use crate::readiness::Readiness;
use crate::reload::Reloads;

/// What tokens are checked with. Shared by all connections.
#[derive(Debug)]
pub struct Tokens {
    rules: Rules,
    refresh: Duration,
    cached: usize,
    trust: ArcSwap<Trust>,
    wanted: Wanted,
    metrics: Metrics,
}

/// Keeps the keys of [`Tokens`] fresh.
#[derive(Debug)]
pub struct Keeper {
    tokens: Arc<Tokens>,
    sources: Sources,
}

/// Keys, and what they vouched for: with other keys, nothing that was verified before counts any more.
#[derive(Debug)]
struct Trust {
    keys: KeySet,
    verified: Cache,
    /// Every source was read at least once.
    complete: bool,
}

/// The wish for fresh keys of a caller whose key is not known.
#[derive(Debug)]
struct Wanted {
    /// Key sets are there that could have it.
    possible: bool,
    state: Mutex<Wish>,
    made: Notify,
    /// Counts the rounds that were read.
    rounds: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Wish {
    made_at: Option<Instant>,
    /// A round that it asked for is not over yet.
    pending: bool,
}

impl Tokens {
    /// Reads the key files. Key sets behind URLs are read by the [`Keeper`], which needs to run.
    ///
    /// # Errors
    ///
    /// [`SourceError`]: a file is of no use.
    pub fn open(config: &Config, fetch: Arc<dyn Fetch>, metrics: Metrics) -> Result<Keeper, SourceError> {
        let sources = Sources::open(config, fetch)?;
        let wanted = Wanted {
            possible: sources.have_key_sets(),
            state: Mutex::default(),
            made: Notify::new(),
            rounds: watch::Sender::new(0),
        };
        let tokens = Arc::new(Self {
            rules: Rules { issuer: config.issuer.clone(), audience: config.audience.clone() },
            refresh: config.refresh,
            cached: config.cached,
            trust: ArcSwap::from_pointee(Trust::of(&sources, config.cached)),
            wanted,
            metrics,
        });
        Ok(Keeper { tokens, sources })
    }

    /// Checks the token in the values of a request's `Authorization` headers. A token that is known costs its SHA-256 and a
    /// look-up; another one a signature. If its key is not known, the key sets may be read again first, which this waits for
    /// at most 5 s; no other caller does.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which is counted.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn check<'a>(&self, headers: impl Iterator<Item = &'a [u8]>) -> Result<Arc<Verified>, Refusal> {
        let result = match bearer::token(headers) {
            Ok(token) => self.check_token(token).await,
            Err(refusal) => Err(refusal),
        };
        result.inspect_err(|refusal| self.metrics.refuse(*refusal))
    }

    async fn check_token(&self, token: &str) -> Result<Arc<Verified>, Refusal> {
        let first = self.check_now(token, unix_now());
        if first != Err(Refusal::Token(Flaw::UnknownKey)) {
            return first;
        }
        if self.wanted.wait().await {
            return self.check_now(token, unix_now()).map_err(|refusal| self.unless_incomplete(refusal));
        }
        first.map_err(|refusal| self.unless_incomplete(refusal))
    }

    /// Checks a token with the keys that are there. `now` is the time since 1970.
    ///
    /// # Errors
    ///
    /// [`Refusal::Token`], which is not counted.
    pub fn check_now(&self, token: &str, now: Duration) -> Result<Arc<Verified>, Refusal> {
        let trust = self.trust.load();
        let digest = Sha256::digest(token).into();
        if let Some(verified) = trust.verified.get(&digest, now) {
            self.metrics.cache_hits.inc();
            return Ok(verified);
        }
        self.metrics.cache_misses.inc();
        let verified = Arc::new(check(token, digest, &trust.keys, &self.rules, now)?);
        trust.verified.insert(Arc::clone(&verified));
        Ok(verified)
    }

    /// A key that is not known may be in the source that was never read: then it is not the token's fault.
    fn unless_incomplete(&self, refusal: Refusal) -> Refusal {
        let unknown = refusal == Refusal::Token(Flaw::UnknownKey);
        if unknown && !self.trust.load().complete { Refusal::NoKeys } else { refusal }
    }

    /// What happened so far.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl Keeper {
    /// What it keeps fresh.
    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// Reads keys again: at once where there are key sets, at each reload, when a token names an unknown key, and every
    /// [`refresh`](Config::refresh). Without a key set that was never read the hub is not ready. Never ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the keys as they are.
    pub async fn run(mut self, mut reloads: Reloads, readiness: Readiness) {
        let tokens = self.tokens;
        let has_key_sets = self.sources.have_key_sets();
        let mut read = has_key_sets;
        loop {
            if read && self.sources.read_again(&tokens.metrics).await == Round::Changed {
                tokens.trust.store(Arc::new(Trust::of(&self.sources, tokens.cached)));
            }
            tokens.wanted.granted();
            if self.sources.are_complete() {
                readiness.found(PART);
            } else {
                readiness.lost(PART, "a key set was never read");
            }
            let pause = if self.sources.are_complete() { tokens.refresh } else { tokens.refresh.min(RETRY) };
            tokio::select! {
                () = reloads.next() => {}
                () = tokens.wanted.made.notified() => {}
                () = tokio::time::sleep(pause), if has_key_sets => {}
            }
            read = true;
        }
    }
}

impl Trust {
    fn of(sources: &Sources, cached: usize) -> Self {
        Self { keys: sources.key_set(), verified: Cache::new(cached), complete: sources.are_complete() }
    }
}

impl Wanted {
    /// Waits for fresh keys; says whether there may be some. At most one round in [`MIN_PAUSE`] is read for this.
    async fn wait(&self) -> bool {
        let mut rounds = self.rounds.subscribe();
        if !self.wish() {
            return false;
        }
        matches!(tokio::time::timeout(MAX_FETCH, rounds.changed()).await, Ok(Ok(())))
    }

    /// Asks for a round, or joins the one that was asked for. `false` if it is too early for another.
    fn wish(&self) -> bool {
        if !self.possible {
            return false;
        }
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.pending {
            return true;
        }
        if state.made_at.is_some_and(|made_at| now.duration_since(made_at) < MIN_PAUSE) {
            return false;
        }
        *state = Wish { made_at: Some(now), pending: true };
        drop(state);
        self.made.notify_one();
        true
    }

    fn granted(&self) {
        self.state.lock().pending = false;
        self.rounds.send_modify(|rounds| *rounds += 1);
    }
}

/// Shortest time between two readings of the key sets because of unknown keys: anybody can send a token that names one.
const MIN_PAUSE: Duration = Duration::from_secs(10);

/// How soon a source that was never read is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long a caller whose key is not known waits for fresh ones: as long as fetching them may take.
const MAX_FETCH: Duration = Duration::from_secs(5);

/// What readiness calls us.
const PART: &str = "caller tokens";
