//! What models do that nothing can be made of, at each step of composing, by way of a real endpoint: each ends
//! with its code, and the conversation and all files stay as they were.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use kafka_core::{
    Answer, Chat, ComposeRequest, MessageStatus, NewChatFile, NewFile, NewModel, Params, ResponseStatus,
    Role, Step, TimeoutSeconds,
    testing::{Script, ScriptedAnswer, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::{Value, json};

use crate::{
    composer::{FLOW, files, task_of, versions},
    stage::{In, Stage},
};

/// A model that spoils one step, and what comes of it.
struct Row {
    what: &'static str,
    step: Step,
    said: Script,
    code: &'static str,
    /// How often the step is tried.
    attempts: usize,
}

fn row(what: &'static str, step: Step, said: Script, code: &'static str, attempts: usize) -> Row {
    Row { what, step, said, code, attempts }
}

/// The code with which a step ends that was tried often enough.
fn given_up(step: Step) -> &'static str {
    match step {
        Step::Triage => "triage_failed",
        Step::Write => "write_failed",
        Step::Edit => "edit_failed",
        Step::Reply => "reply_failed",
    }
}

/// Five answers of these words.
fn words(what: &'static str, step: Step, text: &str) -> Row {
    row(what, step, Script::stream(&[text]), given_up(step), 5)
}

fn object(what: &'static str, step: Step, value: &Value) -> Row {
    words(what, step, &value.to_string())
}

fn rows() -> Vec<Row> {
    use Step::{Edit, Reply, Triage, Write};
    let deep = format!("{{\"text\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let enormous = format!("{{\"filename\": \"big.md\", \"text\": \"{}", "x".repeat(200_000));
    let nul = json!({"filename": "n.md", "text": "a\u{0}b"});
    let file = |name: &str, text: &str| json!({"type": "based", "filename": name, "text": text});
    let diff = |text: &str| json!({"type": "diff", "filename": "flow.based", "text": text});
    let mut rows = vec![
        words("prose for a decision", Triage, "You probably want a new file."),
        words("broken JSON for a decision", Triage, "{\"genNewFile\": true, plain_response: false}"),
        object("other keys", Triage, &json!({"decision": "new"})),
        object("other types", Triage, &json!({"genNewFile": "maybe", "plain_response": []})),
        words("nothing for a decision", Triage, ""),
        words("a list", Triage, "[true, false]"),
        words("blanks for a decision", Triage, " \n\n\t"),
        words("prose for a file", Write, "Here is what I would write, if I could."),
        words("a file without JSON", Write, "```python\nprint('x')\n```"),
        words("a JSON object that does not end", Write, "{\"filename\": \"a.md\", \"text\": \"abc"),
        words("deep JSON", Write, &deep),
        object("no text", Write, &json!({"type": "based", "filename": "a.md"})),
        object("a text that is none", Write, &json!({"filename": "a.md", "text": ["a"]})),
        object("an empty text", Write, &file("a.md", " \n")),
        object("U+0000", Write, &nul),
        object("no name", Write, &json!({"text": "a"})),
        object("a name that is none", Write, &json!({"filename": 7, "text": "a"})),
        object("a path", Write, &file("../../etc/passwd.md", "a")),
        object("a name with a control character", Write, &file("a\u{1b}[2J.md", "a")),
        object("a name without its kind", Write, &file("flow", FLOW)),
        object("the name of an upload", Write, &file("photo.md", "a")),
        object("a name of 300 bytes", Write, &file(&format!("{}.md", "x".repeat(300)), "a")),
        object("the file as it is", Write, &file("flow.based", FLOW)),
        object("a text beyond what a version may have", Write, &file("a.md", &"x".repeat(5000))),
        object("no Based, five times", Write, &file("bad.based", "while True:\n\tprint(1)\n")),
        words("an answer beyond what any may have", Write, &enormous),
        words("prose for a change", Edit, "Change the third line."),
        object("a diff that is none", Edit, &diff("this is not a diff at all")),
        object("a diff that does not fit", Edit, &diff("@@ -1,2 +1,2 @@\n-nothing like it\n+x\n here\n")),
        object(
            "a diff of two files",
            Edit,
            &diff("--- a\n+++ a\n@@ -1 +1 @@\n-loop:\n+x\n--- b\n+++ b\n@@ -1 +1 @@\n-y\n+z\n"),
        ),
        object("a diff that changes nothing", Edit, &diff("@@ -1 +1 @@\n loop:\n")),
        object("an empty diff", Edit, &diff("")),
        object("a diff after which it is no Based", Edit, &diff("@@ -1 +1 @@\n-loop:\n+while True:\n")),
        object("a diff that is none but a list", Edit, &json!({"text": [1]})),
        object("a diff that puts in U+0000", Edit, &diff("@@ -1 +1,2 @@\n loop:\n+\u{0}\n")),
        object("an answer without its text", Reply, &json!({"type": "reply"})),
        words("nothing for an answer", Reply, ""),
        words("a broken answer", Reply, "{\"text\": \"Good "),
        row(
            "an end at the greatest length",
            Write,
            Script::events().token("{\"text\": \"abc").finish("length").done(),
            "write_failed",
            5,
        ),
    ];
    let quick = [("retry-after-ms", "1")];
    for step in [Triage, Write, Edit, Reply] {
        rows.extend([
            row("HTTP 400", step, Script::reply(400, &[], "no"), "provider_refused", 1),
            row("HTTP 401", step, Script::reply(401, &[], "no"), "provider_key_refused", 1),
            row("HTTP 429", step, Script::reply(429, &quick, "no"), "provider_rate_limited", 1),
            row("HTTP 500", step, Script::reply(500, &quick, "no"), "provider_failed", 1),
            row("silence", step, Script::events().until_hung_up(), "provider_timeout", 1),
            row(
                "silence in the middle",
                step,
                Script::events().token("{").until_hung_up(),
                "provider_timeout",
                1,
            ),
            row("a stream that is cut", step, Script::events().token("{\"text\""), given_up(step), 5),
            row(
                "something else than an answer",
                step,
                Script::reply(200, &[], "<html>"),
                "provider_bad_answer",
                1,
            ),
        ]);
    }
    rows
}

/// The good answers of the other steps.
fn good(step: Step, prompt: &str) -> Script {
    let said = match step {
        Step::Triage => json!({
            "genNewFile": prompt == "write", "plain_response": prompt == "reply", "summary": "", "files_list": [],
            "extraction_indices": [],
        }),
        Step::Write => json!({"filename": "new.md", "text": "new\n"}),
        Step::Edit => json!({"text": "@@ -4 +4 @@\n-\tsay(\"Thanks.\")\n+\tsay(\"Thank you.\")\n"}),
        Step::Reply => json!({"text": "Good day."}),
    };
    Script::stream(&[&said.to_string()])
}

/// What there is of the chat: the conversation, and each file with all versions of it.
fn everything(stage: &Stage, chat: &Chat) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let texts = files(stage, chat).into_iter().map(|file| {
        let texts = match file.latest_version {
            Some(_) => versions(stage, &file).into_iter().map(|version| version.content).collect(),
            None => vec!["uploaded".to_owned()],
        };
        (file.filename, texts)
    });
    (stage.branch(chat), texts.collect())
}

struct Scene {
    stage: Stage,
    endpoint: ScriptedEndpoint,
    /// What the endpoint does for a step in place of something good.
    fault: Arc<Mutex<Option<(Step, Script)>>>,
}

impl Scene {
    fn set() -> Scene {
        let fault: Arc<Mutex<Option<(Step, Script)>>> = Arc::default();
        let spoilt = Arc::clone(&fault);
        let endpoint = ScriptedEndpoint::start(move |request: &ScriptedRequest| {
            let body = request.json();
            let [system, prompt] =
                [0, 1].map(|at| body["messages"][at]["content"].as_str().unwrap().to_owned());
            let step = task_of(&system);
            match &*spoilt.lock().unwrap() {
                Some((bad, script)) if *bad == step => script.clone(),
                _ => good(step, &prompt),
            }
        });
        let stage = Stage::with(
            In::Memory,
            |_| ScriptedAnswer::new(),
            |config| {
                config.limits.version_bytes = 4096;
                config.limits.answer_bytes = 100_000;
            },
        );
        let timeouts =
            TimeoutSeconds { first_token: Some(0.3), between_tokens: Some(0.3), ..TimeoutSeconds::default() };
        let params = Params { timeouts: Some(timeouts), ..Params::default() };
        stage.model(&stage.operator, NewModel { params, ..NewModel::new("bad", endpoint.base_url()) });
        Scene { stage, endpoint, fault }
    }

    /// A chat with three files, in which something was said.
    fn chat(&self) -> Chat {
        let stage = &self.stage;
        let chat = stage.chat();
        let door = stage.kafka.chat_files(&stage.operator);
        for (name, text) in [("notes.txt", "one\n"), ("flow.based", FLOW)] {
            stage.clock.advance(std::time::Duration::from_millis(5));
            door.create(chat.id, NewChatFile { filename: name.into(), content: text.into() }).unwrap();
        }
        door.upload(chat.id, NewFile::named("photo.md"), &mut &b"no text with versions"[..]).unwrap();
        stage.say(&chat, Role::User, "Earlier.");
        stage.say(&chat, Role::Assistant, "Yes.");
        chat
    }

    fn compose(&self, chat: &Chat, prompt: &str) -> Answer {
        let mut request = ComposeRequest::text(prompt);
        request.answer.model = Some("bad".to_owned());
        crate::composer::compose(&self.stage, chat, request)
    }
}

mod slow {
    use super::*;

    #[test]
    fn whatever_a_model_does_ends_with_a_code_and_changes_nothing() {
        let scene = Scene::set();
        let rows = rows();
        assert!(rows.len() >= 60, "{}", rows.len());
        for Row { what, step, said, code, attempts } in rows {
            let chat = scene.chat();
            let (said_before, files_before) = everything(&scene.stage, &chat);
            let calls_before = scene.endpoint.requests().len();
            *scene.fault.lock().unwrap() = Some((step, said));
            let prompt = if step == Step::Triage { "write" } else { step.as_str() };
            let Answer { message, response, .. } = scene.compose(&chat, prompt);
            let at = format!("{what}, {step}: {response:?}");

            let error = response.error.clone().unwrap_or_else(|| panic!("{at}"));
            assert_eq!((response.status, error.code.as_str()), (ResponseStatus::Failed, code), "{at}");
            assert!(error.detail.ends_with('.') && error.detail.len() > 30, "{at}");
            assert_eq!((message.status, message.content.as_str()), (MessageStatus::Failed, ""), "{at}");
            let (mut said_after, files_after) = everything(&scene.stage, &chat);
            assert_eq!(said_after.split_off(said_before.len()), [prompt, ""], "{at}");
            assert_eq!((said_after, files_after), (said_before, files_before), "{at}");

            let trail = response.attempts.clone().unwrap();
            let of_step = trail.iter().filter(|attempt| attempt.step == step).count();
            assert_eq!(of_step, attempts, "{at}");
            assert!(
                trail
                    .iter()
                    .all(|attempt| attempt.reason.as_ref().is_none_or(|why| why.chars().count() <= 500))
            );
            // What was asked and answered is counted, and nothing else.
            let sum = |tokens: fn(&kafka_core::Attempt) -> u64| trail.iter().map(tokens).sum::<u64>();
            let counted = (response.tokens_prompt.unwrap_or(0), response.tokens_completion.unwrap_or(0));
            assert_eq!(counted, (sum(|it| it.tokens_prompt), sum(|it| it.tokens_completion)), "{at}");
            let is_refusal = attempts == 1 && code != "provider_timeout";
            assert_eq!(counted.0 > 0, !is_refusal || step != Step::Triage, "{at}");
            let calls = scene.endpoint.requests().len() - calls_before;
            assert!(calls >= trail.len(), "{at}");

            // The next one finds everything in order.
            *scene.fault.lock().unwrap() = None;
            let next = scene.compose(&chat, "reply");
            assert_eq!(
                (next.response.status, &*next.message.content),
                (ResponseStatus::Completed, "Good day."),
                "{at}"
            );
        }
    }
}
