//! Days of the calendar in UTC, by which usage is counted.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::time::Timestamp;

const MS: i64 = 86_400_000;

/// A day in UTC. As text it is `2026-01-31`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = Date))]
pub struct Day(i64);

impl Day {
    /// The day that an instant lies in.
    #[must_use]
    pub fn of(instant: Timestamp) -> Day {
        Day(instant.unix_ms().div_euclid(MS))
    }

    /// The day so many days later, or earlier when negative.
    #[must_use]
    pub fn plus(self, days: i64) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// How many days from `other` to this one.
    #[must_use]
    pub fn since(self, other: Day) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// How long it is from an instant to the next midnight: more than nothing, at most 24 hours.
    #[must_use]
    pub fn left_at(instant: Timestamp) -> Duration {
        let passed = instant.unix_ms().rem_euclid(MS);
        Duration::from_millis((MS - passed).unsigned_abs())
    }

    /// Days since 1970-01-01.
    pub(crate) fn number(self) -> i64 {
        self.0
    }

    pub(crate) fn from_number(days: i64) -> Day {
        Day(days)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_millis(self.0.saturating_mul(MS)) {
            Some(midnight) => fmt::Display::fmt(&midnight.date_naive(), f),
            // Outside the years that the calendar library knows; only a hand-edited row gets here.
            None => write!(f, "{}d", self.0),
        }
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Day, chrono::ParseError> {
        let date = text.parse::<NaiveDate>()?;
        Ok(Day(date.signed_duration_since(NaiveDate::default()).num_days()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_ends_at_midnight_in_utc() {
        for (instant, day, left_ms) in [
            ("2026-01-31T23:59:59.999Z", "2026-01-31", 1),
            ("2026-02-01T00:00:00.000Z", "2026-02-01", 86_400_000),
            ("2026-02-01T00:30:00.000+01:00", "2026-01-31", 1_800_000),
            ("1969-12-31T12:00:00.000Z", "1969-12-31", 43_200_000),
        ] {
            assert_eq!(Day::of(at(instant)).to_string(), day);
            assert_eq!(Day::left_at(at(instant)), Duration::from_millis(left_ms), "{instant}");
        }
    }

    #[test]
    fn days_are_read_as_they_are_written() {
        let day: Day = "2024-02-28".parse().unwrap();
        assert_eq!(day.plus(2).to_string(), "2024-03-01");
        assert_eq!(day.plus(2).since(day), 2);
        for text in ["", "2024-02-30", "2024-13-01", "20240228", "2024-02-28T00:00:00Z", "today"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert!(Day(i64::MAX).to_string().ends_with('d'));
    }
}
