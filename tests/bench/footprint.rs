//! What the product weighs: the time from its start to its first answers, its memory, its binary.
//!
//! `cargo bench -p kafka --bench footprint`. Starts are on an existing database file and alternate with
//! those of the least program that can answer from that file: open it by rusqlite, listen, answer one
//! request. A megabyte is 10⁶ bytes.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod figures;
mod load;
mod server;

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use figures::median;
use load::Target;
use rusqlite::{Connection, OpenFlags};
use server::Server;

const STARTS: usize = 20;
const CHATS: &str = "/api/v1/chats";
const QUESTION: &str = r#"{"content": "Someone must have been telling lies about Josef K."}"#;

const GOAL_MS: f64 = 100.0;
const GOAL_IDLE_MB: f64 = 15.0;
const GOAL_LOADED_MB: f64 = 100.0;
const GOAL_BINARY_MB: f64 = 15.0;

fn main() {
    if load::was_played() {
        return;
    }
    let arguments: Vec<String> = env::args().collect();
    if let [_, word, database] = &arguments[..]
        && word == "--least"
    {
        return least(Path::new(database));
    }
    let data = tempfile::tempdir().unwrap();
    let binary = server::binary();
    let serve = || server::serve(&binary, data.path());
    let server = Server::start(serve());
    let chat = server.new_chat();
    server.end();

    let mut least = Vec::new();
    let mut listed = Vec::new();
    let mut answered = Vec::new();
    for _ in 0..STARTS {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("--least").arg(data.path().join("kafka.db"));
        least.push(milliseconds_to(command, "GET", CHATS, ""));
        listed.push(milliseconds_to(serve(), "GET", CHATS, ""));
        answered.push(milliseconds_to(serve(), "POST", &format!("{chat}/responses"), QUESTION));
    }
    println!("{STARTS} alternating starts on an existing file, medians, from before the process is made");
    println!("{:52} {:8.1} ms", "the least program: its first answer", median(least));
    print("first list of chats", median(listed), GOAL_MS, "ms");
    print("first answer of echo, stored", median(answered), GOAL_MS, "ms");

    let server = Server::start(serve());
    print("resident memory, idle after the start", resident_mb(&server), GOAL_IDLE_MB, "MB");
    for _ in 0..1_000 {
        server.call("GET", &chat, "");
    }
    for _ in 0..100 {
        let chat = server.new_chat();
        server.call("POST", &format!("{chat}/responses"), QUESTION);
    }
    print("the same, after 1,000 requests and 100 answers", resident_mb(&server), GOAL_IDLE_MB, "MB");
    let outcome = load::run(Target { address: server.address, path: &chat }, 64);
    println!(
        "64 connections: {:.0} req/s, load's CPU {:.0} %",
        outcome.requests_per_second, outcome.load_percent
    );
    print("the same, after that", resident_mb(&server), GOAL_LOADED_MB, "MB");

    let bytes = fs::metadata(&binary).unwrap().len();
    print("the stripped release binary", bytes as f64 / 1e6, GOAL_BINARY_MB, "MB");
    server.end();
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

fn print(name: &str, figure: f64, goal: f64, unit: &str) {
    let verdict = if figure < goal { "" } else { "  misses the goal" };
    println!("{name:52} {figure:8.1} {unit}, {:5.2} of the goal {goal} {unit}{verdict}", figure / goal);
}

/// The time from making the process to the whole answer of its first request.
fn milliseconds_to(command: Command, method: &str, path: &str, body: &str) -> f64 {
    let started = Instant::now();
    let server = Server::start(command);
    server.call(method, path, body);
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    server.end();
    milliseconds
}

/// What a process holds once it has come to rest.
fn resident_mb(server: &Server) -> f64 {
    thread::sleep(Duration::from_secs(1));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}

/// The least program: one thread, one request, one statement.
fn least(database: &Path) {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap();
    assert!(request[..length].ends_with(b"\r\n\r\n"));
    let chats: i64 = database.query_row("SELECT COUNT(*) FROM chats", [], |row| row.get(0)).unwrap();
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{chats}").unwrap();
}
