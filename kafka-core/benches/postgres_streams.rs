//! Many answers at a time, each token durable before it is seen: PostgreSQL beside SQLite, both with the
//! settings they come with, in one run.
//!
//! `cargo bench -p kafka-core --features postgres --bench postgres_streams`. It starts a server of its own. A
//! model in this process says tokens, first at a pace, as models speak: how much later one comes to its
//! watcher. Then as fast as they are taken: tokens a second.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod private_postgres;

use std::{
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    AnswerRequest, CallOptions, Config, Delta, DeltaStream, Kafka, NewChat, NewModel, PostgresAddress,
    Prompt, Provider, ProviderError, TurnEvent,
};
use tempfile::TempDir;

const STREAMS: [usize; 2] = [64, 256];
const PACE: Duration = Duration::from_millis(20);
const PACED_TOKENS: usize = 250;
const UNPACED_TOKENS: usize = 500;
const ROUNDS: usize = 3;

fn main() {
    let database = private_postgres::database();
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let clock = Instant::now();
    let address = PostgresAddress::from_url(&database.url()).unwrap();
    let engines = [
        ("SQLite", open(Config::file(directory.path().join("kafka.db")), clock)),
        ("PostgreSQL", open(Config::postgres(address, directory.path().join("blobs")), clock)),
    ];
    for streams in STREAMS {
        println!(
            "{streams} answers at a time of {PACED_TOKENS} tokens, one every {} ms: later by",
            PACE.as_millis()
        );
        for (name, kafka) in &engines {
            let mut delays = follow(kafka, "paced", streams, PACED_TOKENS, clock).0;
            delays.sort();
            let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
            println!(
                "{name:10}  p50 {:7.2} ms   p99 {:7.2} ms   worst {:7.2} ms",
                at(0.5),
                at(0.99),
                at(1.0)
            );
        }
        println!(
            "{streams} answers at a time of {UNPACED_TOKENS} tokens, as fast as they come; medians of {ROUNDS} rounds"
        );
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for ((_, kafka), rates) in engines.iter().zip(&mut rates) {
                let (delays, time) = follow(kafka, "unpaced", streams, UNPACED_TOKENS, clock);
                rates.push(delays.len() as f64 / time.as_secs_f64());
            }
        }
        let [sqlite, postgres] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        });
        println!("SQLite      {sqlite:8.0} tokens/s");
        println!("PostgreSQL  {postgres:8.0} tokens/s   {:.2} of SQLite's", postgres / sqlite);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!("load of the machine over the last minute: {}", load.split(' ').next().unwrap());
}

/// An installation with both models.
fn open(mut config: Config, clock: Instant) -> Kafka {
    let models = [("paced", PACED_TOKENS, PACE), ("unpaced", UNPACED_TOKENS, Duration::ZERO)];
    for (name, tokens, pace) in models {
        config.providers.push(Arc::new(Teller { name, tokens, pace, clock }));
    }
    let kafka = Kafka::open(config).unwrap();
    for (name, ..) in models {
        let mut model = NewModel::new(name, "http://localhost");
        model.provider = Some(name.to_owned());
        kafka.models(&kafka.operator()).create(model).unwrap();
    }
    kafka
}

/// A model that tells the time: each token is the moment at which it was said.
#[derive(Debug)]
struct Teller {
    name: &'static str,
    tokens: usize,
    pace: Duration,
    clock: Instant,
}

impl Provider for Teller {
    fn name(&self) -> &str {
        self.name
    }

    fn complete(&self, _: &Prompt, _: &CallOptions) -> Result<DeltaStream, ProviderError> {
        let (tokens, pace, clock, began) = (self.tokens, self.pace, self.clock, Instant::now());
        let said = (0..tokens).map(move |number| {
            let due = began + pace * number as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            Delta::Text(format!("{} ", clock.elapsed().as_micros()))
        });
        Ok(Box::new(said.chain([Delta::Finish("stop".to_owned())]).map(Ok)))
    }
}

/// How much later than it was said each token of all answers was seen, and the time that all took.
fn follow(
    kafka: &Kafka,
    model: &str,
    streams: usize,
    tokens: usize,
    clock: Instant,
) -> (Vec<Duration>, Duration) {
    let me = kafka.operator();
    let chats: Vec<_> =
        (0..streams).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    let began = Instant::now();
    let delays = thread::scope(|scope| {
        let watchers: Vec<_> = chats
            .iter()
            .map(|chat| {
                scope.spawn(move || {
                    let mut request = AnswerRequest::text("Before the law stands a doorkeeper.");
                    request.model = Some(model.to_owned());
                    let turn = kafka.completions(&kafka.operator()).start(*chat, request).unwrap();
                    let mut delays = Vec::with_capacity(tokens);
                    for event in turn {
                        let TurnEvent::Delta(text) = event.unwrap() else { continue };
                        let said = Duration::from_micros(text.trim_end().parse().unwrap());
                        delays.push(clock.elapsed().saturating_sub(said));
                    }
                    assert_eq!(delays.len(), tokens, "none is lost, none comes twice");
                    delays
                })
            })
            .collect();
        watchers.into_iter().flat_map(|watcher| watcher.join().unwrap()).collect()
    });
    (delays, began.elapsed())
}
