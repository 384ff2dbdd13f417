//! `kafka serve`, and the other verbs beside it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::run::{fails, ids, kafka, printed, run, stderr};

/// A server that has said where it listens.
fn serving(directory: &TempDir) -> (Child, String) {
    let mut command = kafka(directory, &["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
    (child, address)
}

#[test]
fn verbs_work_beside_a_running_server() {
    let directory = TempDir::new().unwrap();
    let (server, address) = serving(&directory);
    assert_eq!(printed(&directory, &["chat", "Hi"]), "Echo: Hi\n");
    assert_eq!(ids(&directory, &["chats", "list"]).len(), 1);
    let pid = server.id().to_string();
    let doctor = printed(&directory, &["doctor"]);
    assert!(doctor.contains(&format!("in use by server with pid {pid}")), "{doctor}");
    fails(&run(&directory, &["migrate", "down", "--yes"]), 5, &["server with pid", &pid]);
    fails(&run(&directory, &["serve", "--listen", &address]), 5, &[&address]);

    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    let ended = server.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
    assert_eq!(ids(&directory, &["chats", "list"]).len(), 1);
}

#[test]
fn a_server_that_may_not_start_says_why() {
    let directory = TempDir::new().unwrap();
    fails(&run(&directory, &["serve", "--listen", "0.0.0.0:0"]), 2, &["--open-to"]);
    fails(&run(&directory, &["serve", "--listen", "here"]), 2, &["flag --listen"]);
}
