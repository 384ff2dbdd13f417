//! PostgreSQL servers of a test's own, which it may stop, start again and have copied by a replica.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A server, and perhaps a streaming replica of it. They are gone when this is dropped.
pub(crate) struct DatabaseServers {
    starter: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    directories: Vec<String>,
}

/// The first of the servers.
pub(crate) const PRIMARY: usize = 0;
/// The second.
pub(crate) const REPLICA: usize = 1;

impl DatabaseServers {
    /// Starts one server, or two, of which the second is a replica.
    pub(crate) fn start(count: usize) -> DatabaseServers {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.py");
        let mut command = Command::new("python3");
        command.arg(starter).args(["--servers", &count.to_string()]);
        let mut starter =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is installed");
        let mut answers = BufReader::new(starter.stdout.take().unwrap()).lines();
        let directories = (0..count).map(|_| answers.next().expect("the servers start").unwrap()).collect();
        DatabaseServers { orders: starter.stdin.take(), starter, answers, directories }
    }

    /// The URL of the database `postgres` on one of them.
    pub(crate) fn url(&self, server: usize) -> String {
        format!("postgresql:///postgres?host={}&user=postgres", self.directories[server])
    }

    /// Ends one as `pg_ctl stop -m` does, `fast` or `immediate`.
    pub(crate) fn stop(&mut self, ending: &str, server: usize) {
        self.order(&format!("stop {ending} {server}"));
    }

    /// Starts one again, and returns when it takes connections.
    pub(crate) fn start_again(&mut self, server: usize) {
        self.order(&format!("start {server}"));
    }

    /// What a query finds on one of them: the first column of the first row.
    pub(crate) fn ask(&self, server: usize, sql: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--username=postgres", "--command", sql]);
        let output = psql.arg("--host").arg(&self.directories[server]).output().expect("psql is installed");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn order(&mut self, line: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{line}").unwrap();
        assert_eq!(self.answers.next().expect("the servers obey").unwrap(), "done", "{line}");
    }
}

impl Drop for DatabaseServers {
    fn drop(&mut self) {
        // The end of its input ends the starter, and that the servers.
        self.orders = None;
        let _ = self.starter.wait();
    }
}
