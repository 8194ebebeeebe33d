//! What values mean. (Contract §4, `value_type`.)

/// How the values of a command are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// A decimal number.
    NumericRange,
    /// On or off: 1 or 0.
    Binary,
    /// Any text, and any type that is not known.
    Opaque,
}

impl ValueType {
    /// The type of this name.
    pub fn of(name: &str) -> Self {
        match name {
            "NumericRange" => Self::NumericRange,
            "Binary" => Self::Binary,
            _ => Self::Opaque,
        }
    }

    /// Whether a value is one of this type.
    pub fn fits(self, value: &str) -> bool {
        match self {
            Self::NumericRange => number(value).is_some(),
            Self::Binary => number(value).is_some_and(|value| value == 0.0 || value == 1.0),
            Self::Opaque => true,
        }
    }

    /// What is wrong with a value that does not fit.
    pub const fn problem(self) -> &'static str {
        match self {
            Self::NumericRange => "no decimal number",
            Self::Binary => "neither 0 nor 1",
            Self::Opaque => "not acceptable",
        }
    }

    /// Whether a value that fits is neither too small nor too great; text has no size.
    pub fn is_within(self, value: &str, min: Option<f64>, max: Option<f64>) -> bool {
        let within = |value: f64| min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max);
        match self {
            Self::NumericRange | Self::Binary => number(value).is_some_and(within),
            Self::Opaque => true,
        }
    }
}

/// Whether two values say the same: as numbers where both are, else letter by letter.
pub fn is_same(one: &str, other: &str) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq() || (one == 0.0 && other == 0.0),
        _ => one == other,
    }
}

/// A finite decimal number: digits with a sign and a point at most, and an exponent; no `inf`, `nan` or blanks.
fn number(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_decimal_and_finite() {
        for (text, fits) in [
            ("21.5", true),
            ("-0", true),
            ("+1e3", true),
            ("", false),
            ("inf", false),
            ("NaN", false),
            ("1e999", false),
            (" 1", false),
            ("0x10", false),
            ("1,5", false),
        ] {
            assert_eq!(ValueType::of("NumericRange").fits(text), fits, "{text:?}");
        }
    }

    #[test]
    fn values_are_the_same_as_numbers_or_as_text() {
        for (one, other, same) in
            [("1", "1.0", true), ("-0", "0.0", true), ("1", "1.5", false), ("on", "on", true), ("on", "ON", false)]
        {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn on_and_off_are_one_and_nought_and_unknown_types_are_text() {
        for (text, fits) in [("0", true), ("1.0", true), ("0.5", false), ("on", false)] {
            assert_eq!(ValueType::of("Binary").fits(text), fits, "{text:?}");
        }
        assert!(ValueType::of("Customary").fits("on"));
        assert!(ValueType::of("Customary").is_within("on", Some(1.0), Some(2.0)));
        assert!(!ValueType::of("NumericRange").is_within("3", Some(1.0), Some(2.0)));
        assert!(ValueType::of("NumericRange").is_within("2", Some(1.0), Some(2.0)));
    }
}
