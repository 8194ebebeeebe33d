//! Headers as bytes, whole and in any part, and what is none.

use super::*;

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family], &len, rest].concat()
}

/// Feeds a header as the reader does: exactly what is asked for. What came of it, and how many bytes were taken.
fn feed(bytes: &[u8]) -> Result<(Option<SocketAddr>, usize), String> {
    let mut taken = 0;
    loop {
        match judge(&bytes[..taken]).map_err(|error| error.to_string())? {
            Progress::Whole(source) => return Ok((source, taken)),
            Progress::Missing(count) if taken + count > bytes.len() => return Err("waits".to_owned()),
            Progress::Missing(count) => taken += count,
        }
    }
}

/// Whatever follows a header, its length and its source are the same.
fn check(header: &[u8], expected: Option<&str>) {
    let expected = expected.map(|addr| addr.parse().unwrap());
    for behind in [&b""[..], b"P", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", &[0x16, 3, 1]] {
        let bytes = [header, behind].concat();
        assert_eq!(feed(&bytes), Ok((expected, header.len())), "{}", header.escape_ascii());
    }
    for cut in 0..header.len() {
        assert_eq!(feed(&header[..cut]), Err("waits".to_owned()), "{}", header[..cut].escape_ascii());
    }
}

#[test]
fn lines_of_version_1_name_the_source() {
    check(b"PROXY TCP4 192.0.2.1 198.51.100.2 1 17017\r\n", Some("192.0.2.1:1"));
    check(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535"));
    check(b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", Some("[2001:db8::1]:56324"));
    check(b"PROXY UNKNOWN\r\n", None);
    check(b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", None);
}

#[test]
fn headers_of_version_2_name_the_source() {
    let four = [192, 0, 2, 1, 198, 51, 100, 2, 0, 80, 66, 121];
    check(&v2(0x21, 0x11, &four), Some("192.0.2.1:80"));
    let extensions = [0x04, 0, 3, 1, 2, 3];
    check(&v2(0x21, 0x11, &[&four[..], &extensions].concat()), Some("192.0.2.1:80"));
    let mut six = [0; 36];
    (six[0], six[1], six[15], six[33]) = (0x20, 0x01, 7, 9);
    check(&v2(0x21, 0x21, &six), Some("[2001::7]:9"));
}

#[test]
fn local_and_unspecified_keep_the_address_of_the_socket() {
    check(&v2(0x20, 0x00, b""), None);
    check(&v2(0x20, 0x11, &[1; 12]), None);
    check(&v2(0x21, 0x00, b""), None);
    check(&v2(0x21, 0x31, &[0; 216]), None);
}

#[test]
fn what_is_no_header_is_refused_at_once() {
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
    let cases: [&[u8]; 13] = [
        b"GET / HTTP/1.1\r\n",
        &[0x16; 15],
        &[0; 15],
        b"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4\r\n",
        long.as_bytes(),
        &v2(0x21, 0x11, &[1; 11]),
        &v2(0x21, 0x12, &[1; 12]),
    ];
    for bytes in cases {
        assert_eq!(feed(bytes), Err(ProxyError::Malformed.to_string()), "{}", bytes.escape_ascii());
    }
    assert_eq!(feed(&v2(0x31, 0x11, &[1; 12])), Err(ProxyError::Malformed.to_string()), "version 3");
    assert_eq!(feed(&v2(0x22, 0x11, &[1; 12])), Err(ProxyError::Malformed.to_string()), "an unknown command");
}

#[test]
fn a_header_has_a_longest_length() {
    let longest = vec![0; MAX_HEADER_BYTES - V2_FIXED_BYTES];
    check(&v2(0x21, 0x00, &longest), None);
    let one_more = v2(0x21, 0x00, &[longest, vec![0]].concat());
    let refused = ProxyError::TooLong { len: MAX_HEADER_BYTES + 1 }.to_string();
    assert_eq!(feed(&one_more[..V2_FIXED_BYTES]), Err(refused), "before it is read");
    let line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(V1_MAX_BYTES - 16));
    check(line.as_bytes(), None);
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(1000));
    assert_eq!(feed(endless.as_bytes()), Err(ProxyError::Malformed.to_string()));
}

#[test]
fn proxies_are_trusted_by_network() {
    let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
    for (peer, expected) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("11.0.0.1", false),
        ("2001:db8::9", true),
        ("2001:db9::9", false),
    ] {
        assert_eq!(trusted.contains(peer.parse().unwrap()), expected, "{peer}");
        assert!(!TrustedProxies::default().contains(peer.parse().unwrap()), "{peer}");
    }
}
