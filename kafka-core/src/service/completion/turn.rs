//! One watcher of one answer.

use std::sync::Arc;

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{MessageId, ResponseId},
        permission::{Area, Permission},
    },
    entity::{
        event::TurnEvent,
        message::Message,
        response::{Answer, Response},
    },
    repo,
    service::installation::Installation,
    service::{
        messages,
        responses::{self, EventStream, Responses},
        retrieval,
    },
};

use super::live::Running;

/// An answer that was asked for, and its events from the first one on. Dropping it only stops watching:
/// the answer goes on and is stored in any case.
#[derive(Debug)]
pub struct Turn {
    installation: Installation,
    actor: Actor,
    response: Response,
    user_message_id: MessageId,
    events: EventStream,
}

impl Turn {
    pub(super) fn of_accepted(installation: &Installation, actor: &Actor, running: Arc<Running>) -> Turn {
        Turn {
            installation: installation.clone(),
            actor: *actor,
            response: Response::clone(&running.accepted),
            user_message_id: running.user_message.id,
            events: EventStream::of_running(installation, running).followed_by(actor),
        }
    }

    pub(super) fn of_stored(installation: &Installation, actor: &Actor, id: ResponseId) -> Result<Turn> {
        let response = Responses::new(installation, actor).get(id)?;
        let message = messages::Messages::new(installation, actor).get(response.message_id)?;
        Ok(Turn {
            installation: installation.clone(),
            actor: *actor,
            user_message_id: message.parent_id.ok_or_else(|| messages::not_found(message.id))?,
            events: EventStream::new(installation, response.clone(), 0).followed_by(actor),
            response,
        })
    }

    /// The response's id.
    #[must_use]
    pub fn id(&self) -> ResponseId {
        self.response.id
    }

    /// The assistant message that the answer is written into.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        self.response.message_id
    }

    /// The message that is answered.
    #[must_use]
    pub fn user_message_id(&self) -> MessageId {
        self.user_message_id
    }

    /// Stops the answer. What came is kept. It may have ended before; then nothing changes.
    ///
    /// # Errors
    /// Those of writing.
    pub fn cancel(&self) -> Result<()> {
        Responses::new(&self.installation, &self.actor).cancel(self.id()).map(|_| ())
    }

    /// The events as they are stored and sent, in place of the decoded ones.
    #[must_use]
    pub fn into_events(self) -> EventStream {
        self.events
    }

    /// Waits for the end, whatever it is, and returns the answer with its messages. See
    /// [`Response::status`] for how it ended.
    ///
    /// # Errors
    /// `NotFound` when the chat or message was deleted meanwhile; those of reading.
    pub fn wait(mut self) -> Result<Answer> {
        for event in &mut self.events {
            event?;
        }
        let scope = self.actor.scope(Permission::read(Area::Chats))?;
        self.installation.storage().read(|conn| {
            let find = |id| repo::messages::find(conn, scope, id)?.ok_or_else(|| messages::not_found(id));
            let message: Message = find(self.response.message_id)?;
            let response = message.response.clone().ok_or_else(|| responses::not_found(self.response.id))?;
            let sources = retrieval::texts(conn, &self.actor, &message)?;
            Ok(Answer { user_message: find(self.user_message_id)?, message, response, sources })
        })
    }
}

impl Iterator for Turn {
    type Item = Result<TurnEvent>;

    fn next(&mut self) -> Option<Result<TurnEvent>> {
        let event = self.events.next()?;
        Some(event.and_then(|event| {
            event.decode().map_err(|error| {
                Error::new(ErrorKind::Corrupt, "event_unreadable", "A stored event is damaged.")
                    .with_source(error)
            })
        }))
    }
}
