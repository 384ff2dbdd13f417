//! What changed: told after the commit that made it so.

use super::{
    chat::Chat, chat_file::ChatFile, document::Document, file::File, message::Message, model::Model,
    response::Response, user::User, workspace::Workspace,
};
use crate::base::id::{ChatFileId, ChatId, DocumentId, FileId, MessageId, ModelId, UserId, WorkspaceId};

/// Something that was committed. It shows what was changed as it is when the change is read, so that
/// several quick changes of one thing may be told as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A chat was made, or its own fields were changed; new messages do not count as that.
    Chat(Box<Chat>),
    /// Another branch of a chat became the active one, by choice or because something was stored elsewhere than at
    /// its end; what was stored is told after it. A message that is deleted from the end is told as that alone.
    Branch {
        /// The chat.
        chat_id: ChatId,
        /// The message that the conversation ended in; none where it was to begin anew.
        active_leaf_id: Option<MessageId>,
    },
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
    /// A file came into a chat, or got a version.
    ChatFile(Box<ChatFile>),
    /// A file was taken out of a chat, alone or with the file of its workspace.
    ChatFileDeleted {
        /// The chat it stood in.
        chat_id: ChatId,
        /// Its id.
        id: ChatFileId,
    },
    /// A document came into a chat. One that is a file of the chat, too, is told as that, and what becomes of it is not
    /// told; nor are those that all chats of a workspace share.
    Document(Box<Document>),
    /// A document of a chat was read: it is completed, or failed.
    DocumentRead(Box<Document>),
    /// A document was deleted from a chat, or gave its place to another; but one that goes with its file is not told.
    DocumentDeleted {
        /// The chat it stood in.
        chat_id: ChatId,
        /// Its id.
        id: DocumentId,
    },
    /// A file was uploaded or renamed.
    File(Box<File>),
    /// A file was deleted from its workspace; but those that go with their chat, workspace or owner are not
    /// told one by one.
    FileDeleted(FileId),
    /// An answer was accepted, or it ended. Those who follow one chat learn it from the answer's message.
    Response(Box<Response>),
    /// A workspace was made, renamed or shared.
    Workspace(Box<Workspace>),
    /// A workspace was deleted with all that it held, alone or with its owner's account.
    WorkspaceDeleted(WorkspaceId),
    /// A model was added, or was itself changed; one that stops being the default since another is made it is
    /// not told.
    Model(Box<Model>),
    /// A model was deleted; but those that go with their owner's account are not told one by one.
    ModelDeleted(ModelId),
    /// An account was made, or it or its standing was changed; tokens that are counted are not. Told to the
    /// account itself, to administrators and to the operator.
    User(Box<User>),
    /// An account was deleted with all that it owned.
    UserDeleted(UserId),
    /// So many changes came faster than they were read, and are lost: read anew what matters.
    Lost(u64),
}
