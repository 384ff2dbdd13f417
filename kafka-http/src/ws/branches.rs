//! Branches over a socket: saying something else in place of a message, having a question answered once more, and going
//! over to another branch. Nothing of it replaces what was said, which stays on its own branch.
//!
//! Who asks is told like everyone else in the chat: that another branch is the active one, then what is stored there.

use std::sync::Arc;

use kafka_core::{AnswerRequest, Message, MessageId, Role};

use super::{
    frame::{self, EditMessage, Regenerate},
    opening,
    session::Session,
};

impl Session {
    pub(super) fn edit(self: &Arc<Session>, edit: EditMessage) {
        let Some(old) = self.find(edit.message_id) else { return };
        if old.role != Role::User {
            return self.refuse("Only what a user said can be said anew.");
        }
        let request = AnswerRequest {
            content: Some(edit.prompt),
            model: edit.model,
            parent_id: Some(old.parent_id),
            ..AnswerRequest::default()
        };
        self.ask_aside(request, edit.stream == Some(true));
    }

    pub(super) fn regenerate(self: &Arc<Session>, regenerate: Regenerate) {
        let question = match regenerate.message_id {
            None => None,
            Some(id) => match self.find(id) {
                None => return,
                // What an answer follows is what it answers.
                Some(answer) if answer.role == Role::Assistant => Some(answer.parent_id),
                Some(question) => Some(Some(question.id)),
            },
        };
        let request =
            AnswerRequest { model: regenerate.model, parent_id: question, ..AnswerRequest::default() };
        self.ask_aside(request, regenerate.stream == Some(true));
    }

    pub(super) fn activate_branch(&self, id: MessageId) {
        let Some(message) = self.find(id) else { return };
        let before = self.kafka().chats(self.actor()).get(self.chat()).map(|chat| chat.active_leaf_id);
        match self.kafka().branches(self.actor()).activate(message.id) {
            // Where nothing has changed, nobody is told but who asked.
            Ok(chat) if before.is_ok_and(|before| before == chat.active_leaf_id) => {
                self.show_branch(chat.active_leaf_id);
            }
            Ok(_) => {}
            Err(error) => self.explain(&error),
        }
    }

    /// Tells what stands on the active branch after a message was taken from the chat.
    pub(super) fn show_what_is_left(&self) {
        match self.kafka().chats(self.actor()).get(self.chat()) {
            Ok(chat) => self.show_branch(chat.active_leaf_id),
            Err(error) => self.explain(&error),
        }
    }

    /// Tells what stands on the active branch, as it was when it ended in this message.
    pub(super) fn show_branch(&self, leaf: Option<MessageId>) {
        let Some(leaf) = leaf else { return self.outbox.text(frame::branch(None, &[])) };
        match opening::branch(self.kafka(), self.actor(), self.chat(), leaf, self.opening_bytes()) {
            Ok(Some(conversation)) => self.outbox.text(frame::branch(Some(leaf), &conversation)),
            // Another became the active one since, which is told next.
            Ok(None) => {}
            Err(error) => self.explain(&error),
        }
    }

    /// A message of this chat. That there is none is told.
    fn find(&self, id: MessageId) -> Option<Message> {
        match self.kafka().messages(self.actor()).get(id) {
            Ok(message) if message.chat_id == self.chat() => Some(message),
            Err(error) if error.code() != "message_not_found" => {
                self.explain(&error);
                None
            }
            _ => {
                self.refuse("Message not found.");
                None
            }
        }
    }
}
