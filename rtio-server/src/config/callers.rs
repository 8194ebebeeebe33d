//! From flags to who may call, and how much.

use std::num::NonZeroU32;

use super::ConfigError;
use super::raw::RawCallers;
use crate::{http, token};

/// The tokens that callers need; `None` where they need none, which somebody must have said.
pub(super) fn tokens(raw: &RawCallers, dev: bool) -> Result<Option<token::Config>, ConfigError> {
    let has_keys = !raw.jwt_key.is_empty() || !raw.jwt_jwks.is_empty();
    match (has_keys, raw.open_callers) {
        (true, true) => Err(ConfigError::KeysAndOpen),
        (false, false) if !dev => Err(ConfigError::NoTokenKeys),
        (false, _) => Ok(None),
        (true, false) => Ok(Some(token::Config {
            keys: raw.jwt_key.clone(),
            jwks: raw.jwt_jwks.clone(),
            algorithms: raw.jwt_algorithms.clone(),
            issuer: raw.jwt_issuer.clone(),
            audience: raw.jwt_audience.clone(),
            refresh: raw.jwt_jwks_refresh,
            cached: raw.jwt_cache,
        })),
    }
}

/// How much one caller may do.
pub(super) fn limits(raw: &RawCallers) -> http::CallerLimits {
    let rate = NonZeroU32::new(raw.caller_rate).map(|per_second| {
        let burst = NonZeroU32::new(raw.caller_burst).unwrap_or(per_second);
        http::CallerRate { per_second, burst }
    });
    http::CallerLimits { max_in_flight: raw.max_calls_per_caller, rate }
}

/// What is remembered of calls with an `Idempotency-Key`.
pub(super) const fn keys(raw: &RawCallers) -> http::KeyConfig {
    http::KeyConfig { window: raw.idempotency_window, max_keys: raw.max_idempotency_keys }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RawConfig;
    use clap::{Args, FromArgMatches};

    fn read(flags: &str) -> RawCallers {
        let command = RawConfig::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(flags.split(' ').filter(|flag| !flag.is_empty())).unwrap();
        RawConfig::from_arg_matches(&matches).unwrap().callers
    }

    #[test]
    fn nobody_may_call_without_a_token_unless_somebody_said_so() {
        let check = |flags: &str, dev: bool| tokens(&read(flags), dev).map(|config| config.is_some());
        assert_eq!(check("serve", false), Err(ConfigError::NoTokenKeys));
        assert_eq!((check("serve", true), check("serve --open-callers", false)), (Ok(false), Ok(false)));
        for dev in [false, true] {
            assert_eq!(check("serve --jwt-key k.pem", dev), Ok(true));
            assert_eq!(check("serve --jwt-jwks https://a.example/keys", dev), Ok(true));
            assert_eq!(check("serve --jwt-key k.pem --open-callers", dev), Err(ConfigError::KeysAndOpen));
        }
    }

    #[test]
    fn a_burst_is_a_second_unless_it_is_said() {
        let rate = |flags: &str| limits(&read(flags)).rate.map(|rate| (rate.per_second.get(), rate.burst.get()));
        assert_eq!((rate("serve"), rate("serve --caller-burst 7")), (None, None));
        assert_eq!(rate("serve --caller-rate 5"), Some((5, 5)));
        assert_eq!(rate("serve --caller-rate 5 --caller-burst 50"), Some((5, 50)));
    }
}
