//! Looks up one value in a flat JSON object without parsing it: the load side shares its cores with the server, and must
//! stay cheap. Good enough for the hub's own compact answers, where no value holds a quote.

/// The raw value of `key` (given as `"key":`), without quotes; `None` where there is none.
pub(crate) fn json_field<'a>(object: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = object.windows(key.len()).position(|window| window == key)? + key.len();
    let value = &object[start..];
    let (value, ends): (_, &[u8]) = match value.split_first()? {
        (b'"', text) => (text, b"\""),
        _ => (value, b",}"),
    };
    let end = value.iter().position(|byte| ends.contains(byte))?;
    Some(&value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_are_found_by_key() {
        let object = br#"{"id":12667,"fid":0,"code":"OK","data":""}"#;
        assert_eq!(json_field(object, b"\"id\":"), Some(&b"12667"[..]));
        assert_eq!(json_field(object, b"\"code\":"), Some(&b"OK"[..]));
        assert_eq!(json_field(object, b"\"data\":"), Some(&b""[..]));
        assert_eq!(json_field(object, b"\"uri\":"), None);
        assert_eq!(json_field(&object[..4], b"\"id\":"), None);
    }
}
