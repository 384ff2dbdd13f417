//! Databases for tests: each is new, and gone afterwards.

#![expect(clippy::expect_used, reason = "a test is best told by a panic that its server does not work")]

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

use super::{driver::Driver, fault};
use crate::base::error::Result;

/// Names differ within a process by this, and between processes by their number.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A new database on a server that lets everyone in.
#[derive(Debug)]
pub struct FreshDatabase {
    server: String,
    name: String,
}

impl FreshDatabase {
    /// Makes one on the server whose Unix socket lies in `directory`, as `user`.
    #[must_use]
    pub fn on(directory: &str, user: &str) -> FreshDatabase {
        let server = format!("host={directory} user={user} dbname=postgres");
        let name = format!("kafka_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let fresh = FreshDatabase { server, name };
        // In a language of its own, so that it shows where that is not to matter.
        fresh.run(&format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'",
            fresh.name
        ));
        fresh
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL that names it.
    #[must_use]
    pub fn url(&self) -> String {
        let part = |name: &str| {
            self.server.split(' ').find_map(|part| part.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        format!("postgresql:///{}?host={}&user={}", self.name, part("host="), part("user="))
    }

    /// Runs SQL in it, past every rule.
    pub fn run_inside(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        run(&self.inside(), sql)
    }

    /// Runs SQL in a transaction that ends, undone, when what is returned is dropped.
    #[must_use]
    pub fn hold(&self, sql: &str) -> Held {
        let mut driver = connect(&self.inside()).expect("the test's server answers");
        driver.simple_query(&format!("BEGIN; {sql}")).expect("the test's SQL runs");
        Held(driver)
    }

    fn inside(&self) -> String {
        self.server.replace("dbname=postgres", &format!("dbname={}", self.name))
    }

    fn run(&self, sql: &str) {
        run(&self.server, sql);
    }
}

/// A transaction of a test.
pub struct Held(Driver);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where the server is gone, its locks are.
        let _ = self.0.simple_query("ROLLBACK");
    }
}

fn connect(place: &str) -> Result<Driver> {
    let config = place.parse().map_err(fault::unavailable)?;
    Driver::connect(&config, NoTls, fault::unavailable)
}

fn run(place: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    let mut driver = connect(place).expect("the test's server answers");
    let answer = driver.simple_query(sql).expect("the test's SQL runs");
    answer
        .iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        })
        .collect()
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        // One that stays goes with the test's server.
        if let Ok(mut driver) = connect(&self.server) {
            let _ = driver.simple_query(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}
