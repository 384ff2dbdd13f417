//! What changed: told after the commit that made it so.

use super::{chat::Chat, message::Message};
use crate::base::id::{ChatId, MessageId};

/// Something that was committed. It shows what was changed as it is when the change is read, so that
/// several quick changes of one thing may be told as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A chat was made, or its own fields were changed; new messages do not count as that.
    Chat(Box<Chat>),
    /// A chat was deleted with all that it held.
    ChatDeleted(ChatId),
    /// A message was stored or changed, or its answer ended.
    Message(Box<Message>),
    /// A message was deleted.
    MessageDeleted {
        /// The chat it stood in.
        chat_id: ChatId,
        /// Its id.
        id: MessageId,
    },
    /// So many changes came faster than they were read, and are lost: read anew what matters.
    Lost(u64),
}
