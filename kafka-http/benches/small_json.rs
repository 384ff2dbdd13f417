//! Requests a second for a small JSON answer: this server against a bare `std::net` + httparse loop
//! that does the least a competent program can do, under the same load in the same run.
//!
//! `cargo bench -p kafka-http --bench small_json`. It weighs the connection floor alone; the whole
//! product is weighed by `cargo bench -p kafka --bench requests`, with the same load and baseline.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

#[path = "../../tests/bench/bare.rs"]
mod bare;
#[path = "../../tests/bench/comparison.rs"]
mod comparison;
#[path = "../../tests/bench/figures.rs"]
mod figures;
#[path = "../../tests/bench/load.rs"]
mod load;

use std::{net::SocketAddr, sync::Arc, thread};

use comparison::{RUNS, compare};
use kafka_http::server::{Reply, Request, Server, ServerLimits};
use load::{RUN, Target};

const BODY: &str = concat!(
    r#"{"id":"0190b1a0-7c1e-7e7e-8e8e-000000000001","title":"Before the law","description":null,"#,
    r#""message_count":2,"total_tokens":120,"created_at":"2026-11-22T10:00:00.000Z","#,
    r#""updated_at":"2026-11-22T10:00:01.000Z"}"#
);
const GOAL: f64 = 0.75;

fn main() {
    if load::was_played() {
        return;
    }
    let path = "/api/v1/chats/1";
    let bare = Target { address: bare::start(BODY), path };
    let ours = Target { address: start_ours(), path };
    println!("{} byte body, {RUNS} alternating runs of {} ms each, medians", BODY.len(), RUN.as_millis());
    println!("connections   bare req/s   ours req/s   ratio   load's own CPU (bare, ours)");
    for connections in [1, 16, 64] {
        let outcome = compare(bare, ours, connections);
        let ([bare_rate, our_rate], load) = (outcome.requests_per_second, outcome.load_percent);
        println!(
            "{connections:11} {bare_rate:12.0} {our_rate:12.0} {:7.2}   {:3.0} %, {:3.0} %{}",
            outcome.ratio,
            load[0],
            load[1],
            if outcome.ratio < GOAL { "  below the goal of 0.75" } else { "" }
        );
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

fn start_ours() -> SocketAddr {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).unwrap();
    let address = server.local_addr();
    let handler = |_: &mut Request<'_>| Reply::bytes(200, "application/json", BODY.as_bytes());
    thread::spawn(move || server.run(Arc::new(handler)).unwrap());
    address
}
