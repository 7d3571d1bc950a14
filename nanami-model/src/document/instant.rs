//! Instants as documents write them: `2026-12-01T00:00:00Z`.

use std::str::FromStr;

use super::value::Written;
use crate::time::Timestamp;

/// An instant, in UTC, to the second or the millisecond (a profile of RFC 3339).
pub(super) struct Instant(pub(super) Timestamp);

/// A text is no instant.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("an instant reads 2026-12-01T00:00:00Z, in UTC, from 1970 to 9999")]
pub(super) struct ParseInstantError;

impl FromStr for Instant {
    type Err = ParseInstantError;

    fn from_str(text: &str) -> Result<Self, ParseInstantError> {
        let bytes = text.as_bytes();
        let has = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
        let punctuated = has(4, b'-') && has(7, b'-') && has(10, b'T') && has(13, b':') && has(16, b':');
        let part = |from: usize, to: usize| number(text.get(from..to)?);
        let millis = match bytes.len() {
            20 => Some(0),
            24 if has(19, b'.') => part(20, 23),
            _ => None,
        };
        let parts = || Some([part(0, 4)?, part(5, 7)?, part(8, 10)?, part(11, 13)?, part(14, 16)?, part(17, 19)?]);
        let (Some([year, month, day, hour, minute, second]), Some(millis)) = (parts(), millis) else {
            return Err(ParseInstantError);
        };
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let in_time = year >= 1970 && (1..=12).contains(&month) && (1..=days).contains(&day);
        if !(punctuated && text.ends_with('Z') && in_time && hour < 24 && minute < 60 && second < 60) {
            return Err(ParseInstantError);
        }
        let seconds = (days_before(year, month, leap) + day - 1) * 86_400 + hour * 3600 + minute * 60 + second;
        Ok(Self(Timestamp::from_millis(seconds * 1000 + millis)))
    }
}

impl Written for Instant {
    const KIND: &'static str = "instant";
    const PATTERN: Option<&'static str> =
        Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{3})?Z$");
    const FORMAT: Option<&'static str> = Some("nanami-instant");

    fn explain(_: &ParseInstantError, _: &str) -> (&'static str, String) {
        ("value.instant", "write an instant such as 2026-12-01T00:00:00Z".to_owned())
    }
}

/// The instant as a document writes it; what is beyond the year 9999 is never reached, and left out.
pub(super) fn written(at: Timestamp) -> Option<String> {
    let text = at.to_string();
    let text = text.strip_suffix(" UTC")?.replace(' ', "T");
    let text = match at.as_millis() % 1000 {
        0 => format!("{text}Z"),
        millis => format!("{text}.{millis:03}Z"),
    };
    text.parse::<Instant>().is_ok().then_some(text)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to the first of a month, in the Gregorian calendar.
fn days_before(year: u64, month: u64, leap: bool) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    (year - 1970) * 365 + leap_days + BEFORE[month as usize - 1] + u64::from(leap && month > 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_but_an_instant_is_one() {
        for bad in [
            "",
            "2026-12-01",
            "2026-12-01T00:00:00",
            "2026-12-01 00:00:00Z",
            "2026-12-01T00:00:00+01:00",
            "2026-02-29T00:00:00Z",
            "1900-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.1Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:0éZ",
        ] {
            assert!(bad.parse::<Instant>().is_err(), "{bad}");
        }
        assert_eq!("2000-02-29T00:00:00Z".parse::<Instant>().unwrap().0, Timestamp::from_millis(951_782_400_000));
        assert_eq!(written(Timestamp::from_millis(u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0u64..253_402_300_800_000) {
            let text = written(Timestamp::from_millis(millis)).unwrap();
            prop_assert_eq!(text.parse::<Instant>().map(|Instant(at)| at), Ok(Timestamp::from_millis(millis)));
        }
    }
}
