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
            // Words without any JSON are an answer in words.
            if said.unusable.is_none() && !said.text.contains('{') && !said.text.trim().is_empty() {
                return Ok(Ok(said.text));
            }
            Ok(json::object(&said, "text").and_then(|object| json::text(&object, "text").map(str::to_owned)))
        })?;
        self.answering.say(EventKind::Delta, text);
        Ok(())
    }
}
