//! How well questions find the passages that answer them: by words, by vectors of a real model, and by both.
//!
//! `cargo bench -p kafka --bench retrieval`. The questions are those of `tests/data/retrieval`; the vectors are made by
//! `tests/real_model.py --embedding`, which downloads some 120 MB once. A question counts as answered by the first hit
//! that has more than half of its passage. What can be chosen about ranking is chosen by the first, third and so on of
//! the questions; the others, printed apart, had no part in that.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod figures;

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use kafka_core::{
    AddressPolicy, AnswerRequest, ChatId, Config, DocumentId, DocumentPlace, EmbeddingEndpoint, Kafka,
    NewChat, NewFile, NewModel, ProcessingStatus, SearchArea, SearchMode, SearchRequest,
    testing::{ScriptedAnswer, ScriptedProvider},
};
use serde_json::Value;

/// Hits that are looked at, which is as many as a page may have.
const LOOKED_AT: u32 = 100;
/// Hits that a recall counts.
const FIRST: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);
const MODEL: &str = "scripted";

fn main() {
    let model = EmbeddingModel::start();
    let set = Set::read();
    println!("{} documents, vectors of all-MiniLM-L6-v2", set.documents.len());

    let data = tempfile::tempdir().unwrap();
    let without = Library::new(&data.path().join("words"), &set, None);
    let with = Library::new(&data.path().join("vectors"), &set, Some(model.url.clone()));
    println!("passages made and embedded in {:.1} s", with.seconds);
    for (name, questions) in &set.parts {
        println!(
            "{:44}  recall@{FIRST}  MRR    chosen by      held back",
            format!("{} {name}", questions.len())
        );
        let by = |library: &Library, mode| {
            figures_of(questions, |question| library.ranks_of_search(question, mode))
        };
        let words = by(&without, SearchMode::Hybrid);
        let vectors = by(&with, SearchMode::Vector);
        let hybrid = by(&with, SearchMode::Hybrid);
        words.show("search, full text");
        vectors.show("search, vectors");
        hybrid.show("search, both");
        for (what, figure) in [("recall", 0), ("MRR", 1)] {
            let of = |figures: &Figures| [figures.all.0, figures.all.1][figure];
            let best = of(&words).max(of(&vectors));
            let verdict = if of(&hybrid) >= best { "" } else { "  misses the goal" };
            println!("{what}: both by the better of the two {:5.3} (goal 1){verdict}", of(&hybrid) / best);
        }
        for (library, name) in [(&without, "full text"), (&with, "both")] {
            let figures = figures_of(questions, |question| library.ranks_of_answer(question));
            figures.show(&format!("sources of an answer, {name}"));
        }
    }
    println!("load of the machine over the last minute: {}", figures::machine_load());
}

/// A real embedding model that is served. Dropping it ends it.
struct EmbeddingModel {
    child: Child,
    url: String,
}

impl EmbeddingModel {
    fn start() -> EmbeddingModel {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_model.py");
        let mut command = Command::new(starter);
        command.args(["--embedding"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = lines.map(Result::unwrap).find(|line| line.starts_with("listening on ")).unwrap();
        EmbeddingModel { child, url: listening.trim_start_matches("listening on ").to_owned() }
    }
}

impl Drop for EmbeddingModel {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Question {
    text: String,
    document: String,
    passage: String,
}

/// The documents by their paths, and what is asked about them, in parts.
struct Set {
    documents: Vec<PathBuf>,
    parts: [(&'static str, Vec<Question>); 2],
}

impl Set {
    fn read() -> Set {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/retrieval");
        let entries = fs::read_dir(place.join("documents")).unwrap();
        let mut documents: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        documents.sort();
        let question = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let [text, document, passage] =
                ["question", "document", "passage"].map(|name| entry[name].as_str().unwrap().to_owned());
            Question { text, document, passage }
        };
        let questions = |files: &[&str]| {
            let texts = files.iter().map(|name| fs::read_to_string(place.join(name)).unwrap());
            texts.flat_map(|text| text.lines().map(question).collect::<Vec<_>>()).collect()
        };
        let parts = [
            ("questions in other words", questions(&["questions.jsonl", "named_questions.jsonl"])),
            ("questions for codes, numbers and names", questions(&["code_questions.jsonl"])),
        ];
        Set { documents, parts }
    }
}

/// What comes of the ranks, from 1 on, at which the questions find their passages.
fn figures_of(questions: &[Question], rank: impl FnMut(&Question) -> Option<usize>) -> Figures {
    let ranks: Vec<_> = questions.iter().map(rank).collect();
    let of = |part: &dyn Fn(usize) -> bool| {
        let part: Vec<_> =
            ranks.iter().enumerate().filter(|(at, _)| part(*at)).map(|(_, rank)| *rank).collect();
        let found = part.iter().flatten().filter(|rank| **rank <= FIRST).count();
        let reciprocal: f64 = part.iter().flatten().map(|rank| 1.0 / *rank as f64).sum();
        (found as f64 / part.len() as f64, reciprocal / part.len() as f64)
    };
    Figures { all: of(&|_| true), chosen_by: of(&|at| at % 2 == 0), held_back: of(&|at| at % 2 == 1) }
}

/// Recall and mean reciprocal rank: of all questions, and of each half.
struct Figures {
    all: (f64, f64),
    chosen_by: (f64, f64),
    held_back: (f64, f64),
}

impl Figures {
    fn show(&self, what: &str) {
        let Figures { all, chosen_by, held_back } = self;
        println!(
            "{what:44} {:8.3}  {:5.3}  {:5.3}  {:5.3}  {:5.3}  {:5.3}",
            all.0, all.1, chosen_by.0, chosen_by.1, held_back.0, held_back.1
        );
    }
}

/// An installation with a chat that has all documents.
struct Library {
    kafka: Kafka,
    chat: ChatId,
    /// The documents by their names, with their texts.
    texts: HashMap<String, (DocumentId, String)>,
    seconds: f64,
}

impl Library {
    fn new(place: &Path, set: &Set, embedding_url: Option<String>) -> Library {
        fs::create_dir(place).unwrap();
        let mut config = Config::file(place.join("kafka.db"));
        let has_vectors = embedding_url.is_some();
        config.embedding = embedding_url.map(|base_url| EmbeddingEndpoint {
            base_url,
            model: "all-MiniLM-L6-v2".into(),
            api_key: None,
        });
        config.addresses = AddressPolicy::PrivateAllowed;
        config.providers.push(Arc::new(ScriptedProvider::new(MODEL, |_| ScriptedAnswer::of(&["Yes."]))));
        let kafka = Kafka::open(config).unwrap();
        let me = kafka.operator();
        let scripted = NewModel {
            provider: Some(MODEL.into()),
            is_default: true,
            ..NewModel::new(MODEL, "https://models.example/v1")
        };
        kafka.models(&me).create(scripted).unwrap();
        let chat = kafka.chats(&me).create(NewChat::default()).unwrap().id;
        let began = Instant::now();
        let documents = kafka.documents(&me);
        let uploaded = set.documents.iter().map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = fs::read(path).unwrap();
            let new = NewFile::named(name.clone());
            (name, documents.upload(DocumentPlace::Chat(chat), new, &mut bytes.as_slice()).unwrap().id)
        });
        let uploaded: Vec<_> = uploaded.collect();
        let texts = uploaded.into_iter().map(|(name, id)| {
            let read = documents.wait(id, PATIENCE, |_| ()).unwrap();
            assert_eq!(
                read.processing_status,
                ProcessingStatus::Completed,
                "{name}: {:?}",
                read.error_message
            );
            while has_vectors && documents.get(id).unwrap().embedding_model.is_none() {
                assert!(began.elapsed() < PATIENCE, "{name}");
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut text = String::new();
            loop {
                let next = documents.passage(id, text.len() as u64, None).unwrap();
                if next.text.is_empty() {
                    break (name, (id, text));
                }
                text.push_str(&next.text);
            }
        });
        let texts = texts.collect();
        let seconds = began.elapsed().as_secs_f64();
        Library { kafka, chat, texts, seconds }
    }

    /// The rank of the first part of a document that has more than half of the passage.
    fn rank(
        &self,
        question: &Question,
        parts: impl Iterator<Item = (DocumentId, u64, u64)>,
    ) -> Option<usize> {
        let (id, text) = &self.texts[&question.document];
        let start = text.find(&question.passage).unwrap() as u64;
        let end = start + question.passage.len() as u64;
        let has = |(document, from, to): (DocumentId, u64, u64)| {
            document == *id && to.min(end).saturating_sub(from.max(start)) * 2 > end - start
        };
        parts.into_iter().position(has).map(|at| at + 1)
    }

    fn ranks_of_search(&self, question: &Question, mode: SearchMode) -> Option<usize> {
        let request = SearchRequest {
            mode: Some(mode),
            areas: Some(vec![SearchArea::Documents]),
            limit: Some(LOOKED_AT),
            ..SearchRequest::plain(&question.text)
        };
        let hits = self.kafka.search(&self.kafka.operator()).find(&request).unwrap().items;
        self.rank(
            question,
            hits.iter().map(|hit| (hit.document_id.unwrap(), hit.start.unwrap(), hit.end.unwrap())),
        )
    }

    fn ranks_of_answer(&self, question: &Question) -> Option<usize> {
        // Each question at the beginning of the chat, so that none is asked after another.
        let request = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text(&question.text) };
        let answer = self.kafka.completions(&self.kafka.operator()).start(self.chat, request).unwrap();
        let sources = answer.wait().unwrap().sources.into_iter().map(|text| text.source);
        self.rank(question, sources.map(|source| (source.document_id, source.start, source.end)))
    }
}
