//! Where the installation of a test lies: on SQLite, or on PostgreSQL where `KAFKA_TEST_ENGINE` says so. The
//! server is then the one whose socket lies in `PGHOST`, as `tests/postgres.py` starts it.

use std::path::{Path, PathBuf};

use kafka_core::Config;
#[cfg(feature = "postgres")]
use kafka_core::{PostgresAddress, testing::FreshDatabase};
use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;

use crate::stage::In;

pub(crate) struct Home {
    place: In,
    directory: TempDir,
    #[cfg(feature = "postgres")]
    server: Option<FreshDatabase>,
}

impl Home {
    pub(crate) fn new(place: In) -> Home {
        Home {
            place,
            directory: TempDir::new().unwrap(),
            #[cfg(feature = "postgres")]
            server: new_database(),
        }
    }

    /// How the installation is opened, also by a second one.
    pub(crate) fn config(&self) -> Config {
        #[cfg(feature = "postgres")]
        if let Some(url) = self.url() {
            return Config::postgres(PostgresAddress::from_url(&url).unwrap(), self.blobs());
        }
        match self.place {
            In::Memory => Config::memory(),
            In::File => Config::file(self.file()),
        }
    }

    /// Where it lies on a server.
    pub(crate) fn url(&self) -> Option<String> {
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.server {
            return Some(server.url());
        }
        None
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory().join("kafka.db")
    }

    /// Where the bytes of files lie.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.directory().join("kafka.db.blobs")
    }

    /// Runs one statement past every rule, and gives its rows as text. `$1` and so on stand for the params.
    pub(crate) fn rows(&self, sql: &str, params: &[&str]) -> Vec<Vec<Option<String>>> {
        let literal = |text: &&str| format!("'{}'", text.replace('\'', "''"));
        let numbered = params.iter().map(literal).enumerate();
        let sql = numbered
            .fold(sql.to_owned(), |sql, (index, value)| sql.replace(&format!("${}", index + 1), &value));
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.server {
            return server.run_inside(&sql);
        }
        let connection = Connection::open(self.file()).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let mut prepared = connection.prepare(&sql).unwrap();
        let columns = prepared.column_count();
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            other => Some(other.as_str().unwrap().to_owned()),
        };
        let rows =
            prepared.query_map([], |row| (0..columns).map(|column| row.get_ref(column).map(text)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    }
}

#[cfg(feature = "postgres")]
fn new_database() -> Option<FreshDatabase> {
    let engine = std::env::var("KAFKA_TEST_ENGINE").unwrap_or_default();
    (engine == "postgres").then(|| {
        let place = |name: &str| std::env::var(name).expect("tests/postgres.py runs this program");
        FreshDatabase::on(&place("PGHOST"), &place("PGUSER"))
    })
}
