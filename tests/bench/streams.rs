//! Many answers at a time, through the whole product, each token durable before it is seen.
//!
//! `cargo bench -p kafka --bench streams`. First paced, as models speak: how much later than the endpoint
//! wrote it a token comes to its client. Then as fast as the endpoint can: tokens a second through the
//! product, beside the same endpoint read directly and through a relay that only passes bytes on. The
//! product is the release binary as a process; endpoint, relay and clients share another one, whose
//! processor time is printed: where both together near that of the machine, the figure is limited by it.

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
mod relay;
mod server;

use std::{
    net::SocketAddr,
    process,
    time::{Duration, Instant},
};

use figures::median;
use follow::{Followed, follow};
use server::Server;

const PACED_STREAMS: usize = 256;
const PACED_TOKENS: usize = 500;
const PACE: Duration = Duration::from_millis(20);
const GOAL_P99_MS: f64 = 150.0;

const UNPACED_STREAMS: usize = 64;
const UNPACED_TOKENS: usize = 1000;
const ROUNDS: usize = 5;
const GOAL_RATIO: f64 = 0.3;

fn main() {
    let data = tempfile::tempdir().unwrap();
    let ours = Server::start(server::serve(&server::binary(), data.path()));
    let clock = Instant::now();
    paced(&ours, clock);
    unpaced(&ours, clock);
    println!("load of the machine over the last minute: {}", figures::machine_load());
    ours.end();
}

fn paced(ours: &Server, clock: Instant) {
    let endpoint = endpoint::paced(PACED_TOKENS, PACE, clock);
    add_model(ours, "paced", endpoint);
    println!(
        "{PACED_STREAMS} answers at a time of {PACED_TOKENS} tokens, one every {} ms, from endpoint to client",
        PACE.as_millis()
    );
    let direct = plain_requests(endpoint, PACED_STREAMS);
    report("read directly", &follow(endpoint, &direct, PACED_TOKENS, clock), None);
    let (chats, requests) = questions(ours, "paced", PACED_STREAMS);
    let used = Used::by(ours);
    let followed = follow(ours.address, &requests, PACED_TOKENS, clock);
    let used = used.since(ours, followed.time);
    let p99 = report("through the product", &followed, Some(&used));
    for chat in chats {
        assert_stored(ours, &chat, PACED_TOKENS);
    }
    let verdict = if p99 < GOAL_P99_MS { "" } else { "  misses the goal" };
    println!(
        "{} tokens, all stored, none lost, doubled or out of order; p99 is {:.2} of the goal {GOAL_P99_MS} ms{verdict}",
        PACED_STREAMS * PACED_TOKENS,
        p99 / GOAL_P99_MS
    );
}

/// Prints delays and returns the 99th percentile in milliseconds.
fn report(name: &str, followed: &Followed, used: Option<&str>) -> f64 {
    let mut delays: Vec<f64> = followed.delays.iter().map(|delay| delay.as_secs_f64() * 1e3).collect();
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "{name:22} p50 {:6.2} ms   p99 {:6.2} ms   worst {:6.2} ms   {}",
        at(0.5),
        at(0.99),
        at(1.0),
        used.unwrap_or_default()
    );
    at(0.99)
}

fn unpaced(ours: &Server, clock: Instant) {
    let endpoint = endpoint::unpaced(UNPACED_TOKENS, clock);
    let relay = relay::start(endpoint);
    add_model(ours, "unpaced", endpoint);
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    let mut useds = Vec::new();
    for _ in 0..ROUNDS {
        for (address, rates) in [endpoint, relay].into_iter().zip(&mut rates) {
            let requests = plain_requests(address, UNPACED_STREAMS);
            rates.push(rate(&follow(address, &requests, UNPACED_TOKENS, clock)));
        }
        let (chats, requests) = questions(ours, "unpaced", UNPACED_STREAMS);
        let used = Used::by(ours);
        let followed = follow(ours.address, &requests, UNPACED_TOKENS, clock);
        useds.push(used.since(ours, followed.time));
        rates[2].push(rate(&followed));
        assert_stored(ours, &chats[0], UNPACED_TOKENS);
    }
    let ratios =
        |which: usize| median(rates[which].iter().zip(&rates[0]).map(|(rate, direct)| rate / direct));
    let [direct, relayed, through] = rates.each_ref().map(|rates| median(rates.iter().copied()));
    println!(
        "{UNPACED_STREAMS} answers at a time of {UNPACED_TOKENS} tokens, as fast as they come; medians of {ROUNDS} \
         alternating runs"
    );
    println!("read directly          {direct:8.0} tokens/s");
    println!("through a plain relay  {relayed:8.0} tokens/s   {:4.2} of direct", ratios(1));
    let verdict = if ratios(2) < GOAL_RATIO { "  misses the goal" } else { "" };
    println!(
        "through the product    {through:8.0} tokens/s   {:4.2} of direct, the goal is {GOAL_RATIO}{verdict}   {}",
        ratios(2),
        useds[useds.len() / 2]
    );
}

fn rate(followed: &Followed) -> f64 {
    followed.delays.len() as f64 / followed.time.as_secs_f64()
}

/// Processor time of the product and of this process.
struct Used([u64; 2]);

impl Used {
    fn by(ours: &Server) -> Used {
        Used([ours.pid(), process::id()].map(processor::ticks))
    }

    /// In percent of a core.
    fn since(&self, ours: &Server, time: Duration) -> String {
        let Used(now) = Used::by(ours);
        let [product, rest] = [0, 1].map(|which| (now[which] - self.0[which]) as f64 / time.as_secs_f64());
        format!("CPU: product {product:.0} %, endpoint and clients {rest:.0} %")
    }
}

fn add_model(ours: &Server, name: &str, endpoint: SocketAddr) {
    ours.call(
        "POST",
        "/api/v1/models",
        &format!(r#"{{"name": "{name}", "base_url": "http://{endpoint}/v1"}}"#),
    );
}

/// Requests to the endpoint itself.
fn plain_requests(endpoint: SocketAddr, count: usize) -> Vec<String> {
    vec![post(endpoint, "/v1/chat/completions", r#"{"stream": true}"#); count]
}

/// So many new chats, and a question in each.
fn questions(ours: &Server, model: &str, count: usize) -> (Vec<String>, Vec<String>) {
    let chats: Vec<String> = (0..count).map(|_| ours.new_chat()).collect();
    let body = format!(
        r#"{{"content": "Before the law stands a doorkeeper.", "model": "{model}", "stream": true}}"#
    );
    let requests = chats.iter().map(|chat| post(ours.address, &format!("{chat}/responses"), &body)).collect();
    (chats, requests)
}

fn post(address: SocketAddr, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Makes sure that the answer in this chat is stored whole.
fn assert_stored(ours: &Server, chat: &str, tokens: usize) {
    let page = ours.call("GET", &format!("{chat}/messages"), "");
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    let content = page["items"][1]["content"].as_str().unwrap();
    let numbers = content.split_whitespace().map(|token| token.split_once('.').unwrap().1);
    assert!(numbers.eq((0..tokens).map(|number| number.to_string())), "{content}");
}
