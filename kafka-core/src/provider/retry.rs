//! When to ask again.

use std::time::Duration;

use chrono::DateTime;
use ureq::http::{HeaderMap, header};

use crate::base::{random::Random, time::Timestamp};

/// How often a call is repeated at most.
pub(crate) const MOST_RETRIES: u32 = 2;

/// The longest wait that an endpoint may ask for; a longer one is told to the caller instead.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The wait before repetition number `attempt` (from 0): 0.5 s, doubled each time, less up to a half
/// by chance, so that callers who failed together do not come back together.
pub(crate) fn backoff(attempt: u32, random: &dyn Random) -> Duration {
    let mut byte = [0u8; 1];
    random.fill(&mut byte);
    let full = Duration::from_millis(500 << attempt.min(6));
    full - full * u32::from(byte[0]) / 512
}

/// The wait that the endpoint asked for: `retry-after-ms`, or `Retry-After` in seconds, whole or not,
/// or as a date. A date is read against the answer's own `Date`, else against `now`.
pub(crate) fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number >= 0.0);
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Some(Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX));
    }
    let after = text(header::RETRY_AFTER.as_str())?;
    if let Some(seconds) = number(after) {
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let at = DateTime::parse_from_rfc2822(after).ok()?.timestamp_millis();
    let from = text(header::DATE.as_str())
        .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
        .map_or(now.unix_ms(), |date| date.timestamp_millis());
    Some(Duration::from_millis(u64::try_from(at.saturating_sub(from)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn every_spelling_of_the_wait_is_understood() {
        // 2024-01-01T00:00:00Z
        let now = Timestamp::from_unix_ms(1_704_067_200_000);
        type Headers = [(&'static str, &'static str)];
        let cases: &[(&Headers, Option<Duration>)] = &[
            (&[], None),
            (&[("retry-after", "2")], Some(Duration::from_secs(2))),
            (&[("retry-after", " 1.5 ")], Some(Duration::from_millis(1500))),
            (&[("retry-after", "7200")], Some(Duration::from_secs(7200))),
            (&[("retry-after-ms", "250")], Some(Duration::from_millis(250))),
            (&[("retry-after-ms", "250.5"), ("retry-after", "9")], Some(Duration::from_micros(250_500))),
            (&[("retry-after-ms", "soon"), ("retry-after", "9")], Some(Duration::from_secs(9))),
            (&[("retry-after", "Mon, 01 Jan 2024 00:00:03 GMT")], Some(Duration::from_secs(3))),
            (&[("retry-after", "Sun, 31 Dec 2023 23:59:00 GMT")], Some(Duration::ZERO)),
            (
                &[
                    ("retry-after", "Mon, 01 Jan 2024 10:00:30 GMT"),
                    ("date", "Mon, 01 Jan 2024 10:00:00 GMT"),
                ],
                Some(Duration::from_secs(30)),
            ),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "inf")], Some(Duration::MAX)),
        ];
        for (headers, expected) in cases {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(asked_wait(&headers, now), *expected, "{headers:?}");
        }
    }

    #[test]
    fn waits_grow_and_chance_shortens_them_by_less_than_half() {
        #[derive(Debug)]
        struct Always(u8);
        impl Random for Always {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(self.0);
            }
        }
        let ms = |attempt, byte| backoff(attempt, &Always(byte)).as_millis();
        assert_eq!((ms(0, 0), ms(1, 0), ms(9, 0)), (500, 1000, 32_000));
        assert_eq!((ms(0, 255), ms(1, 255)), (250, 501));
    }
}
