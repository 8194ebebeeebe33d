//! A moment as devices write it. (Contract §1.3.)

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;

/// ISO 8601 with a zone designator, in milliseconds since 1970; what is finer is cut off. `None`: it is none, has no zone, or lies
/// outside of the years 0 to 9999.
///
/// `jiff::Timestamp` would do, but it ends a day before the year 9999 does.
pub(super) fn parse(text: &str) -> Option<i64> {
    if text.len() > MAX_CHARS || text.contains('[') {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let offset = pieces.to_numeric_offset()?;
    let since = local.duration_since(EPOCH) - SignedDuration::from_secs(offset.seconds().into());
    let ms = i64::try_from(since.as_nanos().div_euclid(1_000_000)).ok()?;
    let year_0 = date(0, 1, 1).at(0, 0, 0, 0).duration_since(EPOCH).as_millis();
    let last = DateTime::MAX.duration_since(EPOCH).as_millis();
    (year_0..=last).contains(&i128::from(ms)).then_some(ms)
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Twice as many as a moment has with all its parts, to the nanosecond.
const MAX_CHARS: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_zone_and_may_have_fractions() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-05-12T08:31:10Z", Some(1_778_574_670_000)),
            ("2026-05-12T10:31:10+02:00", Some(1_778_574_670_000)),
            ("2026-05-12T03:01:10.250-05:30", Some(1_778_574_670_250)),
            ("2026-05-12T08:31:10,123456789Z", Some(1_778_574_670_123)),
            ("1969-12-31T23:59:59.9999Z", Some(-1)),
            ("9999-12-31T23:59:59.999Z", Some(253_402_300_799_999)),
            ("9999-12-31T23:59:59-01:00", None),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            ("0000-01-01T00:00:00+00:01", None),
            ("-000001-01-01T00:00:00Z", None),
            ("2026-05-12T08:31:10", None),
            ("2026-05-12", None),
            ("2026-05-12Z", None),
            ("2026-05-12T08:31:10[Europe/Rome]", None),
            ("2026-05-12T08:31:10+02:00[Europe/Rome]", None),
            ("2026-02-30T08:31:10Z", None),
            ("2026-05-12T25:00:00Z", None),
            ("2026-05-12T08:31:10+99:00", None),
            ("10000-01-01T00:00:00Z", None),
            ("+999999-01-01T00:00:00Z", None),
            ("1778574670", None),
            ("yesterday", None),
            ("", None),
            ("Z", None),
        ] {
            assert_eq!(parse(text), ms, "{text:?}");
        }
        assert_eq!(parse(&format!("2026-05-12T08:31:10.{}Z", "0".repeat(1_000_000))), None);
    }
}
