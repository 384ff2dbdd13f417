//! What an idle WebSocket costs the server: resident memory and threads.
//!
//! `cargo bench -p kafka --bench idle_sockets [-- COUNT…]`, by default 1,000 and 5,000 sockets, over a
//! hundred chats. A kilobyte is 1,000 bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod figures;
mod server;
mod sockets;

use std::{
    env, fs,
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;
use sockets::open;

const RUNS: usize = 3;
const CHATS: usize = 100;
/// What a process gets to come to rest.
const REST: Duration = Duration::from_secs(2);
const GOAL_KB: f64 = 30.0;

fn main() {
    let asked: Vec<usize> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let counts = if asked.is_empty() { vec![1_000, 5_000] } else { asked };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let binary = server::binary();
    for count in counts {
        let runs: Vec<Cost> = (0..RUNS).map(|_| cost(&binary, count)).collect();
        let kilobytes = figures::median(runs.iter().map(|run| run.kilobytes));
        let threads = figures::median(runs.iter().map(|run| run.threads));
        let seconds = figures::median(runs.iter().map(|run| run.seconds));
        let verdict = if kilobytes <= GOAL_KB { "" } else { "  misses the goal" };
        println!(
            "{count:5} idle sockets: {kilobytes:5.1} kB resident each, {:4.2} of the goal {GOAL_KB} kB, \
             {threads:.2} threads each, all open after {seconds:.1} s{verdict}",
            kilobytes / GOAL_KB
        );
    }
    println!("medians of {RUNS} runs; load of the machine over the last minute: {}", figures::machine_load());
}

/// What a number of sockets cost: each in memory and threads, all in time.
struct Cost {
    kilobytes: f64,
    threads: f64,
    seconds: f64,
}

fn cost(binary: &Path, count: usize) -> Cost {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(server::serve(binary, data.path()));
    let chats: Vec<String> =
        (0..CHATS).map(|_| server.new_chat().replace("/api/v1/chats/", "/ws/")).collect();
    // What serving takes once is not a socket's.
    drop((0..50).map(|at| open(&server, &chats[at % CHATS])).collect::<Vec<_>>());
    thread::sleep(REST);
    let (bytes, threads) = (resident(&server), status(&server, "Threads:"));
    let began = Instant::now();
    let sockets: Vec<TcpStream> = (0..count).map(|at| open(&server, &chats[at % CHATS])).collect();
    let seconds = began.elapsed().as_secs_f64();
    thread::sleep(REST);
    let each = |more: f64| more / sockets.len() as f64;
    let cost = Cost {
        kilobytes: each(resident(&server) - bytes) / 1e3,
        threads: each(status(&server, "Threads:") - threads),
        seconds,
    };
    drop(sockets);
    server.end();
    cost
}

fn resident(server: &Server) -> f64 {
    status(server, "VmRSS:") * 1024.0
}

/// A line of what the system knows of the process.
fn status(server: &Server, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
