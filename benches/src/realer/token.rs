//! Access tokens of polling devices, asked for over HTTP as they do: id and secret in, a token out, once.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ControlDevice;
use crate::error::RunError;
use crate::http_answer::{Answer, Unreadable};
use crate::json_field::json_field;
use crate::port::{Port, Stream};

/// The header field of each device's requests, with its line end.
pub(crate) async fn fetch_tokens(hub: &Port, devices: &[ControlDevice]) -> Result<Vec<Arc<str>>, RunError> {
    let mut fields = Vec::with_capacity(devices.len());
    let mut stream = hub.connect().await.map_err(RunError::io("connect a device"))?;
    for device in devices {
        let token = fetch_token(&mut stream, device, FORM).await;
        let token = token.map_err(RunError::io(format!("fetch a token of {}", device.id())))?;
        fields.push(bearer(&token).into());
    }
    Ok(fields)
}

/// The token of one device, asked for with this form.
pub(super) async fn fetch_token(stream: &mut Stream, device: &ControlDevice, form: &str) -> io::Result<String> {
    ask(stream, &request(device, form), (200, b"\"access_token\":")).await
}

/// The header field, with its line end.
pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Sends a request, and returns what its answer has for a key, if it has the status that it should.
pub(super) async fn ask(stream: &mut Stream, request: &str, wanted: Wanted<'_>) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = find(&answer, wanted)? {
            return Ok(value);
        }
    }
}

/// The status of a good answer, and the key of what it brings.
type Wanted<'a> = (u16, &'a [u8]);

fn request(device: &ControlDevice, form: &str) -> String {
    let basic = STANDARD.encode(format!("{}:{}", device.id(), device.secret));
    let length = form.len();
    format!(
        "POST /oauth/token HTTP/1.1\r\nHost: hub\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

/// `None` while the answer is not whole.
fn find(answer: &[u8], (good, key): Wanted<'_>) -> io::Result<Option<String>> {
    let refused = || io::Error::new(io::ErrorKind::InvalidData, format!("answered {}", answer.escape_ascii()));
    let Some((Answer { status, body }, _)) = Answer::decode(answer).map_err(|Unreadable| refused())? else {
        return Ok(None);
    };
    let value = json_field(body, key).filter(|_| status == good).ok_or_else(refused)?;
    String::from_utf8(value.to_vec()).map(Some).map_err(|_| refused())
}

const FORM: &str = "grant_type=client_credentials";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_or_the_refusal_is_told() {
        let body = r#"{"access_token":"abc","expires_in":3600}"#;
        let answer = |status| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let token = |answer: &str| find(answer.as_bytes(), (200, b"\"access_token\":"));
        let whole = answer("200 OK");
        assert_eq!(token(&whole).unwrap(), Some("abc".to_owned()));
        assert_eq!(token(&whole[..whole.len() - 1]).unwrap(), None);
        assert!(token(&answer("429 Too Many Requests")).unwrap_err().to_string().contains("429"));
    }
}
