//! What is said of the routes, by noun as the routes are. Whoever adds a route says here what it takes, gives and
//! refuses; the test of the snapshot tells what is missing.

mod about;
mod accounts;
mod branches;
mod chat_files;
mod chat_history;
mod chats;
mod documents;
mod files;
mod kafka;
mod messages;
mod models;
mod open_chat;
mod responses;
mod search;
mod share_links;
mod usage;
mod workspaces;

use super::document::Operations;

/// Says it all.
pub(super) fn describe(on: &mut Operations) {
    about::describe(on);
    accounts::describe(on);
    workspaces::describe(on);
    files::describe(on);
    chats::describe(on);
    share_links::describe(on);
    branches::describe(on);
    messages::describe(on);
    chat_files::describe(on);
    responses::describe(on);
    documents::describe(on);
    search::describe(on);
    models::describe(on);
    usage::describe(on);
    kafka::describe(on);
    chat_history::describe(on);
    open_chat::describe(on);
}
