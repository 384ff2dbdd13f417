//! Requests a second for small JSON answers through the whole product, against a bare `std::net` +
//! httparse loop that answers with the same bytes, under the same load in the same run.
//!
//! `cargo bench -p kafka --bench requests`. The product is the release binary as a process: routing,
//! guard, credentials of open mode, a log line for each request, and for a chat one read of the
//! database. Its processor time for each request is printed beside the baseline's, because that is
//! what a busy machine changes least.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod bare;
mod comparison;
mod figures;
mod load;
mod processor;
mod server;

use std::process;

use comparison::{RUNS, compare};
use load::{RUN, Target};
use server::Server;

const GOAL: f64 = 0.75;

fn main() {
    if load::was_played() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let ours = Server::start(server::serve(&server::binary(), data.path()));
    println!(
        "{RUNS} alternating runs of {} ms each, medians; the goal is a ratio of {GOAL}",
        RUN.as_millis()
    );
    println!(
        "{:24} {:>5} {:>11} {:>10} {:>10} {:>6}   {:17}   server's CPU a request",
        "path", "bytes", "connections", "bare req/s", "ours req/s", "ratio", "load's CPU"
    );
    let chat = ours.new_chat();
    for (name, path) in [("/health", "/health"), ("/api/v1/chats/{id}", &*chat)] {
        let body = ours.call("GET", path, "");
        let baseline = Target { address: bare::start(&body), path };
        for connections in [1, 16, 64] {
            let processors = || [processor::ticks(process::id()), processor::ticks(ours.pid())];
            let before = processors();
            let outcome = compare(baseline, Target { address: ours.address, path }, connections);
            let after = processors();
            let [bare_rate, our_rate] = outcome.requests_per_second;
            let requests = |rate: f64| rate * RUN.as_secs_f64() * RUNS as f64;
            // A tick is 10 ms.
            let each = |who: usize, rate| (after[who] - before[who]) as f64 * 10_000.0 / requests(rate);
            println!(
                "{name:24} {:5} {connections:11} {bare_rate:10.0} {our_rate:10.0} {:6.2}   {:5.0} %, {:5.0} %  \
                 {:7.1} µs, {:5.1} µs{}",
                body.len(),
                outcome.ratio,
                outcome.load_percent[0],
                outcome.load_percent[1],
                each(0, bare_rate),
                each(1, our_rate),
                if outcome.ratio < GOAL { "  below the goal" } else { "" }
            );
        }
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
    ours.end();
}
