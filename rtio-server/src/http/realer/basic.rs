//! A client's id and secret in an `Authorization` header (pure; RFC 7617, RFC 6749 §2.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::form::decode;
use crate::realer::ClientCredentials;

/// The credentials of a request. `None`: none, or none that can be read.
///
/// OAuth wants id and secret in the form encoding before they become a Basic header; many clients, curl among them, leave that out. So a
/// secret that reads differently both ways is taken for either.
pub(super) fn credentials(headers: &HeaderMap) -> Option<ClientCredentials> {
    let mut values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let value = str::from_utf8(values.next()?).ok()?.trim_matches(' ');
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || values.next().is_some() {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(encoded.trim_start_matches(' ')).ok()?);
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let id = String::from_utf8(decode(&pair[..colon])).ok()?;
    let raw = Zeroizing::new(pair[colon + 1..].to_vec());
    let decoded = Zeroizing::new(decode(&raw));
    let secrets = if decoded == raw { vec![raw] } else { vec![decoded, raw] };
    Some(ClientCredentials { id, secrets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Option<(String, Vec<Vec<u8>>)> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header.as_bytes()).unwrap());
        let secrets = |secrets: Vec<Zeroizing<Vec<u8>>>| secrets.iter().map(|secret| secret.to_vec()).collect();
        credentials(&headers).map(|credentials| (credentials.id, secrets(credentials.secrets)))
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn the_first_colon_parts_id_and_secret() {
        assert_eq!(read(&basic("cdv_a:s3:cret")), Some(("cdv_a".to_owned(), vec![b"s3:cret".to_vec()])));
        assert_eq!(read(&basic(":")), Some((String::new(), vec![vec![]])));
        assert_eq!(read(&basic("a:b").replace("Basic", "bASIC  ")), Some(("a".to_owned(), vec![b"b".to_vec()])));
    }

    #[test]
    fn a_secret_that_reads_differently_is_taken_for_either() {
        let secrets = vec![b"a b+".to_vec(), b"a+b%2B".to_vec()];
        assert_eq!(read(&basic("cdv%5Fa:a+b%2B")), Some(("cdv_a".to_owned(), secrets)));
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for header in ["", "Basic", "Basic ", "Basic !", &basic("nocolon"), "Bearer YTpi", &basic("a:b")[6..]] {
            assert_eq!(read(header), None, "{header:?}");
        }
        let mut two = HeaderMap::new();
        assert!(credentials(&two).is_none());
        two.append(AUTHORIZATION, HeaderValue::from_str(&basic("a:b")).unwrap());
        assert!(credentials(&two).is_some());
        two.append(AUTHORIZATION, HeaderValue::from_str(&basic("a:b")).unwrap());
        assert!(credentials(&two).is_none());
    }
}
