//! Fetches the key sets that callers' tokens are verified with.

use std::time::Duration;

use super::{BackendUrl, Bounds, Client};
use crate::token::{Fetch, Fetching};

/// Key sets behind URLs.
#[derive(Debug)]
pub struct KeySets {
    client: Client,
}

impl KeySets {
    /// Key sets that `client` fetches.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Fetch for KeySets {
    fn fetch<'a>(&'a self, url: &'a str, max_bytes: usize) -> Fetching<'a> {
        Box::pin(async move {
            let url = BackendUrl::parse(url)?;
            Ok(self.client.get(&url, Bounds { time: TIME_LIMIT, max_bytes }).await?.into())
        })
    }
}

/// As for every backend. A caller whose key is not known waits no longer than that either.
const TIME_LIMIT: Duration = Duration::from_secs(5);
