//! A request for an MQTT credential, which may say for which device. (Contract §7.2.)

use super::fields::Fields;
use super::json::Json;
use crate::realer::Refusal;

/// Reads a request: `{"device_id"?}`. Which device it names, if any.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn credential_request(body: &[u8]) -> Result<Option<String>, Refusal> {
    let mut fields = Fields::of(Json::parse(body)?)?;
    let device = fields.text("device_id");
    fields.finish()?;
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_name_its_device_and_need_not() {
        for (body, device) in [("{}", None), (r#"{"device_id":null,"x":1}"#, None), (r#"{"device_id":"a"}"#, Some("a"))]
        {
            assert_eq!(credential_request(body.as_bytes()), Ok(device.map(str::to_owned)), "{body}");
        }
        for body in ["[]", r#"{"device_id":7}"#, r#"{"device_id":"a","device_id":"a"}"#] {
            assert!(matches!(credential_request(body.as_bytes()), Err(Refusal::Invalid(_))), "{body}");
        }
        assert!(matches!(credential_request(b""), Err(Refusal::Malformed(_))));
    }
}
