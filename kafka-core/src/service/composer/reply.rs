//! Answering in words.

use super::{Composing, Triage, json, prompt::Task};
use crate::{
    base::error::Result,
    entity::{attempt::Step, event::EventKind},
};

impl Composing<'_> {
    pub(super) fn reply(&mut self, triage: &Triage) -> Result<()> {
        let text = self.attempt(Step::Reply, |composing, reasons| {
            let said = composing.ask(&Task { step: Step::Reply, current: None, triage, reasons })?;
            if said.unusable.is_none() && is_in_words(&said.text) {
                return Ok(Ok(said.text));
            }
            Ok(json::object(&said, "text").and_then(|object| json::text(&object, "text").map(str::to_owned)))
        })?;
        self.answering.tell(EventKind::Delta, text);
        Ok(())
    }
}

/// Whether it is an answer in words, which may have braces in them, and not JSON that went wrong.
fn is_in_words(text: &str) -> bool {
    let text = text.trim_start();
    let begins_as_json = text.starts_with(['{', '[']) || text.starts_with("```");
    let is_json = text.contains('{') && (begins_as_json || text.contains("\"text\""));
    !text.is_empty() && !is_json
}
