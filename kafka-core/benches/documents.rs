//! Documents by their speed: finding among 100,000 passages, taking in a long text, and what others notice of that.
//!
//! `cargo bench -p kafka-core --bench documents`. Questions are asked on one processor, and so is the endpoint that makes
//! their vectors, which takes no time to speak of. `PASSAGES` makes fewer. Words are drawn from 20,000, the
//! ones at the front far more often, with articles and the like between them; vectors are random directions.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

#[path = "documents/filling.rs"]
mod filling;
#[path = "documents/sharing.rs"]
mod sharing;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use filling::{DIMS, Dice};
use kafka_core::{
    AddressPolicy, AnswerRequest, ChatFilter, ChatId, Config, DocumentPlace, EmbeddingEndpoint, Kafka,
    NewFile, NewModel, NodeKind, PageRequest, ProcessingStatus, SearchArea, SearchMode, SearchRequest,
    testing::{Script, ScriptedAnswer, ScriptedEndpoint, ScriptedProvider},
};
use serde_json::json;
use tempfile::TempDir;

const PASSAGES: usize = 100_000;
const QUERIES: usize = 300;
const QUERY_GOAL: f64 = 60.0;
const MEMORY_GOAL: f64 = 1.3;
const TEXT_BYTES: usize = 10_000_000;
const READ_GOAL: f64 = 5.0;
const MODEL: &str = "scripted";
const PATIENCE: Duration = Duration::from_secs(600);

/// Set to what is measured, for the program that does it. Each has a process of its own, since memory counts.
const PART: &str = "KAFKA_BENCH_PART";

/// Where the database lies that one part fills and the next one reads.
const PLACE: &str = "KAFKA_BENCH_PLACE";

fn main() {
    match env::var(PART).as_deref() {
        Ok("filling") => filling(&place()),
        Ok("finding") => finding(&place()),
        Ok("reading") => reading(),
        Ok(_) => sharing::measure(),
        Err(_) => {
            let (itself, directory) = (env::current_exe().unwrap(), directory());
            for part in ["filling", "finding", "reading", "sharing"] {
                let mut command = match part {
                    "finding" => Command::new("taskset"),
                    _ => Command::new(&itself),
                };
                if part == "finding" {
                    command.args(["--cpu-list", "0"]).arg(&itself);
                }
                command.env(PART, part).env(PLACE, directory.path().join("documents.db"));
                assert!(command.status().unwrap().success());
            }
        }
    }
}

fn place() -> PathBuf {
    env::var_os(PLACE).unwrap().into()
}

/// Not in memory, where no disk is waited for.
fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn filling(path: &Path) {
    let passages = env::var("PASSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(PASSAGES);
    filling::fill(path, passages, &|path| Kafka::open(config(path, None)).unwrap());
    println!(
        "{passages} passages of {} documents in one chat, {DIMS} dimensions",
        passages / filling::OF_DOCUMENT
    );
    let kafka = Kafka::open(config(path, None)).unwrap();
    let began = Instant::now();
    kafka.search(&kafka.operator()).refresh().unwrap();
    let rate = passages as f64 / began.elapsed().as_secs_f64();
    println!("{:44} {rate:8.0} passages/s", "indexing their words");
}

fn finding(path: &Path) {
    let endpoint = ScriptedEndpoint::start(|request| {
        let said = request.json()["input"][0].as_str().unwrap().len();
        let embedding = Dice(said as u64).direction();
        Script::json(200, &json!({"data": [{"index": 0, "embedding": embedding}]}))
    });
    let kafka = Kafka::open(config(path, Some(endpoint.base_url()))).unwrap();
    let me = kafka.operator();
    let chat = kafka.chats(&me).list(&ChatFilter::default(), &PageRequest::first(1)).unwrap().items[0].id;
    let documents = kafka.documents(&me).list(DocumentPlace::Chat(chat), &PageRequest::first(200)).unwrap();
    let vectors = (documents.items.len() * filling::OF_DOCUMENT * DIMS * 4) as f64 / 1e6;
    let model = NewModel {
        provider: Some(MODEL.into()),
        is_default: true,
        ..NewModel::new(MODEL, "https://models.example/v1")
    };
    kafka.models(&me).create(model).unwrap();

    let mut dice = Dice(7);
    let questions: Vec<String> = (0..QUERIES).map(|_| dice.question()).collect();
    let request = |mode, number: usize| SearchRequest {
        mode: Some(mode),
        areas: Some(vec![SearchArea::Documents]),
        ..SearchRequest::plain(&questions[number % QUERIES])
    };
    let search = |mode, number: usize| {
        assert!(!kafka.search(&me).find(&request(mode, number)).unwrap().items.is_empty());
    };
    // The words first, so that what follows is the vectors' memory alone.
    let words = Kafka::open(config(path, None)).unwrap();
    let by_words = |number: usize| {
        let found = words.search(&words.operator()).find(&request(SearchMode::Hybrid, number)).unwrap();
        assert!(!found.items.is_empty());
    };
    let words_alone = latencies(by_words);
    drop(words);
    let before = resident_mb();
    let began = Instant::now();
    search(SearchMode::Vector, 0);
    println!("{:44} {:8.2} s", "the first question, which reads all vectors", began.elapsed().as_secs_f64());
    let ratio = (resident_mb() - before) / vectors;
    let verdict = if ratio <= MEMORY_GOAL { "" } else { "  misses the goal" };
    println!(
        "memory that it took, by the vectors' {vectors:5.1} MB {ratio:8.2} (goal {MEMORY_GOAL}){verdict}"
    );
    println!("{QUERIES} questions each on one processor, ms {:>13} {:>8}", "p50", "p99");
    show("by vectors", &latencies(|number| search(SearchMode::Vector, number)), None);
    show("by both", &latencies(|number| search(SearchMode::Hybrid, number)), Some(QUERY_GOAL));
    show("by words", &words_alone, None);
    let answer = |number: usize| answered(&kafka, chat, &questions[number % QUERIES]);
    show("an answer from them, with all that is stored", &latencies(answer), None);
}

fn answered(kafka: &Kafka, chat: ChatId, question: &str) {
    let request = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text(question) };
    let answer = kafka.completions(&kafka.operator()).start(chat, request).unwrap().wait().unwrap();
    assert!(!answer.sources.is_empty());
}

fn reading() {
    let text = Dice(3).markdown(TEXT_BYTES);
    let directory = directory();
    let mut config = config(&directory.path().join("kafka.db"), None);
    config.limits.extracted_bytes = 2 * TEXT_BYTES;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    let chat = kafka.chats(&me).create(kafka_core::NewChat::default()).unwrap().id;
    let began = Instant::now();
    let documents = kafka.documents(&me);
    let new = NewFile::named("long.md");
    let document = documents.upload(DocumentPlace::Chat(chat), new, &mut text.as_bytes()).unwrap();
    let read = documents.wait(document.id, PATIENCE, |_| ()).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((read.processing_status, read.error_message), (ProcessingStatus::Completed, None));
    let verdict = if seconds < READ_GOAL { "" } else { "  misses the goal" };
    println!(
        "{:44} {seconds:8.2} s (goal {READ_GOAL}), {} passages{verdict}",
        format!("{} MB of Markdown, uploaded and read", text.len() / 1_000_000),
        read.chunk_count
    );
}

fn config(path: &Path, embedding_url: Option<String>) -> Config {
    let mut config = Config { kind: NodeKind::Cli, ..Config::file(path) };
    config.embedding = embedding_url.map(|base_url| EmbeddingEndpoint {
        base_url,
        model: filling::MODEL.into(),
        api_key: None,
    });
    config.addresses = AddressPolicy::PrivateAllowed;
    config.providers.push(Arc::new(ScriptedProvider::new(MODEL, |_| ScriptedAnswer::of(&["Yes."]))));
    config
}

/// In milliseconds, sorted.
fn latencies(mut query: impl FnMut(usize)) -> Vec<f64> {
    (0..10).for_each(&mut query);
    let mut times: Vec<f64> = (0..QUERIES)
        .map(|number| {
            let began = Instant::now();
            query(number);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn at(times: &[f64], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn show(what: &str, times: &[f64], goal: Option<f64>) {
    let (median, late) = (at(times, 50), at(times, 99));
    let verdict = goal.map_or_else(String::new, |goal| {
        format!("  (goal {goal}){}", if late < goal { "" } else { "  misses the goal" })
    });
    println!("{what:44} {median:8.2} {late:8.2}{verdict}");
}

/// Memory of this process that is in use.
fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}
