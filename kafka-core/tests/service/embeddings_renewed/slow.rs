//! Vectors that are made behind the reading, anew, or later: none is made or paid for twice, and none is forgotten.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kafka_core::{
    Document, DocumentPlace, Kafka, NewChat, NewFile, Period, ProcessingStatus, SearchMode,
    testing::{Gate, Script, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::json;

use crate::{
    embeddings::{PATIENCE, Warnings, add, by, names, read, stage, stage_with, until, vectors, with},
    stage::Stage,
};

/// Passages of one request.
const BATCH: usize = 64;

/// A model and a text, so often.
type Counts = BTreeMap<(String, String), usize>;

/// What was sent to an endpoint, and what it made vectors of.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<[Counts; 2]>>);

impl Log {
    fn note(&self, place: usize, request: &ScriptedRequest) {
        let mut log = self.0.lock().unwrap();
        for text in texts(request) {
            *log[place].entry((model(request), text)).or_default() += 1;
        }
    }

    /// How often each text that says this was sent to a model, and how often it answered.
    fn counts(&self, model: &str, word: &str) -> [Vec<usize>; 2] {
        let is_meant = |(of, text): &(String, String)| of == model && text.contains(word);
        let log = self.0.lock().unwrap();
        [0, 1].map(|place| {
            log[place].iter().filter(|(key, _)| is_meant(key)).map(|(_, count)| *count).collect()
        })
    }
}

fn model(request: &ScriptedRequest) -> String {
    request.json()["model"].as_str().unwrap().to_owned()
}

fn texts(request: &ScriptedRequest) -> Vec<String> {
    let body = request.json();
    body["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// An endpoint that fails with this status where it is told so, and asks nobody to wait before the next call.
fn endpoint(
    fails: impl Fn(&str, &[String]) -> Option<u16> + Send + Sync + 'static,
) -> (ScriptedEndpoint, Log) {
    let log = Log::default();
    let notes = log.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        notes.note(0, request);
        match fails(&model(request), &texts(request)) {
            Some(status) => {
                let body = json!({"error": {"message": "I do not like it"}}).to_string();
                Script::reply(status, &[("retry-after-ms", "0")], body)
            }
            None => {
                notes.note(1, request);
                Script::json(200, &vectors(&request.json()))
            }
        }
    });
    (endpoint, log)
}

/// A text of so many passages.
fn long(passages: usize) -> String {
    (0..passages).map(|number| format!("# Cat {number}\n\n{}\n\n", "cat ".repeat(200))).collect()
}

/// Lets so much time pass, and has the thread that makes vectors look again.
fn pass(stage: &Stage, kafka: &Kafka, time: Duration) {
    stage.clock.advance(time);
    let chat = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap();
    for _ in 0..2 {
        add(kafka, DocumentPlace::Chat(chat.id), "tick.txt", "Tick.");
    }
}

fn get(kafka: &Kafka, document: &Document) -> Document {
    kafka.documents(&kafka.operator()).get(document.id).unwrap()
}

/// Waits, while time flies, until a document has the vectors of a model.
fn until_it_has(stage: &Stage, kafka: &Kafka, document: &Document, model: &str) {
    let began = Instant::now();
    while get(kafka, document).embedding_model.as_deref() != Some(model) {
        assert!(began.elapsed() < PATIENCE);
        stage.clock.advance(Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn spent(kafka: &Kafka, model: &str) -> u64 {
    let usage = kafka.usage(&kafka.operator()).summary(Period::default()).unwrap();
    usage.models.iter().filter(|used| used.model == model).map(|used| used.tokens_total).sum()
}

#[test]
fn a_refused_passage_is_found_by_halving_and_sent_no_more_and_nothing_else_is_paid_again() {
    let (endpoint, log) = endpoint(|model, texts| {
        (model == "other" && texts.iter().any(|text| text.contains("Cat 70"))).then_some(400)
    });
    let stage = stage(&endpoint);
    let document = add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.md", &long(130));
    assert_eq!(document.chunk_count, 130);
    stage.kafka.close();

    let warnings = Warnings::default();
    let open = || {
        stage.reopened(|config| {
            with(&endpoint, "other")(config);
            config.on_warning = warnings.hook();
        })
    };
    let kafka = open();
    until_it_has(&stage, &kafka, &document, "other");
    let told = warnings.wait();
    let [warning] = &told[..] else { panic!("{told:?}") };
    assert!(warning.contains("I do not like it") && warning.contains(&document.id.to_string()), "{warning}");
    let said = get(&kafka, &document).error_message.unwrap();
    assert!(said.contains("1 of its 130 passages") && !said.contains("I do not like it"), "{said}");
    let [sent, answered] = log.counts("other", "Cat");
    assert_eq!(answered, vec![1; 129], "what has its vector is asked for once");
    // 64, 32, 16, 8, 4, 2 and 1, and the half that was good at each step.
    assert_eq!(sent.iter().sum::<usize>(), 64 + 2 * 64 - 1 + 63 + 2);
    // Before a refusal is believed, a word is asked for, and once more before a passage is given up.
    assert_eq!(log.counts("other", "word")[1], [2]);
    assert_eq!(spent(&kafka, "other"), 10 * (129 + 2));
    assert!(
        names(&kafka, &by(SearchMode::Text, "\"cat 70\"")).contains(&"cats.md".to_owned()),
        "words find it"
    );
    kafka.close();

    // Not by whoever finds the document without its mark, either.
    stage.rows("UPDATE documents SET embedding_model = NULL", &[]);
    let kafka = open();
    until_it_has(&stage, &kafka, &document, "other");
    assert_eq!(log.counts("other", "Cat")[0].iter().sum::<usize>(), sent.iter().sum::<usize>());
    kafka.close();
}

#[test]
fn what_the_endpoint_fails_at_is_tried_in_three_turns_and_the_rest_does_not_wait() {
    let (endpoint, log) =
        endpoint(|_, texts| texts.iter().any(|text| text.contains("Cat 70")).then_some(500));
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = read(&stage.kafka, place, "cats.md", &long(130));
    until_it_has(&stage, &stage.kafka, &document, "toy");
    let [sent, answered] = log.counts("toy", "Cat");
    assert_eq!(answered, vec![1; 129]);
    // Each call is tried three times: seven of them in the first turn, one in each of the others.
    assert_eq!(sent.iter().max(), Some(&(3 * (7 + 1 + 1))));
    let said = get(&stage.kafka, &document).error_message.unwrap();
    assert!(said.contains("1 of its 130 passages"), "{said}");
}

#[test]
fn an_endpoint_that_takes_few_texts_at_a_time_is_sent_no_more() {
    let (endpoint, log) = endpoint(|_, texts| (texts.len() > 10).then_some(413));
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = add(&stage.kafka, place, "cats.md", &long(130));
    assert_eq!((document.embedding_model.as_deref(), document.error_message), (Some("toy"), None));
    assert_eq!(log.counts("toy", "Cat")[1], vec![1; 130]);
    // 64 in 15 requests and one for a word, then 66 by eights.
    assert_eq!(endpoint.requests().len(), 15 + 1 + 9);
}

#[test]
fn an_endpoint_that_refuses_everything_but_a_word_is_asked_seldom() {
    let (endpoint, log) = endpoint(|_, texts| texts.iter().any(|text| text.contains("Cat")).then_some(400));
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = add(&stage.kafka, place, "cats.md", &long(130));
    let said = document.error_message.unwrap();
    assert!(document.embedding_model.is_none() && said.contains("it is not found"), "{said}");
    let requests = endpoint.requests().len();
    assert!(requests < 60, "{requests}");
    // It is not asked again by whoever looks what lacks vectors, either.
    let sent = log.counts("toy", "Cat")[0].clone();
    for _ in 0..3 {
        pass(&stage, &stage.kafka, Duration::from_secs(3600));
    }
    assert_eq!(log.counts("toy", "Cat")[0], sent);
}

#[test]
fn an_endpoint_with_room_for_one_request_a_minute_comes_to_the_end_of_a_document() {
    let has_room = Arc::new(AtomicBool::new(true));
    let room = Arc::clone(&has_room);
    let (endpoint, log) = endpoint(move |model, texts| {
        let is_meant = model == "other" && texts.iter().any(|text| text.contains("Cat"));
        (is_meant && !room.swap(false, Ordering::SeqCst)).then_some(429)
    });
    let stage = stage(&endpoint);
    let document = add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.md", &long(200));
    stage.kafka.close();

    let kafka = stage.reopened(with(&endpoint, "other"));
    until("the end", || {
        stage.clock.advance(Duration::from_secs(61));
        has_room.store(true, Ordering::SeqCst);
        get(&kafka, &document).embedding_model.as_deref() == Some("other")
    });
    assert_eq!(log.counts("other", "Cat")[1], vec![1; 200]);
    kafka.close();
}

#[test]
fn a_document_that_cannot_have_its_vectors_holds_up_no_other_and_an_endpoint_that_is_away_is_left_alone() {
    let is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&is_away);
    let (endpoint, log) = endpoint(move |model, texts| {
        let is_bad = texts.iter().any(|text| text.contains("Cat 0"));
        let is_away = away.load(Ordering::SeqCst) && texts != ["word"];
        (model == "other" && (is_bad || is_away)).then_some(429)
    });
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let bad = add(&stage.kafka, place, "bad.md", &long(1));
    let good: Vec<Document> =
        (0..9).map(|number| add(&stage.kafka, place, "good.md", &format!("Dog {number}."))).collect();
    stage.kafka.close();

    // The clock stands still, so that whoever waits waits for ever.
    let kafka = stage.reopened(with(&endpoint, "other"));
    for dog in &good {
        until("it waits for the one before it", || {
            get(&kafka, dog).embedding_model.as_deref() == Some("other")
        });
    }
    kafka.close();

    is_away.store(true, Ordering::SeqCst);
    stage.rows("UPDATE documents SET embedding_model = 'toy'", &[]);
    stage.rows("DELETE FROM embeddings", &[]);
    let sent = || ["Cat", "Dog"].map(|word| log.counts("other", word)[0].iter().sum::<usize>()).iter().sum();
    let before: usize = sent();
    let kafka = stage.reopened(with(&endpoint, "other"));
    let held = || {
        let held = "SELECT COUNT(*) FROM jobs WHERE kind = 'embedding other' AND node_id IS NOT NULL";
        stage.value(held, &[]).unwrap()
    };
    // Each call is tried three times; it rests behind three documents, for 1, 2 and 4 minutes.
    let mut expected = before;
    for minutes in [0, 1, 2] {
        stage.clock.advance(Duration::from_secs(60 * minutes));
        expected += 3 * 3;
        until("three are asked for, and left", || sent() >= expected && held() == "0");
        assert_eq!(sent(), expected, "then it is away");
    }
    is_away.store(false, Ordering::SeqCst);
    for dog in &good {
        until_it_has(&stage, &kafka, dog, "other");
    }
    assert_ne!(get(&kafka, &bad).embedding_model.as_deref(), Some("other"));
    kafka.close();
}

#[test]
fn whoever_goes_back_to_the_old_model_has_all_vectors_of_it_again() {
    let (endpoint, log) = endpoint(|model, texts| {
        (model == "other" && texts.iter().any(|text| text.contains("Cat 99"))).then_some(500)
    });
    let stage = stage(&endpoint);
    let document = add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.md", &long(100));
    stage.kafka.close();
    let of = |model| stage.value("SELECT COUNT(*) FROM embeddings WHERE model = $1", &[model]).unwrap();

    let kafka = stage.reopened(with(&endpoint, "other"));
    until("all but one passage have the vectors of the other model", || of("toy") == "1");
    assert_eq!(get(&kafka, &document).embedding_model, None, "and the document those of none");
    kafka.close();

    let kafka = stage.reopened(with(&endpoint, "toy"));
    until_it_has(&stage, &kafka, &document, "toy");
    assert_eq!(of("toy"), "100");
    assert_eq!(log.counts("toy", "Cat")[1].iter().sum::<usize>(), 100 + 99);
    assert!(names(&kafka, &by(SearchMode::Vector, "cat")).contains(&"cats.md".to_owned()));
    kafka.close();
}

#[test]
fn where_nothing_lacks_vectors_the_documents_are_looked_through_once_a_while_and_new_ones_do_not_wait() {
    let (endpoint, _) = endpoint(|_, _| None);
    let stage = stage(&endpoint);
    let document = add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.txt", "A cat.");
    pass(&stage, &stage.kafka, Duration::ZERO);
    stage.rows("UPDATE documents SET embedding_model = NULL", &[]);
    for _ in 0..4 {
        pass(&stage, &stage.kafka, Duration::from_secs(10));
        assert_eq!(get(&stage.kafka, &document).embedding_model, None);
    }
    until_it_has(&stage, &stage.kafka, &document, "toy");
}

#[test]
fn what_one_node_makes_anew_another_leaves_alone() {
    let (log, gate) = (Log::default(), Gate::new());
    let (notes, held) = (log.clone(), gate.clone());
    let endpoint = ScriptedEndpoint::start(move |request| {
        notes.note(0, request);
        let is_held = model(request) == "other" && texts(request).iter().any(|text| text.contains("Cat"));
        let answer = Script::json(200, &vectors(&request.json()));
        if is_held { Script::new().wait_for(&held).then(answer) } else { answer }
    });
    let stage = stage(&endpoint);
    let document = add(&stage.kafka, DocumentPlace::Chat(stage.chat().id), "cats.md", &long(100));
    stage.kafka.close();

    let one = stage.reopened(with(&endpoint, "other"));
    endpoint.wait_for_requests(3);
    let other = stage.reopened(with(&endpoint, "other"));
    for _ in 0..4 {
        pass(&stage, &other, Duration::from_secs(20));
    }
    assert_eq!(log.counts("other", "Cat")[0], vec![1; BATCH]);
    gate.open();
    until_it_has(&stage, &other, &document, "other");
    assert_eq!(log.counts("other", "Cat")[0], vec![1; 100]);
    one.close();
    other.close();
}

#[test]
fn of_two_models_that_of_the_node_that_started_last_is_in_use_as_long_as_it_lives() {
    let (endpoint, log) = endpoint(|_, _| None);
    let stage = stage(&endpoint);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = add(&stage.kafka, place, "cats.md", &long(10));
    let warnings = Warnings::default();
    stage.kafka.close();
    let old = stage.reopened(|config| {
        with(&endpoint, "toy")(config);
        config.on_warning = warnings.hook();
    });
    pass(&stage, &old, Duration::from_secs(60));

    let new = stage.reopened(with(&endpoint, "other"));
    until_it_has(&stage, &new, &document, "other");
    for _ in 0..3 {
        pass(&stage, &old, Duration::from_secs(3600));
    }
    for model in ["toy", "other"] {
        assert_eq!(log.counts(model, "Cat")[0], vec![1; 10], "{model}");
    }
    let told = warnings.take();
    let [warning] = &told[..] else { panic!("{told:?}") };
    assert!(warning.contains("model other and this one names toy"), "{warning}");
    // What comes in at the old node waits for the new one.
    let later = add(&old, place, "dogs.txt", "A dog.");
    until_it_has(&stage, &new, &later, "other");
    assert_eq!(log.counts("toy", "dog")[0], [0; 0]);
    new.close();

    until_it_has(&stage, &old, &document, "toy");
    assert_eq!(log.counts("toy", "Cat")[0], vec![2; 10]);
    old.close();
}

#[test]
fn vectors_of_another_length_under_the_same_name_are_made_anew() {
    let is_longer = Arc::new(AtomicBool::new(false));
    let (log, longer) = (Log::default(), Arc::clone(&is_longer));
    let notes = log.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        if texts(request).iter().any(|text| text.contains("Cat 99")) && longer.load(Ordering::SeqCst) {
            return Script::reply(500, &[("retry-after-ms", "0")], "");
        }
        notes.note(1, request);
        let mut answer = vectors(&request.json());
        if longer.load(Ordering::SeqCst) {
            let data = answer["data"].as_array_mut().unwrap();
            data.iter_mut().for_each(|item| item["embedding"].as_array_mut().unwrap().push(json!(0.1)));
        }
        Script::json(200, &answer)
    });
    let (stage, warnings) = (stage(&endpoint), Warnings::default());
    let place = DocumentPlace::Chat(stage.chat().id);
    let long = add(&stage.kafka, place, "long.md", &long(100));
    add(&stage.kafka, place, "cars.md", "An automobile.");
    let find = |kafka| names(kafka, &by(SearchMode::Vector, "car"));
    assert_eq!(find(&stage.kafka)[0], "cars.md");
    stage.kafka.close();
    let open = || {
        stage.reopened(|config| {
            with(&endpoint, "toy")(config);
            config.on_warning = warnings.hook();
        })
    };
    let of = |dims| stage.value("SELECT COUNT(*) FROM embeddings WHERE dims = $1", &[dims]).unwrap();

    // Its vectors are kept in memory when the endpoint begins to give others.
    let kafka = open();
    assert_eq!(find(&kafka)[0], "cars.md");
    is_longer.store(true, Ordering::SeqCst);
    let began = Instant::now();
    while find(&kafka) != ["cars.md"] {
        assert!(began.elapsed() < PATIENCE);
        stage.clock.advance(Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    until("the long one comes to no end", || (of("5"), of("4")) == ("100".into(), "1".into()));
    let told = warnings.take();
    let is_meant = |warning: &&String| warning.contains("another length than before under the name toy");
    assert_eq!(told.iter().filter(is_meant).count(), 1, "{told:?}");
    kafka.close();

    // Whoever goes back in the middle has all of the one length again.
    is_longer.store(false, Ordering::SeqCst);
    let kafka = open();
    until_it_has(&stage, &kafka, &long, "toy");
    let began = Instant::now();
    while of("4") != "101" {
        assert!(began.elapsed() < PATIENCE);
        stage.clock.advance(Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    kafka.close();
}

#[test]
fn what_a_closed_process_had_made_is_not_made_again() {
    let is_silent = Arc::new(AtomicBool::new(true));
    let (log, silent) = (Log::default(), Arc::clone(&is_silent));
    let notes = log.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        if request.number > 0 && silent.load(Ordering::SeqCst) {
            return Script::new().until_hung_up();
        }
        notes.note(1, request);
        Script::json(200, &vectors(&request.json()))
    });
    let stage = stage(&endpoint);
    let documents = stage.kafka.documents(&stage.operator);
    let (place, text) = (DocumentPlace::Chat(stage.chat().id), long(100));
    let document = documents.upload(place, NewFile::named("cats.md"), &mut text.as_bytes()).unwrap();
    endpoint.wait_for_requests(2);
    assert_eq!(get(&stage.kafka, &document).processing_status, ProcessingStatus::Completed);
    stage.kafka.close();
    is_silent.store(false, Ordering::SeqCst);

    let kafka = stage.reopened(with(&endpoint, "toy"));
    until_it_has(&stage, &kafka, &document, "toy");
    assert_eq!(log.counts("toy", "Cat")[1], vec![1; 100]);
    kafka.close();
}

#[test]
fn what_is_for_the_operator_to_mend_fails_no_document_and_is_told_once() {
    let state = Arc::new(Mutex::new(401));
    let said = Arc::clone(&state);
    let endpoint = ScriptedEndpoint::start(move |request| match *said.lock().unwrap() {
        200 => Script::json(200, &vectors(&request.json())),
        status => Script::json(status, &json!({"error": {"message": "Pay the bill of the model"}})),
    });
    // 400 is what some say of a model that they do not know: whoever refuses any word refuses no document.
    for status in [401, 402, 400] {
        *state.lock().unwrap() = status;
        let warnings = Warnings::default();
        let stage = stage_with(|config| {
            with(&endpoint, "toy")(config);
            config.on_warning = warnings.hook();
        });
        let place = DocumentPlace::Chat(stage.chat().id);
        let [document, _] = ["A feline.", "A wall."].map(|text| read(&stage.kafka, place, "cats.txt", text));
        assert_eq!(
            (document.processing_status, document.error_message),
            (ProcessingStatus::Completed, None),
            "{status}"
        );
        let warned = warnings.wait();
        let [warning] = &warned[..] else { panic!("{warned:?}") };
        for word in ["embedding_key", "Pay the bill", &endpoint.host()] {
            assert!(warning.contains(word), "{warning}");
        }
        *state.lock().unwrap() = 200;
        let began = Instant::now();
        while names(&stage.kafka, &by(SearchMode::Vector, "cat")).len() < 2 {
            assert!(began.elapsed() < PATIENCE, "{status}");
            stage.clock.advance(Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(warnings.take(), [""; 0]);
        *state.lock().unwrap() = status;
        read(&stage.kafka, place, "more.txt", "More.");
        assert_eq!(warnings.wait().len(), 1, "it worked in between");
        stage.kafka.close();
    }
}
