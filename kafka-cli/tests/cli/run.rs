//! Runs the command in a directory of its own.

use std::{
    io::Write as _,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::home;

/// The command in a working directory, with an environment that holds nothing else.
pub(crate) fn kafka(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka"));
    command.current_dir(directory.path()).env_clear().envs(home::variables(directory));
    command.stdin(Stdio::null()).args(arguments);
    command
}

pub(crate) fn run(directory: &TempDir, arguments: &[&str]) -> Output {
    kafka(directory, arguments).output().unwrap()
}

/// What it prints, having succeeded.
pub(crate) fn printed(directory: &TempDir, arguments: &[&str]) -> String {
    succeeded(&run(directory, arguments))
}

pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(output));
    stdout(output)
}

/// What it prints as JSON, having succeeded.
pub(crate) fn json(directory: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(directory, &[arguments, &["--json"]].concat())).unwrap()
}

/// What it prints with `-q`: one id a line.
pub(crate) fn ids(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    printed(directory, &[arguments, &["-q"]].concat()).lines().map(str::to_owned).collect()
}

/// Runs it with this on standard input.
pub(crate) fn fed(mut command: Command, input: &str) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child: Child = child.unwrap();
    // A command that does not want its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Fails with this exit code, an error that contains all `parts`, and nothing on standard output.
pub(crate) fn fails(output: &Output, code: i32, parts: &[&str]) {
    let error = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(stdout(output), "", "{error}");
    assert!(error.to_lowercase().starts_with("error:"), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
