//! The table `chat_tags`: what chats are found by. What they show stands in their own column.

use super::params;
use crate::{
    base::error::Result,
    entity::chat::{Chat, folded_tag},
    storage::{Tx, sql::statements},
};

statements! {
    INSERT = ["INSERT INTO chat_tags (chat_id, user_id, tag, folded, updated_at) VALUES ($1, $2, $3, $4, $5)"];
    DELETE = ["DELETE FROM chat_tags WHERE chat_id = $1"];
}

/// Stores the tags of a chat that has none yet.
pub(crate) fn put(tx: &Tx<'_>, chat: &Chat) -> Result<()> {
    chat.tags.iter().try_for_each(|tag| {
        let folded = folded_tag(tag);
        tx.execute(&INSERT, params![chat.id, chat.user_id, tag, &folded, chat.updated_at]).map(drop)
    })
}

/// Stores them in place of those that it had.
pub(crate) fn replace(tx: &Tx<'_>, chat: &Chat) -> Result<()> {
    tx.execute(&DELETE, params![chat.id])?;
    put(tx, chat)
}
