//! What a server has stored, past every rule: in its SQLite file, or with `psql` on PostgreSQL.

use std::{fs, path::Path, process::Command, time::Duration};

use super::process::{database_of, is_on_postgres};

/// Runs one statement, and returns how many rows it touched. `$1` and so on stand for the params.
pub(crate) fn run_sql(data: &Path, sql: &str, params: &[&str]) -> usize {
    let sql = params.iter().enumerate().fold(sql.to_owned(), |sql, (index, value)| {
        sql.replace(&format!("${}", index + 1), &format!("'{}'", value.replace('\'', "''")))
    });
    if is_on_postgres() {
        let said = psql(data, "psql", &["-X", "-v", "ON_ERROR_STOP=1", "-c", &sql]);
        // The last word of `UPDATE 1`; other statements touch none.
        return said.split_whitespace().last().and_then(|count| count.parse().ok()).unwrap_or_default();
    }
    let database = rusqlite::Connection::open(data.join("kafka.db")).unwrap();
    database.busy_timeout(Duration::from_secs(60)).unwrap();
    database.execute(&sql, []).unwrap()
}

/// The one number that a question has for an answer.
#[cfg(feature = "long")]
pub(crate) fn number(data: &Path, sql: &str) -> i64 {
    if is_on_postgres() {
        return psql(data, "psql", &["-XAt", "-v", "ON_ERROR_STOP=1", "-c", sql]).trim().parse().unwrap();
    }
    let database = rusqlite::Connection::open(data.join("kafka.db")).unwrap();
    database.busy_timeout(Duration::from_secs(60)).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// All that is stored in the database, as it is written down there.
pub(crate) fn all_bytes(data: &Path) -> Vec<u8> {
    match is_on_postgres() {
        true => psql(data, "pg_dump", &[]).into_bytes(),
        false => fs::read(data.join("kafka.db")).unwrap(),
    }
}

fn psql(data: &Path, program: &str, arguments: &[&str]) -> String {
    let mut client = Command::new(program);
    client.args(arguments).args(["--dbname", &database_of(data)]);
    // Bytes are then written as they are, where they can be.
    let output = client.env("PGOPTIONS", "-c bytea_output=escape").output();
    let output = output.expect("PostgreSQL's clients are installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
