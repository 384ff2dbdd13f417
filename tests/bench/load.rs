//! Load on a server. It comes from a child process with one thread, which reports its own processor
//! time: where that nears the run's length, the figure is limited by the load, not by the server.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

/// The length of one run.
pub(crate) const RUN: Duration = Duration::from_millis(500);

/// Longest answer that is asked for.
const ANSWER_BYTES: usize = 256 << 10;

/// What a run asks for, again and again.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'a str,
}

/// How one run went.
pub(crate) struct Outcome {
    pub(crate) requests_per_second: f64,
    /// Processor time of the load, in percent of the run.
    pub(crate) load_percent: f64,
}

/// Asks a server on so many connections at a time, for the length of a run.
pub(crate) fn run(target: Target<'_>, connections: usize) -> Outcome {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--load", &target.address.to_string(), target.path, &connections.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (rate, processor) = text.trim().split_once(' ').unwrap();
    Outcome { requests_per_second: rate.parse().unwrap(), load_percent: processor.parse().unwrap() }
}

/// Plays the load if this process was started for that.
pub(crate) fn was_played() -> bool {
    let arguments: Vec<String> = env::args().collect();
    let [_, word, address, path, connections] = &arguments[..] else { return false };
    if word != "--load" {
        return false;
    }
    play(Target { address: address.parse().unwrap(), path }, connections.parse().unwrap());
    true
}

/// Keeps one request in flight on each connection for the length of a run.
fn play(target: Target<'_>, connections: usize) {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: load\r\nAccept: application/json\r\n\r\n",
        target.path, target.address
    );
    let request = request.as_bytes();
    let mut streams: Vec<TcpStream> = (0..connections)
        .map(|_| {
            let stream = TcpStream::connect(target.address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        })
        .collect();
    let mut buffer = vec![0; ANSWER_BYTES];
    let answer_len = streams.iter_mut().map(|stream| first_answer(stream, request)).max().unwrap();

    let started = Instant::now();
    let processor = processor_ms();
    let mut answered = 0u64;
    for stream in &mut streams {
        stream.write_all(request).unwrap();
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
            stream.write_all(request).unwrap();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let processor = (processor_ms() - processor) / 10.0 / seconds;
    println!("{} {processor}", answered as f64 / seconds);
}

/// Makes sure that a target answers well, and returns how long its answers are.
fn first_answer(stream: &mut TcpStream, request: &[u8]) -> usize {
    let mut buffer = vec![0; ANSWER_BYTES];
    stream.write_all(request).unwrap();
    let mut read = 0;
    loop {
        let count = stream.read(&mut buffer[read..]).unwrap();
        read += count;
        let answer = str::from_utf8(&buffer[..read]).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        if head.contains(&format!("Content-Length: {}", body.len())) {
            return read;
        }
        assert!(count > 0, "{answer}");
    }
}

/// Processor time in milliseconds of this process so far, from the scheduler's own count of its one thread.
fn processor_ms() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}
