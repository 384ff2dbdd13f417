//! Endpoints that answer badly when they are asked for vectors, a row of a table each: the words of the document are found, what
//! is kept of its vectors, and that the documents beside it go on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kafka_core::{
    AddressPolicy, Config, DocumentPlace, EmbeddingEndpoint, Kafka, ProcessingStatus, SearchArea, SearchMode,
    SearchRequest,
    testing::{Script, ScriptedAnswer, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::{Value, json};

use crate::{
    embeddings::{PATIENCE, Warnings, add, read, until},
    stage::{In, Stage},
};

const KEY: &str = "sk-very-secret";

fn vector(text: &str) -> Vec<f64> {
    ["castle", "river", "bad"].iter().map(|word| text.matches(word).count() as f64).chain([0.1]).collect()
}

/// What a good endpoint answers.
fn data(texts: &[String]) -> Vec<Value> {
    let numbered = texts.iter().enumerate();
    numbered.map(|(index, text)| json!({"index": index, "embedding": vector(text)})).collect()
}

fn texts(request: &ScriptedRequest) -> Vec<String> {
    serde_json::from_value(request.json()["input"].clone()).unwrap()
}

fn good(request: &ScriptedRequest) -> Script {
    Script::json(200, &json!({"data": data(&texts(request))}))
}

/// An endpoint that answers texts with `bad` in them so, and others as it should.
fn endpoint(bad: impl Fn(&ScriptedRequest, &[String]) -> Script + Send + Sync + 'static) -> ScriptedEndpoint {
    ScriptedEndpoint::start(move |request| {
        let texts = texts(request);
        match texts.iter().any(|text| text.contains("bad")) {
            true => bad(request, &texts),
            false => good(request),
        }
    })
}

fn with(endpoint: &ScriptedEndpoint, change: impl FnOnce(&mut Config)) -> Stage {
    let embedding = EmbeddingEndpoint {
        base_url: endpoint.base_url(),
        model: "toy".into(),
        api_key: Some(KEY.to_owned().into()),
    };
    Stage::with(
        In::File,
        |_| ScriptedAnswer::of(&["Yes."]),
        |config| {
            config.embedding = Some(embedding);
            config.addresses = AddressPolicy::PrivateAllowed;
            change(config);
        },
    )
}

fn found(kafka: &Kafka, mode: SearchMode, query: &str) -> Vec<String> {
    let areas = Some(vec![SearchArea::Documents]);
    let request = SearchRequest { mode: Some(mode), areas, ..SearchRequest::plain(query) };
    let hits = kafka.search(&kafka.operator()).find(&request).unwrap().items;
    hits.into_iter().map(|hit| hit.filename.unwrap_or_default()).collect()
}

/// So many passages that they are sent in two batches; the last one says this.
fn long(last: &str) -> String {
    format!("{}# End\n\n{last}", format!("# Bend\n\n{}\n\n", "river ".repeat(200)).repeat(65))
}

/// What is said of two passages, in one request.
const TWO: &str = "two bad";
const CASTLE: &str = "bad castle";

/// How an endpoint answers, for a text, and what the sentence then holds.
type Bad = fn(&[String]) -> Script;
type Case = (&'static str, Bad, &'static str, &'static str);

fn answered(data: impl Into<String>) -> Script {
    Script::reply(200, &[("content-type", "application/json")], format!("{{\"data\":{}}}", data.into()))
}

/// An answer whose vectors are changed so.
fn changed(texts: &[String], change: impl FnOnce(&mut Vec<Value>)) -> Script {
    let mut data = data(texts);
    change(&mut data);
    answered(Value::from(data).to_string())
}

const NO_VECTORS: &str = "something else than vectors";
const OTHER_NUMBER: &str = "another number of vectors";
const OTHER_LENGTH: &str = "vectors of different lengths";
const NO_DIRECTION: &str = "numbers that are no direction";

const CASES: &[Case] = &[
    ("no vectors", |_| answered("[]"), CASTLE, OTHER_NUMBER),
    ("one too few", |texts| changed(texts, |data| drop(data.pop())), TWO, OTHER_NUMBER),
    ("one too many", |texts| changed(texts, |data| data.push(data[0].clone())), CASTLE, OTHER_NUMBER),
    (
        "one of another length",
        |texts| {
            changed(texts, |data| data.iter_mut().take(1).for_each(|item| item["embedding"] = json!([1])))
        },
        TWO,
        OTHER_LENGTH,
    ),
    (
        "another length in the next batch",
        |texts| changed(texts, |data| data.iter_mut().for_each(|item| item["embedding"] = json!([1, 2]))),
        "",
        OTHER_LENGTH,
    ),
    ("no vectors in the next batch", |_| answered("[]"), "", OTHER_NUMBER),
    ("NaN", |_| answered(r#"[{"embedding":[1,NaN]}]"#), CASTLE, NO_VECTORS),
    ("Infinity", |_| answered(r#"[{"embedding":[-Infinity,1]}]"#), CASTLE, NO_VECTORS),
    ("too great a number", |_| answered(r#"[{"embedding":[1e39,1]}]"#), CASTLE, NO_VECTORS),
    ("null", |_| answered(r#"[{"embedding":[null,1]}]"#), CASTLE, NO_VECTORS),
    ("strings", |_| answered(r#"[{"embedding":["0.5","NaN"]}]"#), CASTLE, NO_VECTORS),
    ("one string", |_| answered(r#"[{"embedding":"AACAPwAAgD8="}]"#), CASTLE, NO_VECTORS),
    ("lists of lists", |_| answered(r#"[{"embedding":[[1,2]]}]"#), CASTLE, NO_VECTORS),
    ("a vector of nothing", |_| answered(r#"[{"embedding":[]}]"#), CASTLE, "without numbers"),
    (
        "a vector without end",
        |_| answered(format!("[{{\"embedding\":[1{}]}}]", ",1".repeat(8192))),
        CASTLE,
        "more than 8192",
    ),
    ("zeros", |_| answered(r#"[{"embedding":[0,0,0.0]}]"#), CASTLE, NO_DIRECTION),
    (
        "two of one text",
        // That of one text alone is another's.
        |texts| {
            let index = if texts.len() > 1 { 0 } else { 7 };
            changed(texts, |data| data.iter_mut().for_each(|item| item["index"] = json!(index)))
        },
        TWO,
        "two vectors for one text",
    ),
    ("one of no text", |_| answered(r#"[{"index":1,"embedding":[1]}]"#), CASTLE, "vectors of no text"),
    ("a negative place", |_| answered(r#"[{"index":-1,"embedding":[1]}]"#), CASTLE, NO_VECTORS),
    (
        "a page",
        |_| Script::reply(200, &[("content-type", "text/html")], "<html>Log in</html>"),
        CASTLE,
        NO_VECTORS,
    ),
    ("nothing", |_| Script::reply(200, &[], ""), CASTLE, NO_VECTORS),
    ("half of the JSON", |_| Script::reply(200, &[], r#"{"data":[{"embedding":[1"#), CASTLE, NO_VECTORS),
    (
        "an error that is called a success",
        |_| Script::json(200, &json!({"error": {"message": "no"}})),
        CASTLE,
        NO_VECTORS,
    ),
    (
        "refused",
        |_| Script::json(400, &json!({"error": {"message": "too long for me"}})),
        CASTLE,
        "too long for me",
    ),
    (
        "refused in the next batch",
        |_| Script::json(400, &json!({"error": {"message": "not this"}})),
        "",
        "not this",
    ),
    (
        "the key is refused",
        |_| Script::json(401, &json!({"error": {"message": format!("no {KEY}")}})),
        CASTLE,
        "check the model's key",
    ),
    ("unknown", |_| Script::reply(404, &[], "<html>Not here</html>"), CASTLE, "does not know this model"),
    ("too much", |_| Script::reply(413, &[], ""), CASTLE, "refused the request"),
    ("elsewhere", |_| Script::reply(301, &[("location", "https://example.com/")], ""), CASTLE, "redirects"),
];

#[test]
fn vectors_in_another_order_are_those_of_their_texts() {
    let endpoint = ScriptedEndpoint::start(|request| changed(&texts(request), |data| data.reverse()));
    let stage = with(&endpoint, |_| {});
    let place = DocumentPlace::Chat(stage.chat().id);
    let text = format!("# One\n\n{}\n\n# Two\n\n{}", "castle ".repeat(300), "river ".repeat(300));
    assert_eq!(add(&stage.kafka, place, "a.md", &text).processing_status, ProcessingStatus::Completed);
    let areas = Some(vec![SearchArea::Documents]);
    for word in ["castle", "river"] {
        let request = SearchRequest {
            mode: Some(SearchMode::Vector),
            areas: areas.clone(),
            ..SearchRequest::plain(word)
        };
        let best = stage.kafka.search(&stage.operator).find(&request).unwrap().items.remove(0);
        assert!(best.text.unwrap().contains(word), "{word}");
    }
}

/// Another model may stand behind the same name, whose vectors do not compare.
#[test]
fn vectors_of_another_length_than_the_question_s_are_made_anew_and_words_find_them_meanwhile() {
    for grows_shorter in [false, true] {
        let is_longer = Arc::new(AtomicBool::new(grows_shorter));
        let longer = Arc::clone(&is_longer);
        let endpoint = ScriptedEndpoint::start(move |request| {
            let adds = longer.load(Ordering::SeqCst);
            changed(&texts(request), |data| {
                for item in data.iter_mut().filter(|_| adds) {
                    item["embedding"].as_array_mut().unwrap().push(json!(0.5));
                }
            })
        });
        let stage = with(&endpoint, |_| {});
        let place = DocumentPlace::Chat(stage.chat().id);
        add(&stage.kafka, place, "old.txt", "The old castle.");
        is_longer.store(!grows_shorter, Ordering::SeqCst);
        add(&stage.kafka, place, "new.txt", "The new castle.");
        let sorted = |mode| {
            let mut found = found(&stage.kafka, mode, "castle");
            found.sort_unstable();
            found
        };
        assert_eq!(sorted(SearchMode::Hybrid), ["new.txt", "old.txt"]);
        let began = Instant::now();
        while sorted(SearchMode::Vector) != ["new.txt", "old.txt"] {
            assert!(began.elapsed() < PATIENCE);
        }
    }
}

type Away = (&'static str, fn() -> Script);

/// How an endpoint is away.
const AWAY: &[Away] = &[
    ("500", || Script::reply(500, &[("retry-after-ms", "0")], "")),
    ("502", || Script::reply(502, &[("retry-after-ms", "0")], "<html>Bad gateway</html>")),
    ("503 for long", || Script::reply(503, &[("retry-after", "3600")], "")),
    ("429", || Script::reply(429, &[("retry-after-ms", "1")], "")),
    ("429 for an hour", || Script::reply(429, &[("retry-after", "3600")], "")),
    ("cut off at once", || Script::new().reset()),
    ("cut off in the head", || Script::new().send("HTTP/1.1 200 OK\r\nContent-")),
    ("cut off in the body", || {
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"data\":[")
    }),
    ("cut off between chunks", || {
        Script::new().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"data\":[\r\n")
    }),
    ("silent", || Script::new().until_hung_up()),
    ("silent in the body", || {
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{").until_hung_up()
    }),
];

mod slow {
    use super::*;

    #[test]
    fn what_gets_bad_vectors_is_found_by_words_and_says_so_and_nothing_is_half_indexed() {
        let case = Arc::new(Mutex::new(CASES[0]));
        let said = Arc::clone(&case);
        let endpoint = endpoint(move |_, texts| said.lock().unwrap().1(texts));
        let warnings = Warnings::default();
        let stage = with(&endpoint, |config| config.on_warning = warnings.hook());
        let place = DocumentPlace::Chat(stage.chat().id);
        let count = |table: &str| stage.value(&format!("SELECT COUNT(*) FROM {table}"), &[]).unwrap();
        for row in CASES {
            *case.lock().unwrap() = *row;
            let (what, _, text, why) = *row;
            let text = match text {
                "" => long("bad"),
                TWO => format!("# One\n\n{}\n\n# Two\n\n{}", "bad ".repeat(300), "castle ".repeat(300)),
                text => text.to_owned(),
            };
            let document = add(&stage.kafka, place, "bad.md", &text);
            assert_eq!(document.processing_status, ProcessingStatus::Completed, "{what}");
            let said = document.error_message.unwrap();
            assert!(said.starts_with("By meaning, ") && said.ends_with('.'), "{what}: {said}");
            // What the endpoint says is for whoever runs the installation.
            let warned = warnings.wait();
            assert!(warned.len() == 1 && warned[0].contains(why), "{what}: {warned:?}");
            assert!(!format!("{said}{warned:?}").contains(KEY), "{what}: {said} {warned:?}");
            // Each passage has a vector of the one length, or none.
            let bad = count("chunks WHERE content LIKE '%bad%'");
            let lengths = ["dims = 0", "dims = 4"].map(|of| count(&format!("embeddings WHERE {of}")));
            let good = document.chunk_count - bad.parse::<u64>().unwrap();
            assert_eq!(lengths, [bad, good.to_string()], "{what}");
            assert_eq!(document.embedding_model.is_some(), good > 0, "{what}");
            let by_meaning = found(&stage.kafka, SearchMode::Vector, "river castle").len() as u64;
            assert_eq!(by_meaning, good.min(20), "{what}");
            assert_ne!(found(&stage.kafka, SearchMode::Text, "bad"), [""; 0], "{what}");
            stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
            let tables = ["documents", "document_texts", "chunks", "embeddings"];
            until(what, || tables.map(count) == ["0"; 4]);
        }
        let good = add(&stage.kafka, place, "good.txt", "The castle.");
        assert_eq!(
            (good.processing_status, good.embedding_model.as_deref()),
            (ProcessingStatus::Completed, Some("toy"))
        );
        assert_eq!(found(&stage.kafka, SearchMode::Vector, "castle"), ["good.txt"]);
    }

    /// The words of a document are there already, and its vectors come when the endpoint does. Those behind it do not wait for
    /// the endpoint anew.
    #[test]
    fn while_an_endpoint_is_away_documents_are_found_by_their_words_and_it_is_left_alone() {
        for (what, away) in AWAY {
            let is_away = Arc::new(AtomicBool::new(true));
            let asked = Arc::clone(&is_away);
            let endpoint = ScriptedEndpoint::start(move |request| match asked.load(Ordering::SeqCst) {
                true => away(),
                false => good(request),
            });
            let warnings = Warnings::default();
            let stage = with(&endpoint, |config| {
                config.limits.embedding_ms = 300;
                config.on_warning = warnings.hook();
            });
            let place = DocumentPlace::Chat(stage.chat().id);
            read(&stage.kafka, place, "first.txt", "The first castle.");
            warnings.wait();
            let requests = endpoint.requests().len();
            // Each call is tried again twice, and so is one that tells whether it is this text.
            assert!((1..=6).contains(&requests), "{what}: {requests}");
            for name in ["second.txt", "third.txt"] {
                let document = read(&stage.kafka, place, name, "A castle.");
                assert_eq!(
                    (document.processing_status, document.error_message, document.embedding_model),
                    (ProcessingStatus::Completed, None, None),
                    "{what}"
                );
            }
            assert_eq!(found(&stage.kafka, SearchMode::Text, "castle").len(), 3, "{what}");
            assert_eq!(endpoint.requests().len(), requests, "{what}: it is not asked for each of them");
            is_away.store(false, Ordering::SeqCst);
            stage.clock.advance(Duration::from_secs(61));
            until(what, || found(&stage.kafka, SearchMode::Vector, "castle").len() == 3);
            stage.kafka.close();
        }
    }

    /// No more is read than an answer may have, and memory with it.
    #[test]
    fn an_answer_without_end_is_read_to_a_limit() {
        let endpoint = endpoint(|_, _| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":[";
            Script::new().send(head).send(vec![b' '; 65 << 20]).until_hung_up()
        });
        let warnings = Warnings::default();
        let stage = with(&endpoint, |config| config.on_warning = warnings.hook());
        let place = DocumentPlace::Chat(stage.chat().id);
        let refused = add(&stage.kafka, place, "bad.txt", CASTLE);
        assert_eq!((refused.processing_status, refused.embedding_model), (ProcessingStatus::Completed, None));
        let warned = warnings.wait();
        assert!(warned.len() == 1 && warned[0].contains(NO_VECTORS), "{warned:?}");
        assert_eq!(add(&stage.kafka, place, "good.txt", "A river.").embedding_model.as_deref(), Some("toy"));
        assert_eq!(found(&stage.kafka, SearchMode::Vector, "castle river"), ["good.txt"]);
    }
}
