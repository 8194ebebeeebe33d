//! A form as OAuth sends it (pure; `application/x-www-form-urlencoded`, RFC 6749 §3.2 and appendix B).

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

/// Names and values of a form; each name once, none of the values empty.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads a form. A name without a value counts as left out.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = equals.map_or((pair, &b""[..]), |equals| (&pair[..equals], &pair[equals + 1..]));
            let text = |bytes| String::from_utf8(decode(bytes)).map_err(|_| "the form is no UTF-8");
            let (name, value) = (text(name)?, Zeroizing::new(text(value)?));
            if fields.iter().any(|(known, _)| *known == name) {
                return Err("a parameter is there twice");
            }
            if fields.len() == MAX_FIELDS {
                return Err("the form has too many parameters");
            }
            fields.push((name, value));
        }
        fields.retain(|(_, value)| !value.is_empty());
        Ok(Self(fields))
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a form means by these bytes.
pub(super) fn decode(bytes: &[u8]) -> Vec<u8> {
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(bytes.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect());
    percent_decode(&spaced).collect()
}

/// Longest form: a token and a hint need a tenth of that.
pub(super) const MAX_FORM_BYTES: usize = 8 * 1024;

/// OAuth knows about a dozen.
const MAX_FIELDS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_left_out() {
        let form = Form::parse(b"&grant_type=client_credentials&scope=a%20b+c&state=&x&&y=1=2").unwrap();
        assert_eq!((form.get("grant_type"), form.get("scope")), (Some("client_credentials"), Some("a b c")));
        assert_eq!((form.get("state"), form.get("x"), form.get("y")), (None, None, Some("1=2")));
        assert_eq!(Form::parse(b"").unwrap().get(""), None);
    }

    #[test]
    fn a_name_comes_once() {
        for twice in ["a=1&a=1", "a=1&%61=2", "a=&a=1", "a&a"] {
            assert_eq!(Form::parse(twice.as_bytes()).unwrap_err(), "a parameter is there twice", "{twice}");
        }
    }

    #[test]
    fn what_is_no_text_and_what_is_too_much_is_refused() {
        assert_eq!(Form::parse(b"a=%ff").unwrap_err(), "the form is no UTF-8");
        let many = |count| (0..count).map(|nth| format!("a{nth}=1")).collect::<Vec<_>>().join("&");
        assert!(Form::parse(many(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(Form::parse(many(MAX_FIELDS + 1).as_bytes()).unwrap_err(), "the form has too many parameters");
    }
}
