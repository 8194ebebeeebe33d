//! Tokens of the store in memory: in the clear, since nobody keeps them.

use std::collections::BTreeMap;

use super::Rows;
use crate::hub::DeviceId;
use crate::realer::ports::{MAX_TOKENS, NewToken, TokenHolder};

/// The oldest first.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<NewToken>);

impl Tokens {
    pub(super) fn add(&mut self, token: NewToken) {
        let of_device = |kept: &NewToken| kept.device == token.device;
        if self.0.iter().filter(|kept| of_device(kept)).count() >= MAX_TOKENS {
            let oldest = self.0.iter().position(of_device);
            oldest.map(|oldest| self.0.remove(oldest));
        }
        self.0.push(token);
    }

    pub(super) fn revoke(&mut self, device: &DeviceId, token: &str) {
        self.0.retain(|kept| kept.device != *device || kept.token.reveal() != token);
    }

    pub(super) fn holder(&self, token: &str, now_ms: i64, devices: &BTreeMap<DeviceId, Rows>) -> Option<TokenHolder> {
        let kept = self.0.iter().find(|kept| kept.token.reveal() == token && now_ms < kept.expires_ms)?;
        let Some(rows) = devices.get(&kept.device) else { return Some(TokenHolder::Removed) };
        Some(TokenHolder::Device {
            device: Box::new(rows.device.clone()),
            credential: kept.credential,
            scopes: kept.scopes,
            expires_ms: kept.expires_ms,
        })
    }
}
