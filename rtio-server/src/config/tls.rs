//! TLS as it runs: each port has a certificate with its key, or none.

use std::path::PathBuf;

use super::ConfigError;
use super::raw::RawTls;
use crate::net::tls::{Config, Files};

/// TLS of each port. The one of MQTT has its own certificate or that of the devices' port, and asks nobody for theirs: who connects there
/// shows a credential.
pub(super) fn config(raw: &RawTls, has_mqtt: bool) -> Result<Config, ConfigError> {
    let device = pair(("device-tls-cert", &raw.device_tls_cert), ("device-tls-key", &raw.device_tls_key))?;
    let mqtt = pair(("mqtt-tls-cert", &raw.mqtt_tls_cert), ("mqtt-tls-key", &raw.mqtt_tls_key))?;
    let http = pair(("http-tls-cert", &raw.http_tls_cert), ("http-tls-key", &raw.http_tls_key))?;
    if raw.device_tls_client_ca.is_some() && device.is_none() {
        return Err(ConfigError::ClientCaWithoutTls);
    }
    if mqtt.is_some() && !has_mqtt {
        return Err(ConfigError::MqttTlsWithoutPort);
    }
    Ok(Config {
        mqtt: mqtt.or_else(|| device.clone()).filter(|_| has_mqtt),
        device: device.map(|files| Files { client_ca: raw.device_tls_client_ca.clone(), ..files }),
        http,
        max_handshakes: raw.max_handshakes,
        handshake_timeout: raw.handshake_timeout,
    })
}

type Flag<'a> = (&'static str, &'a Option<PathBuf>);

fn pair((cert_flag, cert): Flag<'_>, (key_flag, key): Flag<'_>) -> Result<Option<Files>, ConfigError> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(Files { cert: cert.clone(), key: key.clone(), client_ca: None })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::HalfTls { given: cert_flag, missing: key_flag }),
        (None, Some(_)) => Err(ConfigError::HalfTls { given: key_flag, missing: cert_flag }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(flags: &[&str]) -> Result<Config, ConfigError> {
        let path = |flag: &str| flags.contains(&flag).then(|| PathBuf::from(flag));
        let raw = RawTls {
            device_tls_cert: path("device-tls-cert"),
            device_tls_key: path("device-tls-key"),
            device_tls_client_ca: path("device-tls-client-ca"),
            mqtt_tls_cert: path("mqtt-tls-cert"),
            mqtt_tls_key: path("mqtt-tls-key"),
            http_tls_cert: path("http-tls-cert"),
            http_tls_key: path("http-tls-key"),
            max_handshakes: 1,
            handshake_timeout: Duration::from_secs(1),
        };
        config(&raw, flags.contains(&"mqtt-addr"))
    }

    #[test]
    fn each_port_has_a_certificate_with_its_key_or_neither() {
        let plain = read(&[]).unwrap();
        assert_eq!((plain.device, plain.http), (None, None));
        let both =
            read(&["device-tls-cert", "device-tls-key", "device-tls-client-ca", "http-tls-cert", "http-tls-key"]);
        let both = both.unwrap();
        assert_eq!(both.device.unwrap().client_ca, Some("device-tls-client-ca".into()));
        assert_eq!(both.http.unwrap().key, PathBuf::from("http-tls-key"));
        for port in ["device", "mqtt", "http"] {
            let (cert, key) = (format!("{port}-tls-cert"), format!("{port}-tls-key"));
            for (given, missing) in [(&cert, &key), (&key, &cert)] {
                let error = read(&[given]).unwrap_err().to_string();
                assert!(error.starts_with(&format!("--{given} is set, but --{missing} is not")), "{error}");
            }
        }
        assert_eq!(read(&["device-tls-client-ca"]).unwrap_err(), ConfigError::ClientCaWithoutTls);
        assert_eq!(read(&["mqtt-tls-cert", "mqtt-tls-key"]).unwrap_err(), ConfigError::MqttTlsWithoutPort);
    }
}
