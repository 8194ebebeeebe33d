//! How single values are read, the same from a flag, a variable or a file. The text of each error says what is allowed.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use humantime::format_duration;
use ipnet::IpNet;

use crate::token::JwksSource;

/// Reads an IP address with a port. Names are refused: what they stand for may change after the start.
///
/// # Errors
///
/// [`ValueError::Address`].
pub fn address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::Address)
}

/// Where to listen, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

/// Reads an IP address with a port, or `off`.
///
/// # Errors
///
/// [`ValueError::AddressOrOff`].
pub fn address_or_off(text: &str) -> Result<Address, ValueError> {
    if text == "off" {
        return Ok(Address::Off);
    }
    text.parse().map(Address::At).map_err(|_| ValueError::AddressOrOff)
}

/// Reads a network such as `10.0.0.0/8`, or one address.
///
/// # Errors
///
/// [`ValueError::Network`].
pub fn network(text: &str) -> Result<IpNet, ValueError> {
    let text = text.trim();
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| one()).map_err(|_| ValueError::Network)
}

/// Reads a switch, as a variable or a file may set it.
///
/// # Errors
///
/// [`ValueError::Switch`].
pub fn switch(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(ValueError::Switch),
    }
}

/// Makes a reader of whole numbers that refuses those outside of `range`, which must lie within `T`.
pub fn count_within<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, ValueError> + Clone + Send + Sync + 'static {
    move |text| {
        let count = text.parse().ok().filter(|count| range.contains(count)).and_then(|count| T::try_from(count).ok());
        count.ok_or_else(|| ValueError::Count { min: *range.start(), max: *range.end() })
    }
}

/// Makes a reader of times such as `500ms`, `10s` or `1m 30s` that refuses those outside of `range`.
pub fn time_within(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, ValueError> + Clone + Send + Sync + 'static {
    move |text| {
        let time = humantime::parse_duration(text).ok().filter(|time| range.contains(time));
        time.ok_or_else(|| ValueError::Time { min: *range.start(), max: *range.end() })
    }
}

/// Reads `*` or one origin, `scheme://host[:port]`: what browsers compare with, byte by byte.
///
/// # Errors
///
/// [`ValueError::Origin`].
pub fn origin(text: &str) -> Result<String, ValueError> {
    let is_origin = |(scheme, host): (&str, &str)| {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        !scheme.is_empty() && !host.is_empty() && scheme.bytes().all(sound) && host.bytes().all(sound)
    };
    if text == "*" || text.split_once("://").is_some_and(is_origin) {
        return Ok(text.to_owned());
    }
    Err(ValueError::Origin)
}

/// Reads where a key set is: an `https` URL, an `http` URL of this machine, or the path of a file.
///
/// # Errors
///
/// [`ValueError::KeySet`]: another URL. Over plain HTTP, whoever stands in between could give the hub keys of their own.
pub fn key_set(text: &str) -> Result<JwksSource, ValueError> {
    if !text.contains("://") {
        return if text.is_empty() { Err(ValueError::KeySet) } else { Ok(JwksSource::File(text.into())) };
    }
    let url: hyper::Uri = text.parse().map_err(|_| ValueError::KeySet)?;
    let authority = url.authority().filter(|it| !it.host().is_empty() && !it.as_str().contains('@'));
    let host = authority.ok_or(ValueError::KeySet)?.host().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    match url.scheme_str() {
        Some("https") => Ok(JwksSource::Url(text.to_owned())),
        Some("http") if is_here => Ok(JwksSource::Url(text.to_owned())),
        _ => Err(ValueError::KeySet),
    }
}

/// Reads where a broker is: `mqtts://HOST[:PORT]`. Plain MQTT is nothing that devices are sent to.
///
/// # Errors
///
/// [`ValueError::Broker`].
pub fn broker_url(text: &str) -> Result<String, ValueError> {
    let url: hyper::Uri = text.parse().map_err(|_| ValueError::Broker)?;
    let authority = url.authority().filter(|it| !it.host().is_empty() && !it.as_str().contains('@'));
    let is_broker = url.scheme_str() == Some("mqtts") && authority.is_some() && matches!(url.path(), "" | "/");
    if is_broker && url.query().is_none() { Ok(text.to_owned()) } else { Err(ValueError::Broker) }
}

/// Reads a code of control devices' answers and its other number, such as `4015=4150`.
///
/// # Errors
///
/// [`ValueError::Code`].
pub fn renamed_code(text: &str) -> Result<(u16, u16), ValueError> {
    let code = |text: &str| text.parse().ok().filter(|code| (1000..=9999).contains(code));
    let (from, to) = text.split_once('=').ok_or(ValueError::Code)?;
    code(from).zip(code(to)).ok_or(ValueError::Code)
}

/// Reads a label that programs branch on.
///
/// # Errors
///
/// [`ValueError::Label`].
pub fn label(text: &str) -> Result<String, ValueError> {
    let is_label = (1..=32).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    if is_label { Ok(text.to_owned()) } else { Err(ValueError::Label) }
}

/// What a value should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not an IP address with a port.
    #[error("expected an IP address and a port, such as 127.0.0.1:17017 or [::1]:17017")]
    Address,
    /// Neither an IP address with a port nor `off`.
    #[error("expected an IP address and a port, such as 127.0.0.1:17918, or off")]
    AddressOrOff,
    /// Neither a network nor an address.
    #[error("expected an IP address or a network in CIDR notation, such as 10.0.0.0/8 or 2001:db8::/32")]
    Network,
    /// Neither on nor off.
    #[error("expected true or false")]
    Switch,
    /// Not a whole number, or not in the range.
    #[error("expected a whole number from {min} to {max}")]
    Count {
        /// Lowest number allowed.
        min: u64,
        /// Highest number allowed.
        max: u64,
    },
    /// Not a time, or not in the range.
    #[error("expected a time from {} to {}, such as 500ms or 10s", format_duration(*.min), format_duration(*.max))]
    Time {
        /// Shortest time allowed.
        min: Duration,
        /// Longest time allowed.
        max: Duration,
    },
    /// Neither a file nor a URL that keys may come from.
    #[error("expected a file or an https URL without a user (http only to this machine)")]
    KeySet,
    /// Neither `*` nor an origin.
    #[error("expected * or one origin, such as https://console.example.org")]
    Origin,
    /// Not where a broker is.
    #[error("expected a URL such as mqtts://broker.example.org:8883")]
    Broker,
    /// Not a code and its other number.
    #[error("expected two codes of four digits, such as 4015=4150")]
    Code,
    /// No label.
    #[error("expected 1 to 32 characters of a-z and _")]
    Label,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_keeps_to_its_range() {
        let read = time_within(Duration::from_millis(10)..=Duration::from_secs(3600));
        assert_eq!(read("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(read("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(read("1h"), Ok(Duration::from_secs(3600)));
        for bad in ["9ms", "3601s", "10", "", "-1s", "soon"] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.to_string(), "expected a time from 10ms to 1h, such as 500ms or 10s", "{bad}");
        }
    }

    #[test]
    fn a_network_is_cidr_or_one_address() {
        for (text, expected) in [("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/32"), (" ::1", "::1/128")] {
            assert_eq!(network(text).map(|network| network.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for bad in ["", "10.0.0.0/33", "proxy.example.org", "10.0.0.1:80", "10.0.0"] {
            assert_eq!(network(bad), Err(ValueError::Network), "{bad}");
        }
    }

    #[test]
    fn a_count_keeps_to_its_range() {
        let read = count_within::<u16>(1..=32_768);
        assert_eq!((read("1"), read("32768")), (Ok(1), Ok(32_768)));
        for bad in ["0", "32769", "-1", "1e3", "1_000", "", "99999999999999999999"] {
            assert_eq!(read(bad), Err(ValueError::Count { min: 1, max: 32_768 }), "{bad}");
        }
    }

    #[test]
    fn a_switch_is_on_or_off() {
        for (text, expected) in [("true", Ok(true)), ("1", Ok(true)), ("Off", Ok(false)), ("", Err(ValueError::Switch))]
        {
            assert_eq!(switch(text), expected, "{text}");
        }
    }

    #[test]
    fn a_key_set_is_a_file_or_behind_a_url_that_nobody_can_forge() {
        for url in ["https://a.example/keys", "http://localhost:1/k", "http://127.0.0.1/k", "http://[::1]:8080/k"] {
            assert_eq!(key_set(url), Ok(JwksSource::Url(url.to_owned())));
        }
        assert_eq!(key_set("keys/jwks.json"), Ok(JwksSource::File("keys/jwks.json".into())));
        for bad in ["", "http://a.example/keys", "ftp://a.example", "https://u:p@a.example", "https://", "file:///k"] {
            assert_eq!(key_set(bad), Err(ValueError::KeySet), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_a_scheme_a_host_and_no_path() {
        for good in ["*", "https://a.example", "http://127.0.0.1:8080", "http://[::1]:80", "capacitor://localhost"] {
            assert_eq!(origin(good), Ok(good.to_owned()));
        }
        for bad in
            ["", "a.example", "https://", "https://a.example/", "https://a, https://b", "**", "https://a\r\nb: c"]
        {
            assert_eq!(origin(bad), Err(ValueError::Origin), "{bad}");
        }
    }
    #[test]
    fn a_broker_speaks_tls_and_has_no_path() {
        for good in ["mqtts://a.example", "mqtts://a.example:8883", "mqtts://[::1]:8883"] {
            assert_eq!(broker_url(good), Ok(good.to_owned()));
        }
        for bad in ["", "a.example:8883", "mqtt://a.example", "mqtts://", "mqtts://u@a.example", "mqtts://a.example/x"]
        {
            assert_eq!(broker_url(bad), Err(ValueError::Broker), "{bad}");
        }
    }

    #[test]
    fn a_code_has_four_digits_and_a_label_lower_case() {
        assert_eq!((renamed_code("4015=4150"), label("replayed_it")), (Ok((4015, 4150)), Ok("replayed_it".to_owned())));
        for bad in ["", "4015", "4015=", "999=1000", "4015=10000", "4015=41.5", "a=b"] {
            assert_eq!(renamed_code(bad), Err(ValueError::Code), "{bad}");
        }
        for bad in ["", "Replayed", "a b", &"x".repeat(33)] {
            assert_eq!(label(bad), Err(ValueError::Label), "{bad}");
        }
    }
}
