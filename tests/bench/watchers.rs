//! What a thousand watchers of one answer cost.
//!
//! `cargo bench -p kafka --bench watchers`. The product is the release binary as a process, and its
//! resident memory is what the system says. The watchers share one thread of this process. A megabyte is
//! 10⁶ bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod endpoint;
mod figures;
mod follow;
mod processor;
mod server;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use figures::median;
use follow::follow;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;

const WATCHERS: usize = 1000;
const TOKENS: usize = 1000;
const PACE: Duration = Duration::from_millis(20);
const SILENT_TOKENS: usize = 50_000;
const GOAL_MB: f64 = 64.0;

fn main() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let data = tempfile::tempdir().unwrap();
    let ours = Server::start(server::serve(&server::binary(), data.path()));
    let clock = Instant::now();
    for (name, endpoint) in [
        ("short", endpoint::unpaced(TOKENS, clock)),
        ("slow", endpoint::paced(TOKENS, PACE, clock)),
        ("long", endpoint::paced(SILENT_TOKENS, Duration::from_micros(200), clock)),
    ] {
        let model = format!(r#"{{"name": "{name}", "base_url": "http://{endpoint}/v1"}}"#);
        ours.call("POST", "/api/v1/models", &model);
    }
    // What the first answer needs is not the watchers'.
    follow(ours.address, &[watch(ours.address, &ask(&ours, "short").1)], TOKENS, clock);

    let before = memory_mb(&ours, "VmRSS:");
    let (_asking, path) = ask(&ours, "slow");
    let requests = vec![watch(ours.address, &path); WATCHERS];
    let ticks = processor::ticks(ours.pid());
    let followed = follow(ours.address, &requests, TOKENS, clock);
    let processor = (processor::ticks(ours.pid()) - ticks) as f64 / followed.time.as_secs_f64();
    let extra = memory_mb(&ours, "VmHWM:") - before;
    let late = median(followed.delays.iter().map(|delay| delay.as_secs_f64() * 1e3));
    println!("{WATCHERS} watchers of one answer of {TOKENS} tokens, one every {} ms", PACE.as_millis());
    print("resident memory before they came", before, None);
    print("and beyond that at most, while they watched", extra, Some(GOAL_MB));
    println!("each token came {late:.1} ms after the endpoint wrote it (median); CPU {processor:.0} %");

    let before = memory_mb(&ours, "VmRSS:");
    let (asking, path) = ask(&ours, "long");
    let silent: Vec<TcpStream> = (0..WATCHERS)
        .map(|_| {
            let mut stream = TcpStream::connect(ours.address).unwrap();
            stream.write_all(watch(ours.address, &path).as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut most = 0f64;
    for line in asking.lines() {
        let line = line.unwrap();
        if line.ends_with("00") {
            most = most.max(memory_mb(&ours, "VmRSS:"));
        }
        if line == "event: response.completed" {
            break;
        }
    }
    most = most.max(memory_mb(&ours, "VmRSS:"));
    println!("{} watchers that never read, of an answer of {SILENT_TOKENS} tokens", silent.len());
    print("beyond what was resident before, at most", most - before, Some(GOAL_MB));
    println!("load of the machine over the last minute: {}", figures::machine_load());
    ours.end();
}

fn print(name: &str, figure: f64, goal: Option<f64>) {
    let judged = goal.map(|goal| {
        let verdict = if figure < goal { "" } else { "  misses the goal" };
        format!(", {:4.2} of the goal {goal} MB{verdict}", figure / goal)
    });
    println!("{name:46} {figure:6.1} MB{}", judged.unwrap_or_default());
}

/// Asks a model in a new chat, and returns the stream of the answer and the path of its events.
fn ask(ours: &Server, model: &str) -> (BufReader<TcpStream>, String) {
    let body = format!(
        r#"{{"content": "Before the law stands a doorkeeper.", "model": "{model}", "stream": true}}"#
    );
    let request = format!(
        "POST {}/responses HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        ours.new_chat(),
        ours.address,
        body.len()
    );
    let mut stream = TcpStream::connect(ours.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0);
    }
    let started: serde_json::Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    (stream, format!("/api/v1/responses/{}/events", started["response"]["id"].as_str().unwrap()))
}

fn watch(address: SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
}

/// A figure of the system's on a process's memory.
fn memory_mb(ours: &Server, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", ours.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kibibytes: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}
