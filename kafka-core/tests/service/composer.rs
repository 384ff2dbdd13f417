//! Files that a model writes and changes, by way of the library.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kafka_core::{
    Answer, Chat, ChatFile, ChatFileId, ComposeRequest, Config, ErrorKind, EventKind, Kafka, MessageStatus,
    NewChatFile, NewModel, NewVersion, Outcome, PageRequest, Params, ResponseStatus, Role, Step, TurnEvent,
    Version,
    testing::{Gate, Script, ScriptedAnswer, ScriptedCall, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::stage::{In, Stage, sent};

pub(crate) const FLOW: &str =
    "loop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Thanks.\")\n";

/// What a call asks for, by the words that its task has.
pub(crate) fn step_of(call: &ScriptedCall) -> Step {
    task_of(&call.prompt.messages[0].content)
}

/// The same of the first message: the task stands before all that it knows.
pub(crate) fn task_of(system: &str) -> Step {
    let task = system.split("\n\n").next().unwrap();
    if task.contains("genNewFile") && task.contains("plain_response") {
        Step::Triage
    } else if task.contains("\"type\": \"diff\"") {
        Step::Edit
    } else if task.contains("\"type\": \"based\"") {
        Step::Write
    } else {
        Step::Reply
    }
}

pub(crate) fn says(value: &Value) -> ScriptedAnswer {
    ScriptedAnswer::of(&[&value.to_string()])
}

pub(crate) fn triage(new_file: bool, plain: bool) -> ScriptedAnswer {
    says(&json!({
        "summary": "s", "extraction_indices": [], "genNewFile": new_file, "files_list": [], "plain_response": plain,
    }))
}

/// A model that does what the last word of the prompt says: `write`, `edit`, or answers in words.
pub(crate) fn obedient(call: &ScriptedCall) -> ScriptedAnswer {
    let prompt = call.prompt.last_user_text();
    let (new, edit) = (prompt.ends_with("write"), prompt.ends_with("edit"));
    match step_of(call) {
        Step::Triage => triage(new, !new && !edit),
        Step::Write => says(&json!({"type": "based", "filename": "flow.based", "text": FLOW})),
        Step::Edit => says(&json!({
            "type": "diff", "filename": "whatever",
            "text": "@@ -4 +4 @@\n-\tsay(\"Thanks.\")\n+\tsay(\"Thank you.\")\n",
        })),
        Step::Reply => says(&json!({"text": "Good day."})),
    }
}

pub(crate) fn compose(stage: &Stage, chat: &Chat, request: ComposeRequest) -> Answer {
    stage.kafka.composer(&stage.operator).start(chat.id, request).unwrap().wait().unwrap()
}

pub(crate) fn files(stage: &Stage, chat: &Chat) -> Vec<ChatFile> {
    stage.kafka.chat_files(&stage.operator).list(chat.id, &PageRequest::first(200)).unwrap().items
}

pub(crate) fn versions(stage: &Stage, file: &ChatFile) -> Vec<Version> {
    stage.kafka.chat_files(&stage.operator).versions(file.id, &PageRequest::first(200)).unwrap().items
}

fn kinds(stage: &Stage, answer: &Answer) -> Vec<EventKind> {
    stage.events(answer.response.id).iter().map(|event| event.kind).collect()
}

fn content(answer: &Answer) -> Value {
    serde_json::from_str(&answer.message.content).unwrap()
}

#[test]
fn a_prompt_becomes_a_file_then_a_version_then_words() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    let written = compose(&stage, &chat, ComposeRequest::text("please write"));
    assert_eq!(written.response.status, ResponseStatus::Completed, "{:?}", written.response);
    assert_eq!((written.message.kind.as_str(), written.message.role), ("file", Role::Assistant));
    assert_eq!(content(&written), json!({"based_filename": "flow.based", "based_content": FLOW}));
    use EventKind::{Completed, Delta, FileCreated, FileVersion, Stage as Begun, Started, Usage};
    assert_eq!(kinds(&stage, &written), [Started, Begun, Begun, FileCreated, Usage, Completed]);
    let [file] = &files(&stage, &chat)[..] else { panic!("{:?}", files(&stage, &chat)) };
    let created = stage.events(written.response.id)[3].decode().unwrap();
    assert_eq!(created, TurnEvent::FileCreated(Box::new(file.clone())));
    assert_eq!(versions(&stage, file)[0].content, FLOW);

    let edited = compose(&stage, &chat, ComposeRequest::text("please edit"));
    let newest = FLOW.replace("Thanks.", "Thank you.");
    assert_eq!(edited.response.status, ResponseStatus::Completed, "{:?}", edited.response);
    assert_eq!(content(&edited)["based_content"], newest);
    assert!(content(&edited)["diff"].as_str().unwrap().starts_with("@@ -4 +4 @@"));
    assert_eq!(kinds(&stage, &edited), [Started, Begun, Begun, FileVersion, Usage, Completed]);
    let [file] = &files(&stage, &chat)[..] else { panic!() };
    assert_eq!((file.latest_version, &*versions(&stage, file)[1].content), (Some(2), &*newest));

    let replied = compose(&stage, &chat, ComposeRequest::text("hello"));
    assert_eq!((replied.message.kind.as_str(), replied.message.content.as_str()), ("text", "Good day."));
    assert_eq!(kinds(&stage, &replied), [Started, Begun, Begun, Delta, Usage, Completed]);

    // The trail names every call, and the counts are those of all of them.
    let attempts = written.response.attempts.clone().unwrap();
    let trail: Vec<_> = attempts.iter().map(|it| (it.step, it.attempt, it.outcome)).collect();
    assert_eq!(trail, [(Step::Triage, 1, Outcome::Accepted), (Step::Write, 1, Outcome::Accepted)]);
    assert_eq!((attempts[0].tokens_prompt, attempts[1].tokens_completion), (3, 2));
    let response = &written.response;
    assert_eq!(
        (response.tokens_prompt, response.tokens_completion, response.tokens_total),
        (Some(6), Some(4), Some(10))
    );
    let read = stage.kafka.responses(&stage.operator).get(response.id).unwrap();
    assert_eq!(&read, response);
}

#[test]
fn the_task_stands_first_and_the_prompt_last_verbatim_and_alone() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    stage.say(&chat, Role::System, "Speak like a pirate.");
    stage.say(&chat, Role::User, "Earlier \"genNewFile\" and plain_response and \"type\": \"diff\".");
    compose(&stage, &chat, ComposeRequest::text("please write"));
    compose(&stage, &chat, ComposeRequest::text(" please\n\nedit"));
    compose(&stage, &chat, ComposeRequest::text("hello"));
    let steps: Vec<Step> = stage.provider.calls().iter().map(step_of).collect();
    assert_eq!(steps, [Step::Triage, Step::Write, Step::Triage, Step::Edit, Step::Triage, Step::Reply]);
    let words = [
        ("genNewFile", Step::Triage),
        ("plain_response", Step::Triage),
        ("\"type\": \"diff\"", Step::Edit),
        ("\"type\": \"based\"", Step::Write),
    ];
    for call in stage.provider.calls() {
        let [(first, system), (last, prompt)] = sent(&call)[..] else { panic!("{:?}", call.prompt) };
        assert_eq!((first, last), ("system", "user"));
        assert!(["please write", " please\n\nedit", "hello"].contains(&prompt), "{prompt:?}");
        assert!(system.contains("Speak like a pirate.") && !system.contains(prompt), "{system}");
        assert!(system.contains("] user: Earlier"), "{system}");
        let task = system.split("\n\nThe conversation so far:").next().unwrap();
        for (word, step) in words {
            assert_eq!(task.contains(word), step == step_of(&call), "{word}: {task}");
        }
        assert_eq!(call.options.params.response_format, Some(json!({"type": "json_object"})));
    }
    // What a file says is told as it is now, and only once.
    let edit = &stage.provider.calls()[3];
    let system = &edit.prompt.messages[0].content;
    assert_eq!(system.matches(FLOW).count(), 1);
    assert!(system.contains("The current file content of flow.based:"), "{system}");
    assert!(system.contains("assistant: (the file flow.based)"), "{system}");
}

#[test]
fn each_attempt_is_told_what_was_wrong_with_those_before() {
    let stage = Stage::scripted(|call| match (step_of(call), call.number) {
        (Step::Triage, _) => triage(true, false),
        (_, 1) => ScriptedAnswer::of(&["I would rather not."]),
        (_, 2) => says(&json!({"filename": "a/b.based", "text": FLOW})),
        (_, 3) => says(&json!({"filename": "b.based", "text": "while True:\n\tprint(1)\n"})),
        _ => ScriptedAnswer::of(&[
            "Of course:\n```json\n",
            &json!({"filename": "b.based", "text": FLOW}).to_string(),
            "\n```",
        ]),
    });
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("Write."));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    let told = |number: usize| stage.provider.calls()[number].prompt.messages[0].content.clone();
    let reasons = ["no JSON object", "without folders", "1:1: "];
    for call in 1..=4 {
        for (at, reason) in reasons.iter().enumerate() {
            assert_eq!(told(call).contains(reason), at + 1 < call, "{call} {reason}: {}", told(call));
        }
    }
    let trail = answer.response.attempts.unwrap();
    let outcomes: Vec<_> = trail.iter().map(|it| (it.step, it.attempt, it.outcome)).collect();
    use Outcome::{Accepted, Refused};
    let writes =
        [(1, Refused), (2, Refused), (3, Refused), (4, Accepted)].map(|(at, out)| (Step::Write, at, out));
    assert_eq!(outcomes[0], (Step::Triage, 1, Accepted));
    assert_eq!(outcomes[1..], writes);
    assert_eq!(answer.response.tokens_total, Some(5 * 5));
}

#[test]
fn a_name_that_is_there_gets_a_version_and_no_twin() {
    let text = Arc::new(Mutex::new("first\n"));
    let says_what = Arc::clone(&text);
    let stage = Stage::scripted(move |call| match step_of(call) {
        Step::Triage => triage(true, false),
        _ => says(&json!({"filename": "notes.md", "text": *says_what.lock().unwrap()})),
    });
    let chat = stage.chat();
    for (number, content) in [(1, "first\n"), (2, "second\n")] {
        *text.lock().unwrap() = content;
        let answer = compose(&stage, &chat, ComposeRequest::text("Take notes."));
        let kind = if number == 1 { EventKind::FileCreated } else { EventKind::FileVersion };
        assert!(kinds(&stage, &answer).contains(&kind), "{number}");
        let [file] = &files(&stage, &chat)[..] else { panic!("{:?}", files(&stage, &chat)) };
        assert_eq!((file.filename.as_str(), file.latest_version), ("notes.md", Some(number)));
        assert_eq!(versions(&stage, file).pop().unwrap().content, content);
    }
}

#[test]
fn a_change_is_made_of_the_selected_file_or_of_the_one_changed_last() {
    let stage = Stage::scripted(|call| match step_of(call) {
        Step::Triage => triage(false, false),
        _ => says(&json!({"text": "@@ -1 +1,2 @@\n one\n+more\n"})),
    });
    let (chat, door) = (stage.chat(), stage.kafka.chat_files(&stage.operator));
    let nothing = compose(&stage, &chat, ComposeRequest::text("Change it."));
    assert_eq!(nothing.response.error.unwrap().code, "no_file_to_edit");
    let [a, b] = ["a.md", "b.md"].map(|name| {
        stage.clock.advance(Duration::from_secs(1));
        door.create(chat.id, NewChatFile { filename: name.into(), content: "one\n".into() }).unwrap()
    });
    let newest = |file: &ChatFile| versions(&stage, file).len();
    stage.clock.advance(Duration::from_secs(1));
    compose(&stage, &chat, ComposeRequest::text("Change it."));
    assert_eq!((newest(&a), newest(&b)), (1, 2));
    stage.clock.advance(Duration::from_secs(1));
    let select = |name: &str| ComposeRequest {
        selected_file: Some(name.into()),
        ..ComposeRequest::text("Change it.")
    };
    compose(&stage, &chat, select("a.md"));
    assert_eq!((newest(&a), newest(&b)), (2, 2));
    stage.clock.advance(Duration::from_secs(1));
    compose(&stage, &chat, select(""));
    assert_eq!((newest(&a), newest(&b)), (3, 2));
    // In talk nothing is changed.
    let talk = ComposeRequest { is_chat: true, ..ComposeRequest::text("Change it.") };
    compose(&stage, &chat, talk);
    assert_eq!((newest(&a), newest(&b)), (3, 2));

    let before = stage.branch(&chat);
    let refused = stage.kafka.composer(&stage.operator).start(chat.id, select("c.md")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::NotFound, "chat_file_not_found"));
    assert_eq!(stage.branch(&chat), before);
}

/// A model with another to edit while it writes: what `meanwhile` does is done before the first edit is told.
fn editing(meanwhile: &'static str) -> (Stage, Chat, ChatFile) {
    let door: Arc<Mutex<Option<(Kafka, ChatFileId)>>> = Arc::default();
    let other = Arc::clone(&door);
    let stage = Stage::scripted(move |call| match step_of(call) {
        Step::Triage => triage(false, false),
        _ => {
            let answer = says(&json!({"text": "@@ -4 +4 @@\n-\tsay(\"Thanks.\")\n+\tsay(\"Thank you.\")\n"}));
            if let Some((kafka, file)) = other.lock().unwrap().take() {
                let files = kafka.chat_files(&kafka.operator());
                match meanwhile {
                    "" => files.delete(file).unwrap(),
                    text => drop(files.add_version(file, NewVersion::text(text)).unwrap()),
                }
            }
            answer
        }
    });
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    *door.lock().unwrap() = Some((stage.kafka.clone(), file.id));
    (stage, chat, file)
}

#[test]
fn a_change_of_what_was_changed_meanwhile_is_brought_together_or_made_anew() {
    // Above it: the line has another number by now.
    let (stage, chat, file) = editing(
        "# one\n# two\nloop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Thanks.\")\n",
    );
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    let text = versions(&stage, &file).pop().unwrap().content;
    assert_eq!(text, format!("# one\n# two\n{}", FLOW.replace("Thanks.", "Thank you.")));
    assert_eq!(content(&answer)["based_content"], text);

    // The same line: the model sees the new one, which its diff does not fit.
    let (stage, chat, file) = editing(
        "loop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Danke.\")\n",
    );
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.error.unwrap().code, "edit_failed");
    let trail = answer.response.attempts.unwrap();
    assert!(trail[1].reason.as_ref().unwrap().contains("changed meanwhile"), "{trail:?}");
    assert!(trail[2].reason.as_ref().unwrap().contains("does not fit"), "{trail:?}");
    assert!(stage.provider.calls()[2].prompt.messages[0].content.contains("Danke."));
    let texts: Vec<_> = versions(&stage, &file).into_iter().map(|version| version.content).collect();
    assert_eq!(texts, [FLOW.to_owned(), FLOW.replace("Thanks", "Danke")]);

    // It is gone.
    let (stage, chat, _) = editing("");
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.error.unwrap().code, "file_gone");
    assert_eq!(files(&stage, &chat), []);
}

#[test]
fn what_the_triage_chose_comes_before_what_it_did_not() {
    let stage = Stage::scripted(|call| match step_of(call) {
        Step::Triage => says(&json!({
            "genNewFile": false, "plain_response": true, "summary": "the first thing", "files_list": ["a.txt"],
            "extraction_indices": [[1, 1], "rubbish", [900, 1000]],
        })),
        _ => says(&json!({"text": "Good day."})),
    });
    let chat = stage.chat();
    for name in ["a.txt", "b.txt"] {
        let new = NewChatFile { filename: name.into(), content: name[..1].repeat(3000) };
        stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    }
    for number in 0..6 {
        let role = if number % 2 == 0 { Role::User } else { Role::Assistant };
        stage.say(&chat, role, &format!("{number}{}", "x".repeat(1500)));
    }
    let mut request = ComposeRequest::text("hello");
    request.answer.params = Some(Params { context_tokens: Some(3500), ..Params::default() });
    compose(&stage, &chat, request);
    let [triage, reply] = [0, 1].map(|at| stage.provider.calls()[at].prompt.messages[0].content.clone());
    let has = |system: &str, part: &str| system.contains(part);
    // Without a choice the newest come first.
    assert!(
        has(&triage, "bbb") && !has(&triage, "aaa") && has(&triage, "5xx") && !has(&triage, "] user: 0xx"),
        "{triage}"
    );
    assert!(
        has(&reply, "aaa") && !has(&reply, "bbb") && has(&reply, "[1] user: 0xx") && has(&reply, "5xx"),
        "{reply}"
    );
    assert!(has(&reply, "the first thing"));
}

#[test]
fn a_file_that_the_model_could_not_see_whole_is_not_changed() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    let new = NewChatFile { filename: "long.md".into(), content: "x\n".repeat(20_000) };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    let answer = compose(&stage, &chat, ComposeRequest::text("please edit"));
    assert_eq!(answer.response.error.unwrap().code, "context_too_small");
    assert_eq!(versions(&stage, &file).len(), 1);
}

#[test]
fn cancelled_at_any_step_it_changes_nothing_and_counts_what_it_cost() {
    for (step, prompt) in
        [(Step::Triage, "write"), (Step::Write, "write"), (Step::Edit, "edit"), (Step::Reply, "hello")]
    {
        let gate = Gate::new();
        let held = gate.clone();
        let stage = Stage::scripted(move |call| match step_of(call) == step {
            true => ScriptedAnswer::new().text("{\"text\": ").wait_for(&held).text("1}").finish(),
            false => obedient(call),
        });
        let chat = stage.chat();
        let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
        let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
        let turn =
            stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text(prompt)).unwrap();
        stage.provider.wait_for_calls(if step == Step::Triage { 1 } else { 2 });
        turn.cancel().unwrap();
        let Answer { message, response, .. } = turn.wait().unwrap();
        assert_eq!((response.status, message.content.as_str()), (ResponseStatus::Cancelled, ""), "{step}");
        assert_eq!((files(&stage, &chat).len(), versions(&stage, &file).len()), (1, 1), "{step}");
        let trail = response.attempts.unwrap();
        assert_eq!((trail.last().unwrap().step, trail.last().unwrap().outcome), (step, Outcome::Failed));
        let counted = trail.iter().map(|it| it.tokens_prompt + it.tokens_completion).sum::<u64>();
        assert!(response.usage_estimated && response.tokens_total == Some(counted) && counted > 0, "{step}");
        gate.open();
    }
}

#[test]
fn a_process_that_dies_leaves_an_interrupted_answer_and_every_file_as_it_was() {
    let gate = Gate::new();
    let held = gate.clone();
    let stage = Stage::with(
        In::File,
        move |call| match step_of(call) {
            Step::Edit => ScriptedAnswer::new().wait_for(&held).then(|| ()).text("{}").finish(),
            _ => obedient(call),
        },
        |_| {},
    );
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    let mut turn =
        stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text("edit")).unwrap();
    let id = turn.id();
    // The stages are on disk when they are seen.
    let stages = (0..3).map(|_| turn.next().unwrap().unwrap()).skip(1);
    assert_eq!(stages.collect::<Vec<_>>(), ["triage", "edit"].map(|name| TurnEvent::Stage(name.into())));
    let kafka = Kafka::open(crate::crash::crashed(&stage)).unwrap();
    let me = kafka.operator();
    let response = kafka.responses(&me).get(id).unwrap();
    assert_eq!((response.status, response.usage_estimated), (ResponseStatus::Interrupted, true));
    let message = kafka.messages(&me).get(response.message_id).unwrap();
    assert_eq!((message.content.as_str(), message.status), ("", MessageStatus::Interrupted));
    let left = kafka.chat_files(&me).versions(file.id, &PageRequest::first(9)).unwrap().items;
    assert_eq!(left.iter().map(|it| it.content.as_str()).collect::<Vec<_>>(), [FLOW]);
    let kinds: Vec<_> = crate::stage::all_events(&kafka, id).iter().map(|event| event.kind).collect();
    use EventKind::{Interrupted, Started};
    assert_eq!(kinds, [Started, EventKind::Stage, EventKind::Stage, Interrupted]);
    gate.open();
}

#[test]
fn an_endpoint_without_a_mode_for_json_is_asked_without_and_remembered() {
    let endpoint = ScriptedEndpoint::start(|request| match request.json()["response_format"].is_null() {
        false => Script::reply(400, &[], "response_format is not supported"),
        true => {
            let said = json!({"genNewFile": false, "plain_response": true, "text": "Good day."});
            Script::stream(&["Well: ", &said.to_string()])
        }
    });
    let stage = Stage::new(In::Memory);
    stage.model(&stage.operator, NewModel::new("plain", endpoint.base_url()));
    let chat = stage.chat();
    for calls in [3, 5] {
        let mut request = ComposeRequest::text("hello");
        request.answer.model = Some("plain".to_owned());
        let answer = compose(&stage, &chat, request);
        assert_eq!(
            (answer.response.status, &*answer.message.content),
            (ResponseStatus::Completed, "Good day.")
        );
        assert_eq!(endpoint.requests().len(), calls);
    }
}

#[test]
fn another_service_may_check_and_what_it_says_is_told_to_the_model() {
    let service = ScriptedEndpoint::start(|request| match request.number {
        0 => Script::json(200, &json!({"status": "error", "error": "line 1:\nno colour"})),
        1 => Script::json(200, &json!({"status": "success", "converted_code": "x"})),
        2 => Script::reply(500, &[], "oops"),
        _ => Script::events().until_hung_up(),
    });
    let url = service.base_url().replace("/v1", "/validate?v=1");
    // Its own rules do not count then.
    let stage = Stage::with(
        In::Memory,
        |call| match step_of(call) {
            Step::Triage => triage(true, false),
            _ => says(&json!({"filename": format!("f{}.based", call.number), "text": "no Based\n"})),
        },
        |config| config.based_validator = Some(url),
    );
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("write"));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    assert_eq!(content(&answer)["based_content"], "no Based\n");
    let told = stage.provider.calls()[2].prompt.messages[0].content.clone();
    assert!(told.contains("line 1: no colour"), "{told}");
    let request = &service.requests()[0];
    assert_eq!((&*request.method, &*request.path), ("POST", "/validate?v=1"));
    assert_eq!((request.json(), request.header("authorization")), (json!({"code": "no Based\n"}), None));

    let failed = compose(&stage, &chat, ComposeRequest::text("write"));
    let error = failed.response.error.unwrap();
    assert_eq!(error.code, "validator_failed");
    assert!(error.detail.contains("HTTP 500"), "{}", error.detail);
    // While it is silent, the answer can be cancelled.
    let turn = stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text("write")).unwrap();
    service.wait_for_requests(4);
    turn.cancel().unwrap();
    assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Cancelled);
    assert_eq!(files(&stage, &chat).len(), 1);

    let mut config = Config::memory();
    config.based_validator = Some("checker".to_owned());
    assert_eq!(Kafka::open(config).unwrap_err().code(), "based_validator_invalid");
}

#[test]
fn a_text_whose_base_was_replaced_while_it_was_checked_is_not_stored() {
    let door: Arc<Mutex<Option<(Kafka, ChatFileId)>>> = Arc::default();
    let other = Arc::clone(&door);
    // Checking is the last thing before the end: who changes the file by then was not seen.
    let service = ScriptedEndpoint::start(move |_| {
        if let Some((kafka, file)) = other.lock().unwrap().take() {
            kafka.chat_files(&kafka.operator()).add_version(file, NewVersion::text("theirs\n")).unwrap();
        }
        Script::json(200, &json!({"status": "success"}))
    });
    let url = service.base_url();
    let stage = Stage::with(In::Memory, obedient, |config| config.based_validator = Some(url));
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    *door.lock().unwrap() = Some((stage.kafka.clone(), file.id));
    let answer = compose(&stage, &chat, ComposeRequest::text("edit"));
    assert_eq!((answer.response.status, answer.message.kind.as_str()), (ResponseStatus::Failed, "text"));
    assert_eq!(answer.response.error.as_ref().unwrap().code, "edit_conflict");
    assert_eq!(versions(&stage, &file).pop().unwrap().content, "theirs\n");
    assert!(!kinds(&stage, &answer).contains(&EventKind::FileVersion));
}

#[test]
fn the_built_in_model_composes_nothing_and_answers_as_always() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    let mut request = ComposeRequest { is_first_prompt: true, ..ComposeRequest::text("please write") };
    request.answer.model = Some("echo".to_owned());
    let answer = compose(&stage, &chat, request);
    assert_eq!((&*answer.message.content, answer.response.attempts), ("Echo: please write", None));
}

#[test]
fn another_kind_of_text_is_written_as_well() {
    let stage = Stage::scripted(|call| match step_of(call) {
        Step::Triage => triage(true, false),
        _ => says(&json!({"type": "based", "filename": "notes.md", "text": "# Notes\n"})),
    });
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("Take notes."));
    assert_eq!(answer.response.status, ResponseStatus::Completed);
    assert_eq!(files(&stage, &chat)[0].filename, "notes.md");
    stage
        .kafka
        .chat_files(&stage.operator)
        .create(chat.id, NewChatFile { filename: "x.md".into(), content: "x\n".into() })
        .unwrap();
}
