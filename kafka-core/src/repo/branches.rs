//! The tables `chats` and `messages` as trees: where they branch, and where branches end.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind, Result},
        id::{ChatId, MessageId},
        page::{Room, Stretch},
    },
    entity::branch::BranchPoint,
    storage::{Conn, Row, sql::statements},
};

/// Begins at what stands beside the active branch (`o`), which most chats have nothing of, and keeps what hangs on it
/// (`p`). What the branch itself goes on with (`a`) is the next on it. Texts are put together in the order of `seq`.
const POINTS: &str = "SELECT COALESCE(p.seq, 0) AS place, o.parent_id, a.id, SUM(CASE WHEN o.seq < a.seq THEN 1 ELSE 0 END), \
     string_agg(o.id, ' ' ORDER BY o.seq) \
     FROM chats c JOIN messages o ON o.chat_number = c.number AND o.on_branch = 0 LEFT JOIN messages p ON p.id = o.parent_id \
     LEFT JOIN messages a ON a.id = (SELECT n.id FROM messages n WHERE n.chat_number = c.number AND n.on_branch = 1 \
     AND n.seq > COALESCE(p.seq, 0) ORDER BY n.seq LIMIT 1) \
     WHERE c.id = $3 AND (o.parent_id IS NULL OR p.on_branch = 1) AND ";
const BY_PLACE: &str = " GROUP BY COALESCE(p.seq, 0), o.parent_id, a.id ORDER BY place";

statements! {
    POINTS_BEFORE = [POINTS, scope::CHAT_READ, " AND COALESCE(p.seq, 0) < $4", BY_PLACE, " DESC LIMIT $5"];
    POINTS_AFTER = [POINTS, scope::CHAT_READ, " AND COALESCE(p.seq, 0) > $4", BY_PLACE, " LIMIT $5"];
    COUNT = ["SELECT COUNT(DISTINCT COALESCE(p.seq, 0)) FROM chats c JOIN messages o ON o.chat_number = c.number AND o.on_branch = 0 \
        LEFT JOIN messages p ON p.id = o.parent_id WHERE c.id = $3 AND (o.parent_id IS NULL OR p.on_branch = 1) AND ",
        scope::CHAT_READ];
    POINTS_NUMBERED = [POINTS, scope::CHAT_READ, BY_PLACE, " LIMIT $4 OFFSET $5"];
    ON_BRANCH = ["SELECT m.on_branch FROM messages m WHERE m.id = $1"];
    NEWEST_BELOW = ["WITH RECURSIVE below (id, seq) AS (SELECT m.id, m.seq FROM messages m WHERE m.id = $1 UNION ALL \
        SELECT m.id, m.seq FROM below JOIN messages m ON m.parent_id = below.id) \
        SELECT below.id FROM below ORDER BY below.seq DESC LIMIT 1"];
}

fn read(row: &mut Row<'_>) -> Result<BranchPoint> {
    let (seq, parent_id, active_id) = (row.next()?, row.next()?, row.next::<Option<MessageId>>()?);
    let before: usize = usize::try_from(row.next::<i64>()?).unwrap_or(usize::MAX);
    let mut message_ids =
        row.next_text()?.split(' ').map(str::parse).collect::<Result<Vec<_>, _>>().map_err(|error| {
            Error::new(ErrorKind::Corrupt, "row_unreadable", "A stored message has an id of the wrong form.")
                .with_source(error)
        })?;
    if let Some(active) = active_id {
        message_ids.insert(before.min(message_ids.len()), active);
    }
    Ok(BranchPoint { seq, parent_id, message_ids, active_id })
}

/// The branch points before the message `seq`, newest first.
pub(crate) fn before(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<BranchPoint>> {
    conn.stretch(&POINTS_BEFORE, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// The branch points after the message `seq`, oldest first.
pub(crate) fn after(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<BranchPoint>> {
    conn.stretch(&POINTS_AFTER, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// A stretch of them from an offset, oldest first.
pub(crate) fn numbered(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    room: Room,
    offset: i64,
) -> Result<Stretch<BranchPoint>> {
    conn.stretch(&POINTS_NUMBERED, scoped![scope, chat, room.and_one(), offset], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope, chat], |row| row.next())?.unwrap_or(0))
}

/// Whether a message stands on the active branch of its chat.
pub(crate) fn is_active(conn: &Conn<'_>, id: MessageId) -> Result<bool> {
    Ok(conn.first(&ON_BRANCH, params![id], |row| row.next())?.unwrap_or(false))
}

/// What was stored last of a message and all that follows it. Nothing follows that.
pub(crate) fn newest_below(conn: &Conn<'_>, id: MessageId) -> Result<MessageId> {
    Ok(conn.first(&NEWEST_BELOW, params![id], |row| row.next())?.unwrap_or(id))
}
