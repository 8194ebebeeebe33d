//! From flags to the MQTT side, where there is one.

use super::ConfigError;
use super::raw::RawConfig;
use crate::mqtt::Config;
use crate::net::{Liveness, tls};

/// Whether and how MQTT is served, with TLS as `tls` has it.
pub(super) fn config(raw: &RawConfig, tls: &tls::Config) -> Result<Option<Config>, ConfigError> {
    let Some(addr) = raw.listen.mqtt_addr else { return Ok(None) };
    if raw.data_dir.is_none() {
        return Err(ConfigError::MqttWithoutDataDir);
    }
    if tls.mqtt.is_none() && !raw.dev {
        return Err(ConfigError::MqttWithoutTls);
    }
    if raw.realer.realer_mqtt_url.is_none() && !raw.dev {
        return Err(ConfigError::MqttWithoutUrl);
    }
    Ok(Some(Config {
        addr,
        max_connections: raw.caps.max_device_connections,
        max_connections_per_peer: raw.caps.max_device_connections_per_peer,
        max_unverified: raw.caps.max_unverified_connections,
        liveness: Liveness::new(raw.times.peer_lost_after),
        max_calls: raw.caps.max_calls_per_device,
        max_observations: raw.caps.max_observations_per_device,
    }))
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::config;

    fn read(flags: &str) -> Result<config::Config, ConfigError> {
        let command = RawConfig::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(format!("serve --open-callers {flags}").split(' ')).unwrap();
        config::Config::try_from(RawConfig::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn mqtt_needs_a_runtime_tls_and_a_place_where_devices_find_it() {
        let refused = |flags: &str| read(flags).unwrap_err();
        let addr = "--mqtt-addr 127.0.0.1:0";
        assert!(read("--data-dir d").unwrap().mqtt.is_none());
        assert_eq!(refused(&format!("--verifier any {addr}")), ConfigError::MqttWithoutDataDir);
        assert_eq!(refused(&format!("--dev {addr}")), ConfigError::MqttWithoutDataDir);
        assert_eq!(refused(&format!("--data-dir d {addr}")), ConfigError::MqttWithoutTls);
        let tls = "--data-dir d --device-tls-cert c --device-tls-key k";
        assert_eq!(refused(&format!("{tls} {addr}")), ConfigError::MqttWithoutUrl);
        assert!(read(&format!("{tls} {addr} --realer-mqtt-url mqtts://a.example")).unwrap().mqtt.is_some());
        assert!(read(&format!("--dev --data-dir d {addr}")).unwrap().mqtt.is_some(), "plain, and its own address");
    }

    #[test]
    fn its_certificate_is_its_own_or_that_of_the_other_devices_whose_authorities_it_does_not_ask() {
        let files = |flags: &str| read(&format!("--dev --data-dir d {flags}")).unwrap().tls.mqtt;
        let own = |cert: &str, key: &str| tls::Files { cert: cert.into(), key: key.into(), client_ca: None };
        let devices = "--device-tls-cert c --device-tls-key k --device-tls-client-ca a";
        assert_eq!(files("--mqtt-addr 127.0.0.1:0"), None);
        assert_eq!(files(devices), None, "no MQTT");
        assert_eq!(files(&format!("{devices} --mqtt-addr 127.0.0.1:0")), Some(own("c", "k")));
        let both = format!("{devices} --mqtt-addr 127.0.0.1:0 --mqtt-tls-cert m --mqtt-tls-key n");
        assert_eq!(files(&both), Some(own("m", "n")));
    }
}
