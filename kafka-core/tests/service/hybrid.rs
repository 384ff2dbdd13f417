//! Words beside vectors: what either of them finds reaches whoever searches, and the model.

use kafka_core::{
    AddressPolicy, AnswerRequest, Chat, Config, Document, DocumentPlace, EmbeddingEndpoint, NewMessage, Role,
    SearchArea, SearchRequest, ToolCall,
    testing::{Script, ScriptedAnswer, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::{Value, json};

use crate::{
    embeddings::made,
    retrieval::{add as read, filler, handbook, told},
    stage::{In, Stage},
};

/// An endpoint that gives each text the vector that `of` says, or is away for a batch that has a text without one.
pub(crate) fn endpoint(of: impl Fn(&str) -> Option<[f64; 2]> + Send + Sync + 'static) -> ScriptedEndpoint {
    ScriptedEndpoint::start(move |request: &ScriptedRequest| {
        let vectors: Option<Vec<_>> = input(request).iter().map(|text| of(text)).collect();
        let Some(vectors) = vectors else {
            // No wait before it is asked again.
            let head = "HTTP/1.1 503 Away\r\nretry-after-ms: 0\r\nContent-Length: 2\r\n\r\n";
            return Script::new().send(head).send("{}");
        };
        let data =
            vectors.iter().enumerate().map(|(index, vector)| json!({"index": index, "embedding": vector}));
        Script::json(200, &json!({"data": data.collect::<Vec<Value>>()}))
    })
}

fn input(request: &ScriptedRequest) -> Vec<String> {
    serde_json::from_value(request.json()["input"].clone()).unwrap()
}

pub(crate) fn with(endpoint: &ScriptedEndpoint) -> impl FnOnce(&mut Config) + use<> {
    let embedding =
        EmbeddingEndpoint { base_url: endpoint.base_url(), model: "toy".to_owned(), api_key: None };
    move |config| {
        config.embedding = Some(embedding);
        config.addresses = AddressPolicy::PrivateAllowed;
    }
}

fn stage(endpoint: &ScriptedEndpoint) -> Stage {
    Stage::with(In::File, |_| ScriptedAnswer::of(&["Yes."]), with(endpoint))
}

/// Adds a document and waits for its vectors.
fn add(stage: &Stage, place: DocumentPlace, name: &str, text: &str) -> Document {
    made(&stage.kafka, read(stage, place, name, text).id)
}

/// A section that is a passage of its own.
fn section(number: usize, first: &str) -> String {
    let rest = format!("Pump {number} stands behind the wall, and so it goes on. ").repeat(12);
    format!("# Section {number}\n\n{first} {rest}\n\n")
}

/// The place of the first hit that says this, from 1 on.
fn place_in_search(stage: &Stage, query: &str, wanted: &str) -> Option<usize> {
    let request = SearchRequest { areas: Some(vec![SearchArea::Documents]), ..SearchRequest::plain(query) };
    let hits = stage.kafka.search(&stage.operator).find(&request).unwrap().items;
    hits.iter().position(|hit| hit.text.as_ref().unwrap().contains(wanted)).map(|at| at + 1)
}

fn is_given(stage: &Stage, chat: &Chat, question: &str, wanted: &str) -> bool {
    let request = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text(question) };
    let sources = stage.ask(chat, request).sources;
    sources.iter().any(|source| source.text.as_ref().unwrap().contains(wanted))
}

#[test]
fn a_document_that_has_no_vectors_yet_is_found_by_its_words_beside_many_that_have_them() {
    let endpoint = endpoint(|text| (!text.contains("nine to five")).then_some([1.0, 0.1]));
    let stage = stage(&endpoint);
    let chat = stage.chat();
    let place = DocumentPlace::Chat(chat.id);
    let others: String = (0..15).map(|number| section(number, "Hours and seasons pass.")).collect();
    assert_eq!(add(&stage, place, "others.md", &others).embedding_model.as_deref(), Some("toy"));
    let text = "Visitors of Karlstein: its opening hours are nine to five.";
    assert_eq!(read(&stage, place, "karlstein.txt", text).embedding_model, None);
    for question in [
        "Karlstein",
        "opening hours",
        "What are the opening hours of Karlstein, please?",
        "When may children, dogs and grandparents visit Karlstein on rainy winter holidays?",
    ] {
        let found = place_in_search(&stage, question, "nine to five");
        assert!(found.is_some_and(|place| place <= 2), "{question}: {found:?}");
        assert!(is_given(&stage, &chat, question, "nine to five"), "{question}: {}", told(&stage));
    }
}

#[test]
fn a_code_that_one_passage_has_is_found_however_many_are_nearer() {
    let endpoint =
        endpoint(|text| Some(if text.contains("Fault XK4711:") { [0.0, 1.0] } else { [1.0, 0.01] }));
    let stage = stage(&endpoint);
    let chat = stage.chat();
    let text: String =
        (4700..4730).map(|number| section(number, &format!("Fault XK{number}: call the service."))).collect();
    let document = add(&stage, DocumentPlace::Chat(chat.id), "faults.md", &text);
    assert_eq!((document.embedding_model.as_deref(), document.chunk_count), (Some("toy"), 30));
    for question in ["XK4711", "fault XK4711", "What must I do when the pump shows fault XK4711?"] {
        let found = place_in_search(&stage, question, "XK4711");
        assert!(found.is_some_and(|place| place <= 3), "{question}: {found:?}");
        assert!(is_given(&stage, &chat, question, "XK4711"), "{question}: {}", told(&stage));
    }
}

#[test]
fn a_question_about_the_whole_gets_the_beginning_though_something_is_always_near() {
    // The beginning is what is farthest.
    let endpoint = endpoint(|text| {
        Some(if text.contains("keepers of the lighthouse") { [0.0, 1.0] } else { [1.0, 0.1] })
    });
    let stage = stage(&endpoint);
    let chat = stage.chat();
    let text = handbook() + &(0..15).map(|number| section(number, "A book.")).collect::<String>();
    add(&stage, DocumentPlace::Chat(chat.id), "handbook.md", &text);
    for (question, is_alone) in [
        ("tl;dr", true),
        ("What is this about?", true),
        ("Give me a summary", true),
        ("zzyzx qwfp", false),
        ("Please summarise the book", false),
    ] {
        assert!(is_given(&stage, &chat, question, "keepers of the lighthouse"), "{question}");
        let told = told(&stage);
        assert!(told.contains("Handbook\nLamp\nHorn\nBoats"), "{question}: {told}");
        assert_eq!(!told.contains("Pump"), is_alone, "{question}: {told}");
    }
    assert!(!is_given(&stage, &chat, "Where are the boats?", "keepers of the lighthouse"));
}

#[test]
fn passages_are_near_to_what_the_user_asked_last_also_behind_a_tool_call() {
    let endpoint = endpoint(|text| Some(if text.contains("castle") { [1.0, 0.1] } else { [0.1, 1.0] }));
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: "{}".into(), incomplete: false };
    let script = move |asked: &kafka_core::testing::ScriptedCall| match asked.number {
        1 => ScriptedAnswer::new().say(kafka_core::Delta::ToolCall(call.clone())).finish(),
        _ => ScriptedAnswer::of(&["Yes."]),
    };
    let stage = Stage::with(In::File, script, with(&endpoint));
    let chat = stage.chat();
    let text = format!("# Horn\n\n{}# Castle\n\n{}", filler("horns"), filler("the castle"));
    add(&stage, DocumentPlace::Chat(chat.id), "places.md", &text);
    let (first, question) = ("Where is the horn?", "Which stronghold has a castle?");
    stage.ask(&chat, AnswerRequest::text(first));
    stage.ask(&chat, AnswerRequest::text(question));
    let result =
        NewMessage { tool_call_id: Some("a".into()), ..NewMessage::text(Role::Tool, "The horn is loud.") };
    let result = stage.kafka.messages(&stage.operator).create(chat.id, result).unwrap();
    stage.ask(&chat, AnswerRequest { parent_id: Some(Some(result.id)), ..AnswerRequest::default() });
    let asked: Vec<_> = endpoint.requests().iter().map(input).collect();
    assert_eq!(asked[asked.len() - 3..], [[first], [question], [question]]);
}
