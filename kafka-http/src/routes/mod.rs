//! What can be asked for: one table, and one file of handlers a noun. A handler decodes, makes one
//! call of the library, and encodes.

mod about;
mod auth;
mod chats;
mod messages;
mod models;
mod responses;
mod users;
mod workspaces;

use crate::router::Route;

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $summary:literal;)*) => {
        &[$(Route { method: stringify!($method), path: $path, summary: $summary, handler: $handler }),*]
    };
}

/// The routes, by noun.
pub(crate) static ALL: &[Route] = routes! {
    GET "/" about::index, "The chat page for browsers; else what this is, and the routes there are";
    GET "/health" about::health, "Whether the process serves";
    GET "/ready" about::ready, "Whether the database answers";

    POST "/api/v1/auth/register" auth::register, "Make an account and log in";
    POST "/api/v1/auth/login" auth::login, "Log in by e-mail address or username";
    POST "/api/v1/auth/logout" auth::logout, "End the session of the token";
    GET "/api/v1/users/me" users::get, "The account that asks";
    PATCH "/api/v1/users/me" users::update, "Change the account that asks";
    DELETE "/api/v1/users/me" users::delete, "Delete the account that asks, with all its data";
    POST "/api/v1/users/me/password" users::change_password, "Change the password and end all sessions";

    GET "/api/v1/workspaces" workspaces::list, "Workspaces, oldest first";
    POST "/api/v1/workspaces" workspaces::create, "Make a workspace";
    GET "/api/v1/workspaces/{id}" workspaces::get, "One workspace";
    PATCH "/api/v1/workspaces/{id}" workspaces::update, "Rename a workspace";
    DELETE "/api/v1/workspaces/{id}" workspaces::delete, "Delete a workspace with its chats and files";

    GET "/api/v1/chats" chats::list, "Chats, the one changed last first";
    POST "/api/v1/chats" chats::create, "Make a chat";
    GET "/api/v1/chats/{id}" chats::get, "One chat";
    PATCH "/api/v1/chats/{id}" chats::update, "Rename, configure, archive or pin a chat";
    DELETE "/api/v1/chats/{id}" chats::delete, "Delete a chat with its messages";

    GET "/api/v1/chats/{id}/messages" messages::list, "Messages of the active branch, oldest first";
    POST "/api/v1/chats/{id}/messages" messages::create, "Store a message without answering it";
    GET "/api/v1/messages/{id}" messages::get, "One message";
    PATCH "/api/v1/messages/{id}" messages::update, "Change a message's text in place";
    DELETE "/api/v1/messages/{id}" messages::delete, "Delete a message";

    POST "/api/v1/chats/{id}/responses" responses::create, "Ask a model and store its answer";
    GET "/api/v1/responses/{id}" responses::get, "The record of an answer";
    GET "/api/v1/responses/{id}/events" responses::events, "The events of an answer, past and to come";
    POST "/api/v1/responses/{id}/cancel" responses::cancel, "Stop an answer and keep what came";
    POST "/api/v1/responses/{id}/ticket" responses::ticket, "A 60 s credential for the events of an answer";

    GET "/ws/{chat_id}" crate::ws::open, "A chat over WebSocket";

    GET "/api/v1/models" models::list, "Models, oldest first";
    POST "/api/v1/models" models::create, "Add a model";
    GET "/api/v1/models/{id}" models::get, "One model";
    PATCH "/api/v1/models/{id}" models::update, "Change a model";
    DELETE "/api/v1/models/{id}" models::delete, "Delete a model";
    POST "/api/v1/models/{id}/probe" models::probe, "Ask whether the endpoint works, without spending tokens";
};
