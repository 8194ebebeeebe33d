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
        let token = fetch(&mut stream, device).await;
        let token = token.map_err(RunError::io(format!("fetch a token of {}", device.id())))?;
        fields.push(format!("Authorization: Bearer {token}\r\n").into());
    }
    Ok(fields)
}

async fn fetch(stream: &mut Stream, device: &ControlDevice) -> io::Result<String> {
    stream.write_all(request(device).as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(token) = token(&answer)? {
            return Ok(token);
        }
    }
}

fn request(device: &ControlDevice) -> String {
    let basic = STANDARD.encode(format!("{}:{}", device.id(), device.secret));
    let length = FORM.len();
    format!(
        "POST /oauth/token HTTP/1.1\r\nHost: hub\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{FORM}"
    )
}

/// `None` while the answer is not whole.
fn token(answer: &[u8]) -> io::Result<Option<String>> {
    let refused = || io::Error::new(io::ErrorKind::InvalidData, format!("answered {}", answer.escape_ascii()));
    let Some((Answer { status, body }, _)) = Answer::decode(answer).map_err(|Unreadable| refused())? else {
        return Ok(None);
    };
    let token = json_field(body, b"\"access_token\":").filter(|_| status == 200).ok_or_else(refused)?;
    String::from_utf8(token.to_vec()).map(Some).map_err(|_| refused())
}

const FORM: &str = "grant_type=client_credentials";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_or_the_refusal_is_told() {
        let body = r#"{"access_token":"abc","expires_in":3600}"#;
        let answer = |status| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let whole = answer("200 OK");
        assert_eq!(token(whole.as_bytes()).unwrap(), Some("abc".to_owned()));
        assert_eq!(token(&whole.as_bytes()[..whole.len() - 1]).unwrap(), None);
        assert!(token(answer("429 Too Many Requests").as_bytes()).unwrap_err().to_string().contains("429"));
    }
}
