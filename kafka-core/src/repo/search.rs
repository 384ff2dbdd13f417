//! What the index of words finds for a caller. The scope's predicate stands in the statement that asks the index.

use serde_json::Value as Json;

use super::{
    params, scope, scoped,
    search_index::{Table, text_of_chat},
    search_terms::{
        Wanted, expression, label_of_chat, label_of_model, label_of_role, label_of_shelf, label_of_user,
        label_of_workspace, labels_of_period,
    },
};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, DocumentId, MessageId, WorkspaceId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::message::Role,
    storage::{Conn, Row, Value, sql::statements},
};

/// What is found of a message and of a chat, in one form.
const FOUND_MESSAGE: &str =
    "SELECT m.number, c.id, c.title, m.created_at, m.content, CAST(NULL AS TEXT), m.id, m.role FROM ";
const FOUND_CHAT: &str = "SELECT c.number, c.id, c.title, c.created_at, c.title, c.description, CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM ";
/// SQLite keeps the order of `CROSS JOIN`: the index comes first, whatever the other tables have to offer.
const OF_MESSAGE: &str = "search_messages s CROSS JOIN messages m ON m.number = s.rowid CROSS JOIN chats c ON c.number = m.chat_number \
     WHERE s.words MATCH $3 AND s.rowid < $4 AND ";
const OF_MESSAGE_POSTGRES: &str = "search_messages s JOIN messages m ON m.number = s.number JOIN chats c ON c.number = m.chat_number \
     WHERE s.words @@ CAST(CAST($3 AS TEXT) AS tsquery) AND s.number < $4 AND ";
const OF_CHAT: &str =
    "search_chats s CROSS JOIN chats c ON c.number = s.rowid WHERE s.words MATCH $3 AND s.rowid < $4 AND ";
const OF_CHAT_POSTGRES: &str = "search_chats s JOIN chats c ON c.number = s.number \
     WHERE s.words @@ CAST(CAST($3 AS TEXT) AS tsquery) AND s.number < $4 AND ";
const FOUND_CHUNK: &str = "SELECT k.number, c.id, c.title, d.created_at, k.content, d.id, d.filename, k.start_byte, k.end_byte, k.heading FROM ";
const OF_CHUNK: &str = "search_chunks s CROSS JOIN chunks k ON k.number = s.rowid CROSS JOIN documents d ON d.number = k.document_number \
     LEFT JOIN chats c ON c.id = d.chat_id WHERE s.words MATCH $3 AND s.rowid < $4 AND ";
const OF_CHUNK_POSTGRES: &str = "search_chunks s JOIN chunks k ON k.number = s.number JOIN documents d ON d.number = k.document_number \
     LEFT JOIN chats c ON c.id = d.chat_id WHERE s.words @@ CAST(CAST($3 AS TEXT) AS tsquery) AND s.number < $4 AND ";
const OF_NUMBERED: &str = " JOIN documents d ON d.number = k.document_number LEFT JOIN chats c ON c.id = d.chat_id \
     WHERE d.processing_status = 'completed' AND ";
const NARROWED_MESSAGE: &str = " AND m.created_at >= $6 AND m.created_at < $7 AND (CAST($8 AS TEXT) IS NULL OR c.id = $8) \
     AND (CAST($9 AS TEXT) IS NULL OR c.workspace_id = $9) AND (CAST($10 AS TEXT) IS NULL OR m.role = $10) \
     AND (CAST($11 AS TEXT) IS NULL OR m.model = $11)";
const NARROWED_CHAT: &str = " AND c.created_at >= $6 AND c.created_at < $7 AND (CAST($8 AS TEXT) IS NULL OR c.id = $8) \
     AND (CAST($9 AS TEXT) IS NULL OR c.workspace_id = $9) AND CAST($10 AS TEXT) IS NULL AND CAST($11 AS TEXT) IS NULL";
const NARROWED_CHUNK: &str = " AND d.processing_status = 'completed' AND d.created_at >= $6 AND d.created_at < $7 \
     AND (CAST($8 AS TEXT) IS NULL OR c.id = $8 OR d.workspace_id = (SELECT a.workspace_id FROM chats a WHERE a.id = $8)) \
     AND (CAST($9 AS TEXT) IS NULL OR COALESCE(d.workspace_id, c.workspace_id) = $9) \
     AND CAST($10 AS TEXT) IS NULL AND CAST($11 AS TEXT) IS NULL";
const NEWEST_FIRST: &str = " ORDER BY s.rowid DESC LIMIT $5";
const HIGHEST_FIRST: &str = " ORDER BY s.number DESC LIMIT $5";
/// Rows of these numbers, which are in their order before anything else is read: no more of it is than there is room for.
const OF_FEW: &str = "(SELECT n.value AS number FROM json_each($3) n ORDER BY 1 DESC) s ";
const OF_FEW_POSTGRES: &str =
    "(SELECT n.number FROM unnest(CAST(CAST($3 AS TEXT) AS BIGINT[])) n(number) ORDER BY 1 DESC) s ";
const FEW_MESSAGE: &str = "JOIN messages m ON m.number = s.number JOIN chats c ON c.number = m.chat_number WHERE s.number < $4 AND ";
const FEW_CHAT: &str = "JOIN chats c ON c.number = s.number WHERE s.number < $4 AND ";
const FEW_CHUNK: &str = "JOIN chunks k ON k.number = s.number JOIN documents d ON d.number = k.document_number \
     LEFT JOIN chats c ON c.id = d.chat_id WHERE s.number < $4 AND ";
const FEW: &str = " s WHERE s.words MATCH $1 AND s.rowid < $2 LIMIT $3";
const FEW_POSTGRES: &str = " s WHERE s.words @@ CAST(CAST($1 AS TEXT) AS tsquery) AND s.number < $2 LIMIT $3";

statements! {
    /// Until the end of the transaction.
    PLAN_ANEW = ["SELECT 1"] or ["SELECT set_config('plan_cache_mode', 'force_custom_plan', TRUE), \
        set_config('max_parallel_workers_per_gather', '0', TRUE)"];
    WORKSPACES = ["SELECT w.id FROM workspaces w WHERE w.owner_id = $1 \
        UNION SELECT wm.workspace_id FROM workspace_members wm WHERE wm.user_id = $1 LIMIT $2"];
    FEW_MESSAGES = ["SELECT s.rowid FROM search_messages", FEW] or ["SELECT s.number FROM search_messages", FEW_POSTGRES];
    FEW_CHATS = ["SELECT s.rowid FROM search_chats", FEW] or ["SELECT s.number FROM search_chats", FEW_POSTGRES];
    FEW_CHUNKS = ["SELECT s.rowid FROM search_chunks", FEW] or ["SELECT s.number FROM search_chunks", FEW_POSTGRES];
    FIND_MESSAGES = [FOUND_MESSAGE, OF_MESSAGE, scope::CHAT_READ, NARROWED_MESSAGE, NEWEST_FIRST]
        or [FOUND_MESSAGE, OF_MESSAGE_POSTGRES, scope::CHAT_READ, NARROWED_MESSAGE, HIGHEST_FIRST];
    FIND_CHATS = [FOUND_CHAT, OF_CHAT, scope::CHAT_READ, NARROWED_CHAT, NEWEST_FIRST]
        or [FOUND_CHAT, OF_CHAT_POSTGRES, scope::CHAT_READ, NARROWED_CHAT, HIGHEST_FIRST];
    /// Of the numbers, a list in JSON.
    GET_CHUNKS = [FOUND_CHUNK, "json_each($3) n CROSS JOIN chunks k ON k.number = n.value", OF_NUMBERED, scope::DOCUMENT_READ]
        or [FOUND_CHUNK, "json_array_elements_text(CAST(CAST($3 AS TEXT) AS JSON)) n(value) \
        JOIN chunks k ON k.number = CAST(n.value AS BIGINT)", OF_NUMBERED, scope::DOCUMENT_READ];
    FIND_CHUNKS = [FOUND_CHUNK, OF_CHUNK, scope::DOCUMENT_READ, NARROWED_CHUNK, NEWEST_FIRST]
        or [FOUND_CHUNK, OF_CHUNK_POSTGRES, scope::DOCUMENT_READ, NARROWED_CHUNK, HIGHEST_FIRST];
    FIND_FEW_MESSAGES = [FOUND_MESSAGE, OF_FEW, FEW_MESSAGE, scope::CHAT_READ, NARROWED_MESSAGE, HIGHEST_FIRST]
        or [FOUND_MESSAGE, OF_FEW_POSTGRES, FEW_MESSAGE, scope::CHAT_READ, NARROWED_MESSAGE, HIGHEST_FIRST];
    FIND_FEW_CHATS = [FOUND_CHAT, OF_FEW, FEW_CHAT, scope::CHAT_READ, NARROWED_CHAT, HIGHEST_FIRST]
        or [FOUND_CHAT, OF_FEW_POSTGRES, FEW_CHAT, scope::CHAT_READ, NARROWED_CHAT, HIGHEST_FIRST];
    FIND_FEW_CHUNKS = [FOUND_CHUNK, OF_FEW, FEW_CHUNK, scope::DOCUMENT_READ, NARROWED_CHUNK, HIGHEST_FIRST]
        or [FOUND_CHUNK, OF_FEW_POSTGRES, FEW_CHUNK, scope::DOCUMENT_READ, NARROWED_CHUNK, HIGHEST_FIRST];
}

/// What narrows a search.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) chat_id: Option<ChatId>,
    pub(crate) chat_number: Option<i64>,
    /// Of the chat, whose documents it is answered from, too.
    pub(crate) shelf: Option<WorkspaceId>,
    pub(crate) workspace_id: Option<WorkspaceId>,
    pub(crate) role: Option<Role>,
    pub(crate) model: Option<String>,
}

/// So many rows are few: they are all read for the newest of them.
const MOST_FEW: usize = 1000;

/// Has PostgreSQL look at what is searched for before it decides how. A plan for whatever may come, which it takes to after
/// a few calls, begins with all messages: a rare word took seconds. And it shall not start processes for it, which takes
/// longer than most searches.
pub(crate) fn plan_anew(conn: &Conn<'_>) -> Result<()> {
    match conn.is_postgres() {
        true => conn.first(&PLAN_ANEW, params![], |_| Ok(())).map(drop),
        false => Ok(()),
    }
}

/// More workspaces than these narrow the index no more; the scope's predicate does.
const MOST_WORKSPACES: u32 = 200;

/// Which labels a row must have, one of each group.
pub(crate) fn labels(conn: &Conn<'_>, scope: Scope, filter: &Filter) -> Result<Vec<Vec<String>>> {
    let mut groups = Vec::new();
    if let Scope::User(user) | Scope::Admin(user) = scope {
        let workspaces =
            conn.all(&WORKSPACES, params![user, MOST_WORKSPACES + 1], |row| row.next::<WorkspaceId>())?;
        if workspaces.len() <= MOST_WORKSPACES as usize {
            let mut own = vec![label_of_user(user)];
            own.extend(workspaces.into_iter().map(label_of_workspace));
            own.extend(matches!(scope, Scope::Admin(_)).then(|| "=n".to_owned()));
            groups.push(own);
        }
    }
    groups.extend(filter.chat_number.map(|number| {
        let chat = [label_of_chat(number)].into_iter();
        chat.chain(filter.shelf.map(label_of_shelf)).collect()
    }));
    groups.extend(filter.workspace_id.map(|workspace| vec![label_of_workspace(workspace)]));
    groups.extend(filter.role.map(|role| vec![label_of_role(role)]));
    groups.extend(filter.model.as_deref().map(|model| vec![label_of_model(model)]));
    groups.extend(labels_of_period(filter.from, filter.to));
    Ok(groups)
}

/// Something that the index gave.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) number: i64,
    /// None of a document that a workspace's chats share.
    pub(crate) chat_id: Option<ChatId>,
    pub(crate) title: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) text: String,
    /// What a passage stands under.
    pub(crate) heading: Option<String>,
    pub(crate) noun: Noun,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Noun {
    Message(MessageId, Role),
    Chat,
    /// A passage: the document, its name, and where the passage stands.
    Passage(DocumentId, String, [u64; 2]),
}

/// What is searched for, and for whom.
pub(crate) struct Lookup<'a> {
    pub(crate) scope: Scope,
    pub(crate) filter: &'a Filter,
    pub(crate) labels: &'a [Vec<String>],
}

impl Lookup<'_> {
    /// Rows with numbers below `before` that hold what is wanted and that the scope may see, newest first.
    pub(crate) fn find(
        &self,
        conn: &Conn<'_>,
        table: Table,
        wanted: Wanted<'_>,
        before: i64,
        room: Room,
    ) -> Result<Stretch<Found>> {
        let expression = expression(wanted, self.labels, conn.is_postgres());
        let few = if conn.is_postgres() { few(conn, table, &expression, before)? } else { None };
        if few.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Stretch { rows: Vec::new(), goes_on: false });
        }
        let is_few = few.is_some();
        let wanted = few.map_or(expression, |numbers| array(&numbers));
        let filter = self.filter;
        let params = [
            self.scope.user(),
            self.scope.reach(),
            Value::from(&wanted),
            before.into(),
            room.and_one().into(),
            filter.from.map_or(i64::MIN, Timestamp::unix_ms).into(),
            filter.to.map_or(i64::MAX, Timestamp::unix_ms).into(),
            filter.chat_id.into(),
            filter.workspace_id.into(),
            filter.role.into(),
            Value::from(&filter.model),
        ];
        let (statement, read) = match (table, is_few) {
            (Table::Messages, false) => (&FIND_MESSAGES, read_found as Read),
            (Table::Messages, true) => (&FIND_FEW_MESSAGES, read_found as Read),
            (Table::Chats, false) => (&FIND_CHATS, read_found as Read),
            (Table::Chats, true) => (&FIND_FEW_CHATS, read_found as Read),
            (Table::Chunks, false) => (&FIND_CHUNKS, read_passage as Read),
            (Table::Chunks, true) => (&FIND_FEW_CHUNKS, read_passage as Read),
        };
        conn.stretch(statement, &params, room, read)
    }
}

/// The rows that hold what is wanted, if they are few. PostgreSQL takes any word that is not among the most frequent for
/// one that some thousand rows hold, and would go through all rows from the newest on for the first twenty that do: for a
/// word of five rows among a million, a second.
fn few(conn: &Conn<'_>, table: Table, expression: &str, before: i64) -> Result<Option<Vec<i64>>> {
    let statement = match table {
        Table::Messages => &FEW_MESSAGES,
        Table::Chats => &FEW_CHATS,
        Table::Chunks => &FEW_CHUNKS,
    };
    let params = params![expression, before, MOST_FEW as i64 + 1];
    let numbers = conn.all(statement, params, |row| row.next())?;
    Ok((numbers.len() <= MOST_FEW).then_some(numbers))
}

/// As PostgreSQL writes an array.
fn array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

/// Those of the passages of these numbers that the scope may read.
pub(crate) fn passages(conn: &Conn<'_>, scope: Scope, numbers: &[i64]) -> Result<Vec<Found>> {
    let numbers = Json::from(numbers).to_string();
    conn.all(&GET_CHUNKS, scoped![scope, &numbers], read_passage)
}

type Read = fn(&mut Row<'_>) -> Result<Found>;

fn read_found(row: &mut Row<'_>) -> Result<Found> {
    let (number, chat_id, title, created_at) = (row.next()?, row.next()?, row.next()?, row.next()?);
    let text = text_of_chat(row.next()?, row.next()?);
    let message = row.next::<Option<MessageId>>()?.zip(row.next::<Option<Role>>()?);
    let noun = message.map_or(Noun::Chat, |(id, role)| Noun::Message(id, role));
    Ok(Found { number, chat_id, title, created_at, text, heading: None, noun })
}

fn read_passage(row: &mut Row<'_>) -> Result<Found> {
    Ok(Found {
        number: row.next()?,
        chat_id: row.next()?,
        title: row.next()?,
        created_at: row.next()?,
        text: row.next()?,
        noun: Noun::Passage(row.next()?, row.next()?, [row.next()?, row.next()?]),
        heading: row.next()?,
    })
}
