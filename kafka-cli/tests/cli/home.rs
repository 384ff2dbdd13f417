//! Where the installation of a test lies: on SQLite, or on PostgreSQL where `KAFKA_TEST_ENGINE` says so. Each
//! directory then has a database of its own on the server that `tests/postgres.py` started.

use std::{env, path::PathBuf};

use kafka_core::{Config, Kafka};
use tempfile::TempDir;

/// What the command finds in its environment.
pub(crate) fn variables(directory: &TempDir) -> Vec<(&'static str, String)> {
    on_server::url(directory).map(|url| ("DATABASE_URL", url)).into_iter().collect()
}

/// Where the bytes of files lie.
pub(crate) fn blobs(directory: &TempDir) -> PathBuf {
    let name = if is_on_postgres() { "blobs" } else { "kafka.db.blobs" };
    directory.path().join("kafka-data").join(name)
}

/// The library on the same installation.
pub(crate) fn opened(directory: &TempDir) -> Kafka {
    let file = || Config::file(directory.path().join("kafka-data/kafka.db"));
    Kafka::open(on_server::config(directory).unwrap_or_else(file)).unwrap()
}

/// Runs SQL past every rule.
pub(crate) fn run_sql(directory: &TempDir, sql: &str) {
    if !on_server::run_sql(directory, sql) {
        let file = directory.path().join("kafka-data/kafka.db");
        rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
    }
}

/// Whether the tests run on PostgreSQL.
pub(crate) fn is_on_postgres() -> bool {
    env::var("KAFKA_TEST_ENGINE").as_deref() == Ok("postgres")
}

#[cfg(feature = "postgres")]
pub(crate) mod on_server {
    use std::{
        collections::HashMap,
        env,
        path::PathBuf,
        sync::{LazyLock, Mutex},
    };

    use kafka_core::{Config, PostgresAddress, testing::FreshDatabase};
    use tempfile::TempDir;

    /// By directory. They go with the server.
    static MADE: LazyLock<Mutex<HashMap<PathBuf, FreshDatabase>>> = LazyLock::new(Mutex::default);

    fn with<T>(directory: &TempDir, ask: impl FnOnce(&FreshDatabase) -> T) -> Option<T> {
        super::is_on_postgres().then(|| {
            let mut made = MADE.lock().unwrap();
            ask(made.entry(directory.path().to_owned()).or_insert_with(fresh))
        })
    }

    /// A new database of the test server.
    pub(crate) fn fresh() -> FreshDatabase {
        let place = |name: &str| env::var(name).expect("tests/postgres.py runs this program");
        FreshDatabase::on(&place("PGHOST"), &place("PGUSER"))
    }

    pub(super) fn url(directory: &TempDir) -> Option<String> {
        with(directory, FreshDatabase::url)
    }

    pub(super) fn config(directory: &TempDir) -> Option<Config> {
        let address = PostgresAddress::from_url(&url(directory)?).unwrap();
        Some(Config::postgres(address, super::blobs(directory)))
    }

    pub(super) fn run_sql(directory: &TempDir, sql: &str) -> bool {
        with(directory, |database| drop(database.run_inside(sql))).is_some()
    }
}

#[cfg(not(feature = "postgres"))]
mod on_server {
    use kafka_core::Config;
    use tempfile::TempDir;

    pub(super) fn url(_: &TempDir) -> Option<String> {
        None
    }

    pub(super) fn config(_: &TempDir) -> Option<Config> {
        None
    }

    pub(super) fn run_sql(_: &TempDir, _: &str) -> bool {
        false
    }
}
