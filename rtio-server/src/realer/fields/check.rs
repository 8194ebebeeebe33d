//! What texts and numbers of operators may be, in one place. Pure.

use super::FieldError;
use crate::realer::value::ValueType;
use crate::realer::{CommandId, ResourceId, SensorId, is_control_device};

/// What operators call something: people read it, so it is one line that shows.
///
/// # Errors
///
/// [`FieldError`].
pub fn label(field: &str, text: &str) -> Result<String, FieldError> {
    let shows = text.trim() == text && text.chars().all(|character| !character.is_control());
    let fits = (1..=MAX_LABEL).contains(&text.chars().count());
    if fits && shows && !is_id(text) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new(
        field,
        format_args!("1 to {MAX_LABEL} printable characters, without blanks around them, and no id"),
    ))
}

/// What firmware reads: it must fit a short message as it is.
///
/// # Errors
///
/// [`FieldError`].
pub fn text(field: &str, text: &str) -> Result<String, FieldError> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
    if text.len() <= MAX_TEXT && is_plain {
        return Ok(text.to_owned());
    }
    Err(FieldError::new(field, format_args!("at most {MAX_TEXT} printable characters of ASCII without \" and \\")))
}

/// An end of the range of a value.
///
/// # Errors
///
/// [`FieldError`].
pub fn end(field: &str, number: Option<f64>) -> Result<Option<f64>, FieldError> {
    if number.is_none_or(f64::is_finite) { Ok(number) } else { Err(FieldError::new(field, "a finite number")) }
}

/// A number of a plan.
///
/// # Errors
///
/// [`FieldError`].
pub fn number(field: &str, number: Option<u32>, (least, most): (u32, u32)) -> Result<Option<u32>, FieldError> {
    if number.is_none_or(|number| (least..=most).contains(&number)) {
        return Ok(number);
    }
    Err(FieldError::new(field, format_args!("a whole number from {least} to {most}")))
}

/// The value that a command has before anything is desired.
///
/// # Errors
///
/// [`FieldError`].
pub fn value(text: &str, value_type: &str, range: (Option<f64>, Option<f64>)) -> Result<String, FieldError> {
    let of_type = ValueType::of(value_type);
    if text.chars().count() > MAX_VALUE {
        return Err(FieldError::new("value", format_args!("at most {MAX_VALUE} characters")));
    }
    if !of_type.fits(text) {
        let expected = match of_type {
            ValueType::NumericRange => "the text of a decimal number",
            ValueType::Binary => "0 or 1",
            ValueType::Opaque => "text",
        };
        return Err(FieldError::new("value", expected));
    }
    if !of_type.is_within(text, range.0, range.1) {
        return Err(FieldError::new("value", "a number that is neither below min nor above max"));
    }
    Ok(text.to_owned())
}

fn is_id(text: &str) -> bool {
    let is_device = crate::hub::DeviceId::parse(text).is_ok_and(|device| is_control_device(&device));
    is_device || CommandId::parse(text).is_ok() || SensorId::parse(text).is_ok() || ResourceId::parse(text).is_ok()
}

/// Characters of a label: a line of a screen.
pub const MAX_LABEL: usize = 128;

/// Characters of a kind, a pin or a unit: a sensor has four of them, and with its id they fit one message of 504 bytes.
pub const MAX_TEXT: usize = 64;

/// Characters of a value, as contract §6.1 has it for reports.
const MAX_VALUE: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_1_to_128_characters_that_show() {
        for good in ["a", "Bench 1", "Gewächshaus ☀", &"ü".repeat(128)] {
            assert_eq!(label("label", good).as_deref(), Ok(good));
        }
        let wrong = ["", " ", " a", "a ", "a\nb", "a\u{7f}", &"x".repeat(129), "res_01jv3kc5d7e9f1g3h5j7k9m1n3"];
        for wrong in wrong {
            let error = label("label", wrong).unwrap_err().to_string();
            assert!(error.starts_with("label: expected 1 to 128 printable characters"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_text_for_firmware_has_64_plain_characters() {
        for good in ["", "relay", "degree_celsius:0", &"x".repeat(64)] {
            assert_eq!(text("kind", good).as_deref(), Ok(good));
        }
        for wrong in ["ü", "a\"b", "a\\b", "a\tb", &"x".repeat(65)] {
            assert!(text("kind", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_value_is_one_of_its_type_and_range() {
        let unit = (Some(0.0), Some(1.0));
        assert!(value("1.0", "NumericRange", unit).is_ok());
        assert!(value("", "Customary", unit).is_ok());
        assert!(value(&"x".repeat(255), "Customary", unit).is_ok());
        for (text, value_type) in [("on", "NumericRange"), ("2", "NumericRange"), ("0.5", "Binary"), ("", "Binary")] {
            assert_eq!(value(text, value_type, unit).unwrap_err().field, "value", "{text}");
        }
        assert!(value(&"x".repeat(256), "Customary", unit).is_err());
    }

    #[test]
    fn numbers_have_their_ends() {
        for (at, fits) in [(4, false), (5, true), (7, true), (8, false)] {
            assert_eq!(number("n", Some(at), (5, 7)).is_ok(), fits, "{at}");
        }
        assert_eq!(number("n", None, (5, 7)), Ok(None));
        assert!(end("min", Some(f64::NAN)).is_err() && end("min", Some(f64::INFINITY)).is_err());
    }
}
