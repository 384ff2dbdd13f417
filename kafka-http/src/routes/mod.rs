//! What can be asked for: one table, and one file of handlers a noun. A handler decodes, makes one
//! call of the library, and encodes.

mod about;
mod admin;
pub(crate) mod auth;
mod branches;
pub(crate) mod chat_files;
mod chats;
mod documents;
mod export;
mod files;
mod messages;
mod models;
mod plans;
pub(crate) mod responses;
mod search;
mod share;
mod shared;
mod tokens;
mod usage;
pub(crate) mod users;
mod workspaces;

use kafka_core::{
    Area::{self, Account, Admin, Chats, Documents, Files, Models, Usage},
    Permission,
};

use crate::{
    dialects::{Dialect, chat_history, kafka, open_chat},
    router::{Access, Route},
};

const PUBLIC: Access = Access::Public;
const ANYONE: Access = Access::Anyone;

const fn read(area: Area) -> Access {
    Access::Needs(Permission::read(area))
}

const fn write(area: Area) -> Access {
    Access::Needs(Permission::write(area))
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $access:expr, $summary:literal $(, $dialect:ident)?;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            summary: $summary,
            access: $access,
            dialect: routes!(@dialect $($dialect)?),
            handler: $handler,
        }),*]
    };
    (@dialect) => { None };
    (@dialect $dialect:ident) => { Some(Dialect::$dialect) };
}

/// The routes, by noun, with what each asks of who calls. Workspaces count as files, because every file lies
/// in one; messages, answers and WebSockets count as chats.
pub(crate) static ALL: &[Route] = routes! {
    GET "/" about::index, PUBLIC, "The chat page for browsers; else what this is, and the routes there are";
    GET "/health" about::health, PUBLIC, "Whether the process serves";
    GET "/ready" about::ready, PUBLIC, "Whether the database answers";
    GET "/openapi.json" about::openapi, PUBLIC, "What is served, in the words of OpenAPI";
    GET "/docs" about::docs, PUBLIC, "The same as a page, on which it can be tried";
    GET "/docs/{file}" about::docs_file, PUBLIC, "What that page is made of";

    POST "/api/v1/auth/register" auth::register, PUBLIC, "Make an account and log in";
    POST "/api/v1/auth/login" auth::login, PUBLIC, "Log in by e-mail address or username";
    POST "/api/v1/auth/logout" auth::logout, ANYONE, "End the session of the token";
    GET "/api/v1/users/me" users::get, read(Account), "The account that asks";
    PATCH "/api/v1/users/me" users::update, write(Account), "Change the account that asks";
    DELETE "/api/v1/users/me" users::delete, write(Account), "Delete the account that asks, with all its data";
    POST "/api/v1/users/me/password" users::change_password, write(Account), "Change the password and revoke all sessions and keys";

    GET "/api/v1/tokens" tokens::list, read(Account), "API keys, oldest first";
    POST "/api/v1/tokens" tokens::create, write(Account), "Make an API key; its secret is in this answer only";
    DELETE "/api/v1/tokens/{id}" tokens::delete, write(Account), "Revoke an API key";

    GET "/api/v1/admin/users" admin::list, read(Admin), "All accounts, oldest first";
    PATCH "/api/v1/admin/users/{id}" admin::update, write(Admin), "Disable, enable, promote or demote an account, or change its plan";
    GET "/api/v1/admin/stats" admin::stats, read(Admin), "How much there is";

    GET "/api/v1/workspaces" workspaces::list, read(Files), "Workspaces, oldest first";
    POST "/api/v1/workspaces" workspaces::create, write(Files), "Make a workspace";
    GET "/api/v1/workspaces/{id}" workspaces::get, read(Files), "One workspace";
    PATCH "/api/v1/workspaces/{id}" workspaces::update, write(Files), "Rename a workspace";
    DELETE "/api/v1/workspaces/{id}" workspaces::delete, write(Files), "Delete a workspace with its chats and files";

    GET "/api/v1/workspaces/{id}/files" files::list, read(Files), "Files of a workspace, oldest first";
    POST "/api/v1/workspaces/{id}/files" files::create, write(Files), "Upload files: a form with `files`, as often as there are";
    GET "/api/v1/files/{id}" files::get, read(Files), "One file";
    PATCH "/api/v1/files/{id}" files::update, write(Files), "Rename a file";
    DELETE "/api/v1/files/{id}" files::delete, write(Files), "Delete a file, also from chats";
    GET "/api/v1/files/{id}/content" files::content, read(Files), "The bytes of a file, or a range of them";
    GET "/api/v1/files/{id}/text" files::text, read(Files), "What a file says: its text, or that of a PDF";

    GET "/api/v1/chats" chats::list, read(Chats), "Chats, the one changed last first";
    POST "/api/v1/chats" chats::create, write(Chats), "Make a chat";
    GET "/api/v1/chats/{id}" chats::get, read(Chats), "One chat";
    PATCH "/api/v1/chats/{id}" chats::update, write(Chats), "Rename, configure, archive, pin or tag a chat";
    DELETE "/api/v1/chats/{id}" chats::delete, write(Chats), "Delete a chat with its messages";

    GET "/api/v1/chats/{id}/export" export::get, read(Chats), "A chat as one document: Markdown, JSON or HTML";
    GET "/api/v1/tags" chats::tags, read(Chats), "Tags of chats, by their letters, with how many have each";
    GET "/api/v1/chats/{id}/share" share::list, read(Chats), "Links by which a chat can be read, oldest first";
    POST "/api/v1/chats/{id}/share" share::create, write(Chats), "Make a link by which a chat can be read; its token is in this answer only";
    DELETE "/api/v1/chats/{id}/share" share::revoke_all, write(Chats), "Revoke all links to a chat";
    DELETE "/api/v1/share-links/{id}" share::revoke, write(Chats), "Revoke a link to a chat";
    GET "/share" shared::page, PUBLIC, "The page that shows the chat of a link";
    GET "/api/v1/shared" shared::chat, PUBLIC, "The chat that the token of a link leads to";
    GET "/api/v1/shared/messages" shared::messages, PUBLIC, "What was said in it, oldest first";

    GET "/api/v1/chats/{id}/messages" messages::list, read(Chats), "Messages of the active branch, oldest first";
    POST "/api/v1/chats/{id}/messages" messages::create, write(Chats), "Store a message without answering it";
    GET "/api/v1/chats/{id}/branches" branches::list, read(Chats), "Where the active branch could go on otherwise, oldest first";
    POST "/api/v1/messages/{id}/activate" branches::activate, write(Chats), "Choose the branch that a message stands on";
    POST "/api/v1/chats/{id}/fork" branches::fork, write(Chats), "Make a chat that begins as this one does";
    GET "/api/v1/messages/{id}" messages::get, read(Chats), "One message";
    PATCH "/api/v1/messages/{id}" messages::update, write(Chats), "Change a message's text in place";
    DELETE "/api/v1/messages/{id}" messages::delete, write(Chats), "Delete a message";

    GET "/api/v1/chats/{id}/files" chat_files::list, read(Chats), "Files of a chat, oldest first";
    POST "/api/v1/chats/{id}/files" chat_files::create, write(Chats), "Upload files into a chat, write a text, or take a file of the workspace";
    GET "/api/v1/chat-files/{id}" chat_files::get, read(Chats), "One file of a chat";
    DELETE "/api/v1/chat-files/{id}" chat_files::delete, write(Chats), "Take a file out of a chat, with its versions";
    GET "/api/v1/chat-files/{id}/versions" chat_files::versions, read(Chats), "Versions of a text, oldest first";
    POST "/api/v1/chat-files/{id}/versions" chat_files::add_version, write(Chats), "Add a version: a whole text, or a diff";
    GET "/api/v1/chat-files/{id}/versions/{n}" chat_files::version, read(Chats), "One version of a text";
    POST "/api/v1/chat-files/{id}/revert" chat_files::revert, write(Chats), "Add a version with the text of an older one";
    GET "/api/v1/chat-files/{id}/diff" chat_files::diff, read(Chats), "What makes one version of another";

    GET "/api/v1/chats/{id}/documents" documents::list, read(Documents), "Documents of a chat, oldest first";
    POST "/api/v1/chats/{id}/documents" documents::create, write(Documents), "Upload documents: a form with `files`, as often as there are";
    GET "/api/v1/workspaces/{id}/documents" documents::list_shared, read(Documents), "Documents that all chats of a workspace share, oldest first";
    POST "/api/v1/workspaces/{id}/documents" documents::create_shared, write(Documents), "Upload documents for all chats of a workspace: a form with `files`, as often as there are";
    GET "/api/v1/documents/{id}" documents::get, read(Documents), "One document, and how far reading it has come";
    PUT "/api/v1/documents/{id}" documents::replace, write(Documents), "Replace a document once the new one is read: a form with one file in `files`";
    DELETE "/api/v1/documents/{id}" documents::delete, write(Documents), "Delete a document";
    GET "/api/v1/documents/{id}/passages" documents::passage, read(Documents), "What a document says between two bytes of its text";

    POST "/api/v1/chats/{id}/responses" responses::create, write(Chats), "Ask a model and store its answer";
    GET "/api/v1/responses/{id}" responses::get, read(Chats), "The record of an answer";
    GET "/api/v1/responses/{id}/events" responses::events, read(Chats), "The events of an answer, past and to come";
    POST "/api/v1/responses/{id}/cancel" responses::cancel, write(Chats), "Stop an answer and keep what came";
    POST "/api/v1/responses/{id}/ticket" responses::ticket, read(Chats), "A 60 s credential for the events of an answer";

    POST "/api/v1/search" search::find, read(Chats), "Find messages, chats and passages of documents by what they say";

    GET "/ws/{chat_id}" crate::ws::open, write(Chats), "A chat over WebSocket";

    GET "/api/v1/models" models::list, read(Models), "Models, oldest first";
    POST "/api/v1/models" models::create, write(Models), "Add a model";
    GET "/api/v1/models/{id}" models::get, read(Models), "One model";
    PATCH "/api/v1/models/{id}" models::update, write(Models), "Change a model";
    DELETE "/api/v1/models/{id}" models::delete, write(Models), "Delete a model";
    POST "/api/v1/models/{id}/probe" models::probe, write(Models), "Ask whether the endpoint works, without spending tokens";

    GET "/api/v1/usage" usage::get, read(Usage), "What the account that asks used; without an account, the installation";
    GET "/api/v1/admin/usage" usage::by_account, read(Admin), "What each account used, the one that spent most first";
    GET "/api/v1/plans" plans::list, read(Usage), "Plans, oldest first";

    POST "/auth" kafka::login, PUBLIC, "Everything that an account has; in open mode a new one is made", Kafka;
    POST "/auth/login" kafka::login, PUBLIC, "The same", Kafka;
    POST "/workspace/new" kafka::new_workspace, write(Files), "Make a workspace, with files", Kafka;
    PATCH "/workspace/rename" kafka::rename_workspace, write(Files), "Rename a workspace", Kafka;
    DELETE "/workspace/delete/{id}" kafka::delete_workspace, write(Files), "Delete a workspace", Kafka;
    POST "/chat/new" kafka::new_chat, write(Chats), "Make a chat, with files of its workspace", Kafka;
    PATCH "/chat/rename" kafka::rename_chat, write(Chats), "Rename a chat", Kafka;
    DELETE "/chat/{id}" kafka::delete_chat, write(Chats), "Delete a chat", Kafka;
    POST "/file/upload" kafka::upload, write(Files), "Upload files into a chat or a workspace", Kafka;
    PATCH "/file/rename" kafka::rename_file, write(Files), "Rename a file", Kafka;
    DELETE "/file/delete/{id}" kafka::delete_file, write(Files), "Delete a file, also from chats", Kafka;
    GET "/uploads/files/{path}" kafka::uploaded, read(Files), "The bytes of a file by its path", Kafka;
    POST "/models/new" kafka::new_model, write(Models), "Add a model; the newest of a name counts", Kafka;
    DELETE "/models/delete/{id}" kafka::delete_model, write(Models), "Delete a model", Kafka;

    GET "/api/chats" chat_history::chats, read(Chats), "Chats: all of them, or a numbered page", ChatHistory;
    POST "/api/chats" chat_history::new_chat, write(Chats), "Make a chat", ChatHistory;
    GET "/api/chats/{id}" chat_history::chat, read(Chats), "One chat by its number", ChatHistory;
    PUT "/api/chats/{id}" chat_history::change_chat, write(Chats), "Rename a chat, or replace its notebooks", ChatHistory;
    DELETE "/api/chats/{id}" chat_history::delete_chat, write(Chats), "Delete a chat with its messages", ChatHistory;
    POST "/api/messages" chat_history::new_message, write(Chats), "Store a message without answering it", ChatHistory;
    GET "/api/messages/chat/{id}" chat_history::messages, read(Chats), "Messages of a chat: all of them, or a numbered page", ChatHistory;
    GET "/api/messages/{id}" chat_history::message, read(Chats), "One message by its number", ChatHistory;
    PUT "/api/messages/{id}" chat_history::change_message, write(Chats), "Change a message's text or role in place", ChatHistory;
    DELETE "/api/messages/{id}" chat_history::delete_message, write(Chats), "Delete a message", ChatHistory;

    GET "/models" open_chat::models, read(Models), "What models can be named, those that a gateway lists among them", OpenChat;
    GET "/conversations" open_chat::conversations, read(Chats), "All chats", OpenChat;
    POST "/conversations" open_chat::new_conversation, write(Chats), "Make a chat", OpenChat;
    GET "/conversations/{id}" open_chat::conversation, read(Chats), "One chat", OpenChat;
    PATCH "/conversations/{id}" open_chat::change_conversation, write(Chats), "Choose the model that answers in a chat", OpenChat;
    DELETE "/conversations/{id}" open_chat::delete_conversation, write(Chats), "Delete a chat with its messages", OpenChat;
    GET "/conversations/{id}/messages" open_chat::messages, read(Chats), "All messages of a chat", OpenChat;
    POST "/conversations/{id}/messages" open_chat::new_message, write(Chats), "Store a question, which `/stream` answers", OpenChat;
    GET "/conversations/{id}/stream" open_chat::stream, write(Chats), "The answer to the last question, as it is written", OpenChat;
};
