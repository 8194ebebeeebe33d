//! Moments as the runtime writes them, ISO 8601 in UTC, and the clock that tells them. (Contract §1.3.)

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of observations.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Whether this is so. Nothing is too late by a clock that may be wrong. As given: it is later than the beginning of 2024, which a
    /// device does not believe that has just woken without a battery.
    fn is_trusted(&self) -> bool {
        self.now_ms() >= TRUSTED_FROM_MS
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// As `2026-05-12T08:31:10.250Z`; a moment after the year 9999 is its last one.
pub(super) fn written(ms: i64) -> String {
    let ms = ms.clamp(0, LAST_MS);
    let (day, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, date) = date_of(day);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    let millis = in_day % 1000;
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads a time with its zone, in milliseconds since 1970. `None`: it is none.
pub(super) fn read(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(digits);
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&date);
    if !fits || hour > 23 || minute > 59 || second > 60 || fraction.is_empty() {
        return None;
    }
    let millis = digits(&format!("{fraction:0<3}")[..3])?;
    let offset = offset_minutes(zone)?;
    let minutes = (day_of(year, month, date) * 24 + hour) * 60 + minute - offset;
    Some((minutes * 60 + second) * 1000 + millis)
}

/// Minutes ahead of UTC.
fn offset_minutes(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'Z' | b'z' => return (zone.len() == 1).then_some(0),
        b'-' => -1,
        _ => 1,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    Some(sign * (digits(hours)? * 60 + digits(minutes)?))
}

/// A number of digits only.
fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// Days from 1970 to this one.
fn day_of(year: i64, month: i64, date: i64) -> i64 {
    let months = (1..month).map(|month| days_in(year, month)).sum::<i64>();
    days_before(year) - days_before(1970) + months + date - 1
}

/// Year, month and date of a day since 1970.
fn date_of(day: i64) -> (i64, i64, i64) {
    // Near enough from below, whatever the leap years.
    let mut year = 1970 + day / 366;
    while day_of(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day_of(year, month + 1, 1) <= day {
        month += 1;
    }
    (year, month, day - day_of(year, month, 1) + 1)
}

/// Days of all years before this one.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const DAY_MS: i64 = 86_400_000;

/// The end of the year 9999: a time is written with four digits of a year.
const LAST_MS: i64 = 253_402_300_799_999;

/// The beginning of 2024.
const TRUSTED_FROM_MS: i64 = 1_704_067_200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (TRUSTED_FROM_MS - 1, "2023-12-31T23:59:59.999Z"),
            (1_778_574_670_250, "2026-05-12T08:31:10.250Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(written(ms), text);
            assert_eq!(read(text), Some(ms), "{text}");
        }
        assert_eq!((written(-5), written(i64::MAX)), (written(0), written(LAST_MS)));
        for day in (0..47_000_i64).step_by(13) {
            assert_eq!(read(&written(day * DAY_MS)), Some(day * DAY_MS));
        }
    }

    #[test]
    fn offsets_and_fractions_are_read_and_what_is_no_time_is_not() {
        let same = read("2026-05-12T08:31:10Z");
        for text in ["2026-05-12T10:31:10+02:00", "2026-05-12T03:01:10.000000-05:30", "2026-05-12 08:31:10.0z"] {
            assert_eq!(read(text), same, "{text}");
        }
        assert_eq!(read("2026-05-12T08:31:10.5Z"), same.map(|ms| ms + 500));
        for text in [
            "",
            "2026-05-12",
            "2026-05-12T08:31:10",
            "2026-02-30T08:31:10Z",
            "2026-05-12T24:00:00Z",
            "2026-05-12T08:31:10.Z",
            "2026-05-12T08:31:10Zulu",
            "2026-05-12T08:31:10+0200",
            "-026-05-12T08:31:10Z",
            "2026-05-12T08:31:10.é9Z",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_has_just_begun_is_not_trusted() {
        struct At(i64);
        impl Clock for At {
            fn now_ms(&self) -> i64 {
                self.0
            }
        }
        assert!(!At(12_000).is_trusted());
        assert!(At(TRUSTED_FROM_MS).is_trusted());
        assert!(SystemClock.is_trusted());
    }
}
