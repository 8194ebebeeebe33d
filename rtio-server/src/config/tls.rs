//! TLS as it runs: each port has a certificate with its key, or none.

use std::path::PathBuf;

use super::ConfigError;
use super::raw::RawTls;
use crate::net::tls::{Config, Files};

pub(super) fn config(raw: RawTls) -> Result<Config, ConfigError> {
    let device = pair(("device-tls-cert", raw.device_tls_cert), ("device-tls-key", raw.device_tls_key))?;
    let http = pair(("http-tls-cert", raw.http_tls_cert), ("http-tls-key", raw.http_tls_key))?;
    if raw.device_tls_client_ca.is_some() && device.is_none() {
        return Err(ConfigError::ClientCaWithoutTls);
    }
    let device = device.map(|(cert, key)| Files { cert, key, client_ca: raw.device_tls_client_ca });
    let http = http.map(|(cert, key)| Files { cert, key, client_ca: None });
    Ok(Config { device, http, max_handshakes: raw.max_handshakes, handshake_timeout: raw.handshake_timeout })
}

type Flag = (&'static str, Option<PathBuf>);

fn pair((cert_flag, cert): Flag, (key_flag, key): Flag) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
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
        config(RawTls {
            device_tls_cert: path("device-tls-cert"),
            device_tls_key: path("device-tls-key"),
            device_tls_client_ca: path("device-tls-client-ca"),
            http_tls_cert: path("http-tls-cert"),
            http_tls_key: path("http-tls-key"),
            max_handshakes: 1,
            handshake_timeout: Duration::from_secs(1),
        })
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
        for port in ["device", "http"] {
            let (cert, key) = (format!("{port}-tls-cert"), format!("{port}-tls-key"));
            for (given, missing) in [(&cert, &key), (&key, &cert)] {
                let error = read(&[given]).unwrap_err().to_string();
                assert!(error.starts_with(&format!("--{given} is set, but --{missing} is not")), "{error}");
            }
        }
        assert_eq!(read(&["device-tls-client-ca"]).unwrap_err(), ConfigError::ClientCaWithoutTls);
    }
}
