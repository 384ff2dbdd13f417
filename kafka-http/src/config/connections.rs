//! Settings of the connections to a PostgreSQL server. They have no effect on SQLite, and cost nothing there.

use std::time::Duration;

use super::{
    keys::{Key, in_full},
    values::{duration, number, shown_duration},
};

/// How many connections there are, how long they and their statements last, and what else reads are asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Connections for reading that stay open.
    pub pool_size: usize,
    /// Further ones, while those are in use.
    pub pool_overflow: usize,
    /// How long a read waits for one.
    pub pool_wait: Duration,
    /// How long one stays open that nobody uses.
    pub pool_idle: Duration,
    /// How long one is used at most.
    pub pool_lifetime: Duration,
    /// Statements that each keeps prepared.
    pub statement_cache: usize,
    /// How long a statement may take; zero for as long as it wants.
    pub statement_timeout: Duration,
    /// A streaming replica that takes reads.
    #[cfg(feature = "postgres")]
    pub replica: Option<kafka_core::PostgresAddress>,
}

impl Connections {
    pub(super) fn defaults() -> Connections {
        Connections {
            pool_size: 5,
            pool_overflow: 10,
            pool_wait: Duration::from_secs(5),
            pool_idle: Duration::from_secs(10 * 60),
            pool_lifetime: Duration::from_secs(30 * 60),
            statement_cache: 256,
            statement_timeout: Duration::from_secs(60),
            #[cfg(feature = "postgres")]
            replica: None,
        }
    }

    /// The same for the library.
    #[cfg(feature = "postgres")]
    pub(super) fn options(&self) -> kafka_core::PostgresOptions {
        kafka_core::PostgresOptions {
            pool_size: self.pool_size,
            pool_overflow: self.pool_overflow,
            pool_wait: self.pool_wait,
            pool_idle: self.pool_idle,
            pool_lifetime: self.pool_lifetime,
            cached_statements: self.statement_cache,
            statement_timeout: self.statement_timeout,
            replica: self.replica.clone(),
        }
    }
}

/// Most connections that either part of the pool may have: servers allow some hundred in all.
const MOST_CONNECTIONS: usize = 1000;
/// More statements than the program has.
const MOST_STATEMENTS: usize = 10_000;

pub(super) static POOL_SIZE: Key = Key {
    name: "database_pool_size",
    variable: "KAFKA_DATABASE_POOL_SIZE",
    flag: Some("database-pool-size"),
    default: "5",
    example: "10",
    meaning: "Connections to PostgreSQL for reading that stay open; with the overflow and 3 more a process takes \
              18 of max_connections",
    set: |settings, text| {
        settings.connections.pool_size = number(text, 0, MOST_CONNECTIONS)?;
        Ok(())
    },
    show: |settings| settings.connections.pool_size.to_string(),
    redact: in_full,
};

pub(super) static POOL_OVERFLOW: Key = Key {
    name: "database_pool_overflow",
    variable: "KAFKA_DATABASE_POOL_OVERFLOW",
    flag: Some("database-pool-overflow"),
    default: "10",
    example: "20",
    meaning: "Further connections to PostgreSQL that are opened while those are in use, and closed afterwards",
    set: |settings, text| {
        settings.connections.pool_overflow = number(text, 0, MOST_CONNECTIONS)?;
        Ok(())
    },
    show: |settings| settings.connections.pool_overflow.to_string(),
    redact: in_full,
};

pub(super) static POOL_WAIT: Key = Key {
    name: "database_pool_wait",
    variable: "KAFKA_DATABASE_POOL_WAIT",
    flag: Some("database-pool-wait"),
    default: "5s",
    example: "30s",
    meaning: "How long a read waits for a connection to PostgreSQL while all are in use, before it is answered by 503",
    set: |settings, text| {
        settings.connections.pool_wait = duration(text)?;
        Ok(())
    },
    show: |settings| shown_duration(settings.connections.pool_wait),
    redact: in_full,
};

pub(super) static POOL_IDLE: Key = Key {
    name: "database_pool_idle",
    variable: "KAFKA_DATABASE_POOL_IDLE",
    flag: Some("database-pool-idle"),
    default: "10m",
    example: "1m",
    meaning: "How long a connection to PostgreSQL stays open that nobody uses",
    set: |settings, text| {
        settings.connections.pool_idle = duration(text)?;
        Ok(())
    },
    show: |settings| shown_duration(settings.connections.pool_idle),
    redact: in_full,
};

pub(super) static POOL_LIFETIME: Key = Key {
    name: "database_pool_lifetime",
    variable: "KAFKA_DATABASE_POOL_LIFETIME",
    flag: Some("database-pool-lifetime"),
    default: "30m",
    example: "2h",
    meaning: "How long a connection to PostgreSQL for reading is used before a new one takes its place",
    set: |settings, text| {
        settings.connections.pool_lifetime = duration(text)?;
        Ok(())
    },
    show: |settings| shown_duration(settings.connections.pool_lifetime),
    redact: in_full,
};

pub(super) static STATEMENT_CACHE: Key = Key {
    name: "database_statement_cache",
    variable: "KAFKA_DATABASE_STATEMENT_CACHE",
    flag: Some("database-statement-cache"),
    default: "256",
    example: "100",
    meaning: "Statements that each connection to PostgreSQL keeps prepared",
    set: |settings, text| {
        settings.connections.statement_cache = number(text, 1, MOST_STATEMENTS)?;
        Ok(())
    },
    show: |settings| settings.connections.statement_cache.to_string(),
    redact: in_full,
};

pub(super) static STATEMENT_TIMEOUT: Key = Key {
    name: "database_statement_timeout",
    variable: "KAFKA_DATABASE_STATEMENT_TIMEOUT",
    flag: Some("database-statement-timeout"),
    default: "1m",
    example: "10s",
    meaning: "How long one statement may take on PostgreSQL, before the call is answered by 503; 0s for no bound",
    set: |settings, text| {
        settings.connections.statement_timeout = duration(text)?;
        Ok(())
    },
    show: |settings| shown_duration(settings.connections.statement_timeout),
    redact: in_full,
};

pub(super) static REPLICA_URL: Key = Key {
    name: "replica_url",
    variable: "KAFKA_REPLICA_URL",
    flag: Some("replica-url"),
    default: "",
    // Only somebody who runs a replica knows one.
    example: "",
    meaning: "URL of the same database on a streaming replica of PostgreSQL, which takes reads while it has all that \
              was stored; worth its machine when reads keep the primary's processors busy",
    set: set_replica,
    show: shown_replica,
    redact: |text| Some(super::database::without_password(text)),
};

#[cfg(feature = "postgres")]
fn set_replica(settings: &mut super::Settings, text: &str) -> Result<(), String> {
    settings.connections.replica = match text.trim() {
        "" => None,
        text => {
            Some(kafka_core::PostgresAddress::from_url(text).map_err(|error| error.message().to_owned())?)
        }
    };
    Ok(())
}

#[cfg(feature = "postgres")]
fn shown_replica(settings: &super::Settings) -> String {
    settings.connections.replica.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(not(feature = "postgres"))]
fn set_replica(_settings: &mut super::Settings, text: &str) -> Result<(), String> {
    match text.trim() {
        "" => Ok(()),
        _ => {
            Err("this build has SQLite only, which has no replicas; use the release kafka-postgres"
                .to_owned())
        }
    }
}

#[cfg(not(feature = "postgres"))]
fn shown_replica(_settings: &super::Settings) -> String {
    String::new()
}
