//! The schema and every statement of the library, tried on PostgreSQL: what is written for both
//! engines is known to work on both.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use kafka_core::testing::statements;
use kafka_migrations::MIGRATIONS;

/// Refinery makes it, where it keeps what was applied.
const HISTORY: &str = "CREATE TABLE refinery_schema_history \
    (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));";

/// One script for one server, because starting it is what takes the time: migrations up, every
/// statement prepared under its name, migrations down, and a look at what is left.
fn script() -> String {
    let mut script = String::from("\\set ON_ERROR_STOP on\n");
    for migration in MIGRATIONS {
        writeln!(script, "\\echo migration {} up\n{}", migration.name, migration.up_postgres()).unwrap();
    }
    writeln!(script, "{HISTORY}").unwrap();
    for (name, text) in statements() {
        // Identifiers are cut at 63 bytes, so the statement is named by the line before it.
        writeln!(script, "\\echo {name}\nPREPARE statement AS {text};\nDEALLOCATE statement;").unwrap();
    }
    for migration in MIGRATIONS.iter().rev() {
        writeln!(script, "\\echo migration {} down\n{}", migration.name, migration.down_postgres()).unwrap();
    }
    script.push_str("DROP TABLE refinery_schema_history;\n\\echo nothing is left\n");
    script.push_str("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace;\n");
    script
}

#[test]
fn every_statement_is_prepared_and_every_migration_goes_up_and_down() {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.py");
    let mut psql = Command::new("python3")
        .arg(starter)
        .args(["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--file=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut input = psql.stdin.take().unwrap();
    // Written beside the reading, so that neither waits for the other; psql may end before it has read all.
    let writer = std::thread::spawn(move || input.write_all(script().as_bytes()));
    let output = psql.wait_with_output().unwrap();
    drop(writer.join().unwrap());
    let (done, refused) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "PostgreSQL refuses {}\n{refused}",
        done.lines().last().unwrap_or("to start"),
    );
    assert!(done.ends_with("nothing is left\n0\n"), "{done}");
    assert!(done.lines().filter(|line| line.contains("::")).count() > 80, "few statements were seen: {done}");
}
