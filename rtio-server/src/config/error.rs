//! What is wrong with flags that are sound one by one.

/// The flags are sound one by one, but not together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says how to tell a device from an impostor.
    #[error(
        "no verifier is configured, so any device could pretend to be any other; --data-dir has a registry of devices, \
         --verifier-url names a service to ask; for trying things out, --dev (or RTIO_DEV=true, or `dev = true` in [serve] of \
         the configuration file) accepts any device"
    )]
    NoVerifier,
    /// The service shall be asked, but nobody says where it is.
    #[error("--verifier http needs --verifier-url")]
    HttpWithoutUrl,
    /// The registry shall be asked, but there is no folder for it.
    #[error("--verifier registry needs --data-dir")]
    RegistryWithoutDataDir,
    /// Nothing says how to tell a caller from a stranger.
    #[error(
        "no keys for callers' tokens are configured, so any stranger could call any device; give --jwt-key FILE or --jwt-jwks \
         FILE|URL (`rtio token keygen` makes a key, `rtio token issue` a token), or --open-callers to let everybody call who \
         reaches the port"
    )]
    NoTokenKeys,
    /// Callers shall show tokens, and shall not have to.
    #[error("--open-callers contradicts --jwt-key and --jwt-jwks: leave it out, and callers need a token")]
    KeysAndOpen,
    /// Authorities to trust are given, and nobody's certificate shall be verified.
    #[error("--backend-ca and --backend-insecure contradict each other: set one of them")]
    TrustAllAndSome,
    /// A certificate without its key, or a key without its certificate.
    #[error("--{given} is set, but --{missing} is not; a certificate and its key belong together")]
    HalfTls {
        /// The flag that is set.
        given: &'static str,
        /// The flag that is not.
        missing: &'static str,
    },
    /// Certificates are asked of devices on a port without TLS.
    #[error(
        "--device-tls-client-ca is set, but the devices' port has no TLS; it needs --device-tls-cert and --device-tls-key"
    )]
    ClientCaWithoutTls,
    /// A certificate for MQTT, and no port for it.
    #[error("--mqtt-tls-cert and --mqtt-tls-key are of no use without --mqtt-addr")]
    MqttTlsWithoutPort,
    /// MQTT shall be served, but there is no runtime of control devices.
    #[error("--mqtt-addr needs --data-dir: MQTT is for control devices, and the hub keeps there what it knows of them")]
    MqttWithoutDataDir,
    /// MQTT shall be served in the open.
    #[error(
        "--mqtt-addr needs TLS: give --mqtt-tls-cert and --mqtt-tls-key, or --device-tls-cert and --device-tls-key, which it then \
         uses, too; for trying things out, --dev serves MQTT without"
    )]
    MqttWithoutTls,
    /// MQTT shall be served, but nobody tells devices where.
    #[error(
        "--mqtt-addr needs --realer-mqtt-url: devices are told where to connect, such as mqtts://hub.example.org:8883, and the \
         address alone does not say it"
    )]
    MqttWithoutUrl,
}
