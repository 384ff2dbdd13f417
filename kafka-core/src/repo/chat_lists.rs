//! The table `chats` as lists: each walks one index in its order, wherever the page lies.

use super::{
    chats::{COLUMNS, TAGGED_COLUMNS, read},
    scope, scoped,
};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::chat::{Chat, ChatFilter, TagCount},
    storage::{
        Conn, Value,
        sql::{Statement, statements},
    },
};

/// What a list is narrowed by besides its scope: `$3` archived (1), not (0) or both (null), `$4` a pattern for the
/// title or null, `$5` pinned as `$3`, `$6` a folded tag or null.
const FILTER: &str = "(CAST($3 AS BIGINT) IS NULL OR (c.archived_at IS NOT NULL) = ($3 = 1)) \
     AND (CAST($4 AS TEXT) IS NULL OR lower(c.title) LIKE lower($4) ESCAPE '\\') \
     AND (CAST($5 AS BIGINT) IS NULL OR (c.pinned_at IS NOT NULL) = ($5 = 1))";
/// The tag, where the rows of tags are not what is walked.
const WITH_TAG: &str = " AND (CAST($6 AS TEXT) IS NULL \
     OR EXISTS (SELECT 1 FROM chat_tags ct WHERE ct.chat_id = c.id AND ct.folded = $6))";
/// Every row that a partial index holds says so in these words, or the index is of no use.
const PINNED: &str = "c.pinned_at IS NOT NULL AND ";
const ARCHIVED: &str = "c.archived_at IS NOT NULL AND ";

const SELECT: &str = "SELECT ";
const AND_OF: &str = " UNION ALL SELECT ";
/// What a user sees is of three kinds. SQLite reads them side by side; PostgreSQL would read all of them, to sort it, so
/// there each ends where the page must end.
const EACH: &str = "SELECT * FROM (SELECT ";
const AND_EACH: &str = " UNION ALL SELECT * FROM (SELECT ";
const EACH_NEWEST: &str =
    " ORDER BY updated_at DESC, id DESC LIMIT CAST($9 AS BIGINT) + CAST($10 AS BIGINT)) kind";
const EACH_OLDEST: &str = " ORDER BY updated_at, id LIMIT CAST($9 AS BIGINT) + CAST($10 AS BIGINT)) kind";

/// Everything, one workspace, or what a user sees: their own, what others have in their workspaces, and nobody's.
pub(super) const EVERYTHING: &str =
    " FROM chats c WHERE c.deleted_at IS NULL AND $2 = 1 AND CAST($1 AS TEXT) IS NULL AND ";
const IN_WORKSPACE: &str = " FROM chats c WHERE c.workspace_id = $11 AND ";
pub(super) const OWN: &str = " FROM chats c WHERE c.user_id = $1 AND ";
pub(super) const SHARED: &str = " FROM chats c WHERE c.workspace_id IN (SELECT w.id FROM workspaces w WHERE w.owner_id = $1 \
     UNION SELECT wm.workspace_id FROM workspace_members wm WHERE wm.user_id = $1) \
     AND (c.user_id IS NULL OR c.user_id <> $1) AND ";
pub(super) const NOBODYS: &str = " FROM chats c WHERE c.user_id IS NULL AND c.deleted_at IS NULL AND $2 = 2 AND (c.workspace_id IS NULL \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL)) \
     AND NOT EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id) AND ";
const OLDER: &str = " AND (c.updated_at, c.id) < ($7, $8)";
const NEWER: &str = " AND (c.updated_at, c.id) > ($7, $8)";

/// The same along the rows of one tag, which stand in the order of their chats.
const EVERYTHING_TAGGED: &str = " FROM chat_tags t JOIN chats c ON c.id = t.chat_id \
     WHERE t.folded = $6 AND $2 = 1 AND CAST($1 AS TEXT) IS NULL AND ";
const OWN_TAGGED: &str = " FROM chat_tags t JOIN chats c ON c.id = t.chat_id \
     WHERE t.folded = $6 AND t.user_id = $1 AND ";
/// From the workspaces to their chats to the tags of those, however many others have the same tag.
const SHARED_TAGGED: &str = " FROM chats c CROSS JOIN chat_tags t WHERE t.chat_id = c.id \
     AND c.workspace_id IN (SELECT w.id FROM workspaces w WHERE w.owner_id = $1 \
     UNION SELECT wm.workspace_id FROM workspace_members wm WHERE wm.user_id = $1) \
     AND (c.user_id IS NULL OR c.user_id <> $1) AND ";
const NOBODYS_TAGGED: &str = " FROM chat_tags t JOIN chats c ON c.id = t.chat_id \
     WHERE t.user_id IS NULL AND $2 = 2 AND (c.workspace_id IS NULL \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL)) \
     AND NOT EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id) AND ";
const TAGGED: &str = "t.folded = $6 AND ";
const OLDER_TAGGED: &str = " AND (t.updated_at, t.chat_id) < ($7, $8)";
const NEWER_TAGGED: &str = " AND (t.updated_at, t.chat_id) > ($7, $8)";

const NEWEST_FIRST: &str = " ORDER BY updated_at DESC, id DESC LIMIT $9 OFFSET $10";
const OLDEST_FIRST: &str = " ORDER BY updated_at, id LIMIT $9 OFFSET $10";

const COUNTED: &str = "SELECT MIN(t.tag), COUNT(*) FROM ";
const BY_TAG: &str = " GROUP BY t.folded ORDER BY t.folded LIMIT $3";

statements! {
    EVERYTHING_OLDER = [SELECT, COLUMNS, EVERYTHING, FILTER, WITH_TAG, OLDER, NEWEST_FIRST];
    EVERYTHING_NEWER = [SELECT, COLUMNS, EVERYTHING, FILTER, WITH_TAG, NEWER, OLDEST_FIRST];
    EVERYTHING_PINNED_OLDER = [SELECT, COLUMNS, EVERYTHING, PINNED, FILTER, WITH_TAG, OLDER, NEWEST_FIRST];
    EVERYTHING_PINNED_NEWER = [SELECT, COLUMNS, EVERYTHING, PINNED, FILTER, WITH_TAG, NEWER, OLDEST_FIRST];
    EVERYTHING_ARCHIVED_OLDER = [SELECT, COLUMNS, EVERYTHING, ARCHIVED, FILTER, WITH_TAG, OLDER, NEWEST_FIRST];
    EVERYTHING_ARCHIVED_NEWER = [SELECT, COLUMNS, EVERYTHING, ARCHIVED, FILTER, WITH_TAG, NEWER, OLDEST_FIRST];
    EVERYTHING_TAGGED_OLDER = [SELECT, TAGGED_COLUMNS, EVERYTHING_TAGGED, FILTER, OLDER_TAGGED, NEWEST_FIRST];
    EVERYTHING_TAGGED_NEWER = [SELECT, TAGGED_COLUMNS, EVERYTHING_TAGGED, FILTER, NEWER_TAGGED, OLDEST_FIRST];
    WORKSPACE_OLDER = [SELECT, COLUMNS, IN_WORKSPACE, scope::CHAT_READ, " AND ", FILTER, WITH_TAG, OLDER, NEWEST_FIRST];
    WORKSPACE_NEWER = [SELECT, COLUMNS, IN_WORKSPACE, scope::CHAT_READ, " AND ", FILTER, WITH_TAG, NEWER, OLDEST_FIRST];
    VISIBLE_OLDER = [SELECT, COLUMNS, OWN, FILTER, WITH_TAG, OLDER, AND_OF, COLUMNS, SHARED, FILTER, WITH_TAG,
            OLDER, AND_OF, COLUMNS, NOBODYS, FILTER, WITH_TAG, OLDER, NEWEST_FIRST]
        or [EACH, COLUMNS, OWN, FILTER, WITH_TAG, OLDER, EACH_NEWEST, AND_EACH, COLUMNS, SHARED, FILTER, WITH_TAG,
            OLDER, EACH_NEWEST, AND_EACH, COLUMNS, NOBODYS, FILTER, WITH_TAG, OLDER, EACH_NEWEST, NEWEST_FIRST];
    VISIBLE_NEWER = [SELECT, COLUMNS, OWN, FILTER, WITH_TAG, NEWER, AND_OF, COLUMNS, SHARED, FILTER, WITH_TAG,
            NEWER, AND_OF, COLUMNS, NOBODYS, FILTER, WITH_TAG, NEWER, OLDEST_FIRST]
        or [EACH, COLUMNS, OWN, FILTER, WITH_TAG, NEWER, EACH_OLDEST, AND_EACH, COLUMNS, SHARED, FILTER, WITH_TAG,
            NEWER, EACH_OLDEST, AND_EACH, COLUMNS, NOBODYS, FILTER, WITH_TAG, NEWER, EACH_OLDEST, OLDEST_FIRST];
    VISIBLE_PINNED_OLDER = [SELECT, COLUMNS, OWN, PINNED, FILTER, WITH_TAG, OLDER, AND_OF, COLUMNS, SHARED, PINNED,
            FILTER, WITH_TAG, OLDER, AND_OF, COLUMNS, NOBODYS, PINNED, FILTER, WITH_TAG, OLDER, NEWEST_FIRST]
        or [EACH, COLUMNS, OWN, PINNED, FILTER, WITH_TAG, OLDER, EACH_NEWEST, AND_EACH, COLUMNS, SHARED, PINNED,
            FILTER, WITH_TAG, OLDER, EACH_NEWEST, AND_EACH, COLUMNS, NOBODYS, PINNED, FILTER, WITH_TAG, OLDER,
            EACH_NEWEST, NEWEST_FIRST];
    VISIBLE_PINNED_NEWER = [SELECT, COLUMNS, OWN, PINNED, FILTER, WITH_TAG, NEWER, AND_OF, COLUMNS, SHARED, PINNED,
            FILTER, WITH_TAG, NEWER, AND_OF, COLUMNS, NOBODYS, PINNED, FILTER, WITH_TAG, NEWER, OLDEST_FIRST]
        or [EACH, COLUMNS, OWN, PINNED, FILTER, WITH_TAG, NEWER, EACH_OLDEST, AND_EACH, COLUMNS, SHARED, PINNED,
            FILTER, WITH_TAG, NEWER, EACH_OLDEST, AND_EACH, COLUMNS, NOBODYS, PINNED, FILTER, WITH_TAG, NEWER,
            EACH_OLDEST, OLDEST_FIRST];
    VISIBLE_ARCHIVED_OLDER = [SELECT, COLUMNS, OWN, ARCHIVED, FILTER, WITH_TAG, OLDER, AND_OF, COLUMNS, SHARED,
            ARCHIVED, FILTER, WITH_TAG, OLDER, AND_OF, COLUMNS, NOBODYS, ARCHIVED, FILTER, WITH_TAG, OLDER,
            NEWEST_FIRST]
        or [EACH, COLUMNS, OWN, ARCHIVED, FILTER, WITH_TAG, OLDER, EACH_NEWEST, AND_EACH, COLUMNS, SHARED, ARCHIVED,
            FILTER, WITH_TAG, OLDER, EACH_NEWEST, AND_EACH, COLUMNS, NOBODYS, ARCHIVED, FILTER, WITH_TAG, OLDER,
            EACH_NEWEST, NEWEST_FIRST];
    VISIBLE_ARCHIVED_NEWER = [SELECT, COLUMNS, OWN, ARCHIVED, FILTER, WITH_TAG, NEWER, AND_OF, COLUMNS, SHARED,
            ARCHIVED, FILTER, WITH_TAG, NEWER, AND_OF, COLUMNS, NOBODYS, ARCHIVED, FILTER, WITH_TAG, NEWER,
            OLDEST_FIRST]
        or [EACH, COLUMNS, OWN, ARCHIVED, FILTER, WITH_TAG, NEWER, EACH_OLDEST, AND_EACH, COLUMNS, SHARED, ARCHIVED,
            FILTER, WITH_TAG, NEWER, EACH_OLDEST, AND_EACH, COLUMNS, NOBODYS, ARCHIVED, FILTER, WITH_TAG, NEWER,
            EACH_OLDEST, OLDEST_FIRST];
    VISIBLE_TAGGED_OLDER = [SELECT, TAGGED_COLUMNS, OWN_TAGGED, FILTER, OLDER_TAGGED, AND_OF, TAGGED_COLUMNS,
            SHARED_TAGGED, TAGGED, FILTER, OLDER_TAGGED, AND_OF, TAGGED_COLUMNS, NOBODYS_TAGGED, TAGGED, FILTER,
            OLDER_TAGGED, NEWEST_FIRST]
        or [EACH, TAGGED_COLUMNS, OWN_TAGGED, FILTER, OLDER_TAGGED, EACH_NEWEST, AND_EACH, TAGGED_COLUMNS,
            SHARED_TAGGED, TAGGED, FILTER, OLDER_TAGGED, EACH_NEWEST, AND_EACH, TAGGED_COLUMNS, NOBODYS_TAGGED,
            TAGGED, FILTER, OLDER_TAGGED, EACH_NEWEST, NEWEST_FIRST];
    VISIBLE_TAGGED_NEWER = [SELECT, TAGGED_COLUMNS, OWN_TAGGED, FILTER, NEWER_TAGGED, AND_OF, TAGGED_COLUMNS,
            SHARED_TAGGED, TAGGED, FILTER, NEWER_TAGGED, AND_OF, TAGGED_COLUMNS, NOBODYS_TAGGED, TAGGED, FILTER,
            NEWER_TAGGED, OLDEST_FIRST]
        or [EACH, TAGGED_COLUMNS, OWN_TAGGED, FILTER, NEWER_TAGGED, EACH_OLDEST, AND_EACH, TAGGED_COLUMNS,
            SHARED_TAGGED, TAGGED, FILTER, NEWER_TAGGED, EACH_OLDEST, AND_EACH, TAGGED_COLUMNS, NOBODYS_TAGGED,
            TAGGED, FILTER, NEWER_TAGGED, EACH_OLDEST, OLDEST_FIRST];
    COUNT = ["SELECT COUNT(*) FROM chats c WHERE ", scope::CHAT_READ, " AND ", FILTER, WITH_TAG,
        " AND (CAST($7 AS TEXT) IS NULL OR c.workspace_id = $7)"];
    TAGS_OF_EVERYTHING = [COUNTED, "chat_tags t WHERE $2 = 1 AND CAST($1 AS TEXT) IS NULL", BY_TAG];
    TAGS_VISIBLE = [COUNTED, "(SELECT t.tag, t.folded FROM chat_tags t WHERE t.user_id = $1 \
        UNION ALL SELECT t.tag, t.folded", SHARED_TAGGED, "1 = 1 UNION ALL SELECT t.tag, t.folded", NOBODYS_TAGGED,
        "1 = 1) t", BY_TAG];
}

/// Which part of a list is read.
pub(crate) enum Slice<'a> {
    /// Older than the key, newest first.
    Older(Timestamp, &'a str),
    /// Newer than the key, oldest first.
    Newer(Timestamp, &'a str),
    /// Newest first from an offset.
    Offset(i64),
}

/// Whether no index narrows what the filter asks for, so that a whole table may be read for one entry or none.
pub(crate) fn is_search(filter: &ChatFilter) -> bool {
    let is_rare = filter.archived == Some(true) || filter.pinned == Some(true) || filter.tag.is_some();
    filter.title_contains.is_some() || (is_rare && filter.workspace_id.is_some())
}

/// `filter.tag` is folded.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    filter: &ChatFilter,
    slice: &Slice<'_>,
    room: Room,
) -> Result<Stretch<Chat>> {
    let (back, at, id, offset) = match *slice {
        Slice::Older(at, id) => (false, at, id, 0),
        Slice::Newer(at, id) => (true, at, id, 0),
        Slice::Offset(offset) => (false, Timestamp::from_unix_ms(i64::MAX), "", offset),
    };
    let pattern = title_pattern(filter);
    let values = scoped![
        scope,
        filter.archived,
        &pattern,
        filter.pinned,
        &filter.tag,
        at,
        id,
        room.and_one(),
        offset,
        filter.workspace_id
    ];
    // Only lists of one workspace know the last one.
    let values: &[Value<'_>] = if filter.workspace_id.is_some() { values } else { &values[..10] };
    let [older, newer] = statement(scope, filter);
    conn.stretch(if back { newer } else { older }, values, room, read)
}

/// What walks the index that narrows the most.
fn statement(scope: Scope, filter: &ChatFilter) -> [&'static Statement; 2] {
    let is_all = scope == Scope::Operator;
    let (is_pinned, is_archived) = (filter.pinned == Some(true), filter.archived == Some(true));
    match (filter.workspace_id.is_some(), filter.tag.is_some(), is_pinned, is_archived) {
        (true, ..) => [&WORKSPACE_OLDER, &WORKSPACE_NEWER],
        (_, true, ..) if is_all => [&EVERYTHING_TAGGED_OLDER, &EVERYTHING_TAGGED_NEWER],
        (_, true, ..) => [&VISIBLE_TAGGED_OLDER, &VISIBLE_TAGGED_NEWER],
        (_, _, true, _) if is_all => [&EVERYTHING_PINNED_OLDER, &EVERYTHING_PINNED_NEWER],
        (_, _, true, _) => [&VISIBLE_PINNED_OLDER, &VISIBLE_PINNED_NEWER],
        (_, _, _, true) if is_all => [&EVERYTHING_ARCHIVED_OLDER, &EVERYTHING_ARCHIVED_NEWER],
        (_, _, _, true) => [&VISIBLE_ARCHIVED_OLDER, &VISIBLE_ARCHIVED_NEWER],
        _ if is_all => [&EVERYTHING_OLDER, &EVERYTHING_NEWER],
        _ => [&VISIBLE_OLDER, &VISIBLE_NEWER],
    }
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, filter: &ChatFilter) -> Result<u64> {
    let pattern = title_pattern(filter);
    let values = scoped![scope, filter.archived, &pattern, filter.pinned, &filter.tag, filter.workspace_id];
    Ok(conn.first(&COUNT, values, |row| row.next())?.unwrap_or(0))
}

/// The tags of chats that the scope may read, by their letters.
pub(crate) fn tags(conn: &Conn<'_>, scope: Scope, most: u32) -> Result<Vec<TagCount>> {
    let statement = if scope == Scope::Operator { &TAGS_OF_EVERYTHING } else { &TAGS_VISIBLE };
    conn.all(statement, scoped![scope, most], |row| Ok(TagCount { tag: row.next()?, chats: row.next()? }))
}

/// A LIKE pattern that finds the text itself, whatever signs it holds.
fn title_pattern(filter: &ChatFilter) -> Option<String> {
    let text = filter.title_contains.as_ref()?;
    let literal = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Some(format!("%{literal}%"))
}
