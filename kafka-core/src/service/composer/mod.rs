//! Files that a model writes, or changes.
//!
//! A prompt is composed in two steps. [`triage`] asks the model what it is about, and [`decision`] makes of
//! that and of what the caller wishes whether a new file is written ([`write`](mod@write)), a file changed
//! ([`edit`]) or the prompt answered in words ([`reply`]). A step that gives nothing usable is [`attempts`]
//! again, at most five times, and the model is told why. What comes of it is one [`composition`], stored in
//! the transaction that ends the answer, so that no file is ever half done.
//!
//! It is an answer like any other: it is accepted, waits, is followed, cancelled and recovered by
//! [`completion`](super::completion).

mod ask;
mod attempts;
mod check;
pub(super) mod composition;
mod decision;
mod edit;
mod json;
pub(super) mod json_mode;
mod material;
mod names;
mod prompt;
mod reply;
mod target;
mod triage;
mod write;

use std::sync::Arc;

use self::{
    attempts::TRIAGE_FAILED, composition::Composition, decision::Decision, material::Material, triage::Triage,
};
use super::{
    completion::{
        Completions,
        run::{Answering, Work},
        turn::Turn,
    },
    installation::Installation,
    once::IdempotencyKey,
    retrieval::Prepared,
};
use crate::{
    base::{actor::Actor, error::Result, id::ChatId},
    entity::response::{ComposeRequest, ResponseStatus},
    storage::Conn,
};

/// Composing files, as one actor may ask for it. Made by [`Kafka::composer`](crate::Kafka::composer).
#[derive(Debug)]
pub struct Composer<'k>(Completions<'k>);

impl<'k> Composer<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Composer<'k> {
        Composer(Completions::new(installation, actor))
    }

    /// Makes [`start`](Composer::start) take effect once for this key, as
    /// [`Completions::idempotent`] does.
    #[must_use]
    pub fn idempotent(self, key: impl Into<Option<IdempotencyKey>>) -> Composer<'k> {
        Composer(self.0.idempotent(key))
    }

    /// Stores a prompt (or takes one that is stored), and has a model make a file of it, change one, or answer
    /// it in words, on a thread of its own. All that [`Completions::start`] says of answers holds here: the
    /// chat's answers run one after another, whatever they make.
    ///
    /// The model is asked at least twice, and at most ten times. The [`Turn`] tells of each call as a stage;
    /// the file and the message that holds it come together, at the end, or not at all. The built-in model
    /// `echo` composes nothing: it answers as always. Passages of the chat's documents are shown to the model when it
    /// writes, changes or replies, and are the sources of the answer.
    ///
    /// # Errors
    /// Those of [`Completions::start`], and `NotFound` (`chat_file_not_found`) when a file may be changed and the chat has
    /// none with versions that is called as `selected_file` says. What a model answers that nothing can be made of is
    /// told later, by the end of the turn: `failed`, with every attempt in
    /// [`Response::attempts`](crate::Response::attempts).
    pub fn start(&self, chat: ChatId, request: ComposeRequest) -> Result<Turn> {
        let ComposeRequest { answer, selected_file, is_first_prompt, is_chat } = request;
        let selected_file = selected_file.filter(|name| !name.is_empty());
        self.0.accept(chat, answer, Work::Compose(Wishes { selected_file, is_first_prompt, is_chat }))
    }
}

/// What the caller wants of a prompt, whatever the model makes of it.
pub(super) struct Wishes {
    selected_file: Option<String>,
    is_first_prompt: bool,
    is_chat: bool,
}

impl Wishes {
    /// Refuses a file that is not there, before anything is stored. One that cannot be changed is of no matter: clients
    /// go on naming what was deleted.
    pub(super) fn check(&self, conn: &Conn<'_>, chat: ChatId) -> Result<()> {
        match &self.selected_file {
            Some(name) if !self.is_chat && !self.is_first_prompt => target::named(conn, chat, name).map(drop),
            _ => Ok(()),
        }
    }
}

/// Composes what was asked, in the turn that its answer has in the chat.
pub(super) fn run(answering: &mut Answering, wishes: &Wishes) -> Result<ResponseStatus> {
    answering.read_documents()?;
    let (material, prepared) = (Material::read(answering)?, answering.prepared()?);
    let mut composing = Composing { answering, wishes, material, prepared };
    let triage = match composing.triage() {
        // Who only talks wants words, which also a model has that cannot say what a prompt is about.
        Err(error) if wishes.is_chat && error.code() == TRIAGE_FAILED => {
            composing.reply(&Triage::default())?;
            return Ok(ResponseStatus::Completed);
        }
        triage => triage?,
    };
    match decision::decide(wishes, &triage) {
        Decision::NewFile => composing.write(&triage)?,
        Decision::Reply => composing.reply(&triage)?,
        Decision::Edit => composing.edit(&triage)?,
    }
    Ok(ResponseStatus::Completed)
}

/// A prompt that is being composed.
struct Composing<'a> {
    answering: &'a mut Answering,
    wishes: &'a Wishes,
    material: Material,
    /// What documents are told by; none for a credential that reads none.
    prepared: Option<Prepared>,
}

impl Composing<'_> {
    fn installation(&self) -> &Installation {
        &self.answering.installation
    }

    fn chat(&self) -> ChatId {
        self.answering.running.chat
    }

    fn read<T>(&self, work: impl Fn(&Conn<'_>) -> Result<T>) -> Result<T> {
        self.answering.patiently(|| self.installation().storage().read(&work))
    }

    /// What is stored with the end of the answer.
    fn keep(&mut self, composition: Composition) {
        self.answering.ending.composition = Some(Arc::new(composition));
    }
}
