//! Vectors of documents: made, stored, counted, searched by, made anew, and done without.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, AddressPolicy, AnswerRequest, Config, Document, DocumentId, DocumentPlace, EmbeddingEndpoint,
    ErrorKind, Kafka, NewChat, NewFile, NewPlan, NewWorkspace, OnWarning, Period, ProcessingStatus, Role,
    SearchArea, SearchMode, SearchRequest, SearchSort,
    testing::{Script, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::{Value, json};

use crate::stage::{In, Stage};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Words of one meaning, a number of the vector each.
const MEANINGS: [&[&str]; 3] = [&["car", "automobile", "vehicle"], &["cat", "feline"], &["broken"]];

fn vector(text: &str) -> Vec<f64> {
    let of =
        |meaning: &&[&str]| meaning.iter().filter(|word| text.to_lowercase().contains(**word)).count() as f64;
    MEANINGS.iter().map(of).chain([0.1]).collect()
}

pub(crate) fn vectors(body: &Value) -> Value {
    let texts = body["input"].as_array().unwrap().iter().map(|text| vector(text.as_str().unwrap()));
    let data: Vec<Value> =
        texts.enumerate().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect();
    json!({"usage": {"total_tokens": 10 * data.len()}, "data": data})
}

/// An endpoint that knows these meanings, and fails at texts that say so.
pub(crate) fn endpoint() -> ScriptedEndpoint {
    ScriptedEndpoint::start(|request: &ScriptedRequest| {
        let body = request.json();
        assert_eq!(request.path, "/v1/embeddings");
        let texts: Vec<&str> =
            body["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let mut answer = vectors(&body);
        let data = answer["data"].as_array_mut().unwrap();
        if texts.iter().any(|text| text.contains("too few")) {
            data.pop();
        }
        if texts.iter().any(|text| text.contains("no number")) {
            data[0]["embedding"] = json!([null, "NaN"]);
        }
        if texts.iter().any(|text| text.contains("longer")) {
            data.iter_mut().for_each(|item| item["embedding"] = json!([1, 2, 3, 4, 5]));
        }
        if texts.iter().any(|text| text.contains("refused")) {
            return Script::json(400, &json!({"error": {"message": "I do not like it"}}));
        }
        Script::json(200, &answer)
    })
}

pub(crate) fn with(endpoint: &ScriptedEndpoint, model: &str) -> impl Fn(&mut Config) + use<> {
    let embedding = EmbeddingEndpoint {
        base_url: endpoint.base_url(),
        model: model.to_owned(),
        api_key: Some(String::from("sk-1").into()),
    };
    move |config| {
        config.embedding = Some(embedding.clone());
        config.addresses = AddressPolicy::PrivateAllowed;
    }
}

pub(crate) fn stage(endpoint: &ScriptedEndpoint) -> Stage {
    stage_with(with(endpoint, "toy"))
}

pub(crate) fn stage_with(change: impl FnOnce(&mut Config)) -> Stage {
    let script = |_: &kafka_core::testing::ScriptedCall| kafka_core::testing::ScriptedAnswer::of(&["Yes."]);
    Stage::with(In::File, script, change)
}

/// What the operator was told.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    pub(crate) fn hook(&self) -> OnWarning {
        let told = Arc::clone(&self.0);
        OnWarning::new(move |sentence| told.lock().unwrap().push(sentence.to_owned()))
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Waits for some.
    pub(crate) fn wait(&self) -> Vec<String> {
        until("a warning", || !self.0.lock().unwrap().is_empty());
        self.take()
    }
}

/// Uploads a document and waits until it is read.
pub(crate) fn read(kafka: &Kafka, place: DocumentPlace, name: &str, text: &str) -> Document {
    let documents = kafka.documents(&kafka.operator());
    let document = documents.upload(place, NewFile::named(name), &mut text.as_bytes()).unwrap();
    documents.wait(document.id, PATIENCE, |_| ()).unwrap()
}

/// As [`read`], and waits for its vectors.
pub(crate) fn add(kafka: &Kafka, place: DocumentPlace, name: &str, text: &str) -> Document {
    made(kafka, read(kafka, place, name, text).id)
}

/// Waits until a document has its vectors, or says why it gets none.
pub(crate) fn made(kafka: &Kafka, id: DocumentId) -> Document {
    let mut document = None;
    until("vectors", || {
        let found = kafka.documents(&kafka.operator()).get(id).unwrap();
        let is_made = found.embedding_model.is_some() || found.error_message.is_some();
        document = Some(found);
        is_made
    });
    document.unwrap()
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn names(kafka: &Kafka, request: &SearchRequest) -> Vec<String> {
    let hits = kafka.search(&kafka.operator()).find(request).unwrap().items;
    hits.into_iter().map(|hit| hit.filename.unwrap_or_default()).collect()
}

pub(crate) fn by(mode: SearchMode, query: &str) -> SearchRequest {
    SearchRequest {
        mode: Some(mode),
        areas: Some(vec![SearchArea::Documents]),
        ..SearchRequest::plain(query)
    }
}

#[test]
fn what_means_the_same_is_found_by_vectors_and_answered_from() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let (user, kafka) = (stage.user("ada"), &stage.kafka);
    let chat = stage.chat_of(&user);
    let place = DocumentPlace::Chat(chat.id);
    let cars = add(kafka, place, "cars.txt", "An automobile stood in the yard.");
    add(kafka, place, "cats.txt", "A feline slept on the wall.");
    add(kafka, place, "words.txt", "The word vehicles is a word.");
    assert_eq!(
        (cars.embedding_model.as_deref(), cars.processing_status),
        (Some("toy"), ProcessingStatus::Completed)
    );

    assert_eq!(names(kafka, &by(SearchMode::Text, "cat")), [""; 0]);
    assert_eq!(names(kafka, &by(SearchMode::Vector, "cat"))[0], "cats.txt");
    assert_eq!(names(kafka, &by(SearchMode::Hybrid, "cat"))[0], "cats.txt");
    assert_eq!(names(kafka, &by(SearchMode::Hybrid, "yard automobile"))[0], "cars.txt");
    let newest = SearchRequest { sort: Some(SearchSort::Newest), ..by(SearchMode::Vector, "cat") };
    assert_eq!(kafka.search(&stage.operator).find(&newest).unwrap_err().code(), "sort_refused");
    // Others have no part in it.
    let other = stage.user("bob");
    assert_eq!(kafka.search(&other).find(&by(SearchMode::Vector, "cat")).unwrap().items, []);

    let answer = stage.ask(&chat, AnswerRequest::text("Where did the cat sleep?"));
    assert_eq!(answer.sources[0].source.filename, "cats.txt");
    assert!(answer.sources[0].text.as_ref().unwrap().contains("feline"));
    // What they cost is the owner's: ten tokens a passage, and ten a question in the chat.
    let spent = |actor| {
        let usage = kafka.usage(actor).summary(Period::default()).unwrap();
        let toy = usage.models.iter().find(|model| model.model == "toy");
        (toy.map(|toy| (toy.tokens_prompt, toy.tokens_total, toy.responses)), usage.total_tokens_used)
    };
    let answered = answer.response.tokens_total.unwrap();
    assert_eq!(spent(&user), (Some((40, 40, 0)), 40 + answered));
    // What is searched is paid for by whoever searches; the operator, who has no account, did it three times.
    assert_eq!(spent(&stage.operator), (Some((70, 70, 0)), 70 + answered));
    kafka.search(&user).find(&by(SearchMode::Hybrid, "cat")).unwrap();
    assert_eq!(spent(&user), (Some((50, 50, 0)), 50 + answered));
    kafka.search(&user).find(&by(SearchMode::Text, "cat")).unwrap();
    assert_eq!(spent(&user), (Some((50, 50, 0)), 50 + answered), "words cost nothing");
    assert_eq!(spent(&other), (None, 0));
    assert!(endpoint.requests().iter().all(|request| request.header("authorization") == Some("Bearer sk-1")));
    kafka.documents(&stage.operator).delete(cars.id).unwrap();
    assert!(!names(kafka, &by(SearchMode::Vector, "car")).contains(&"cars.txt".to_owned()));
}

/// Vectors are kept in memory, so what took another's place must not be found by that one's.
#[test]
fn a_replacement_is_found_by_its_own_vectors() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let (kafka, chat) = (&stage.kafka, stage.chat());
    let old = add(kafka, DocumentPlace::Chat(chat.id), "notes.txt", "An automobile stood in the yard.");
    let hit = || kafka.search(&stage.operator).find(&by(SearchMode::Vector, "cat")).unwrap().items.remove(0);
    assert_eq!(hit().document_id, Some(old.id));
    let documents = kafka.documents(&stage.operator);
    let new = documents.replace(old.id, NewFile::named("notes.txt"), &mut &b"A feline slept."[..]).unwrap();
    documents.wait(new.id, PATIENCE, |_| ()).unwrap();
    made(kafka, new.id);
    let found = hit();
    assert_eq!((found.document_id, found.text.as_deref()), (Some(new.id), Some("A feline slept.")));
}

#[test]
fn a_question_that_can_find_no_passage_is_sent_to_no_endpoint() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.txt", "A cat.");
    let sent = endpoint.requests().len();
    let plain = || SearchRequest::plain("cat");
    for request in [
        SearchRequest { areas: Some(vec![SearchArea::Messages, SearchArea::Chats]), ..plain() },
        SearchRequest { role: Some(Role::User), ..plain() },
        SearchRequest { sort: Some(SearchSort::Newest), ..plain() },
        SearchRequest { mode: Some(SearchMode::Text), ..plain() },
    ] {
        stage.kafka.search(&stage.operator).find(&request).unwrap();
        assert_eq!(endpoint.requests().len(), sent, "{request:?}");
    }
    stage.kafka.search(&stage.operator).find(&plain()).unwrap();
    assert_eq!(endpoint.requests().len(), sent + 1);
}

#[test]
fn passages_that_the_endpoint_refuses_are_found_by_words_and_the_rest_by_meaning() {
    let endpoint = endpoint();
    let warnings = Warnings::default();
    let stage = stage_with(|config| {
        with(&endpoint, "toy")(config);
        config.on_warning = warnings.hook();
    });
    let place = DocumentPlace::Chat(stage.chat().id);
    // So many passages that they are sent in two batches, the second of which says something else.
    let long =
        |last: &str| format!("{}# End\n\n{last}", format!("# Cats\n\n{}\n\n", "cat ".repeat(200)).repeat(65));
    for (text, passages, reason) in [
        ("too few cats", 1, "another number of vectors"),
        ("refused cats", 1, "I do not like it"),
        ("no number of cats", 1, "something else than vectors"),
        (&long("longer cats"), 66, "vectors of different lengths"),
        (&long("refused cats"), 66, "I do not like it"),
    ] {
        let before = stage.value("SELECT COUNT(*) FROM embeddings WHERE dims > 0", &[]).unwrap();
        let document = add(&stage.kafka, place, "bad.md", text);
        assert_eq!(document.processing_status, ProcessingStatus::Completed);
        let why = document.error_message.unwrap();
        let (said, model) = match passages {
            1 => ("By meaning, it is not found".to_owned(), None),
            all => (format!("By meaning, 1 of its {all} passages are not found"), Some("toy")),
        };
        assert!(why.starts_with(&said) && !why.contains("127.0.0.1"), "{why}");
        assert_eq!((document.chunk_count, document.embedding_model.as_deref()), (passages, model));
        let made = "SELECT COUNT(*) FROM embeddings WHERE dims = 4 AND length(vector) = 16";
        let expected = before.parse::<u64>().unwrap() + passages - 1;
        assert_eq!(stage.value(made, &[]).unwrap(), expected.to_string(), "{text:.10}");
        let told = warnings.wait();
        let [warning] = &told[..] else { panic!("{told:?}") };
        assert!(warning.contains(reason) && warning.contains(&document.id.to_string()), "{warning}");
        let asked = by(SearchMode::Text, text.rsplit("\n\n").next().unwrap());
        assert_eq!(names(&stage.kafka, &asked), ["bad.md"], "its words are found");
        stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
    }
    let good = add(&stage.kafka, place, "good.txt", "A cat.");
    assert_eq!(good.embedding_model.as_deref(), Some("toy"));
    assert_eq!(names(&stage.kafka, &by(SearchMode::Vector, "cat")), ["good.txt"]);
}

#[test]
fn while_the_endpoint_is_away_words_find_a_document_and_it_gets_its_vectors_later() {
    let away = Arc::new(Mutex::new(None));
    let said = Arc::clone(&away);
    let endpoint = ScriptedEndpoint::start(move |request| match &*said.lock().unwrap() {
        Some(status) => {
            // No wait before it is asked again.
            let body = r#"{"error": {"message": "not now"}}"#;
            let head = format!(
                "HTTP/1.1 {status} Away\r\nretry-after-ms: 0\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            Script::new().send(head).send(body)
        }
        None => Script::json(200, &vectors(&request.json())),
    });
    for status in [503, 429, 500] {
        let stage = stage(&endpoint);
        *away.lock().unwrap() = Some(status);
        let place = DocumentPlace::Chat(stage.chat().id);
        let document = read(&stage.kafka, place, "cats.txt", "A feline slept on the wall.");
        assert_eq!(
            (document.processing_status, document.embedding_model),
            (ProcessingStatus::Completed, None)
        );
        assert_eq!(names(&stage.kafka, &by(SearchMode::Hybrid, "wall")), ["cats.txt"]);
        *away.lock().unwrap() = None;
        let began = std::time::Instant::now();
        while names(&stage.kafka, &by(SearchMode::Vector, "cat")) != ["cats.txt"] {
            assert!(began.elapsed() < PATIENCE, "{status}");
            stage.clock.advance(Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(20));
        }
        stage.kafka.close();
    }
}

/// A process that has the new model already, beside this one, has come so far.
#[test]
fn vectors_that_another_model_has_begun_to_replace_are_not_compared() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    add(&stage.kafka, place, "cats.txt", "A feline slept on the wall.");
    add(&stage.kafka, place, "more.txt", "A cat.");
    stage.rows(
        "UPDATE embeddings SET model = 'other' WHERE chunk_number IN (SELECT k.number FROM chunks k \
         JOIN documents d ON d.number = k.document_number WHERE d.filename = 'cats.txt')",
        &[],
    );
    assert_eq!(names(&stage.kafka, &by(SearchMode::Vector, "cat")), ["more.txt"]);
}

#[test]
fn another_model_makes_them_anew_and_without_an_endpoint_words_have_to_do() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = add(&stage.kafka, place, "cats.txt", "A feline slept on the wall.");
    stage.kafka.close();

    let kafka = stage.beside();
    let refused = kafka.search(&kafka.operator()).find(&by(SearchMode::Vector, "cat")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "vectors_missing"));
    assert_eq!(names(&kafka, &by(SearchMode::Hybrid, "wall")), ["cats.txt"]);
    kafka.close();

    // As long as the other model has made none, nothing is near: what the old one made does not compare.
    let away = ScriptedEndpoint::start(|request| match request.json()["input"][0].as_str() {
        Some("cat") => Script::json(200, &vectors(&request.json())),
        _ => Script::reply(503, &[("retry-after-ms", "0")], ""),
    });
    let kafka = stage.reopened(with(&away, "other"));
    away.wait_for_requests(1);
    assert_eq!(names(&kafka, &by(SearchMode::Vector, "cat")), [""; 0]);
    assert_eq!(names(&kafka, &by(SearchMode::Hybrid, "wall")), ["cats.txt"]);
    kafka.close();
    drop(away);

    let kafka = stage.reopened(with(&endpoint, "other"));
    assert_eq!(names(&kafka, &by(SearchMode::Hybrid, "wall")), ["cats.txt"], "whatever is made meanwhile");
    let began = std::time::Instant::now();
    while kafka.documents(&kafka.operator()).get(document.id).unwrap().embedding_model.as_deref()
        != Some("other")
    {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(names(&kafka, &by(SearchMode::Vector, "cat")), ["cats.txt"]);
    kafka.close();
    drop(endpoint);

    // The endpoint is gone: words do.
    let gone = ScriptedEndpoint::start(|_| Script::new().reset());
    let kafka = stage.reopened(|config| {
        with(&gone, "other")(config);
        config.limits.vector_bytes = 0;
    });
    assert_eq!(names(&kafka, &by(SearchMode::Hybrid, "wall")), ["cats.txt"]);
    let refused = kafka.search(&kafka.operator()).find(&by(SearchMode::Vector, "wall")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Provider);
    assert!(!refused.message().contains("127.0.0.1"), "{refused}");
    kafka.close();
    drop(gone);
}

/// An installation with vectors that enforces plans, and an account with so many tokens a day.
fn limited(endpoint: &ScriptedEndpoint, tokens: u64) -> (Stage, Actor) {
    let script = |_: &kafka_core::testing::ScriptedCall| kafka_core::testing::ScriptedAnswer::of(&["Yes."]);
    let stage = Stage::with(In::File, script, |config| {
        with(endpoint, "toy")(config);
        config.quotas = true;
    });
    // The first account administers, and has no limits.
    let (_, user) = (stage.user("admin"), stage.user("k"));
    let plans = stage.kafka.plans(&stage.operator);
    let plan = NewPlan { name: "small".into(), token_limit_daily: Some(tokens), ..NewPlan::default() };
    plans.create(plan).unwrap();
    plans.assign(user.user_id().unwrap(), "small").unwrap();
    (stage, user)
}

fn spent(kafka: &Kafka, actor: &Actor) -> u64 {
    kafka.usage(actor).summary(Period::default()).unwrap().daily_token_count
}

#[test]
fn a_document_that_the_day_has_no_room_for_is_found_by_words_and_stays_so() {
    let endpoint = endpoint();
    let (stage, user) = limited(&endpoint, 1_000);
    let kafka = &stage.kafka;
    let place = DocumentPlace::Chat(stage.chat_of(&user).id);
    let long = add(kafka, place, "long.txt", &"A feline slept on the long wall.\n\n".repeat(200));
    assert_eq!((long.processing_status, long.embedding_model), (ProcessingStatus::Completed, None));
    let note = long.error_message.unwrap();
    assert!(note.contains("by its words alone") && note.contains("of which 1000 were left"), "{note}");
    assert_eq!((endpoint.requests().len(), spent(kafka, &user)), (0, 0));
    assert_eq!(names(kafka, &by(SearchMode::Text, "long wall"))[0], "long.txt");
    // What fits is counted, and what is nobody's or an administrator's has no limit.
    let short = add(kafka, place, "short.txt", "A feline slept.");
    assert_eq!((short.embedding_model.as_deref(), spent(kafka, &user)), (Some("toy"), 10));
    let free = DocumentPlace::Chat(stage.chat().id);
    let text = "A feline slept on the wall of nobody.\n\n".repeat(200);
    assert_eq!(add(kafka, free, "free.txt", &text).embedding_model.as_deref(), Some("toy"));
    stage.kafka.close();

    // Another model makes others anew, at nobody's cost, and has nothing made that was not there.
    let kafka = stage.reopened(|config| {
        with(&endpoint, "other")(config);
        config.quotas = true;
    });
    let documents = kafka.documents(&stage.operator);
    let began = std::time::Instant::now();
    while documents.get(short.id).unwrap().embedding_model.as_deref() != Some("other") {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(documents.get(long.id).unwrap().embedding_model, None);
    assert_eq!(spent(&kafka, &user), 10);
    let asked = endpoint.requests();
    assert!(asked.iter().all(|request| !request.json()["input"].to_string().contains("long wall")));
    kafka.close();
}

#[test]
fn questions_that_the_day_has_no_room_for_are_looked_up_by_words() {
    let endpoint = endpoint();
    let (stage, user) = limited(&endpoint, 30);
    let (kafka, search) = (&stage.kafka, stage.kafka.search(&user));
    let place = DocumentPlace::Chat(stage.chat_of(&user).id);
    add(kafka, place, "cats.txt", "A feline slept on the wall.");
    let found = |query: &str| search.find(&by(SearchMode::Hybrid, query)).unwrap().items.len();
    assert_eq!((found("cat"), found("cat"), spent(kafka, &user)), (1, 1, 30));
    let asked = endpoint.requests().len();
    assert_eq!((found("cat"), found("wall"), spent(kafka, &user)), (0, 1, 30));
    let refused = search.find(&by(SearchMode::Vector, "cat")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
    assert!(refused.retry_after().is_some() && endpoint.requests().len() == asked);
    stage.clock.advance(Duration::from_secs(86_400));
    assert_eq!((found("cat"), spent(kafka, &user)), (1, 10));
}

/// What is kept free for an answer is there for the vector of its question, too.
#[test]
fn an_answer_that_has_all_that_is_left_is_made_from_what_means_the_same() {
    let endpoint = endpoint();
    let (stage, user) = limited(&endpoint, 1_000);
    let chat = stage.chat_of(&user);
    add(&stage.kafka, DocumentPlace::Chat(chat.id), "cats.txt", "A feline slept on the wall.");
    let asked = AnswerRequest::text("Where did the cat sleep?");
    let answer = stage.kafka.completions(&user).start(chat.id, asked).unwrap().wait().unwrap();
    assert_eq!(answer.sources.len(), 1, "{:?}", answer.response);
    assert_eq!(spent(&stage.kafka, &user), 20 + answer.response.tokens_total.unwrap());
}

#[test]
fn of_a_long_question_the_beginning_is_looked_up() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let chat = stage.chat();
    add(&stage.kafka, DocumentPlace::Chat(chat.id), "cats.txt", "A feline slept on the wall.");
    let question = format!("Where did the cat sleep? {}", "ä".repeat(400_000));
    let answer = stage.ask(&chat, AnswerRequest::text(question.clone()));
    assert_eq!(answer.sources[0].source.filename, "cats.txt");
    let sent = endpoint.requests().pop().unwrap().json()["input"][0].as_str().unwrap().to_owned();
    assert!((2_000..=2_048).contains(&sent.len()) && question.starts_with(&sent), "{} bytes", sent.len());
}

#[test]
fn a_search_in_a_chat_finds_what_the_chat_is_answered_from() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    let kafka = &stage.kafka;
    let workspace = |name: &str| {
        let new = NewWorkspace { name: name.into(), owner_id: None };
        kafka.workspaces(&stage.operator).create(new).unwrap().id
    };
    let (office, home) = (workspace("office"), workspace("home"));
    let chat = || {
        let new = NewChat { workspace_id: Some(office), ..NewChat::default() };
        kafka.chats(&stage.operator).create(new).unwrap().id
    };
    let (ours, next_door) = (chat(), chat());
    for (place, name) in [
        (DocumentPlace::Chat(ours), "ours.txt"),
        (DocumentPlace::Chat(next_door), "next.txt"),
        (DocumentPlace::Workspace(office), "office.txt"),
        (DocumentPlace::Workspace(home), "home.txt"),
    ] {
        add(kafka, place, name, "A feline slept on the wall.");
    }
    stage.say(&kafka.chats(&stage.operator).get(next_door).unwrap(), Role::User, "The wall is high.");
    let found = |mode, query: &str, workspace_id| {
        let request = SearchRequest { chat_id: Some(ours), workspace_id, areas: None, ..by(mode, query) };
        let mut names = names(kafka, &request);
        names.sort_unstable();
        names
    };
    for (mode, query) in
        [(SearchMode::Text, "wall"), (SearchMode::Vector, "cat"), (SearchMode::Hybrid, "cat wall")]
    {
        assert_eq!(found(mode, query, None), ["office.txt", "ours.txt"], "{mode:?}");
        assert_eq!(found(mode, query, Some(office)), ["office.txt", "ours.txt"], "{mode:?}");
        assert_eq!(found(mode, query, Some(home)), [""; 0], "{mode:?}");
    }
}
