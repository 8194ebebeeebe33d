//! From flags to the control-device runtime.

use std::sync::OnceLock;

use super::raw::RawRealer;
use crate::realer::{Backoff, Cadence, Codes, Config, Interval, Limits, Retention};

pub(super) fn config(raw: RawRealer, dev: bool) -> Config {
    let interval = |expected, minimum| Interval { expected, minimum };
    Config {
        plain: dev || raw.realer_plain,
        broker_url: raw.realer_mqtt_url.map_or_else(OnceLock::new, OnceLock::from),
        token_lifetime: raw.realer_token_lifetime,
        mqtt_credential_lifetime: raw.realer_mqtt_credential_lifetime,
        renew_after_percent: raw.realer_renew_after,
        cadence: Cadence {
            catalog: interval(raw.realer_catalog_expected, raw.realer_catalog_minimum),
            desired_states: interval(raw.realer_desired_states_expected, raw.realer_desired_states_minimum),
            feed_data: interval(raw.realer_feed_data_expected, raw.realer_feed_data_minimum),
        },
        limits: Limits { max_request_bytes: raw.realer_max_request_bytes, max_batch_items: raw.realer_max_batch_items },
        backoff: Backoff {
            initial: raw.realer_backoff_initial,
            multiplier: raw.realer_backoff_multiplier,
            max: raw.realer_backoff_max,
        },
        desired_expiry: raw.realer_desired_expiry,
        future_tolerance: raw.realer_future_tolerance,
        retention: Retention {
            max_age: raw.realer_keep_for,
            max_items_per_device: raw.realer_keep_per_device,
            max_desired_per_device: raw.realer_keep_desired,
            message_ids: raw.realer_message_ids,
        },
        codes: Codes { replayed: raw.realer_replayed_label, renamed: raw.realer_code },
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::config::RawConfig;

    fn read(flags: &str) -> Config {
        let command = RawConfig::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(flags.split(' ')).unwrap();
        let raw = RawConfig::from_arg_matches(&matches).unwrap();
        config(raw.realer, raw.dev)
    }

    #[test]
    fn the_defaults_are_the_contracts_own_numbers() {
        assert_eq!(read("serve"), Config::default());
        assert_eq!(read("serve --dev"), Config { plain: true, ..Config::default() });
    }

    #[test]
    fn codes_may_have_other_numbers_and_others_keep_theirs() {
        let codes =
            read("serve --realer-code 4015=4150 --realer-code=2001=2000 --realer-replayed-label duplicate").codes;
        assert_eq!((codes.of(4015), codes.of(2001), codes.of(4004)), (4150, 2000, 4004));
        assert_eq!(codes.replayed, "duplicate");
    }
}
