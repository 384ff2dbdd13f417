//! Finding passages by what is asked, on one processor, and the memory that their vectors take.

use std::{fs, path::Path, time::Instant};

use kafka_core::{
    AnswerRequest, ChatFilter, ChatId, DocumentPlace, Kafka, NewModel, PageRequest, SearchArea, SearchMode,
    SearchRequest,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::json;

use super::{
    MODEL, Place, at, configured,
    filling::{self, DIMS, Dice},
};

const QUERIES: usize = 300;
const QUERY_GOAL: f64 = 60.0;
const MEMORY_GOAL: f64 = 1.3;

pub(crate) fn measure<P: Place>(directory: &Path) {
    let endpoint = ScriptedEndpoint::start(|request| {
        let said = request.json()["input"][0].as_str().unwrap().len();
        let embedding = Dice(said as u64).direction();
        Script::json(200, &json!({"data": [{"index": 0, "embedding": embedding}]}))
    });
    let kafka = Kafka::open(configured::<P>(directory, Some(endpoint.base_url()))).unwrap();
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
    let words = Kafka::open(configured::<P>(directory, None)).unwrap();
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
    if let Some(beside) = P::BESIDE {
        println!("{beside}");
    }
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
