//! All SQL on the product's tables: one file a table, reads on a [`Conn`](crate::storage::Conn),
//! writes on a [`Tx`](crate::storage::Tx). No rules.

pub(crate) mod access_tokens;
pub(crate) mod branches;
pub(crate) mod chat_file_versions;
pub(crate) mod chat_files;
pub(crate) mod chat_lists;
pub(crate) mod chat_tags;
pub(crate) mod chats;
pub(crate) mod chunks;
pub(crate) mod deleted_chats;
pub(crate) mod deleted_documents;
pub(crate) mod deleted_users;
pub(crate) mod document_replacements;
pub(crate) mod document_texts;
pub(crate) mod documents;
pub(crate) mod embeddings;
pub(crate) mod files;
pub(crate) mod forks;
pub(crate) mod idempotency_keys;
pub(crate) mod invitations;
pub(crate) mod jobs;
pub(crate) mod linear;
pub(crate) mod messages;
pub(crate) mod models;
mod numbers;
pub(crate) mod plans;
pub(crate) mod response_events;
pub(crate) mod responses;
pub(crate) mod scope;
pub(crate) mod search;
pub(crate) mod search_index;
pub(crate) mod search_terms;
pub(crate) mod share_links;
pub(crate) mod shared;
pub(crate) mod stats;
pub(crate) mod usage_daily;
pub(crate) mod users;
pub(crate) mod workspaces;

use crate::{
    entity::{
        chat_file::ChatFileKind,
        document::ProcessingStatus,
        event::EventKind,
        message::{MessageStatus, Role},
        response::ResponseStatus,
    },
    storage::{Value, value::Column},
};

/// Every statement of this floor.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn statements() -> impl Iterator<Item = &'static crate::storage::sql::Statement> {
    [
        access_tokens::ALL,
        branches::ALL,
        chat_file_versions::ALL,
        chat_files::ALL,
        chat_lists::ALL,
        chat_tags::ALL,
        chats::ALL,
        chunks::ALL,
        deleted_chats::ALL,
        deleted_documents::ALL,
        deleted_users::ALL,
        document_replacements::ALL,
        document_texts::ALL,
        documents::ALL,
        embeddings::ALL,
        files::ALL,
        forks::ALL,
        idempotency_keys::ALL,
        invitations::ALL,
        jobs::ALL,
        linear::ALL,
        messages::ALL,
        models::ALL,
        plans::ALL,
        response_events::ALL,
        responses::ALL,
        search::ALL,
        search_index::ALL,
        share_links::ALL,
        shared::ALL,
        stats::ALL,
        usage_daily::ALL,
        users::ALL,
        workspaces::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The parameters of a statement, each turned into a [`Value`](crate::storage::Value).
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::storage::Value::from($value)),*] };
}
pub(crate) use params;

/// The parameters of a statement with a scope predicate: `$1` and `$2` are the scope's.
macro_rules! scoped {
    ($scope:expr $(, $value:expr)* $(,)?) => {
        &[$scope.user(), $scope.reach() $(, $crate::storage::Value::from($value))*]
    };
}
pub(crate) use scoped;

/// Columns that hold a word stand for the enumerations of the entities.
macro_rules! words_as_columns {
    ($($name:ident)*) => {$(
        impl From<$name> for Value<'_> {
            fn from(word: $name) -> Self {
                Value::Text(word.as_str())
            }
        }

        impl Column for $name {
            fn from_text(text: &str) -> Option<$name> {
                $name::parse(text)
            }
        }
    )*};
}
words_as_columns!(Role MessageStatus ResponseStatus EventKind ChatFileKind ProcessingStatus);
