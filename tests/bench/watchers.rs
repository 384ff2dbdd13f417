//! What a thousand watchers of one answer cost.
//!
//! `cargo bench -p kafka --bench watchers`. The product is the release binary as a process, a new one for
//! each kind of watcher, and its resident memory is what the system says. The watchers share one thread
//! of this process. A megabyte is 10⁶ bytes.

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
mod sockets;

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
const SILENT_PACE: Duration = Duration::from_micros(200);
const GOAL_MB: f64 = 64.0;

fn main() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let binary = server::binary();
    println!("{WATCHERS} watchers of one answer, and what they make resident at most, kind by kind");
    for run in [reading, silent, following] {
        let data = tempfile::tempdir().unwrap();
        let ours = Server::start(server::serve(&binary, data.path()));
        let clock = Instant::now();
        let short = endpoint::unpaced(TOKENS, clock);
        add_model(&ours, "short", short);
        // What the first answer needs is not the watchers'.
        follow(ours.address, &[watch(ours.address, &ask(&ours, &ours.new_chat(), "short").1)], TOKENS, clock);
        run(&ours, clock, memory_mb(&ours, "VmRSS:"));
        ours.end();
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

/// Watchers of server-sent events that read what comes.
fn reading(ours: &Server, clock: Instant, before: f64) {
    add_model(ours, "slow", endpoint::paced(TOKENS, PACE, clock));
    let (_asking, path) = ask(ours, &ours.new_chat(), "slow");
    let requests = vec![watch(ours.address, &path); WATCHERS];
    let used = Used::by(ours);
    let followed = follow(ours.address, &requests, TOKENS, clock);
    print("server-sent events, read as they come", ours, before);
    used.print_lateness(ours, followed.time, &followed.delays);
}

/// Watchers of server-sent events that send their request and never read.
fn silent(ours: &Server, clock: Instant, before: f64) {
    add_model(ours, "long", endpoint::paced(SILENT_TOKENS, SILENT_PACE, clock));
    let (asking, path) = ask(ours, &ours.new_chat(), "long");
    let silent: Vec<TcpStream> = (0..WATCHERS)
        .map(|_| {
            let mut stream = TcpStream::connect(ours.address).unwrap();
            stream.write_all(watch(ours.address, &path).as_bytes()).unwrap();
            stream
        })
        .collect();
    let last = asking.lines().find(|line| line.as_ref().unwrap() == "event: response.completed");
    assert!(last.is_some(), "whoever reads is not held up");
    print("server-sent events, never read", ours, before);
    drop(silent);
}

/// WebSockets that follow their chat and read what comes.
fn following(ours: &Server, clock: Instant, before: f64) {
    add_model(ours, "slow", endpoint::paced(TOKENS, PACE, clock));
    let chat = ours.new_chat();
    let path = chat.replace("/api/v1/chats/", "/ws/");
    let mut sockets: Vec<TcpStream> = (0..WATCHERS).map(|_| sockets::open(ours, &path)).collect();
    sockets.iter_mut().for_each(|socket| sockets::say(socket, r#"{"action": "follow"}"#));
    let _asking = ask(ours, &chat, "slow");
    let used = Used::by(ours);
    let began = Instant::now();
    let delays = sockets::deltas(&sockets, TOKENS, clock);
    let time = began.elapsed();
    print("WebSockets that follow, read as they come", ours, before);
    used.print_lateness(ours, time, &delays);
}

fn add_model(ours: &Server, name: &str, endpoint: SocketAddr) {
    let model = format!(r#"{{"name": "{name}", "base_url": "http://{endpoint}/v1"}}"#);
    ours.call("POST", "/api/v1/models", &model);
}

/// Processor time of the product so far, in hundredths of a second.
struct Used(u64);

impl Used {
    fn by(ours: &Server) -> Used {
        Used(processor::ticks(ours.pid()))
    }

    fn print_lateness(&self, ours: &Server, time: Duration, delays: &[Duration]) {
        let percent = (processor::ticks(ours.pid()) - self.0) as f64 / time.as_secs_f64();
        let late = median(delays.iter().map(|delay| delay.as_secs_f64() * 1e3));
        println!(
            "    {TOKENS} tokens, one every {} ms, each came {late:.1} ms after the endpoint wrote it (median); \
             CPU {percent:.0} %",
            PACE.as_millis()
        );
    }
}

/// Prints the most that the product ever held beyond what it held before.
fn print(kind: &str, ours: &Server, before: f64) {
    let extra = memory_mb(ours, "VmHWM:") - before;
    let verdict = if extra < GOAL_MB { "" } else { "  misses the goal" };
    println!("{kind:42} {extra:6.1} MB, {:4.2} of the goal {GOAL_MB} MB{verdict}", extra / GOAL_MB);
}

/// Asks a model, and returns the stream of the answer and the path of its events.
fn ask(ours: &Server, chat: &str, model: &str) -> (BufReader<TcpStream>, String) {
    let body = format!(
        r#"{{"content": "Before the law stands a doorkeeper.", "model": "{model}", "stream": true}}"#
    );
    let request = format!(
        "POST {chat}/responses HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
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
