//! The table `embeddings`: the vectors of passages, numbers of 32 bits, the lowest byte first.

use super::{deleted_documents::THERE, params, scope};
use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind, Result},
        id::{ChatId, DocumentId, NodeId, WorkspaceId},
        time::Timestamp,
    },
    storage::{Conn, Tx, Value, sql::statements},
};

const EMBEDDED: &str = "SELECT d.id, d.number FROM documents d LEFT JOIN chats c ON c.id = d.chat_id \
     WHERE d.processing_status = 'completed' AND d.embedding_model = $3 AND ";

statements! {
    /// A passage has one vector: that of the model in use.
    STORE = ["INSERT INTO embeddings (chunk_number, model, dims, vector) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (chunk_number) DO UPDATE SET model = excluded.model, dims = excluded.dims, vector = excluded.vector"]
        or ["INSERT INTO embeddings (chunk_number, model, dims, vector) SELECT * \
        FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS BYTEA[])) \
        ON CONFLICT (chunk_number) DO UPDATE SET model = excluded.model, dims = excluded.dims, vector = excluded.vector"];
    OF_DOCUMENT = ["SELECT k.number, e.vector FROM chunks k JOIN embeddings e ON e.chunk_number = k.number \
        WHERE k.document_number = $1 AND e.model = $2 AND e.dims > 0 ORDER BY k.number"];
    VISIBLE = [EMBEDDED, "(CAST($4 AS TEXT) IS NULL OR c.id = $4 \
        OR d.workspace_id = (SELECT a.workspace_id FROM chats a WHERE a.id = $4)) \
        AND (CAST($5 AS TEXT) IS NULL OR COALESCE(d.workspace_id, c.workspace_id) = $5) \
        AND d.created_at >= $6 AND d.created_at < $7 AND ", scope::DOCUMENT_READ];
    FOR_CHAT = [EMBEDDED, "(d.chat_id = $4 OR d.workspace_id = $5) AND ", scope::DOCUMENT_READ];
    /// But for those whose first vectors wait to be made, and whose renewal is another node's, or waits.
    /// Which vectors a document has, its first and its last passage tell: all are made in their order.
    OUTDATED = ["SELECT d.id, d.number, d.embedding_model FROM documents d WHERE d.number > $2 AND d.processing_status = 'completed' AND ", THERE, " \
        AND (d.embedding_model IS NULL OR d.embedding_model NOT IN ($1, $7) OR EXISTS (SELECT 1 FROM chunks k \
        JOIN embeddings e ON e.chunk_number = k.number WHERE k.document_number = d.number \
        AND k.idx IN (0, d.chunk_count - 1) AND (e.model <> $1 OR e.dims NOT IN ($6, 0)))) \
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = $3 AND j.subject = d.id AND (j.run_at > $4 OR j.node_id <> $5)) \
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = $8 AND j.subject = d.id) \
        ORDER BY d.number LIMIT 1"];
    LACKING = ["SELECT CAST(COALESCE(SUM(d.chunk_count), 0) AS BIGINT) FROM documents d \
        WHERE d.processing_status = 'completed' AND (d.embedding_model IS NULL OR d.embedding_model NOT IN ($1, $2)) AND ", THERE];
    /// All that has a vector of the model, or is known to get none, and of those the latter.
    HANDLED = ["SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN e.dims = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM chunks k \
        JOIN embeddings e ON e.chunk_number = k.number WHERE k.document_number = $1 AND e.model = $2"];
    /// Bytes that are sent for what has neither.
    LEFT_BYTES = ["SELECT CAST(COALESCE(SUM(k.end_byte - k.start_byte + COALESCE(LENGTH(k.heading), 0)), 0) AS BIGINT) FROM chunks k \
        WHERE k.document_number = $1 \
        AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_number = k.number AND e.model = $2)"];
    TEXTS = ["SELECT k.number, k.heading, k.content FROM chunks k WHERE k.document_number = $1 AND k.number > $2 \
        AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_number = k.number AND e.model = $4 \
        AND (CAST($5 AS BIGINT) IS NULL OR e.dims IN ($5, 0))) \
        ORDER BY k.number LIMIT $3"];
    FORGET_MODEL = ["UPDATE documents SET embedding_model = NULL WHERE id = $1 AND embedding_model IS NOT NULL"];
    NOTE_MODEL = ["UPDATE documents SET embedding_model = $2 WHERE id = $1"];
}

/// What stands for the model of a document that its owner's plan had no room for the vectors of: it stays as it is.
pub(crate) const WORDS_ONLY: &str = "";

/// A document with vectors: its id and its number.
pub(crate) type Embedded = (DocumentId, i64);

/// Stores the vectors of passages, or puts them in place of another model's. One without numbers notes that the model gives
/// none for its passage, which is then sent to it no more.
pub(crate) fn store(tx: &Tx<'_>, chunks: &[i64], model: &str, vectors: &[Vec<f32>]) -> Result<()> {
    let bytes = |vector: &Vec<f32>| vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    let stored: Vec<Vec<u8>> = vectors.iter().map(bytes).collect();
    let rows = chunks.iter().zip(&stored).map(|(chunk, bytes)| {
        let dims = i64::try_from(bytes.len() / 4).unwrap_or(i64::MAX);
        [(*chunk).into(), model.into(), dims.into(), bytes.as_slice().into()]
    });
    tx.execute_each(&STORE, &rows.collect::<Vec<[Value<'_>; 4]>>()).map(drop)
}

/// Calls `visit` with each vector of a document and the number of its passage.
pub(crate) fn each_of_document(
    conn: &Conn<'_>,
    document: i64,
    model: &str,
    mut visit: impl FnMut(i64, Vec<f32>),
) -> Result<()> {
    conn.each(&OF_DOCUMENT, params![document, model], |row| {
        let (number, bytes) = (row.next()?, row.next::<Vec<u8>>()?);
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            let sentence = "A stored vector has half a number at its end; run `kafka doctor`.";
            return Err(Error::new(ErrorKind::Corrupt, "row_unreadable", sentence));
        }
        visit(number, numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        Ok(())
    })
}

/// What narrows a search by vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrowed {
    pub(crate) chat: Option<ChatId>,
    pub(crate) workspace: Option<WorkspaceId>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// The documents with vectors of this model that the scope may read.
pub(crate) fn visible(conn: &Conn<'_>, scope: Scope, model: &str, to: Narrowed) -> Result<Vec<Embedded>> {
    let values = [
        scope.user(),
        scope.reach(),
        model.into(),
        to.chat.into(),
        to.workspace.into(),
        to.from.map_or(i64::MIN, Timestamp::unix_ms).into(),
        to.to.map_or(i64::MAX, Timestamp::unix_ms).into(),
    ];
    conn.all(&VISIBLE, &values, |row| Ok((row.next()?, row.next()?)))
}

/// Those that a chat is answered from.
pub(crate) fn for_chat(
    conn: &Conn<'_>,
    scope: Scope,
    model: &str,
    chat: ChatId,
    workspace: Option<WorkspaceId>,
) -> Result<Vec<Embedded>> {
    let values = [scope.user(), scope.reach(), model.into(), chat.into(), workspace.into()];
    conn.all(&FOR_CHAT, &values, |row| Ok((row.next()?, row.next()?)))
}

/// What documents lack, and which node would make it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lacking<'a> {
    /// Vectors of this model, of this length if that is known.
    pub(crate) model: &'a str,
    pub(crate) length: Option<usize>,
    /// The kind of the jobs that make them, and of those that make the first ones of a document.
    pub(crate) job: &'a str,
    pub(crate) first_job: &'a str,
    pub(crate) node: NodeId,
    pub(crate) now: Timestamp,
}

/// The first completed document behind a number that lacks them, and whether it has such of another length.
pub(crate) fn outdated(conn: &Conn<'_>, of: Lacking<'_>, behind: i64) -> Result<Option<(Embedded, bool)>> {
    let length = stored_length(of.length);
    let values = params![of.model, behind, of.job, of.now, of.node, length, WORDS_ONLY, of.first_job];
    conn.first(&OUTDATED, values, |row| {
        let document = (row.next()?, row.next()?);
        Ok((document, row.next::<Option<String>>()?.as_deref() == Some(of.model)))
    })
}

/// How many passages the completed documents have that lack vectors of this model.
pub(crate) fn lacking(conn: &Conn<'_>, model: &str) -> Result<u64> {
    Ok(conn.first(&LACKING, params![model, WORDS_ONLY], |row| row.next())?.unwrap_or(0))
}

/// How many passages of a document have a vector of this model or are known to get none, and how many of them get none.
pub(crate) fn handled(conn: &Conn<'_>, document: i64, model: &str) -> Result<(u64, u64)> {
    Ok(conn
        .first(&HANDLED, params![document, model], |row| Ok((row.next()?, row.next()?)))?
        .unwrap_or_default())
}

/// How many bytes of a document are still to be sent to this model.
pub(crate) fn left_bytes(conn: &Conn<'_>, document: i64, model: &str) -> Result<u64> {
    Ok(conn.first(&LEFT_BYTES, params![document, model], |row| row.next())?.unwrap_or(0))
}

fn stored_length(length: Option<usize>) -> Option<i64> {
    length.map(|length| i64::try_from(length).unwrap_or(i64::MAX))
}

/// So many passages of a document behind a number that have no vector of this model, or none of this length, and may get
/// one, as they are sent to it: under their heading.
pub(crate) fn texts(
    conn: &Conn<'_>,
    document: i64,
    (model, length): (&str, Option<usize>),
    behind: i64,
    most: u32,
) -> Result<Vec<(i64, String)>> {
    conn.all(&TEXTS, params![document, behind, most, model, stored_length(length)], |row| {
        let (number, heading, content) = (row.next()?, row.next::<Option<String>>()?, row.next::<String>()?);
        let text = heading.map_or_else(|| content.clone(), |heading| format!("{heading}\n{content}"));
        Ok((number, text))
    })
}

/// Notes that some passages of a document have the vectors of another model than the rest, or none.
pub(crate) fn forget_model(tx: &Tx<'_>, document: DocumentId) -> Result<()> {
    tx.execute(&FORGET_MODEL, params![document]).map(drop)
}

/// Notes whose vectors a document has.
pub(crate) fn note_model(tx: &Tx<'_>, document: DocumentId, model: &str) -> Result<()> {
    tx.execute(&NOTE_MODEL, params![document, model]).map(drop)
}
