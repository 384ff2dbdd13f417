//! What the wire formats of replaced systems cost beside the API's own: the same rows read through either, on the
//! same server under the same load in the same run.
//!
//! `cargo bench -p kafka --bench dialects`; with `-- million`, the memory and the time that a whole list of a million
//! messages takes. A megabyte is 10⁶ bytes.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod comparison;
mod figures;
mod load;
mod server;

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Instant,
};

use comparison::{RUNS, compare};
use load::{RUN, Target};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use server::Server;

/// At least so many of the API's requests a second.
const GOAL: f64 = 0.9;
/// Rows of the lists that are read.
const ENTRIES: usize = 50;
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything wrong he \
    was arrested one fine morning.";
const MILLION: i64 = 1_000_000;
const GOAL_MB: f64 = 30.0;

fn main() {
    if load::was_played() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(server::serve(&server::binary(), data.path()));
    match env::args().any(|argument| argument == "million") {
        true => million(server, data.path()),
        false => reads(server),
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

fn reads(server: Server) {
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let own = (1..ENTRIES).fold(server.new_chat(), |_, _| server.new_chat());
    let id = own.rsplit('/').next().unwrap();
    let number = json(server.call("GET", "/api/chats", ""))["items"][0]["id"].to_string();
    for at in 0..ENTRIES {
        let role = if at % 2 == 0 { "user" } else { "ai" };
        let new = json!({"chat_id": number, "role": role, "content": TEXT});
        server.call("POST", "/api/messages", &new.to_string());
    }
    let message =
        json(server.call("GET", &format!("{own}/messages?limit=1"), ""))["items"][0]["id"].to_string();
    let page = "page=1&page_size=20";
    let all = format!("limit={ENTRIES}");
    let pairs = [
        (own.clone(), format!("/api/chats/{number}")),
        (own.clone(), format!("/conversations/{id}")),
        (format!("/api/v1/messages/{}", message.trim_matches('"')), format!("/api/messages/{ENTRIES}")),
        (format!("{own}/messages?{page}"), format!("/api/messages/chat/{number}?{page}")),
        (format!("{own}/messages?{all}"), format!("/api/messages/chat/{number}")),
        (format!("{own}/messages?{all}"), format!("/conversations/{id}/messages")),
        (format!("/api/v1/chats?{page}"), format!("/api/chats?{page}")),
        (format!("/api/v1/chats?{all}"), "/api/chats".to_owned()),
        (format!("/api/v1/chats?{all}"), "/conversations".to_owned()),
        ("/api/v1/models".to_owned(), "/models".to_owned()),
    ];
    println!(
        "{RUNS} alternating runs of {} ms each, medians; the goal is a ratio of {GOAL}",
        RUN.as_millis()
    );
    println!("{:72} {:>10} {:>13} {:>6}   load's CPU", "path", "API req/s", "dialect req/s", "ratio");
    for (own, path) in &pairs {
        let target = |path| Target { address: server.address, path };
        let outcome = compare(target(own), target(path), 1);
        let [baseline, ours] = outcome.requests_per_second;
        let verdict = if outcome.ratio < GOAL { "  below the goal" } else { "" };
        let [of_baseline, of_ours] = outcome.load_percent;
        println!(
            "{path:72} {baseline:10.0} {ours:13.0} {:6.2}   {of_baseline:3.0} %, {of_ours:3.0} %{verdict}",
            outcome.ratio
        );
    }
    server.end();
}

/// One chat with a million messages, read as a whole.
fn million(server: Server, data: &Path) {
    server.call("POST", "/api/chats", "{}");
    let binary = server::binary();
    server.end();
    fill(&Connection::open(data.join("kafka.db")).unwrap());
    let server = Server::start(server::serve(&binary, data));
    server.call("GET", "/api/chats/1", "");
    let before = memory_mb(&server, "VmRSS:");
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let address = server.address;
    let request =
        format!("GET /api/messages/chat/1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut piece) = (0, vec![0; 1 << 20]);
    let mut last = Vec::new();
    loop {
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        bytes += count;
        last.extend_from_slice(&piece[..count]);
        last.drain(..last.len().saturating_sub(200));
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert!(String::from_utf8_lossy(&last).contains(&format!("\"total\":{MILLION},")));
    let most = memory_mb(&server, "VmHWM:") - before;
    let verdict = if most < GOAL_MB { "" } else { "  misses the goal" };
    println!("{MILLION} messages, {:.0} MB of JSON in {seconds:.1} s", bytes as f64 / 1e6);
    println!("memory besides the {before:.1} MB before: {most:.1} MB at most (goal {GOAL_MB}){verdict}");
    server.end();
}

fn fill(database: &Connection) {
    database.execute_batch("BEGIN").unwrap();
    let mut insert = database
        .prepare(
            "INSERT INTO messages (id, chat_number, seq, role, content, created_at, updated_at) \
             VALUES (?1, 1, ?2, ?3, ?4, ?2, ?2)",
        )
        .unwrap();
    let id = |number: i64| format!("01890000-0000-7000-8000-{number:012x}");
    for number in 1..=MILLION {
        let role = if number % 2 == 0 { "assistant" } else { "user" };
        insert.execute(params![id(number), number, role, TEXT]).unwrap();
    }
    drop(insert);
    let last = "UPDATE chats SET message_count = ?1, last_seq = ?1, active_leaf_id = ?2";
    database.execute(last, params![MILLION, id(MILLION)]).unwrap();
    // As if they were found already: the server would make its index of them meanwhile.
    database.execute("UPDATE search_state SET messages_upto = ?1", [MILLION]).unwrap();
    database.execute_batch("COMMIT").unwrap();
}

fn memory_mb(server: &Server, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let text = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    text.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
}
