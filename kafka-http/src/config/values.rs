//! The values that settings can have, and how their text is read.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Everyone who reaches the server, as the operator of a local installation.
    Open,
    /// Whoever presents a token.
    Password,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    Open,
    /// Everyone until the first admin exists, then nobody.
    First,
    /// Whoever was invited.
    Invite,
    /// Nobody.
    Closed,
}

/// What happens at start to a database of an older schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// It is brought up to date.
    Auto,
    /// The start is refused.
    Require,
}

/// How the log on stderr looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe line that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Failures of the server itself.
    Error,
    /// What needs attention soon.
    Warn,
    /// One line a request.
    Info,
    /// What helps to find a defect.
    Debug,
}

/// `FORMAT[:LEVEL]`, for example `json:debug`; without a level it is `info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines there are.
    pub level: LogLevel,
}

/// An enumeration that is written as one of a few words.
pub(super) trait Words: Sized + Copy + PartialEq + 'static {
    /// In the order in which they are explained.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }

    /// The value of a word, or a clause that lists the words.
    fn from_word(text: &str) -> Result<Self, String> {
        Self::WORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("it takes {}", alternatives(Self::WORDS.iter().map(|(word, _)| *word))))
    }
}

/// `a, b or c`.
fn alternatives(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Words for Auth {
    const WORDS: &'static [(&'static str, Auth)] = &[("open", Auth::Open), ("password", Auth::Password)];
}

impl Words for Registration {
    const WORDS: &'static [(&'static str, Registration)] = &[
        ("open", Registration::Open),
        ("first", Registration::First),
        ("invite", Registration::Invite),
        ("closed", Registration::Closed),
    ];
}

impl Words for Migrate {
    const WORDS: &'static [(&'static str, Migrate)] =
        &[("auto", Migrate::Auto), ("require", Migrate::Require)];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, LogFormat)] =
        &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

impl Words for LogLevel {
    const WORDS: &'static [(&'static str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
}

impl Words for bool {
    const WORDS: &'static [(&'static str, bool)] = &[("on", true), ("off", false)];
}

impl FromStr for Log {
    type Err = String;

    fn from_str(text: &str) -> Result<Log, String> {
        let (format, level) = text.split_once(':').unwrap_or((text, "info"));
        match (LogFormat::from_word(format), LogLevel::from_word(level)) {
            (Ok(format), Ok(level)) => Ok(Log { format, level }),
            _ => {
                Err("it takes text or json, and after a colon error, warn, info or debug, such as json:warn"
                    .into())
            }
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.format.word(), self.level.word())
    }
}

/// An address and a port. Names are not looked up, because they may mean several addresses;
/// `localhost` is understood.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port_of_localhost = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    if let Some(port) = port_of_localhost {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "it takes an address and a port, such as 127.0.0.1:8000 or [::1]:0".into())
}

/// A directory, which need not exist.
pub(super) fn directory(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("it takes the path of a directory".into());
    }
    Ok(PathBuf::from(text))
}

/// The URL of something that is called; the library checks the rest of it.
pub(super) fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_one =
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "it takes a URL that begins with http:// or https://".into())
}

/// A URL as it may be shown: what stands behind a question mark may be a secret.
pub(super) fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// A whole number from `least` to `most`.
pub(super) fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let found = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
    found.ok_or_else(|| format!("it takes a whole number from {least} to {most}"))
}

/// The units of times, the largest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A time: a whole number and a unit, a day at most.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let ms = unit.and_then(|(_, ms)| count.parse::<u64>().ok()?.checked_mul(*ms));
    let ms = ms.filter(|ms| *ms <= 86_400_000);
    ms.map(Duration::from_millis)
        .ok_or_else(|| "it takes a time such as 500ms, 30s, 10m or 2h, and 24h at most".to_owned())
}

/// What [`duration`] reads back, in the largest unit that has no fraction.
pub(super) fn shown_duration(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match UNITS.iter().find(|(_, unit)| ms > 0 && ms % unit == 0) {
        Some((name, unit)) => format!("{}{name}", ms / unit),
        None => "0s".to_owned(),
    }
}

/// Entries separated by commas; an empty text is an empty list.
pub(super) fn list<T>(
    text: &str,
    entry: impl Fn(&str) -> Option<T>,
    accepted: &'static str,
) -> Result<Vec<T>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let read = |part: &str| {
        let part = part.trim();
        entry(part).ok_or_else(|| format!("it takes {accepted}, separated by commas; {part:?} is none"))
    };
    text.split(',').map(read).collect()
}

/// What [`list`] reads back.
pub(super) fn joined<T: ToString>(entries: &[T]) -> String {
    entries.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// A `Host` value: a name or an address, and a port where it is not the usual one. In lower case.
pub(super) fn host(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_ascii_lowercase())
}

/// An `Origin` value: scheme and host, no path. In lower case.
pub(super) fn origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (!scheme.is_empty() && scheme.bytes().all(fits) && host(authority).is_some())
        .then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numeric_apart_from_localhost() {
        let table = [
            ("127.0.0.1:8000", Some("127.0.0.1:8000")),
            ("[::1]:0", Some("[::1]:0")),
            ("localhost:8000", Some("127.0.0.1:8000")),
            ("localhost", None),
            ("8000", None),
            ("127.0.0.1", None),
            ("127.0.0.1:70000", None),
            ("example.org:80", None),
        ];
        for (text, expected) in table {
            assert_eq!(address(text).ok().map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (text, shown) in [
            ("500ms", Some("500ms")),
            ("1500ms", Some("1500ms")),
            ("2000ms", Some("2s")),
            ("90 s", Some("90s")),
            ("60s", Some("1m")),
            ("24h", Some("24h")),
            ("0s", Some("0s")),
            ("25h", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("5 weeks", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text).ok().map(shown_duration).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn a_log_is_a_format_and_perhaps_a_level() {
        let table = [
            ("text", Some("text:info")),
            ("json", Some("json:info")),
            ("json:debug", Some("json:debug")),
            ("text:error", Some("text:error")),
            ("debug", None),
            ("text:", None),
            ("text:loud", None),
            ("text:info:info", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Log>().ok().map(|log| log.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn origins_have_a_scheme_and_no_path() {
        let table = [
            ("https://Chat.Example.org", Some("https://chat.example.org")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("tauri://localhost", Some("tauri://localhost")),
            ("http://localhost:3000/", None),
            ("localhost:3000", None),
            ("://localhost", None),
            ("https://", None),
            ("*", None),
        ];
        for (text, expected) in table {
            assert_eq!(origin(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas_and_name_the_entry_that_is_wrong() {
        let hosts = |text| list(text, host, "host names");
        assert_eq!(hosts(""), Ok(vec![]));
        assert_eq!(hosts("A.example, [::1]:80"), Ok(vec!["a.example".to_owned(), "[::1]:80".to_owned()]));
        let error = hosts("a,http://b").unwrap_err();
        assert_eq!(error, "it takes host names, separated by commas; \"http://b\" is none");
        assert!(hosts("a,,b").is_err());
    }

    #[test]
    fn a_wrong_word_is_told_the_right_ones() {
        assert_eq!(Registration::from_word("no").unwrap_err(), "it takes open, first, invite or closed");
        assert_eq!(bool::from_word("1").unwrap_err(), "it takes on or off");
    }
}
