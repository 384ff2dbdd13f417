//! What the steps make of a prompt, and what the model is told for them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kafka_core::{
    ChatFile, ComposeRequest, DocumentPlace, ErrorKind, EventKind, NewChatFile, NewFile, Outcome, Params,
    ResponseStatus, Role, Step, TurnEvent,
    testing::{ScriptedAnswer, ScriptedCall},
};
use serde_json::json;

use crate::stage::{In, Stage, sent};

use super::{FLOW, compose, content, files, kinds, obedient, says, step_of, triage, versions};

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

#[test]
fn a_name_without_an_extension_is_one_where_such_files_have_none() {
    let stage = Stage::scripted(|call| match step_of(call) {
        Step::Triage => triage(true, false),
        _ => says(&json!({"type": "based", "filename": "Makefile", "text": "all:\n\ttrue\n"})),
    });
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("Write a Makefile."));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    assert_eq!(files(&stage, &chat)[0].filename, "Makefile");
}

#[test]
fn the_first_word_is_the_models_and_no_stage() {
    let clock = kafka_core::testing::ManualClock::default();
    let hands = clock.clone();
    let script = move |call: &ScriptedCall| {
        hands.advance(Duration::from_millis(30));
        obedient(call)
    };
    let stage = Stage::with(In::Memory, script, |config| config.clock = Arc::new(clock));
    for prompt in ["please write", "please edit", "hello"] {
        let chat = stage.chat();
        let new = NewChatFile { filename: "flow.based".into(), content: format!("# {prompt}\n{FLOW}") };
        stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
        let response = compose(&stage, &chat, ComposeRequest::text(prompt)).response;
        assert_eq!(
            (response.first_token_ms, response.completion_time_ms),
            (Some(30), Some(60)),
            "{prompt}: {response:?}"
        );
    }
}

#[test]
fn words_may_have_braces_in_them() {
    for (said, status) in [
        ("Write `f\"{x}\"` instead.", ResponseStatus::Completed),
        ("Send {\"a\": 1} as the body.", ResponseStatus::Completed),
        ("{Maybe} so.", ResponseStatus::Failed),
        ("Here you are: {\"text\": \"Good ", ResponseStatus::Failed),
        ("```json\n{text: 'Good day.'}\n```", ResponseStatus::Failed),
    ] {
        let stage = Stage::scripted(move |call| match step_of(call) {
            Step::Triage => triage(false, true),
            _ => ScriptedAnswer::of(&[said]),
        });
        let answer = compose(&stage, &stage.chat(), ComposeRequest::text("How?"));
        let content = if status == ResponseStatus::Completed { said } else { "" };
        assert_eq!((answer.response.status, &*answer.message.content), (status, content));
    }
}

/// Documents of the chat are material for what is written and said, not for telling what is wanted.
#[test]
fn what_documents_say_is_shown_to_each_step_but_the_first_and_cited() {
    let stage = Stage::with(In::File, obedient, |_| {});
    let chat = stage.chat();
    let documents = stage.kafka.documents(&stage.operator);
    let text = "The castle is closed on Mondays, and genNewFile on Sundays.";
    let place = DocumentPlace::Chat(chat.id);
    let document = documents.upload(place, NewFile::named("castle.txt"), &mut text.as_bytes()).unwrap();
    documents.wait(document.id, Duration::from_secs(60), |_| ()).unwrap();
    let mut asked = 0;
    for (prompt, step) in [
        ("When is the castle closed?", Step::Reply),
        ("A file on the closed castle: write", Step::Write),
        ("The castle again: edit", Step::Edit),
    ] {
        let answer = compose(&stage, &chat, ComposeRequest::text(prompt));
        assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
        assert_eq!(answer.sources[0].text.as_deref(), Some(text));
        let calls = stage.provider.calls();
        let [first, second] = &calls[asked..] else { panic!("{} calls", calls.len()) };
        assert_eq!((step_of(first), step_of(second)), (Step::Triage, step));
        let told = |call: &ScriptedCall| call.prompt.messages[0].content.clone();
        assert!(!told(first).contains("closed on Mondays") && told(second).contains("[1] castle.txt:"));
        assert_eq!(told(second).contains("do not belong into a file"), step != Step::Reply);
        assert!(!told(second).contains("[1] user"), "passages alone are numbered");
        asked = calls.len();
    }
}
