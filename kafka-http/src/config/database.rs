//! Which database a URL names.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory, gone when the process ends.
    Memory,
    /// An SQLite file.
    File(PathBuf),
    /// A database on a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(kafka_core::PostgresAddress),
}

/// Why a URL names no database: a clause that tells what is accepted. It never repeats the URL, which
/// may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrlError(String);

impl fmt::Display for DatabaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseUrlError {}

impl DatabaseUrlError {
    fn new(clause: impl Into<String>) -> DatabaseUrlError {
        DatabaseUrlError(clause.into())
    }
}

impl Database {
    /// Reads a URL.
    ///
    /// What follows `sqlite://` is the path: `sqlite://x.db` is relative, `sqlite:///tmp/x.db`
    /// absolute. The spellings that SQLAlchemy needs mean what they mean there:
    /// `sqlite:///./x.db` and `sqlite:///../x.db` are relative, `sqlite:////tmp/x.db` is absolute,
    /// `sqlite:///:memory:` is memory, as is `sqlite::memory:`. `postgresql://`, `postgres://` and
    /// `postgresql+DRIVER://` name a database on a server, where this build has its driver.
    ///
    /// # Errors
    /// A clause that says what is accepted, for every other engine and for a URL without a path.
    pub fn from_url(url: &str) -> Result<Database, DatabaseUrlError> {
        if url.eq_ignore_ascii_case("sqlite::memory:") {
            return Ok(Database::Memory);
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(DatabaseUrlError::new(
                "it takes a URL such as sqlite://kafka.db, sqlite:///var/lib/kafka.db, sqlite::memory: or \
                 postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            ));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => postgresql(url),
            other if other.starts_with("postgresql+") => postgresql(url),
            _ => Err(DatabaseUrlError::new(
                "the engines are SQLite (sqlite://PATH) and PostgreSQL (postgresql://…); \
                 export the data of any other one there and import it here",
            )),
        }
    }

    /// The same place, with a relative path taken from `directory`.
    #[must_use]
    pub fn under(self, directory: &Path) -> Database {
        match self {
            Database::Memory => Database::Memory,
            Database::File(path) => Database::File(super::absolute(directory, &path)),
            #[cfg(feature = "postgres")]
            server @ Database::Postgres(_) => server,
        }
    }
}

#[cfg(not(feature = "postgres"))]
fn postgresql(_url: &str) -> Result<Database, DatabaseUrlError> {
    Err(DatabaseUrlError::new(
        "this build has SQLite only; use the release kafka-postgres, or a URL such as sqlite://kafka.db",
    ))
}

#[cfg(feature = "postgres")]
fn postgresql(url: &str) -> Result<Database, DatabaseUrlError> {
    let address = kafka_core::PostgresAddress::from_url(url);
    address.map(Database::Postgres).map_err(|error| DatabaseUrlError::new(error.message()))
}

fn sqlite(rest: &str) -> Result<Database, DatabaseUrlError> {
    let path = if rest.starts_with("//") || rest.starts_with("/./") || rest.starts_with("/../") {
        &rest[1..]
    } else {
        rest
    };
    if matches!(path, ":memory:" | "/:memory:") {
        return Ok(Database::Memory);
    }
    if path.trim_matches('/').is_empty() {
        return Err(DatabaseUrlError::new(
            "it names no file; it takes sqlite://PATH, or sqlite::memory: to keep nothing",
        ));
    }
    if path.contains('\0') {
        return Err(DatabaseUrlError::new("a path holds no NUL character"));
    }
    if path.contains('?') {
        return Err(DatabaseUrlError::new(
            "what follows sqlite:// is only a path; options after ? are not accepted",
        ));
    }
    Ok(Database::File(PathBuf::from(path)))
}

/// The URL that [`Database::from_url`] reads back as the same place. That of a server is without account and
/// password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Memory => f.write_str("sqlite::memory:"),
            Database::File(path) => write!(f, "sqlite://{}", path.display()),
            #[cfg(feature = "postgres")]
            Database::Postgres(address) => address.fmt(f),
        }
    }
}

/// A URL as it may stand in a message: of other engines than SQLite only the scheme, because the rest
/// may hold a password, and passwords with `@`, `/` or `?` in them defeat any finer cut.
pub(super) fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("sqlite") => url.to_owned(),
        Some((scheme, _))
            if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            format!("{scheme}://***")
        }
        Some(_) => "***".to_owned(),
        None if url.contains(['@', '=', ':']) && !url.starts_with("sqlite:") => "***".to_owned(),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_url_names_its_place() {
        let table = [
            ("sqlite://x.db", "x.db"),
            ("sqlite://./x.db", "./x.db"),
            ("sqlite://data/x.db", "data/x.db"),
            ("sqlite:///tmp/x.db", "/tmp/x.db"),
            ("sqlite:///x.db", "/x.db"),
            ("sqlite:///./x.db", "./x.db"),
            ("sqlite:///../x.db", "../x.db"),
            ("sqlite:////tmp/x.db", "/tmp/x.db"),
            ("sqlite:////./x.db", "/./x.db"),
            ("sqlite:///.hidden/x.db", "/.hidden/x.db"),
            ("SQLite://X.db", "X.db"),
            ("sqlite://a b@c#d%20.db", "a b@c#d%20.db"),
        ];
        for (url, path) in table {
            assert_eq!(Database::from_url(url), Ok(Database::File(PathBuf::from(path))), "{url}");
        }
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:///:memory:"] {
            assert_eq!(Database::from_url(url), Ok(Database::Memory), "{url}");
        }
    }

    #[test]
    fn what_names_no_sqlite_place_is_told_what_is_accepted() {
        let table = [
            #[cfg(not(feature = "postgres"))]
            ("postgresql://u:p@h/db", "SQLite only; use the release kafka-postgres"),
            #[cfg(not(feature = "postgres"))]
            ("postgresql+psycopg://u:p@h/db", "SQLite only"),
            #[cfg(not(feature = "postgres"))]
            ("postgresql+asyncpg://u:p@h/db", "SQLite only"),
            #[cfg(not(feature = "postgres"))]
            ("postgres://u:p@h/db", "SQLite only"),
            #[cfg(feature = "postgres")]
            ("postgresql://u:p@h:port/db", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
            #[cfg(feature = "postgres")]
            ("postgresql+psycopg://u:p@h/db?sslmode=maybe", "verify-full"),
            ("mysql://u:p@h/db", "SQLite (sqlite://PATH) and PostgreSQL (postgresql://"),
            ("sqlite+aiosqlite:///x.db", "SQLite (sqlite://PATH) and PostgreSQL"),
            ("://x.db", "SQLite (sqlite://PATH) and PostgreSQL"),
            ("x.db", "sqlite://kafka.db"),
            ("sqlite:x.db", "sqlite://kafka.db"),
            ("", "sqlite://kafka.db"),
            ("sqlite://", "sqlite::memory:"),
            ("sqlite:///", "sqlite::memory:"),
            ("sqlite://x.db?mode=ro", "options"),
            ("sqlite://x\0.db", "NUL"),
        ];
        for (url, part) in table {
            let error = Database::from_url(url).unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("u:p"), "{url}: {error}");
        }
    }

    #[test]
    fn urls_are_shown_without_their_passwords() {
        let table = [
            ("sqlite:///tmp/x.db", "sqlite:///tmp/x.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("x.db", "x.db"),
            ("postgresql://u:p@ss/w?rd@h/db", "postgresql://***"),
            ("postgresql+psycopg://h/db?password=x", "postgresql+psycopg://***"),
            ("u:p@h://x", "***"),
            ("u:p@h/db", "***"),
            ("host=h password=p", "***"),
        ];
        for (url, shown) in table {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(url in "(sqlite|postgresql|)(:|:/|://|:///|)\\PC*") {
            let _ = Database::from_url(&url);
            let _ = without_password(&url);
        }

        #[test]
        fn an_absolute_place_is_read_back_from_its_url(path in "/[a-z][a-z ./@:_-]{0,30}") {
            let place = Database::File(PathBuf::from(path));
            prop_assert_eq!(Database::from_url(&place.to_string()), Ok(place));
        }
    }
}
