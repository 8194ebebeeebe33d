//! Times as the runtime writes them. (Contract §1.3.)

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// ISO 8601 in UTC with `Z`; milliseconds only where there are some. What lies outside of the years -9999 to 9999 is written as the
/// nearest moment within them.
pub fn utc(ms: i64) -> String {
    format!("{}Z", EPOCH.saturating_add(SignedDuration::from_millis(ms)))
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_utc_and_has_milliseconds_only_where_there_are_some() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_778_574_600_000, "2026-05-12T08:30:00Z"),
            (1_778_574_600_250, "2026-05-12T08:30:00.25Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(utc(ms), text);
        }
        assert!(utc(i64::MIN).starts_with("-009999-01-01"));
    }
}
