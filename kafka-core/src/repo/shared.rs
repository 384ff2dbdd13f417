//! What was said in a chat, for whoever has a link to it: of its active branch what users said and models answered.

use super::{
    messages::{COLUMNS, FROM, read},
    responses, scope, scoped,
};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::ChatId,
        page::{Room, Stretch},
    },
    entity::message::Message,
    storage::{Conn, sql::statements},
};

const SAID: &str = "WHERE c.id = $3 AND m.on_branch = 1 AND m.role IN ('user', 'assistant') AND ";

statements! {
    BEFORE = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, SAID, scope::CHAT_READ,
        " AND m.seq < $4 ORDER BY m.seq DESC LIMIT $5"];
    AFTER = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, SAID, scope::CHAT_READ,
        " AND m.seq > $4 ORDER BY m.seq LIMIT $5"];
    NUMBERED = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, SAID, scope::CHAT_READ,
        " ORDER BY m.seq LIMIT $4 OFFSET $5"];
    COUNT = ["SELECT COUNT(*) FROM chats c JOIN messages m ON m.chat_number = c.number ", SAID, scope::CHAT_READ];
}

/// What was said before `seq`, newest first.
pub(crate) fn before(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<Message>> {
    conn.stretch(&BEFORE, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// What was said after `seq`, oldest first.
pub(crate) fn after(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<Message>> {
    conn.stretch(&AFTER, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// What was said from an offset on, oldest first.
pub(crate) fn numbered(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    room: Room,
    offset: i64,
) -> Result<Stretch<Message>> {
    conn.stretch(&NUMBERED, scoped![scope, chat, room.and_one(), offset], room, read)
}

/// How many messages that are.
pub(crate) fn count(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope, chat], |row| row.next())?.unwrap_or(0))
}
