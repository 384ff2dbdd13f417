//! The table `documents`.

use super::{deleted_documents::THERE, embeddings::WORDS_ONLY, params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{DocumentId, FileId, NodeId, UserId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::document::{Document, DocumentPlace},
    storage::{Conn, Row, Tx, Value, sql::statements},
};

const COLUMNS: &str = "d.id, d.file_id, d.chat_id, d.workspace_id, d.filename, d.processing_status, d.error_message, \
     d.tokens_used, d.chunk_count, d.embedding_model, r.replaces, d.created_at";
const FROM: &str = " FROM documents d LEFT JOIN chats c ON c.id = d.chat_id \
     LEFT JOIN document_replacements r ON r.document_id = d.id WHERE ";
/// Those of one chat or of one workspace, by the index of both.
const OF_PLACE: &str = "COALESCE(d.chat_id, d.workspace_id) = $3 AND ";
/// What is to take another's place counts when it does: then the other is gone.
const COUNTS: &str = "NOT EXISTS (SELECT 1 FROM document_replacements r WHERE r.document_id = d.id) \
     AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x)";

fn read(row: &mut Row<'_>) -> Result<Document> {
    Ok(Document {
        id: row.next()?,
        file_id: row.next()?,
        chat_id: row.next()?,
        workspace_id: row.next()?,
        filename: row.next()?,
        processing_status: row.next()?,
        error_message: row.next()?,
        tokens_used: row.next()?,
        chunk_count: row.next()?,
        embedding_model: row.next::<Option<String>>()?.filter(|model| model.as_str() != WORDS_ONLY),
        replaces: row.next()?,
        created_at: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO documents (id, file_id, chat_id, workspace_id, user_id, filename, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"];
    GET = ["SELECT ", COLUMNS, FROM, "d.id = $3 AND ", scope::DOCUMENT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, FROM, "d.id = $3 AND ", scope::DOCUMENT_WRITE];
    LIST = ["SELECT ", COLUMNS, FROM, OF_PLACE, "(d.created_at, d.id) > ($4, $5) AND ", scope::DOCUMENT_READ,
        " ORDER BY d.created_at, d.id LIMIT $6"];
    LIST_BACK = ["SELECT ", COLUMNS, FROM, OF_PLACE, "(d.created_at, d.id) < ($4, $5) AND ", scope::DOCUMENT_READ,
        " ORDER BY d.created_at DESC, d.id DESC LIMIT $6"];
    LIST_NUMBERED = ["SELECT ", COLUMNS, FROM, OF_PLACE, scope::DOCUMENT_READ,
        " ORDER BY d.created_at, d.id LIMIT $4 OFFSET $5"];
    COUNT = ["SELECT COUNT(*)", FROM, OF_PLACE, scope::DOCUMENT_READ];
    HOW_MANY = ["SELECT COUNT(*) FROM documents d WHERE COALESCE(d.chat_id, d.workspace_id) = $1 AND ", COUNTS];
    HOW_MANY_OF_USER = ["SELECT (SELECT COUNT(*) FROM chats c JOIN documents d ON d.chat_id = c.id WHERE c.user_id = $1 AND ",
        COUNTS, ") + (SELECT COUNT(*) FROM workspaces w JOIN documents d ON d.workspace_id = w.id WHERE w.owner_id = $1 AND ",
        COUNTS, ")"];
    HOW_MANY_IN_ALL = ["SELECT COUNT(*) FROM documents d WHERE ", COUNTS];
    TO_READ = ["SELECT d.number, d.filename, f.sha256, f.size_bytes, COALESCE(c.user_id, w.owner_id) FROM documents d \
        LEFT JOIN files f ON f.id = d.file_id LEFT JOIN chats c ON c.id = d.chat_id \
        LEFT JOIN workspaces w ON w.id = d.workspace_id WHERE d.id = $1 AND ", THERE];
    WAIT = ["UPDATE documents SET processing_status = 'pending', updated_at = $2 WHERE id = $1"];
    BEGIN = ["UPDATE documents SET processing_status = 'processing', error_message = NULL, updated_at = $2 WHERE id = $1"];
    NOTE_TEXT = ["UPDATE documents SET content_hash = $2, outline = $3, updated_at = $4 WHERE id = $1"];
    /// While it is being read, and by whom it is.
    NUMBER_OF_JOB = ["SELECT d.number FROM jobs j JOIN documents d ON d.id = j.subject WHERE j.number = $1 AND j.node_id = $2 AND ", THERE];
    COMPLETE = ["UPDATE documents SET processing_status = 'completed', error_message = $2, chunk_count = $3, \
        tokens_used = $4, updated_at = $5 WHERE id = $1"];
    FAIL = ["UPDATE documents SET processing_status = 'failed', error_message = $2, updated_at = $3, \
        content_hash = NULL, outline = NULL, embedding_model = NULL WHERE id = $1"];
    OWNER = ["SELECT COALESCE(c.user_id, w.owner_id) FROM documents d LEFT JOIN chats c ON c.id = d.chat_id \
        LEFT JOIN workspaces w ON w.id = d.workspace_id WHERE d.id = $1"];
    NOTE = ["SELECT d.error_message FROM documents d WHERE d.id = $1"];
    SET_NOTE = ["UPDATE documents SET error_message = $2 WHERE id = $1"];
    OF_FILE = ["SELECT d.id FROM documents d WHERE d.file_id = $1"];
    RENAME_OF_FILE = ["UPDATE documents SET filename = $2, updated_at = $3 WHERE file_id = $1"];
    IS_THERE = ["SELECT 1 FROM documents d WHERE d.id = $1 AND ", THERE];
}

/// Stores a document that waits to be read.
pub(crate) fn insert(tx: &Tx<'_>, document: &Document, uploaded_by: Option<UserId>) -> Result<()> {
    let Document { id, file_id, chat_id, workspace_id, filename, created_at, .. } = document;
    let values = params![*id, *file_id, *chat_id, *workspace_id, uploaded_by, filename, *created_at];
    tx.execute(&INSERT, values).map(drop)
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: DocumentId) -> Result<Option<Document>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: DocumentId) -> Result<Option<Document>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

fn place_value(place: DocumentPlace) -> Value<'static> {
    match place {
        DocumentPlace::Chat(id) => id.into(),
        DocumentPlace::Workspace(id) => id.into(),
    }
}

/// Those of a place after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    place: DocumentPlace,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Document>> {
    let values = scoped![scope, place_value(place), after.0, after.1, room.and_one()];
    conn.stretch(&LIST, values, room, read)
}

/// Those before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    place: DocumentPlace,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Document>> {
    let values = scoped![scope, place_value(place), before.0, before.1, room.and_one()];
    conn.stretch(&LIST_BACK, values, room, read)
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    place: DocumentPlace,
    room: Room,
    offset: i64,
) -> Result<Stretch<Document>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, place_value(place), room.and_one(), offset], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, place: DocumentPlace) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope, place_value(place)], |row| row.next())?.unwrap_or(0))
}

/// How many a place that was admitted has.
pub(crate) fn how_many(conn: &Conn<'_>, place: DocumentPlace) -> Result<u64> {
    Ok(conn.first(&HOW_MANY, &[place_value(place)], |row| row.next())?.unwrap_or(0))
}

/// How many there are in the chats and workspaces of an account, or in all.
pub(crate) fn how_many_of(conn: &Conn<'_>, user: Option<UserId>) -> Result<u64> {
    let found = match user {
        Some(user) => conn.first(&HOW_MANY_OF_USER, params![user], |row| row.next())?,
        None => conn.first(&HOW_MANY_IN_ALL, params![], |row| row.next())?,
    };
    Ok(found.unwrap_or(0))
}

/// What has to be known to read one.
#[derive(Clone, Debug)]
pub(crate) struct ToRead {
    pub(crate) number: i64,
    pub(crate) filename: String,
    /// The hash and the length of its file's bytes.
    pub(crate) bytes: Option<(String, u64)>,
    /// Whose chat or workspace it is in.
    pub(crate) owner: Option<UserId>,
}

pub(crate) fn to_read(conn: &Conn<'_>, id: DocumentId) -> Result<Option<ToRead>> {
    conn.first(&TO_READ, params![id], |row| {
        let (number, filename) = (row.next()?, row.next()?);
        let bytes = row.next::<Option<String>>()?.zip(row.next::<Option<u64>>()?);
        Ok(ToRead { number, filename, bytes, owner: row.next()? })
    })
}

/// Notes that one is being read.
pub(crate) fn begin(tx: &Tx<'_>, id: DocumentId, now: Timestamp) -> Result<()> {
    tx.execute(&BEGIN, params![id, now]).map(drop)
}

/// Notes that one waits again.
pub(crate) fn wait(tx: &Tx<'_>, id: DocumentId, now: Timestamp) -> Result<()> {
    tx.execute(&WAIT, params![id, now]).map(drop)
}

/// Notes of one that is being read what its text's hash is, and its headings.
pub(crate) fn note_text(
    tx: &Tx<'_>,
    id: DocumentId,
    sha256: &str,
    outline: &str,
    now: Timestamp,
) -> Result<()> {
    tx.execute(&NOTE_TEXT, params![id, sha256, outline, now]).map(drop)
}

/// Whose chat or workspace one is in.
pub(crate) fn owner(conn: &Conn<'_>, id: DocumentId) -> Result<Option<UserId>> {
    Ok(conn.first(&OWNER, params![id], |row| row.next())?.flatten())
}

/// What is said of one.
pub(crate) fn note(conn: &Conn<'_>, id: DocumentId) -> Result<Option<String>> {
    Ok(conn.first(&NOTE, params![id], |row| row.next())?.flatten())
}

/// Says this of one.
pub(crate) fn set_note(tx: &Tx<'_>, id: DocumentId, note: &Option<String>) -> Result<()> {
    tx.execute(&SET_NOTE, params![id, note]).map(drop)
}

/// The number of the document that a job is about, while it is there and the job is the node's.
pub(crate) fn number_of_job(conn: &Conn<'_>, job: i64, node: NodeId) -> Result<Option<i64>> {
    conn.first(&NUMBER_OF_JOB, params![job, node], |row| row.next())
}

/// Notes that it can be found, and how many passages and tokens it has.
pub(crate) fn complete(
    tx: &Tx<'_>,
    id: DocumentId,
    note: &Option<String>,
    counts: [usize; 2],
    now: Timestamp,
) -> Result<()> {
    let [chunks, tokens] = counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    tx.execute(&COMPLETE, params![id, note, chunks, tokens, now]).map(drop)
}

/// Notes why it cannot be read, and keeps nothing of it. Comes after its text and its passages went.
pub(crate) fn fail(tx: &Tx<'_>, id: DocumentId, why: &str, now: Timestamp) -> Result<()> {
    tx.execute(&FAIL, params![id, why, now]).map(drop)
}

/// The documents that a file is.
pub(crate) fn of_file(conn: &Conn<'_>, file: FileId) -> Result<Vec<DocumentId>> {
    conn.all(&OF_FILE, params![file], |row| row.next())
}

/// Gives the documents that a file is its new name.
pub(crate) fn rename_of_file(tx: &Tx<'_>, file: FileId, filename: &str, now: Timestamp) -> Result<()> {
    tx.execute(&RENAME_OF_FILE, params![file, filename, now]).map(drop)
}

/// Whether there is one, whoever may see it.
pub(crate) fn is_there(conn: &Conn<'_>, id: DocumentId) -> Result<bool> {
    Ok(conn.first(&IS_THERE, params![id], |_| Ok(()))?.is_some())
}
