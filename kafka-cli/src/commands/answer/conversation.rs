//! One conversation: each question is stored and its answer shown as it comes.

use std::time::Duration;

use kafka_core::{
    Actor, Answer, AnswerRequest, ChatFile, ChatId, ComposeRequest, Error, ErrorKind, Event, EventKind,
    Kafka, MessageId, NewChat, NewMessage, Next, Result, Role, Turn, TurnEvent,
};

use super::Interrupts;
use crate::{context::Context, output::Output};

/// How soon Ctrl-C is noticed.
const TICK: Duration = Duration::from_millis(50);
/// Longest title made of a question, in characters.
const TITLE: usize = 60;

/// What came of a question.
pub(in crate::commands) struct Said {
    pub(in crate::commands) answer: Answer,
    /// The file that was composed, with the number of the version that it got.
    pub(in crate::commands) file: Option<ChatFile>,
}

pub(in crate::commands) struct Conversation<'a> {
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
    pub(in crate::commands) fn new(
        kafka: &'a Kafka,
        context: &'a Context,
        interrupts: &'a Interrupts,
        chat: Option<ChatId>,
        model: Option<String>,
        system: Option<String>,
    ) -> Conversation<'a> {
        Conversation { kafka, actor: kafka.operator(), context, interrupts, chat, model, system }
    }

    pub(in crate::commands) fn chat(&self) -> Option<ChatId> {
        self.chat
    }

    /// The model that was named, if one was.
    pub(in crate::commands) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Has this model answer from now on.
    pub(in crate::commands) fn set_model(&mut self, name: &str) {
        self.model = Some(name.to_owned());
    }

    /// Whether an answer comes from the built-in model because there is no other.
    pub(in crate::commands) fn is_alone_with_echo(&self) -> Result<bool> {
        let models = self.kafka.models(&self.actor).list(&kafka_core::PageRequest::first(1))?;
        Ok(self.model.is_none() && models.items.is_empty())
    }

    /// Stores the question, shows the answer while it comes, and returns both when it has ended.
    pub(in crate::commands) fn ask(&mut self, question: &str) -> Result<Answer> {
        let request = self.request(question);
        let start = |this: &Self, chat| this.kafka.completions(&this.actor).start(chat, request);
        self.say(question, start).map(|said| said.answer)
    }

    /// Has a stored question of the chat answered, for the first time or once more.
    pub(in crate::commands) fn answer(&mut self, question: MessageId) -> Result<Answer> {
        let request = AnswerRequest {
            model: self.model.clone(),
            parent_id: Some(Some(question)),
            ..AnswerRequest::default()
        };
        let start = |this: &Self, chat| this.kafka.completions(&this.actor).start(chat, request);
        self.say("", start).map(|said| said.answer)
    }

    /// Has a file made of the question, or changed: this one, or the one that was changed last.
    pub(in crate::commands) fn compose(&mut self, question: &str, file: Option<String>) -> Result<Said> {
        let answer = self.request(question);
        let request = ComposeRequest { answer, selected_file: file, ..ComposeRequest::default() };
        self.say(question, |this, chat| this.kafka.composer(&this.actor).start(chat, request))
    }

    fn request(&self, question: &str) -> AnswerRequest {
        AnswerRequest { model: self.model.clone(), ..AnswerRequest::text(question) }
    }

    fn say(&mut self, question: &str, start: impl FnOnce(&Self, ChatId) -> Result<Turn>) -> Result<Said> {
        // One that came while nothing ran stops nothing.
        self.interrupts.take();
        let turn = match self.chat {
            Some(chat) => start(self, chat)?,
            None => {
                let chat = self.new_chat(question)?;
                match start(self, chat) {
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

    fn follow(&self, turn: Turn) -> Result<Said> {
        let (response, question, answer) = (turn.id(), turn.user_message_id(), turn.message_id());
        let mut events = turn.into_events();
        let mut showing = Showing { output: &self.context.output, begun: None, ends_open: false, file: None };
        loop {
            if self.interrupts.take() {
                self.kafka.responses(&self.actor).cancel(response)?;
            }
            match events.next_within(TICK)? {
                Next::Event(event) => showing.show(&event)?,
                Next::Nothing => {}
                Next::Over => break,
            }
        }
        let file = showing.end()?;
        let messages = self.kafka.messages(&self.actor);
        let answer = Answer {
            user_message: messages.get(question)?,
            message: messages.get(answer)?,
            response: self.kafka.responses(&self.actor).get(response)?,
            sources: messages.sources(answer)?,
        };
        Ok(Said { answer, file })
    }
}

/// An answer while it comes.
struct Showing<'a> {
    output: &'a Output,
    /// What the model was last said to be busy with, and how often in a row.
    begun: Option<(String, u32)>,
    ends_open: bool,
    file: Option<ChatFile>,
}

impl Showing<'_> {
    fn show(&mut self, event: &Event) -> Result<()> {
        match event.kind {
            // Decoded by nobody in vain: what comes may be long.
            EventKind::Delta if !self.output.is_for_people() => return Ok(()),
            EventKind::Reasoning if self.begun.is_some() => return Ok(()),
            _ => {}
        }
        match event.decode().map_err(damaged)? {
            TurnEvent::Delta(text) => {
                self.output.foreign(&text)?;
                self.ends_open = !text.ends_with('\n');
            }
            TurnEvent::Reasoning(_) => self.begin("thinking"),
            TurnEvent::Stage(name) => self.begin(&name),
            TurnEvent::FileCreated(file) | TurnEvent::FileVersion(file) => self.file = Some(*file),
            TurnEvent::Started(_) | TurnEvent::Usage { .. } | TurnEvent::Finished(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        let attempt = match &self.begun {
            Some((before, attempt)) if before == name => attempt + 1,
            _ => 1,
        };
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        self.output.note(&format!("({name}{again} …)"));
        self.begun = Some((name.to_owned(), attempt));
    }

    fn end(self) -> Result<Option<ChatFile>> {
        if self.ends_open {
            self.output.text("\n")?;
        }
        Ok(self.file)
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
