//! A model that composes: it is told in the prompt what to answer, as the one was that the recordings were made
//! with. A directive is `mock:NAME`, `mock:NAME=WORD` or `mock:NAME="some words"`:
//!
//! `based=NAME` writes a whole file; `diff` inserts a line above the first, `diff=replace` replaces the second line
//! (of `file=NAME`, else of the file that is shown), `diff=append` adds one behind the fourth, `diff=garbage` is none;
//! `reply=TEXT` answers in words, `brace` in words that look like JSON. `badjson=N`, `invalid=N` and `notext=N`
//! spoil the first N answers of a step behind the triage; `http=STATUS` refuses every call.

use std::{collections::HashMap, sync::Mutex};

use kafka_core::testing::{Script, ScriptedEndpoint, ScriptedRequest};
use serde_json::{Value, json};

/// An endpoint with this model.
pub(crate) fn start() -> ScriptedEndpoint {
    start_with(|answer| answer)
}

/// One whose answers are sent as `send` makes them.
pub(crate) fn start_with(send: impl Fn(Script) -> Script + Send + Sync + 'static) -> ScriptedEndpoint {
    let tries: Mutex<HashMap<(&'static str, String), usize>> = Mutex::default();
    ScriptedEndpoint::start(move |request| {
        let body = request.json();
        let prompt = body["messages"][1]["content"].as_str().unwrap_or_default().to_owned();
        let step = step_of(request);
        let mut tries = tries.lock().unwrap();
        let attempt = tries.entry((step, prompt.clone())).or_default();
        *attempt += 1;
        let system = body["messages"][0]["content"].as_str().unwrap_or_default();
        send(answer(step, *attempt, &prompt, system))
    })
}

/// What a model says that answers every prompt in these words.
pub(crate) fn plain(text: &str) -> Script {
    let said = json!({"genNewFile": false, "plain_response": true, "text": text});
    Script::stream(&[&said.to_string()])
}

/// What a call asks for, by the words that stand in its task only. The task stands first; files and what was
/// said follow it.
pub(crate) fn step_of(request: &ScriptedRequest) -> &'static str {
    let body = request.json();
    let task =
        body["messages"][0]["content"].as_str().unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let words = [("genNewFile", "triage"), ("\"type\": \"diff\"", "diff"), ("\"type\": \"based\"", "based")];
    words.iter().find(|(word, _)| task.contains(word)).map_or("reply", |(_, step)| step)
}

/// A valid text for a file of this name.
pub(crate) fn text_of(name: &str) -> String {
    let topic = name.trim_end_matches(".based").replace(['_', '-'], " ");
    format!(
        "loop:\n\tres = talk(\"You help the user with {topic}. Leave when the user names a city.\", True)\n\
         until \"the user names a city\":\n\tcity = res.ask(question=\"Return the city the user named.\", \
         example={{\"city\": \"Oslo\"}})\n"
    )
}

fn directive<'p>(prompt: &'p str, name: &str) -> Option<&'p str> {
    let rest = prompt.split("mock:").skip(1).find_map(|part| part.strip_prefix(name))?;
    let Some(value) = rest.strip_prefix('=') else {
        return (rest.is_empty() || rest.starts_with(' ')).then_some("");
    };
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(' ').next(),
    }
}

fn answer(step: &str, attempt: usize, prompt: &str, system: &str) -> Script {
    if let Some(status) = directive(prompt, "http") {
        let body = json!({"error": {"message": "scripted failure", "type": "invalid_request_error"}});
        return Script::json(status.parse().unwrap(), &body);
    }
    let is_spoilt = |name| directive(prompt, name).is_some_and(|count| attempt <= count.parse().unwrap());
    let said = match step {
        "triage" => triage(prompt),
        _ if is_spoilt("badjson") => return Script::stream(&["I would rather not ", "answer {in JSON}"]),
        _ if is_spoilt("notext") => json!({"type": step}),
        "based" if is_spoilt("invalid") => {
            json!({"type": "based", "filename": "bad.based", "text": "while True:\n\tprint(\"no\")\n"})
        }
        "diff" if is_spoilt("invalid") => json!({"type": "diff", "text": diff("garbage", "", system)}),
        "based" => {
            let name = directive(prompt, "based").or(directive(prompt, "file")).unwrap_or("agent.based");
            json!({"type": "based", "filename": name, "text": text_of(name)})
        }
        "diff" => {
            let name = directive(prompt, "file").unwrap_or("");
            json!({"type": "diff", "filename": name, "text": diff(directive(prompt, "diff").unwrap_or(""), name, system)})
        }
        _ if directive(prompt, "brace").is_some() => {
            json!({"text": "{\"note\": \"a reply that looks like JSON\"}"})
        }
        _ => {
            let asked = directive(prompt, "reply").map(str::to_owned);
            json!({"text": asked.unwrap_or_else(|| format!("Mock reply: {prompt}"))})
        }
    };
    let said = said.to_string();
    let (head, tail) = said.split_at(said.floor_char_boundary(said.len() / 2));
    Script::stream(&[head, tail])
}

fn triage(prompt: &str) -> Value {
    let is_new = directive(prompt, "based").is_some();
    json!({
        "summary": "mock summary", "extraction_indices": [], "genNewFile": is_new, "files_list": [],
        "plain_response": !is_new && directive(prompt, "diff").is_none(),
    })
}

fn diff(kind: &str, name: &str, system: &str) -> String {
    let shown = || system.lines().rfind(|line| line.starts_with("\tres = talk(")).map(str::to_owned);
    let text = text_of(name);
    let lines: Vec<&str> = text.lines().collect();
    let head = format!("--- {name}\n+++ {name}\n");
    match kind {
        "garbage" => "this is not a diff at all".to_owned(),
        "replace" => {
            let old = if name.is_empty() { shown().unwrap_or_default() } else { lines[1].to_owned() };
            let new = "\tres = talk(\"You help politely. Leave when the user names a city.\", True)";
            format!("{head}@@ -1,4 +1,4 @@\n {}\n-{old}\n+{new}\n {}\n {}\n", lines[0], lines[2], lines[3])
        }
        "append" => format!("{head}@@ -4,0 +5,1 @@\n+\tsay(\"bye\", exact=True)\n"),
        _ => format!("{head}@@ -0,0 +1,1 @@\n+# edited by the mock model\n"),
    }
}
