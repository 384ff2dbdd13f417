//! Statements: constant SQL, joined from parts at compile time, in the spelling of each engine.
//!
//! Parameters are written `$1`, `$2` … SQLite reads `$2` as a *name* and numbers names by their first
//! appearance, which would silently swap binds, so it gets `?1`, `?2` … instead. A `$` may therefore
//! stand for nothing else in a statement.

/// One SQL statement under both spellings.
#[derive(Debug)]
pub(crate) struct Statement {
    /// The constant's name, for tests and logs.
    pub(crate) name: &'static str,
    /// With `?n` parameters.
    pub(crate) sqlite: &'static str,
    /// With `$n` parameters.
    #[cfg_attr(
        not(any(test, feature = "testing", feature = "postgres")),
        expect(dead_code, reason = "prepared on PostgreSQL by a test")
    )]
    pub(crate) postgres: &'static str,
    /// Whether it may leave something behind.
    pub(crate) writes: bool,
    /// How often it ran in this process.
    #[cfg(feature = "testing")]
    pub(crate) runs: std::sync::atomic::AtomicU64,
}

impl Statement {
    /// Notes that it runs, for tests that bound what a call costs.
    pub(super) fn note_run(&self) {
        #[cfg(feature = "testing")]
        self.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Declares the statements of a file, and `ALL`, which lists them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $parts:tt $(or $theirs:tt)?;)+) => {
        $crate::storage::sql::unlisted_statements! { $($(#[$doc])* $name = $parts $(or $theirs)?;)+ }

        /// Every statement of this file.
        #[cfg(any(test, feature = "testing"))]
        #[allow(dead_code, reason = "statements that a test made for itself are listed nowhere")]
        pub(crate) static ALL: &[&$crate::storage::sql::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

/// Declares statements without a list of them, as tests do for their own. What stands behind `or` is for
/// PostgreSQL, where the text cannot be the same.
macro_rules! unlisted_statements {
    ($($(#[$doc:meta])* $name:ident = [$($part:expr),+ $(,)?] $(or [$($theirs:expr),+ $(,)?])?;)+) => {$(
        $(#[$doc])*
        static $name: $crate::storage::sql::Statement = {
            const PARTS: &[&str] = &[$($part),+];
            const THEIRS: &[&str] = $crate::storage::sql::last(&[PARTS $(, &[$($theirs),+])?]);
            static SQLITE: [u8; $crate::storage::sql::length(PARTS)] = $crate::storage::sql::join(PARTS, b'?');
            static POSTGRES: [u8; $crate::storage::sql::length(THEIRS)] = $crate::storage::sql::join(THEIRS, b'$');
            $crate::storage::sql::Statement {
                name: concat!(module_path!(), "::", stringify!($name)),
                sqlite: $crate::storage::sql::text(&SQLITE),
                postgres: $crate::storage::sql::text(&POSTGRES),
                writes: $crate::storage::sql::writes(PARTS),
                #[cfg(feature = "testing")]
                runs: std::sync::atomic::AtomicU64::new(0),
            }
        };
    )+};
}
pub(crate) use unlisted_statements;

/// Whether a statement may write: whatever does not say at once that it only selects.
pub(crate) const fn writes(parts: &[&str]) -> bool {
    !matches!(parts[0].as_bytes(), [b'S', b'E', b'L', b'E', b'C', b'T', ..])
}

/// What is given last.
pub(crate) const fn last(lists: &[&'static [&'static str]]) -> &'static [&'static str] {
    lists[lists.len() - 1]
}

/// Bytes of all parts together.
pub(crate) const fn length(parts: &[&str]) -> usize {
    let mut total = 0;
    let mut part = 0;
    while part < parts.len() {
        total += parts[part].len();
        part += 1;
    }
    total
}

/// The parts one after another, with `mark` for every `$`.
pub(crate) const fn join<const N: usize>(parts: &[&str], mark: u8) -> [u8; N] {
    let mut joined = [0; N];
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            joined[at] = if bytes[index] == b'$' { mark } else { bytes[index] };
            at += 1;
            index += 1;
        }
        part += 1;
    }
    joined
}

/// Joined parts as text. Replacing one ASCII byte by another keeps UTF-8 valid, so this cannot fail; it
/// is evaluated at compile time.
#[expect(clippy::panic, reason = "evaluated at compile time: a bad statement does not build")]
pub(crate) const fn text(joined: &'static [u8]) -> &'static str {
    match std::str::from_utf8(joined) {
        Ok(text) => text,
        Err(_) => panic!("a statement is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    const COLUMNS: &str = "a, b";

    statements! {
        JOINED = ["SELECT ", COLUMNS, " FROM t WHERE b = $2 AND a = $1 AND c = $10"];
        OTHERWISE = ["SELECT 1 FROM sqlite_schema"] or ["SELECT 1 FROM ", "pg_class"];
        REMOVED = ["DELETE FROM t"];
    }

    #[test]
    fn parts_are_joined_and_parameters_get_the_engines_mark() {
        assert_eq!(JOINED.postgres, "SELECT a, b FROM t WHERE b = $2 AND a = $1 AND c = $10");
        assert_eq!(JOINED.sqlite, "SELECT a, b FROM t WHERE b = ?2 AND a = ?1 AND c = ?10");
        assert!(JOINED.name.ends_with("::JOINED"));
        assert_eq!(OTHERWISE.sqlite, "SELECT 1 FROM sqlite_schema");
        assert_eq!(OTHERWISE.postgres, "SELECT 1 FROM pg_class");
        assert_eq!(ALL.len(), 3);
        assert_eq!([JOINED.writes, OTHERWISE.writes, REMOVED.writes], [false, false, true]);
    }
}
