//! How people read instants.

use kafka_core::Timestamp;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long before `now` it was, in the unit that says enough; after a month the day.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    match now.unix_ms() - at.unix_ms() {
        ..MINUTE => "now".to_owned(),
        ms @ ..HOUR => format!("{} min", ms / MINUTE),
        ms @ ..DAY => format!("{} h", ms / HOUR),
        ms if ms < 30 * DAY => format!("{} d", ms / DAY),
        _ => at.to_string().chars().take(10).collect(),
    }
}

/// Day and minute, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take(16).collect();
    text.replace('T', " ") + " UTC"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_says_enough() {
        let now: Timestamp = "2026-03-01T12:00:00.000Z".parse().unwrap();
        let table = [
            ("2026-03-01T12:00:05.000Z", "now"),
            ("2026-03-01T11:59:01.000Z", "now"),
            ("2026-03-01T11:58:59.999Z", "1 min"),
            ("2026-03-01T11:00:00.001Z", "59 min"),
            ("2026-03-01T11:00:00.000Z", "1 h"),
            ("2026-02-28T12:00:00.000Z", "1 d"),
            ("2026-01-31T12:00:00.000Z", "29 d"),
            ("2026-01-30T12:00:00.000Z", "2026-01-30"),
        ];
        for (at, expected) in table {
            assert_eq!(age(at.parse().unwrap(), now), expected, "{at}");
        }
        assert_eq!(minute(now), "2026-03-01 12:00 UTC");
    }
}
