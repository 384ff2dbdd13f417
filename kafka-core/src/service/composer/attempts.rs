//! Asking again, and what is remembered of that.

use super::Composing;
use crate::{
    base::error::{Error, ErrorKind, Result},
    entity::{
        attempt::{Attempt, Outcome, Step},
        event::EventKind,
    },
    provider::api::TokenUsage,
    service::completion::run::reason,
};

/// How often a step is tried.
pub(super) const MOST: u32 = 5;
/// Characters of a reason that are kept, and those that the model is told.
const KEPT_CHARS: usize = 500;
const TOLD_CHARS: usize = 2000;

impl Composing<'_> {
    /// Tries a step until it gives something usable. `once` is given why what was tried before could not be
    /// used, and fails only of what asking again cannot mend.
    pub(super) fn attempt<T>(
        &mut self,
        step: Step,
        mut once: impl FnMut(&mut Self, &[String]) -> Result<Result<T, String>>,
    ) -> Result<T> {
        let mut reasons: Vec<String> = Vec::new();
        for attempt in 1..=MOST {
            self.answering.say(EventKind::Stage, step.as_str().to_owned());
            let (began, before) = (self.answering.elapsed_ms(), self.spent());
            let outcome = once(self, &reasons);
            let (word, why) = match &outcome {
                Ok(Ok(_)) => (Outcome::Accepted, None),
                Ok(Err(why)) => (Outcome::Refused, Some(why.clone())),
                Err(error) => (Outcome::Failed, Some(reason(error).detail)),
            };
            let cut = |why: &String, most| why.chars().take(most).collect::<String>();
            let spent = self.spent();
            let entry = Attempt {
                step,
                attempt,
                outcome: word,
                reason: why.as_ref().map(|why| cut(why, KEPT_CHARS)),
                tokens_prompt: spent.prompt - before.prompt,
                tokens_completion: spent.completion - before.completion,
                ms: self.answering.elapsed_ms().saturating_sub(began),
            };
            self.answering.ending.attempts.get_or_insert_default().push(entry);
            match outcome? {
                Ok(found) => return Ok(found),
                Err(why) => reasons.push(cut(&why, TOLD_CHARS)),
            }
        }
        Err(given_up(step, reasons.last().map_or("", String::as_str)))
    }

    /// What all calls so far have cost.
    pub(super) fn spent(&self) -> TokenUsage {
        self.answering.ending.usage.unwrap_or_default()
    }
}

fn given_up(step: Step, why: &str) -> Error {
    let (code, what) = match step {
        Step::Triage => ("triage_failed", "to say what the prompt is about"),
        Step::Write => ("write_failed", "to write a file"),
        Step::Edit => ("edit_failed", "to change the file"),
        Step::Reply => ("reply_failed", "to answer"),
    };
    let why = why.trim_end_matches('.');
    let sentence = format!(
        "The model failed {MOST} times {what}, and nothing was changed; the last time because of its answer: \
         {why}. Ask again in other words, or choose another model."
    );
    Error::new(ErrorKind::Provider, code, sentence)
}
