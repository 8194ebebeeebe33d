//! Where the hub listens.

use std::net::SocketAddr;

use clap::Args;
use ipnet::IpNet;

use super::super::value::{address, network, origin};

/// Where the hub listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Addresses (port 0 takes a free one)")]
pub struct RawListen {
    /// Where devices connect [default: 0.0.0.0:17017; with --dev 127.0.0.1:17017]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub device_addr: Option<SocketAddr>,

    /// Where callers connect [default: 0.0.0.0:17917; with --dev 127.0.0.1:17917]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub http_addr: Option<SocketAddr>,

    /// Where control devices with MQTT connect, the usual ports are 8883 with TLS and 1883 without; no MQTT unless it is given
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub mqtt_addr: Option<SocketAddr>,

    /// Proxies in front of devices (MQTT, too) and callers, each an address or CIDR: their connections must begin with a PROXY header
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub proxy_protocol_from: Vec<IpNet>,

    /// Web pages that may call: * for all, or one origin such as `https://console.example.org`
    #[arg(long, value_name = "ORIGIN", default_value = "*", value_parser = origin)]
    pub cors_origin: String,
}
