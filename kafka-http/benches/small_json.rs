//! Requests a second for a small JSON answer: this server against a bare `std::net` + httparse loop
//! that does the least a competent program can do, under the same load in the same run.
//!
//! `cargo bench -p kafka-http --bench small_json`. The load comes from a child process with one
//! thread, which reports its own processor time: where that nears the run's length, the figure is
//! limited by the load, not by the server. Servers alternate in short runs, and the ratio
//! is the median of the ratios of neighbouring runs, which a busy machine slows alike.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kafka_http::server::{Reply, Request, Server, ServerLimits};
use rustix::event::{PollFd, PollFlags, poll};

const BODY: &str = concat!(
    r#"{"id":"0190b1a0-7c1e-7e7e-8e8e-000000000001","title":"Before the law","description":null,"#,
    r#""message_count":2,"total_tokens":120,"created_at":"2026-11-22T10:00:00.000Z","#,
    r#""updated_at":"2026-11-22T10:00:01.000Z"}"#
);
const REQUEST: &[u8] = b"GET /api/v1/chats/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n\
    Accept: application/json\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n";
const RUNS: usize = 15;
const RUN: Duration = Duration::from_millis(500);
const GOAL: f64 = 0.75;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--load") {
        return load(arguments[at + 1].parse().unwrap(), arguments[at + 2].parse().unwrap());
    }
    let bare = start_bare();
    let ours = start_ours();
    println!("{} byte body, {RUNS} alternating runs of {} ms each, medians", BODY.len(), RUN.as_millis());
    println!("connections   bare req/s   ours req/s   ratio   load's own CPU (bare, ours)");
    for connections in [1, 16, 64] {
        let mut results = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            for (address, results) in [bare, ours].into_iter().zip(&mut results) {
                results.push(measure(address, connections));
            }
        }
        let ratio = median(results[0].iter().zip(&results[1]).map(|(bare, ours)| ours.0 / bare.0));
        let rates = results.each_ref().map(|outcomes| median(outcomes.iter().map(|outcome| outcome.0)));
        let loads = results.each_ref().map(|outcomes| median(outcomes.iter().map(|outcome| outcome.1)));
        let verdict = if ratio >= GOAL { "" } else { "  below the goal of 0.75" };
        println!(
            "{connections:11} {:12.0} {:12.0} {ratio:7.2}   {:3.0} %, {:3.0} %{verdict}",
            rates[0], rates[1], loads[0], loads[1]
        );
    }
}

/// Requests a second, and the load's processor time as a percentage of the run.
type Outcome = (f64, f64);

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(address: SocketAddr, connections: usize) -> Outcome {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--load", &address.to_string(), &connections.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (rate, processor) = text.trim().split_once(' ').unwrap();
    (rate.parse().unwrap(), processor.parse().unwrap())
}

/// Keeps one request in flight on each of `connections` for the length of a run.
fn load(address: SocketAddr, connections: usize) {
    let mut streams: Vec<TcpStream> = (0..connections)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        })
        .collect();
    let mut buffer = [0; 4096];
    streams[0].write_all(REQUEST).unwrap();
    let answer_len = streams[0].read(&mut buffer).unwrap();
    assert!(buffer[..answer_len].starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(buffer[..answer_len].ends_with(BODY.as_bytes()));

    let started = Instant::now();
    let processor = processor_ms();
    let mut answered = 0u64;
    for stream in &mut streams {
        stream.write_all(REQUEST).unwrap();
    }
    let mut ready = vec![true; connections];
    while started.elapsed() < RUN {
        if connections > 1 {
            let mut sockets: Vec<_> =
                streams.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
            poll(&mut sockets, None).unwrap();
            for (ready, socket) in ready.iter_mut().zip(&sockets) {
                *ready = !socket.revents().is_empty();
            }
        }
        for (stream, _) in streams.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
            let mut read = 0;
            while read < answer_len {
                read += stream.read(&mut buffer[read..]).unwrap();
            }
            assert_eq!(read, answer_len);
            answered += 1;
            stream.write_all(REQUEST).unwrap();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let processor = (processor_ms() - processor) / 10.0 / seconds;
    println!("{} {processor}", answered as f64 / seconds);
}

/// Processor time of this process so far, from the scheduler's own count.
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn start_ours() -> SocketAddr {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).unwrap();
    let address = server.local_addr();
    let handler = |_: &mut Request<'_>| Reply::bytes(200, "application/json", BODY.as_bytes());
    thread::spawn(move || server.run(Arc::new(handler)).unwrap());
    address
}

/// Accept, one thread a connection, NODELAY, keep-alive, one write an answer; no limits, no checks.
fn start_bare() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve_bare(stream));
        }
    });
    address
}

fn serve_bare(mut stream: TcpStream) {
    let mut buffer = [0; 8192];
    let mut filled = 0;
    let mut answer = Vec::new();
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut fields);
            let httparse::Status::Complete(length) = request.parse(&buffer[..filled]).unwrap() else {
                break;
            };
            answer.clear();
            write!(
                answer,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
                BODY.len()
            )
            .unwrap();
            if stream.write_all(&answer).is_err() {
                return;
            }
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
}
