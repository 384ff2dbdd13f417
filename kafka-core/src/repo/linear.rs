//! The tables `chats` and `messages` for those who know rows by their numbers, see one branch of a chat, and read
//! lists as a whole.

use serde_json::Value as Json;

use super::{chat_lists, chats, messages, responses, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, MessageId},
        page::{Room, Stretch},
    },
    entity::{chat::LinearChat, message::Message},
    storage::{Conn, Row, sql::statements},
};

/// Messages of the active branch. Those beside it are few, so that counting them costs less than counting it.
const LENGTH: &str = "c.message_count - \
     (SELECT COUNT(*) FROM messages b WHERE b.chat_number = c.number AND b.on_branch = 0)";
const NEWEST_FIRST: &str = "1 = 1 ORDER BY updated_at DESC, id DESC";
const FIRST: &str = " LIMIT $3";
const KEYS: &str = "c.number, c.updated_at, c.id";

statements! {
    CHAT = ["SELECT ", chats::COLUMNS, ", ", LENGTH, " FROM chats c WHERE c.number = $3 AND ", scope::CHAT_READ];
    /// In the order of the numbers, a list in JSON.
    CHATS = ["SELECT ", chats::COLUMNS, ", ", LENGTH, " FROM json_each($3) n JOIN chats c ON c.number = n.value WHERE ",
        scope::CHAT_READ, " ORDER BY n.key"]
        or ["SELECT ", chats::COLUMNS, ", ", LENGTH, " FROM json_array_elements_text(CAST(CAST($3 AS TEXT) AS JSON)) \
        WITH ORDINALITY n(value, key) JOIN chats c ON c.number = CAST(n.value AS BIGINT) WHERE ", scope::CHAT_READ,
        " ORDER BY n.key"];
    CHAT_ID = ["SELECT c.id FROM chats c WHERE c.number = $3 AND ", scope::CHAT_READ];
    /// Where the walk of a chat ends that begins now, and how long it is.
    BOUNDS_BY_NUMBER = ["SELECT c.id, c.last_seq, ", LENGTH, " FROM chats c WHERE c.number = $3 AND ", scope::CHAT_READ];
    BOUNDS_BY_ID = ["SELECT c.id, c.last_seq, ", LENGTH, " FROM chats c WHERE c.id = $3 AND ", scope::CHAT_READ];
    MESSAGE = ["SELECT c.number, ", messages::COLUMNS, responses::COLUMNS, messages::FROM, "WHERE m.number = $3 AND ", scope::CHAT_READ];
    MESSAGE_ID = ["SELECT m.id FROM chats c JOIN messages m ON m.chat_number = c.number WHERE m.number = $3 AND ", scope::CHAT_READ];
    EVERYTHING = ["SELECT ", chats::COLUMNS, ", ", LENGTH, chat_lists::EVERYTHING, NEWEST_FIRST, FIRST];
    VISIBLE = ["SELECT ", chats::COLUMNS, ", ", LENGTH, chat_lists::OWN, "1 = 1 UNION ALL SELECT ", chats::COLUMNS, ", ", LENGTH,
        chat_lists::SHARED, "1 = 1 UNION ALL SELECT ", chats::COLUMNS, ", ", LENGTH, chat_lists::NOBODYS, NEWEST_FIRST, FIRST];
    NUMBERS_OF_EVERYTHING = ["SELECT ", KEYS, chat_lists::EVERYTHING, NEWEST_FIRST];
    NUMBERS_OF_VISIBLE = ["SELECT ", KEYS, chat_lists::OWN, "1 = 1 UNION ALL SELECT ", KEYS, chat_lists::SHARED,
        "1 = 1 UNION ALL SELECT ", KEYS, chat_lists::NOBODYS, NEWEST_FIRST];
}

fn read_chat(row: &mut Row<'_>) -> Result<LinearChat> {
    Ok(LinearChat { chat: chats::read(row)?, message_count: row.next()? })
}

pub(crate) fn chat(conn: &Conn<'_>, scope: Scope, number: i64) -> Result<Option<LinearChat>> {
    conn.first(&CHAT, scoped![scope, number], read_chat)
}

/// Those of the chats that can be seen, in this order.
pub(crate) fn chats(conn: &Conn<'_>, scope: Scope, numbers: &[i64]) -> Result<Vec<LinearChat>> {
    let numbers = Json::from(numbers).to_string();
    conn.all(&CHATS, scoped![scope, &numbers], read_chat)
}

pub(crate) fn chat_id(conn: &Conn<'_>, scope: Scope, number: i64) -> Result<Option<ChatId>> {
    conn.first(&CHAT_ID, scoped![scope, number], |row| row.next())
}

/// The message, and the number of its chat.
pub(crate) fn message(conn: &Conn<'_>, scope: Scope, number: i64) -> Result<Option<(i64, Message)>> {
    conn.first(&MESSAGE, scoped![scope, number], |row| Ok((row.next()?, messages::read(row)?)))
}

pub(crate) fn message_id(conn: &Conn<'_>, scope: Scope, number: i64) -> Result<Option<MessageId>> {
    conn.first(&MESSAGE_ID, scoped![scope, number], |row| row.next())
}

/// What a chat is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Number(i64),
    Id(ChatId),
}

/// A chat as it is when a walk of it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) id: ChatId,
    /// No message had a greater one.
    pub(crate) last_seq: i64,
    /// Messages of the active branch.
    pub(crate) length: u64,
}

pub(crate) fn bounds(conn: &Conn<'_>, scope: Scope, name: Name) -> Result<Option<Bounds>> {
    let read = |row: &mut Row<'_>| Ok(Bounds { id: row.next()?, last_seq: row.next()?, length: row.next()? });
    match name {
        Name::Number(number) => conn.first(&BOUNDS_BY_NUMBER, scoped![scope, number], read),
        Name::Id(id) => conn.first(&BOUNDS_BY_ID, scoped![scope, id], read),
    }
}

/// The chats that were changed last.
pub(crate) fn newest_chats(conn: &Conn<'_>, scope: Scope, room: Room) -> Result<Stretch<LinearChat>> {
    let statement = if scope == Scope::Operator { &EVERYTHING } else { &VISIBLE };
    conn.stretch(statement, scoped![scope, room.and_one()], room, read_chat)
}

/// The numbers of all chats, in the same order.
pub(crate) fn numbers_of_chats(conn: &Conn<'_>, scope: Scope) -> Result<Vec<i64>> {
    let statement = if scope == Scope::Operator { &NUMBERS_OF_EVERYTHING } else { &NUMBERS_OF_VISIBLE };
    conn.all(statement, scoped![scope], |row| row.next())
}
