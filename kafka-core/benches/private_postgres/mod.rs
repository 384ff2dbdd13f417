//! A PostgreSQL server of this program's own, with the settings it comes with: it waits for the disk.

use std::{
    env,
    path::Path,
    process::{Command, exit},
};

use kafka_core::testing::FreshDatabase;

/// A new database on it. The program first runs itself again beside such a server, if it does not yet.
pub(crate) fn database() -> FreshDatabase {
    let Some(socket) = env::var_os("PGHOST").filter(|_| env::var_os(STARTED).is_some()) else {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres.py");
        let mut command = Command::new(script);
        command.arg("--as-it-comes").args(env::args_os()).env(STARTED, "1");
        exit(command.status().unwrap().code().unwrap_or(1));
    };
    FreshDatabase::on(socket.to_str().unwrap(), &env::var("PGUSER").unwrap())
}

/// Set for the program that runs beside the server.
const STARTED: &str = "KAFKA_BENCH_POSTGRES";
