//! What a well-behaved client notices of attacks: its 99th percentile while each attack runs, as a ratio to
//! that of the same client when nothing else happens.
//!
//! `cargo bench -p kafka --bench hostile [-- ATTACK…]`. The product is the release binary as a process, with
//! 100,000 chats in its database; each attack is a process of its own on the same machine, so it also takes
//! processor time from the client, which a real one would not.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod attack;
mod figures;
mod server;

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use attack::{ATTACKS, Attack};
use kafka_core::{Config, Kafka, NewChat};
use server::Server;

const CHATS: usize = 100_000;
const ROUNDS: usize = 3;
/// The length of one run.
const RUN: Duration = Duration::from_secs(4);
/// What an attack gets to be in full swing, and a server to recover from it.
const SWING: Duration = Duration::from_millis(1500);
/// Between two requests of the client.
const PACE: Duration = Duration::from_millis(2);
/// Every so manieth request comes on a new connection.
const RENEWED: usize = 10;
const GOAL: f64 = 10.0;

fn main() {
    if attack::was_played() {
        return;
    }
    let asked: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let data = tempfile::tempdir().unwrap();
    fill(data.path());
    let server = Server::start(server::serve(&server::binary(), data.path()));
    let chat = server.new_chat();
    let message = format!(r#"{{"role": "user", "content": "{}"}}"#, "x".repeat(256 << 10));
    (0..16).for_each(|_| drop(server.call("POST", &format!("{chat}/messages"), &message)));
    println!(
        "{CHATS} chats; medians of {ROUNDS} rounds of {} s; the goal is a ratio under {GOAL}",
        RUN.as_secs()
    );
    println!(
        "{:18} {:>9} {:>9} {:>11} {:>11} {:>6} {:>9} {:>13}",
        "attack", "quiet p50", "quiet p99", "attack p50", "attack p99", "ratio", "resident", "connections/s"
    );
    for attack in
        ATTACKS.iter().filter(|attack| asked.is_empty() || asked.iter().any(|name| name == attack.name))
    {
        let rounds: Vec<[f64; 6]> = (0..ROUNDS).map(|_| round(&server, attack, &chat)).collect();
        let [quiet_p50, quiet, attack_p50, attacked, memory, connections] =
            [0, 1, 2, 3, 4, 5].map(|at| figures::median(rounds.iter().map(|round| round[at])));
        let ratio = figures::median(rounds.iter().map(|round| round[3] / round[1]));
        let verdict = if ratio < GOAL { "" } else { "  misses the goal" };
        println!(
            "{:18} {quiet_p50:6.2} ms {quiet:6.2} ms {attack_p50:8.2} ms {attacked:8.2} ms {ratio:6.1} \
             {memory:6.0} MB {connections:13.0}{verdict}",
            attack.name
        );
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
    server.end();
}

/// p50 and p99 in milliseconds, first when nothing else happens, then under attack; the megabytes that the
/// server holds then, and the connections that the attacker makes in a second.
fn round(server: &Server, attack: &Attack, chat: &str) -> [f64; 6] {
    let quiet = client(server.address, chat);
    let began = Instant::now();
    let mut attacker = start(attack, server.address, chat);
    thread::sleep(SWING);
    let attacked = client(server.address, chat);
    let memory = resident(server.pid());
    attacker.kill().unwrap();
    let told = attacker.wait_with_output().unwrap().stdout;
    let made: f64 = str::from_utf8(&told).unwrap().lines().last().unwrap().parse().unwrap();
    let rate = made / began.elapsed().as_secs_f64();
    thread::sleep(SWING);
    [quiet[0], quiet[1], attacked[0], attacked[1], memory, rate]
}

fn start(attack: &Attack, server: SocketAddr, chat: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--attack", attack.name, &server.to_string(), chat]).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// A client that asks for a chat at its pace, for the length of a run.
fn client(server: SocketAddr, chat: &str) -> [f64; 2] {
    let connect = || {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    let request = format!("GET {chat} HTTP/1.1\r\nHost: {server}\r\n\r\n");
    let mut stream = connect();
    let mut buffer = [0; 4096];
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < RUN {
        let asked = Instant::now();
        if times.len() % RENEWED == 0 {
            stream = connect();
        }
        stream.write_all(request.as_bytes()).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200 "), "{:?}", str::from_utf8(&buffer[..count]));
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        thread::sleep(PACE);
    }
    times.sort_by(f64::total_cmp);
    [50, 99].map(|percent| times[times.len() * percent / 100])
}

/// Resident memory of a process, in megabytes.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}

/// Makes the chats.
fn fill(directory: &Path) {
    const WRITERS: usize = 32;
    let kafka = Kafka::open(Config::file(directory.join("kafka.db"))).unwrap();
    let operator = kafka.operator();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (kafka, operator) = (&kafka, &operator);
            scope.spawn(move || {
                for number in (writer..CHATS).step_by(WRITERS) {
                    kafka.chats(operator).create(NewChat::titled(format!("Chat {number}"))).unwrap();
                }
            });
        }
    });
    kafka.close();
}
