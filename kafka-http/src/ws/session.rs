//! One connection's part in its chat: what it asked for, and what it is told.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak},
    time::Duration,
};

use kafka_core::{
    Actor, AnswerRequest, Change, Changes, ChatId, ComposeRequest, Error, ErrorKind, Kafka, Message,
    MessageId, MessageStatus, NewMessage, ResponseId, Result, Role,
};
use tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Audiences, Courier,
    files::Refusal,
    frame::{self, Said},
    opening,
    outbox::Outbox,
};
use crate::{error::Problem, log::Logger};

/// How long what is stored may take until it is told.
const FEED_PATIENCE: Duration = Duration::from_secs(1);

/// Who talks, and where.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) kafka: Kafka,
    pub(super) actor: Actor,
    pub(super) courier: Courier,
    pub(super) audiences: Audiences,
    pub(super) log: Logger,
    pub(super) request_id: String,
    /// How much of the conversation the first frame tells, and frames that tell of an error, in bytes.
    pub(super) opening_bytes: usize,
    pub(super) error_bytes: usize,
}

/// An open connection to a chat. Its threads share it.
#[derive(Debug)]
pub(super) struct Session {
    speaker: Speaker,
    chat: ChatId,
    pub(super) outbox: Arc<Outbox>,
    inbox: Mutex<Inbox>,
    answers: Mutex<Answers>,
}

/// What others do, on its way to this connection.
#[derive(Debug)]
struct Inbox {
    changes: Changes,
    own: Own,
}

/// What a connection stored itself and therefore is not told, each with the answer that it belongs to, if there
/// is one. It is forgotten once that has ended: what becomes of it later is others' doing.
type Own = HashMap<MessageId, Option<ResponseId>>;

/// The answers that this connection watches.
#[derive(Debug, Default)]
struct Answers {
    watched: HashMap<ResponseId, Watch>,
    /// Frames that tell the end of followed answers; they wait until the deltas before it are told.
    ends: HashMap<ResponseId, String>,
    follows: bool,
    /// The server ends: the connection closes when nothing that it asked for runs any more.
    is_leaving: bool,
}

/// Why an answer is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// It was asked for here; `with_deltas`: not only its end is wanted.
    Asked { with_deltas: bool },
    /// Someone else asked for it.
    Followed,
}

impl Session {
    /// Joins a chat, and tells how it stands. None when there is no such chat.
    pub(super) fn join(speaker: Speaker, chat: ChatId, outbox: &Arc<Outbox>) -> Result<Arc<Session>> {
        let mut changes = speaker.kafka.events(&speaker.actor).subscribe(chat)?;
        let (opening, told) = opening::read(&speaker.kafka, &speaker.actor, chat, speaker.opening_bytes)?;
        outbox.text(opening);
        let mut between = Vec::new();
        while let Some(change) = changes.next_within(Duration::ZERO)? {
            between.push(change);
        }
        let inbox = Mutex::new(Inbox { changes, own: Own::new() });
        let answers = Mutex::default();
        let outbox = Arc::clone(outbox);
        let session = Arc::new(Session { speaker, chat, outbox, inbox, answers });
        // What was stored after the subscription and before the reading stands in the payload already.
        let is_news =
            |change: &Change| !matches!(change, Change::Message(message) if told.contains(&message.id));
        for change in between.into_iter().filter(is_news) {
            session.tell(&session.inbox().own, change);
        }
        let (courier, me) = (session.speaker.courier.clone(), Arc::downgrade(&session));
        session.inbox().changes.on_news(move || courier.call(Weak::clone(&me)));
        session.call_courier();
        Ok(session)
    }

    /// Does what a client says.
    pub(super) fn hear(self: &Arc<Session>, text: &str) {
        match frame::understand(text) {
            Said::Prompt(prompt) => self.ask(AnswerRequest::text(prompt), None, false),
            Said::NewMessage(new) => {
                let composes = new.composes();
                let wishes = ComposeRequest {
                    selected_file: new.selected_filename,
                    is_first_prompt: new.is_first_prompt == Some(true),
                    is_chat: new.is_chat_or_composer != Some(true),
                    ..ComposeRequest::default()
                };
                let request = AnswerRequest { model: new.model, ..AnswerRequest::text(new.prompt) };
                self.ask(request, composes.then_some(wishes), new.stream == Some(true));
            }
            Said::EditMessage(edit) => self.edit(edit),
            Said::Regenerate(regenerate) => self.regenerate(regenerate),
            Said::ActivateBranch(message) => self.activate_branch(message),
            Said::Cancel(Some(id)) => self.cancel(id),
            Said::Cancel(None) => self.asked().into_iter().for_each(|id| self.cancel(id)),
            Said::UploadFile(upload) => self.answer(self.upload_file(&upload)),
            Said::DeleteFile(delete) => self.answer(self.delete_file(&delete)),
            Said::UploadDocument(upload) => self.answer(self.upload_document(&upload)),
            Said::DeleteDocument(delete) => self.answer(self.delete_document(&delete)),
            Said::RevertVersion(revert) => self.answer(self.revert_version(&revert)),
            Said::Follow => self.follow(),
            Said::Refused(sentence) => self.refuse(&sentence),
        }
    }

    /// Says what came of an action, unless the change that it made says it.
    fn answer(&self, outcome: Result<impl Into<Option<String>>, Refusal>) {
        match outcome.map(Into::into) {
            Ok(frame) => {
                if let Some(frame) = frame {
                    self.outbox.text(frame);
                }
            }
            Err(Refusal::Sentence(sentence)) => self.refuse(&sentence),
            Err(Refusal::Core(error)) => self.explain(&error),
        }
    }

    /// Says that something was not done.
    pub(super) fn refuse(&self, sentence: &str) {
        let Speaker { kafka, actor, error_bytes, .. } = &self.speaker;
        // Without its conversation only when the chat is gone, or cannot be read.
        self.outbox.text(match opening::conversation(kafka, actor, self.chat, *error_bytes) {
            Ok(conversation) => frame::error_in(conversation, sentence),
            Err(_) => frame::error(sentence),
        });
    }

    /// Closes the connection as soon as nothing that it asked for runs any more.
    pub(super) fn leave(&self) {
        let mut answers = self.answers();
        answers.is_leaving = true;
        self.close_if_done(&answers);
    }

    /// Tells what others changed since it was last told. Runs on the courier's thread.
    pub(super) fn deliver(self: &Arc<Session>) {
        // Whoever is storing something here calls the courier again when it knows what is its own.
        let mut inbox = match self.inbox.try_lock() {
            Ok(inbox) => inbox,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // Of an answer whose end was told here before, everything is in the inbox already.
        let running: HashSet<ResponseId> = self.answers().watched.keys().copied().collect();
        loop {
            match inbox.changes.next_within(Duration::ZERO) {
                Ok(Some(change)) => self.tell(&inbox.own, change),
                Ok(None) => break,
                Err(error) if error.code() == "credential_revoked" => return self.explain(&error),
                // What stands behind it can be told all the same, and nobody would call again for it.
                Err(error) => self.explain(&error),
            }
        }
        inbox.own.retain(|_, answer| answer.is_some_and(|id| running.contains(&id)));
    }

    fn tell(self: &Arc<Session>, own: &Own, change: Change) {
        match change {
            Change::Message(message) if !own.contains_key(&message.id) => {
                let shown = frame::message(&message);
                let Some(response) = message.response else { return self.outbox.text(shown) };
                let mut answers = self.answers();
                if message.status == MessageStatus::Streaming {
                    let follows = answers.follows;
                    drop(answers);
                    self.outbox.text(shown);
                    if follows {
                        self.watch(response.id, Watch::Followed);
                    }
                } else if answers.watched.contains_key(&response.id) {
                    answers.ends.insert(response.id, shown);
                } else {
                    drop(answers);
                    self.outbox.text(shown);
                }
            }
            Change::Document(document) => self.outbox.text(frame::document("document_uploaded", &document)),
            Change::DocumentRead(document) => {
                self.outbox.text(frame::document("document_status", &document));
            }
            Change::DocumentDeleted { id, .. } => self.outbox.text(frame::document_deleted(id)),
            Change::Branch { active_leaf_id, .. } => self.show_branch(active_leaf_id),
            Change::MessageDeleted { .. } => self.show_what_is_left(),
            Change::ChatDeleted(_) => {
                self.refuse(NO_CHAT);
                self.outbox.close(CloseCode::Normal, "");
            }
            // It has missed what it should have been told; the next opening tells everything.
            Change::Lost(_) => {
                self.outbox.close(CloseCode::Again, "Too much has changed at once; connect again.")
            }
            _ => {}
        }
    }

    /// Asks the chat's model, or the composer.
    fn ask(self: &Arc<Session>, request: AnswerRequest, compose: Option<ComposeRequest>, with_deltas: bool) {
        let Speaker { kafka, actor, .. } = &self.speaker;
        let prompt = request.content.clone().unwrap_or_default();
        let mut inbox = self.inbox();
        let asked = match compose {
            Some(wishes) => {
                let request = ComposeRequest { answer: request, ..wishes };
                kafka.composer(actor).start(self.chat, request)
            }
            None => kafka.completions(actor).start(self.chat, request),
        };
        match &asked {
            Ok(turn) => {
                // Before the inbox can be emptied, which forgets what belongs to no answer that is watched.
                self.answers().watched.insert(turn.id(), Watch::Asked { with_deltas });
                inbox.own.extend([turn.user_message_id(), turn.message_id()].map(|id| (id, Some(turn.id()))));
            }
            Err(error) if keeps_prompt(error) => {
                let new = NewMessage::text(Role::User, prompt);
                let kept = kafka.messages(actor).create(self.chat, new);
                inbox.own.extend(kept.map(|message: Message| (message.id, None)));
            }
            Err(_) => {}
        }
        drop(inbox);
        self.call_courier();
        match asked {
            Ok(turn) => self.attend(turn.id(), Watch::Asked { with_deltas }),
            Err(error) => self.explain(&error),
        }
    }

    /// Has something answered that is told here as it is told to others, before the answer is.
    pub(super) fn ask_aside(self: &Arc<Session>, request: AnswerRequest, with_deltas: bool) {
        let Speaker { kafka, actor, .. } = &self.speaker;
        let (prompt, parent_id) = (request.content.clone(), request.parent_id);
        let watch = Watch::Asked { with_deltas };
        let mut inbox = self.inbox();
        let asked = kafka.completions(actor).start(self.chat, request);
        match &asked {
            Ok(turn) => {
                self.answers().watched.insert(turn.id(), watch);
                inbox.own.insert(turn.message_id(), Some(turn.id()));
                self.tell_up_to(&mut inbox, turn.message_id());
            }
            Err(error) => {
                if let Some(prompt) = prompt.filter(|_| keeps_prompt(error)) {
                    let new = NewMessage { parent_id, ..NewMessage::text(Role::User, prompt) };
                    // Why it is not answered is told in any case.
                    drop(kafka.messages(actor).create(self.chat, new));
                }
            }
        }
        drop(inbox);
        self.call_courier();
        match asked {
            Ok(turn) => self.attend(turn.id(), watch),
            Err(error) => self.explain(&error),
        }
    }

    /// Tells what has changed until a message was stored that is stored already.
    fn tell_up_to(self: &Arc<Session>, inbox: &mut Inbox, last: MessageId) {
        loop {
            match inbox.changes.next_within(FEED_PATIENCE) {
                Ok(Some(change)) => {
                    let is_last = matches!(&change, Change::Message(message) if message.id == last);
                    self.tell(&inbox.own, change);
                    if is_last {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return self.explain(&error),
            }
        }
    }

    /// Stores a message that this connection is not told of as others' doing.
    pub(super) fn store_own(self: &Arc<Session>, new: NewMessage) -> Result<Message> {
        let mut inbox = self.inbox();
        let stored = self.speaker.kafka.messages(&self.speaker.actor).create(self.chat, new);
        if let Ok(message) = &stored {
            inbox.own.insert(message.id, None);
            // What belongs to no answer is forgotten with the next look into the inbox.
            self.tell_up_to(&mut inbox, message.id);
        }
        drop(inbox);
        self.call_courier();
        stored
    }

    /// How much of the conversation a frame may tell, in bytes.
    pub(super) fn opening_bytes(&self) -> usize {
        self.speaker.opening_bytes
    }

    pub(super) fn kafka(&self) -> &Kafka {
        &self.speaker.kafka
    }

    pub(super) fn actor(&self) -> &Actor {
        &self.speaker.actor
    }

    pub(super) fn chat(&self) -> ChatId {
        self.chat
    }

    fn cancel(&self, id: ResponseId) {
        let responses = self.speaker.kafka.responses(&self.speaker.actor);
        let found = responses.get(id).and_then(|response| match response.chat_id == self.chat {
            true => responses.cancel(id),
            false => Err(Error::not_found("response_not_found", "response", id)),
        });
        if let Err(error) = found {
            self.explain(&error);
        }
    }

    fn follow(self: &Arc<Session>) {
        self.answers().follows = true;
        let responses = self.speaker.kafka.responses(&self.speaker.actor);
        match responses.running(self.chat) {
            Ok(running) => running.into_iter().for_each(|id| self.watch(id, Watch::Followed)),
            Err(error) => self.explain(&error),
        }
    }

    /// Watches an answer, unless it is watched already.
    fn watch(self: &Arc<Session>, id: ResponseId, watch: Watch) {
        let mut answers = self.answers();
        if answers.watched.contains_key(&id) {
            return;
        }
        answers.watched.insert(id, watch);
        drop(answers);
        self.attend(id, watch);
    }

    /// Is told what an answer says that is noted as watched.
    fn attend(self: &Arc<Session>, id: ResponseId, watch: Watch) {
        let events = self.speaker.kafka.responses(&self.speaker.actor).events(id, 0);
        match events.and_then(|events| self.speaker.audiences.admit(self, id, watch, events)) {
            Ok(()) => {}
            Err(error) => {
                self.explain(&error);
                self.forget(id);
            }
        }
    }

    /// An answer is watched no more.
    pub(super) fn forget(&self, id: ResponseId) {
        let mut answers = self.answers();
        answers.watched.remove(&id);
        if let Some(end) = answers.ends.remove(&id) {
            self.outbox.text(end);
        }
        self.close_if_done(&answers);
    }

    fn close_if_done(&self, answers: &Answers) {
        if answers.is_leaving && asked_of(answers).next().is_none() {
            self.outbox.close(CloseCode::Away, "The server ends.");
        }
    }

    /// What was asked for here and still runs, the latest first: who stops them all in this order lets
    /// none that waits begin.
    fn asked(&self) -> Vec<ResponseId> {
        let mut asked: Vec<_> = asked_of(&self.answers()).collect();
        asked.sort_unstable_by(|a, b| b.cmp(a));
        asked
    }

    /// Says why something failed.
    pub(super) fn explain(&self, error: &Error) {
        let problem = Problem::from(error);
        if problem.status == 500 {
            self.speaker.log.failure(&self.speaker.request_id, error);
        }
        match error.code() {
            "model_not_found" => self.refuse("Model not found."),
            "chat_not_found" => self.refuse(NO_CHAT),
            // Whoever asked is not who it was any more.
            "credential_revoked" => self.outbox.close(CloseCode::Policy, REVOKED),
            _ => self.refuse(&problem.detail),
        }
    }

    fn call_courier(self: &Arc<Session>) {
        self.speaker.courier.call(Arc::downgrade(self));
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection ends whose credential is not in force any more.
const REVOKED: &str = "The credential is no longer in force; log in and connect again.";
/// What is said when there is no such chat.
pub(super) const NO_CHAT: &str = "Chat not found.";

/// What was said is kept although nobody can answer it now, unless it cannot be stored at all.
fn keeps_prompt(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge) && error.code() != "chat_not_found"
}

fn asked_of(answers: &Answers) -> impl Iterator<Item = ResponseId> {
    let asked = answers.watched.iter().filter(|(_, watch)| matches!(watch, Watch::Asked { .. }));
    asked.map(|(id, _)| *id)
}
