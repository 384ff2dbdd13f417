//! A file, or a version of one, that is stored in the transaction that ends its answer.

use std::fmt;

use serde_json::json;

use super::target::Target;
use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind, Result},
        time::Timestamp,
    },
    entity::{chat_file::ChatFile, event::EventKind, response::ResponseError},
    repo::{chat_file_versions, chat_files},
    service::{chat_files::Arrival, completion::run::Answering, feed::Feed, versions::Draft},
    storage::Tx,
};

/// What a model composed.
pub(in crate::service) struct Composition {
    filename: String,
    place: Place,
    /// What the conversation holds of it: the whole text, so that clients can show it, and beside it what made
    /// it of the one before.
    content: String,
}

enum Place {
    New(Box<Arrival>),
    /// A version behind the one that the text was made from.
    Behind {
        file: ChatFile,
        base: u64,
        draft: Draft,
    },
}

/// What was stored.
pub(in crate::service) struct Composed<'c> {
    pub(in crate::service) event: EventKind,
    pub(in crate::service) chat_file: ChatFile,
    /// What the conversation holds of it.
    pub(in crate::service) content: &'c str,
}

impl Composition {
    /// A whole text: of a new file, or in place of what one says.
    pub(super) fn whole(answering: &Answering, name: &str, text: &str, there: Option<Target>) -> Composition {
        let content = json!({"based_filename": name, "based_content": text}).to_string();
        let Some(there) = there else {
            let (installation, chat) = (&answering.installation, answering.running.chat);
            let arrival = Arrival::of_text(installation, chat, name.to_owned(), draft(answering, text));
            return Composition { filename: name.to_owned(), place: Place::New(Box::new(arrival)), content };
        };
        Composition::behind(answering, there, text, content)
    }

    /// A text that was made by a diff.
    pub(super) fn edit(answering: &Answering, target: Target, text: &str, diff: &str) -> Composition {
        let content = json!({"based_filename": target.file.filename, "based_content": text, "diff": diff});
        Composition::behind(answering, target, text, content.to_string())
    }

    fn behind(answering: &Answering, target: Target, text: &str, content: String) -> Composition {
        let Target { file, newest } = target;
        let filename = file.filename.clone();
        let place = Place::Behind { file, base: newest.number, draft: draft(answering, text) };
        Composition { filename, place, content }
    }

    /// Stores it, or says why it cannot be: the chat may have changed since it was made. Nothing is stored then.
    pub(in crate::service) fn store(
        &self,
        tx: &Tx<'_>,
        feed: &Feed,
        now: Timestamp,
    ) -> Result<Result<Composed<'_>, ResponseError>> {
        let stored = match &self.place {
            Place::New(arrival) => arrival.store(tx).map(|file| (EventKind::FileCreated, file)),
            Place::Behind { file, base, draft } => self
                .store_behind(tx, feed, now, (file, *base, draft))
                .map(|file| (EventKind::FileVersion, file)),
        };
        match stored {
            Ok((event, chat_file)) => Ok(Ok(Composed { event, chat_file, content: &self.content })),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::TooLarge) => {
                Ok(Err(ResponseError { code: error.code().to_owned(), detail: error.message().to_owned() }))
            }
            Err(error) => Err(error),
        }
    }

    fn store_behind(
        &self,
        tx: &Tx<'_>,
        feed: &Feed,
        now: Timestamp,
        (file, base, draft): (&ChatFile, u64, &Draft),
    ) -> Result<ChatFile> {
        let there = chat_files::find(tx, Scope::Operator, file.id)?;
        let newest = chat_file_versions::newest(tx, file.id)?;
        let Some((mut file, newest)) = there.zip(newest) else {
            let sentence = format!("The file {} was deleted while the model worked on it.", self.filename);
            return Err(Error::new(ErrorKind::Conflict, "file_gone", sentence));
        };
        // It would undo what came between. Changes are brought together where the model can be asked again;
        // little time has passed since.
        if newest.number != base {
            let sentence = format!(
                "The file {} was changed while the model worked on it: the change was made on version {base}, and \
                 the newest is {}. Ask again.",
                self.filename, newest.number
            );
            return Err(Error::new(ErrorKind::Conflict, "edit_conflict", sentence));
        }
        let version = draft.append(tx, file.id, Some(&newest), now)?;
        feed.chat_file(tx, file.chat_id, file.id);
        file.latest_version = Some(version.number);
        Ok(file)
    }
}

impl fmt::Debug for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition").field("filename", &self.filename).finish_non_exhaustive()
    }
}

fn draft(answering: &Answering, text: &str) -> Draft {
    let message = answering.running.accepted.message_id;
    Draft::new(&answering.installation, text.to_owned(), Some(message))
}
