//! What the chunks of an answer say, whatever dialect of the protocol they are written in. Pure.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::{
    complaint::Complaint,
    opaque,
    think::{self, Piece, ThinkSplitter},
    tool_calls::ToolCalls,
};
use crate::provider::api::{Delta, TokenUsage};

/// Fields of a message that mean something to the endpoint only, which wants them back.
const OPAQUE: [&str; 3] = ["reasoning_details", "extra_content", "thinking_blocks"];

/// Turns the chunks of one answer into deltas.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// What the ids of calls that have none are made from.
    seed: u64,
    /// Whether the answer goes on from the result of a tool.
    follows_tool: bool,
    model: String,
    splitter: ThinkSplitter,
    has_content: bool,
    finish: Option<String>,
    usage: Option<TokenUsage>,
    opaque: Map<String, Value>,
    reasoning: Option<String>,
    calls: ToolCalls,
}

impl Transcript {
    pub(crate) fn new(seed: u64, follows_tool: bool) -> Transcript {
        Transcript {
            seed,
            follows_tool,
            model: String::new(),
            splitter: ThinkSplitter::default(),
            has_content: false,
            finish: None,
            usage: None,
            opaque: Map::new(),
            reasoning: None,
            calls: ToolCalls::default(),
        }
    }

    /// Takes one chunk of a stream, or a whole completion. What it says comes out even if it also
    /// carries an error.
    pub(crate) fn chunk(&mut self, chunk: &Value, out: &mut VecDeque<Delta>) -> Result<(), Complaint> {
        if let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty() && *model != self.model)
        {
            self.model = model.to_owned();
            out.push_back(Delta::Model(self.model.clone()));
        }
        let choice =
            chunk["choices"].as_array().and_then(|choices| choices.iter().find(|choice| is_first(choice)));
        let choice = choice.unwrap_or(&Value::Null);
        for usage in [&choice["usage"], &chunk["x_groq"]["usage"], &chunk["usage"]] {
            self.usage = read_usage(usage).or(self.usage);
        }
        if choice["delta"].is_object() {
            self.message(&choice["delta"], out);
        } else if !self.has_content {
            self.message(&choice["message"], out);
        }
        // A whole message at the end of a stream only repeats what was said, except for calls, which some
        // endpoints say there only.
        let calls = [&choice["delta"]["tool_calls"], &choice["message"]["tool_calls"]];
        let taken = calls.into_iter().try_for_each(|calls| self.calls.take(calls));
        let reason = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty());
        if let Some(reason) = reason {
            self.finish = Some(reason.to_owned());
        }
        if taken.is_err() {
            return Err(Complaint::text("the answer calls more tools than can be told apart"));
        }
        match Complaint::of(chunk).or_else(|| Complaint::of(choice)) {
            Some(complaint) => Err(complaint),
            None if reason == Some("error") => Err(Complaint::text("the answer ended with an error")),
            None => Ok(()),
        }
    }

    /// Whether the endpoint stated a regular end; only usage may still come.
    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether a call of a tool has begun, which is told at the end.
    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The answer is over, regularly if `done` or if the endpoint gave a reason before.
    pub(crate) fn end(&mut self, done: bool, out: &mut VecDeque<Delta>) {
        self.splitter.end(&mut |piece| out.push_back(delta(piece)));
        let is_whole = match self.finish.as_deref() {
            Some(reason) => !matches!(reason, "length" | "error"),
            None => done,
        };
        let (calls, opaque_of_calls) = self.calls.end(self.seed, is_whole);
        // Endpoints that give their reasoning under this name refuse a turn with tools that comes back
        // without it, even if it is empty; elsewhere it would be a waste.
        if let Some(reasoning) = self.reasoning.take().filter(|_| self.follows_tool || !calls.is_empty()) {
            self.opaque.insert("reasoning_content".to_owned(), reasoning.into());
        }
        if !opaque_of_calls.is_empty() {
            self.opaque.insert("tool_calls".to_owned(), opaque_of_calls.into());
        }
        out.extend(calls.into_iter().map(Delta::ToolCall));
        if !self.opaque.is_empty() {
            out.push_back(Delta::ProviderData(Value::Object(std::mem::take(&mut self.opaque))));
        }
        out.extend(self.usage.take().map(Delta::Usage));
        let finish = self.finish.take().or_else(|| done.then(|| "stop".to_owned()));
        out.extend(finish.map(Delta::Finish));
    }

    fn message(&mut self, message: &Value, out: &mut VecDeque<Delta>) {
        // Several names of one thing: an endpoint that sends two of them says it twice.
        let named = ["reasoning_content", "reasoning"].iter().find_map(|name| non_empty(&message[*name]));
        let reasoning = named.map(str::to_owned).or_else(|| details_text(&message["reasoning_details"]));
        if let Some(reasoning) = reasoning {
            self.has_content = true;
            out.push_back(Delta::Reasoning(reasoning));
        }
        self.content(&message["content"], out);
        if let Some(refusal) = non_empty(&message["refusal"]) {
            self.text(refusal, out);
        }
        if let Some(reasoning) = message["reasoning_content"].as_str() {
            self.reasoning.get_or_insert_default().push_str(reasoning);
        }
        opaque::keep(&mut self.opaque, &OPAQUE, message);
    }

    /// A text, or an array of parts some of which are reasoning.
    fn content(&mut self, content: &Value, out: &mut VecDeque<Delta>) {
        match content {
            Value::String(text) if !text.is_empty() => self.text(text, out),
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("thinking" | "reasoning") => {
                            let reasoning = text_of(&part["thinking"]) + &text_of(&part["text"]);
                            if !reasoning.is_empty() {
                                self.has_content = true;
                                out.push_back(Delta::Reasoning(reasoning));
                            }
                        }
                        _ => self.text(&text_of(part), out),
                    }
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut VecDeque<Delta>) {
        self.has_content |= !text.is_empty();
        self.splitter.push(text, &mut |piece| out.push_back(delta(piece)));
    }
}

/// Adds what [`think::with_opening_tag`] finds missing to the text of a whole completion.
pub(crate) fn restore_opening_tag(completion: &mut Value) {
    if let Some(content) = completion.pointer_mut("/choices/0/message/content")
        && let Some(restored) = content.as_str().and_then(think::with_opening_tag)
    {
        *content = restored.into();
    }
}

fn delta(piece: Piece) -> Delta {
    match piece {
        Piece::Text(text) => Delta::Text(text),
        Piece::Reasoning(text) => Delta::Reasoning(text),
    }
}

/// Of several alternatives only the first is the answer.
fn is_first(choice: &Value) -> bool {
    choice["index"].as_u64().unwrap_or(0) == 0
}

fn non_empty(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The text of a part, of a list of parts, or of a plain string.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => part.get("text").map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

fn details_text(details: &Value) -> Option<String> {
    let texts = details.as_array()?.iter();
    let text: String =
        texts.filter_map(|detail| non_empty(&detail["text"]).or(non_empty(&detail["summary"]))).collect();
    (!text.is_empty()).then_some(text)
}

/// Counts in any of their spellings, or none when there is nothing like it.
fn read_usage(usage: &Value) -> Option<TokenUsage> {
    let count = |names: &[&str]| names.iter().find_map(|name| number(&usage[*name]));
    let prompt = count(&["prompt_tokens", "input_tokens"]);
    let completion = count(&["completion_tokens", "output_tokens"]);
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let (prompt, mut completion) = (prompt.unwrap_or(0), completion.unwrap_or(0));
    let reasoning = number(&usage["completion_tokens_details"]["reasoning_tokens"]).unwrap_or(0);
    if reasoning > completion {
        // A part cannot exceed the whole: this endpoint counts reasoning beside the answer.
        completion = completion.saturating_add(reasoning);
    }
    let total = number(&usage["total_tokens"]).unwrap_or_else(|| prompt.saturating_add(completion));
    Some(TokenUsage { prompt, completion, total })
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|number| number as u64)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
