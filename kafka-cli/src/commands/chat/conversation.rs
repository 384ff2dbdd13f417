//! One conversation: each question is stored and its answer shown as it comes.

use std::time::Duration;

use kafka_core::{
    Actor, Answer, AnswerRequest, ChatId, Error, ErrorKind, EventKind, Kafka, NewChat, NewMessage, Next,
    Response, ResponseId, Result, Role, Turn, TurnEvent,
};

use super::Interrupts;
use crate::context::Context;

/// How soon Ctrl-C is noticed.
const TICK: Duration = Duration::from_millis(50);
/// Longest title made of a question, in characters.
const TITLE: usize = 60;

pub(super) struct Conversation<'a> {
    kafka: &'a Kafka,
    actor: Actor,
    context: &'a Context,
    interrupts: &'a Interrupts,
    /// None until the first question is stored.
    chat: Option<ChatId>,
    model: Option<String>,
    system: Option<String>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        kafka: &'a Kafka,
        context: &'a Context,
        interrupts: &'a Interrupts,
        chat: Option<ChatId>,
        model: Option<String>,
        system: Option<String>,
    ) -> Conversation<'a> {
        Conversation { kafka, actor: kafka.operator(), context, interrupts, chat, model, system }
    }

    pub(super) fn chat(&self) -> Option<ChatId> {
        self.chat
    }

    /// The model that was named, if one was.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Has this model answer from now on.
    pub(super) fn set_model(&mut self, name: &str) {
        self.model = Some(name.to_owned());
    }

    /// Whether an answer comes from the built-in model because there is no other.
    pub(super) fn is_alone_with_echo(&self) -> Result<bool> {
        let models = self.kafka.models(&self.actor).list(&kafka_core::PageRequest::first(1))?;
        Ok(self.model.is_none() && models.items.is_empty())
    }

    /// Stores the question, shows the answer while it comes, and returns both when it has ended.
    pub(super) fn ask(&mut self, question: String) -> Result<Answer> {
        // One that came while nothing ran stops nothing.
        self.interrupts.take();
        let turn = match self.chat {
            Some(chat) => self.start(chat, question)?,
            None => {
                let chat = self.new_chat(&question)?;
                match self.start(chat, question) {
                    Ok(turn) => {
                        self.chat = Some(chat);
                        turn
                    }
                    Err(error) => {
                        // Nothing was said in it.
                        self.kafka.chats(&self.actor).delete(chat)?;
                        return Err(error);
                    }
                }
            }
        };
        self.follow(turn)
    }

    fn new_chat(&self, question: &str) -> Result<ChatId> {
        let new = NewChat { default_model: self.model.clone(), ..NewChat::titled(title(question)) };
        let chat = self.kafka.chats(&self.actor).create(new)?.id;
        if let Some(system) = &self.system {
            self.kafka.messages(&self.actor).create(chat, NewMessage::text(Role::System, system))?;
        }
        Ok(chat)
    }

    fn start(&self, chat: ChatId, question: String) -> Result<Turn> {
        let request = AnswerRequest { model: self.model.clone(), ..AnswerRequest::text(question) };
        self.kafka.completions(&self.actor).start(chat, request)
    }

    fn follow(&self, turn: Turn) -> Result<Answer> {
        let (response, question, answer) = (turn.id(), turn.user_message_id(), turn.message_id());
        self.show(response, turn)?;
        let messages = self.kafka.messages(&self.actor);
        Ok(Answer {
            user_message: messages.get(question)?,
            message: messages.get(answer)?,
            response: self.kafka.responses(&self.actor).get(response)?,
        })
    }

    fn show(&self, response: ResponseId, turn: Turn) -> Result<()> {
        let output = &self.context.output;
        let mut events = turn.into_events();
        let (mut thinks, mut ends_open) = (false, false);
        loop {
            if self.interrupts.take() {
                self.kafka.responses(&self.actor).cancel(response)?;
            }
            let event = match events.next_within(TICK)? {
                Next::Event(event) => event,
                Next::Nothing => continue,
                Next::Over => break,
            };
            match event.kind {
                EventKind::Delta if output.is_for_people() => {
                    if let TurnEvent::Delta(text) = event.decode().map_err(damaged)? {
                        output.foreign(&text)?;
                        ends_open = !text.ends_with('\n');
                    }
                }
                EventKind::Reasoning if !thinks => {
                    thinks = true;
                    output.note("(thinking …)");
                }
                _ => {}
            }
        }
        if ends_open { output.text("\n") } else { Ok(()) }
    }
}

fn damaged(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "event_unreadable", "A stored event is damaged; run `kafka doctor`.")
        .with_source(error)
}

/// The first words of a question.
fn title(question: &str) -> String {
    let words: Vec<&str> = question.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= TITLE {
        return text;
    }
    let cut: String = text.chars().take(TITLE - 1).collect();
    // Between words, unless the first one alone is too long.
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(before, _)| before);
    format!("{cut}…")
}

/// Who answered, for how much and how long, on one line.
pub(in crate::commands) fn summary(response: &Response) -> String {
    let mut parts = vec![response.model_used.clone()];
    if let Some(tokens) = response.tokens_total {
        let about = if response.usage_estimated { "about " } else { "" };
        parts.push(format!("{about}{tokens} tokens"));
    }
    if let Some(ms) = response.completion_time_ms {
        parts.push(format!("{}.{} s", ms / 1000, ms % 1000 / 100));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_words() {
        let long = "The quick brown fox jumps over the lazy dog and then runs away from it";
        let table = [
            ("Hello", "Hello"),
            ("  two\n lines\tand a tab ", "two lines and a tab"),
            (long, "The quick brown fox jumps over the lazy dog and then runs…"),
        ];
        for (question, expected) in table {
            assert_eq!(title(question), expected);
        }
        let word = "ß".repeat(100);
        assert_eq!(title(&word).chars().count(), TITLE);
        assert!(title(&word).ends_with("ß…"));
    }
}
