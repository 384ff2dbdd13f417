//! A file, or a version of one, that is stored in the transaction that ends its answer.

use std::{fmt, sync::Arc};

use serde_json::json;

use super::{check, target::Target};
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
    text::merge::merge,
};

/// What a model composed.
pub(in crate::service) struct Composition {
    filename: String,
    text: String,
    /// The diff that it was made by.
    diff: Option<String>,
    place: Place,
    /// A service of others has checked the text, and cannot be asked inside a transaction.
    is_checked_elsewhere: bool,
}

enum Place {
    /// A new file.
    New(Arc<Arrival>),
    /// A version behind the one that the text was made from.
    Behind { file: ChatFile, base: u64, draft: Draft },
}

/// What was stored.
pub(in crate::service) struct Composed {
    pub(in crate::service) event: EventKind,
    pub(in crate::service) chat_file: ChatFile,
    /// What the conversation holds of it.
    pub(in crate::service) content: String,
}

impl Composition {
    /// A whole text: of a new file, or in place of what one says.
    pub(super) fn whole(answering: &Answering, name: &str, text: &str, there: Option<Target>) -> Composition {
        match there {
            Some(there) => Composition::behind(answering, there, text.to_owned(), None),
            None => {
                let (installation, running) = (&answering.installation, &answering.running);
                let first = draft(answering, text);
                let arrival = Arrival::of_text(installation, running.chat, name.to_owned(), first);
                let place = Place::New(Arc::new(arrival));
                Composition::new(answering, name.to_owned(), text.to_owned(), None, place)
            }
        }
    }

    /// A text that was made by a diff.
    pub(super) fn edit(answering: &Answering, target: Target, text: String, diff: &str) -> Composition {
        Composition::behind(answering, target, text, Some(diff.to_owned()))
    }

    fn behind(answering: &Answering, target: Target, text: String, diff: Option<String>) -> Composition {
        let Target { file, newest } = target;
        let (filename, draft) = (file.filename.clone(), draft(answering, &text));
        Composition::new(answering, filename, text, diff, Place::Behind { file, base: newest.number, draft })
    }

    fn new(
        answering: &Answering,
        filename: String,
        text: String,
        diff: Option<String>,
        place: Place,
    ) -> Composition {
        let is_checked_elsewhere =
            check::is_based(&filename) && answering.installation.based_validator().is_some();
        Composition { filename, text, diff, place, is_checked_elsewhere }
    }

    /// Stores it, or says why it cannot be: what it was made from may have changed since. Nothing is stored
    /// then.
    pub(in crate::service) fn store(
        &self,
        tx: &Tx<'_>,
        feed: &Feed,
        now: Timestamp,
    ) -> Result<Result<Composed, ResponseError>> {
        match &self.place {
            Place::New(arrival) => match arrival.store(tx) {
                Ok(file) => Ok(Ok(self.composed(EventKind::FileCreated, file, &self.text))),
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::TooLarge) => {
                    Ok(Err(refusal(&error)))
                }
                Err(error) => Err(error),
            },
            Place::Behind { file, base, draft } => self.store_behind(tx, feed, now, file, *base, draft),
        }
    }

    fn store_behind(
        &self,
        tx: &Tx<'_>,
        feed: &Feed,
        now: Timestamp,
        file: &ChatFile,
        base: u64,
        draft: &Draft,
    ) -> Result<Result<Composed, ResponseError>> {
        let there = chat_files::find(tx, Scope::Operator, file.id)?;
        let newest = chat_file_versions::newest(tx, file.id)?;
        let Some((mut chat_file, newest)) = there.zip(newest) else {
            let sentence = format!("The file {} was deleted while it was changed.", self.filename);
            return Ok(Err(refusal(&Error::new(ErrorKind::Conflict, "file_gone", sentence))));
        };
        let text = if newest.number == base {
            self.text.clone()
        } else {
            let from = chat_file_versions::numbered(tx, file.id, i64::try_from(base).unwrap_or(i64::MAX))?;
            let merged = from.and_then(|from| merge(&from.content, &self.text, &newest.content));
            let is_fine =
                |text: &String| !self.is_checked_elsewhere && check::based(&self.filename, text).is_ok();
            match merged.filter(is_fine) {
                Some(text) => text,
                None => return Ok(Err(refusal(&self.conflict(base, newest.number)))),
            }
        };
        let version = draft.with(text).append(tx, file.id, Some(&newest), now)?;
        feed.chat_file(tx, file.chat_id, file.id);
        chat_file.latest_version = Some(version.number);
        Ok(Ok(self.composed(EventKind::FileVersion, chat_file, &version.content)))
    }

    /// The message holds the whole text, so that clients can show it; by what it was made stands beside it.
    fn composed(&self, event: EventKind, chat_file: ChatFile, text: &str) -> Composed {
        let mut content = json!({"based_filename": self.filename, "based_content": text});
        if let Some(diff) = &self.diff {
            content["diff"] = diff.clone().into();
        }
        Composed { event, chat_file, content: content.to_string() }
    }

    fn conflict(&self, base: u64, newest: u64) -> Error {
        let sentence = format!(
            "The file {} was changed while the model worked on it: its change was made on version {base}, and the \
             newest is {newest}. Ask again.",
            self.filename
        );
        Error::new(ErrorKind::Conflict, "edit_conflict", sentence)
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

fn refusal(error: &Error) -> ResponseError {
    ResponseError { code: error.code().to_owned(), detail: error.message().to_owned() }
}
