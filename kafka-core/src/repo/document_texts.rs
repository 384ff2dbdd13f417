//! The table `document_texts`: what documents say, in parts that follow one another without a gap.

use super::params;
use crate::{
    base::{error::Result, id::DocumentId},
    storage::{Conn, Tx, sql::statements},
};

const OF_DOCUMENT: &str = "FROM document_texts t WHERE t.document_number = (SELECT d.number FROM documents d WHERE d.id = $1 \
     AND d.number NOT IN (SELECT x.document_number FROM deleted_documents x))";

statements! {
    INSERT = ["INSERT INTO document_texts (document_number, start_byte, content) VALUES ($1, $2, $3)"];
    LENGTH = ["SELECT t.start_byte + length(CAST(t.content AS BLOB)) ", OF_DOCUMENT, " ORDER BY t.start_byte DESC LIMIT 1"]
        or ["SELECT t.start_byte + octet_length(t.content) ", OF_DOCUMENT, " ORDER BY t.start_byte DESC LIMIT 1"];
    /// The part that the first byte is in, and those behind it.
    BETWEEN = ["SELECT t.start_byte, t.content ", OF_DOCUMENT, " AND t.start_byte < $3 \
        AND t.start_byte >= COALESCE((SELECT MAX(t.start_byte) ", OF_DOCUMENT, " AND t.start_byte <= $2), 0) \
        ORDER BY t.start_byte"];
    CLEAR_SOME = ["DELETE FROM document_texts WHERE number IN (SELECT t.number FROM document_texts t \
        WHERE t.document_number = $1 ORDER BY t.number LIMIT $2)"];
}

/// Stores the part of a document's text that begins at this byte.
pub(crate) fn insert(tx: &Tx<'_>, document: i64, start: usize, content: &str) -> Result<()> {
    let start = i64::try_from(start).unwrap_or(i64::MAX);
    tx.execute(&INSERT, params![document, start, content]).map(drop)
}

/// Bytes of the whole text of a document that was admitted.
pub(crate) fn length(conn: &Conn<'_>, id: DocumentId) -> Result<u64> {
    Ok(conn.first(&LENGTH, params![id], |row| row.next())?.unwrap_or(0))
}

/// What the text of a document that was admitted says between two of its bytes, and where that begins; empty where there
/// is none. A place inside a character is moved to the character's beginning.
pub(crate) fn between(conn: &Conn<'_>, id: DocumentId, start: u64, end: u64) -> Result<(u64, String)> {
    let (mut from, mut found) = (None, String::new());
    let place = |at: u64| i64::try_from(at).unwrap_or(i64::MAX);
    conn.each(&BETWEEN, params![id, place(start), place(end)], |row| {
        let (part_start, part) = (row.next::<u64>()?, row.next_text()?);
        let cut = |at: u64| {
            part.floor_char_boundary(usize::try_from(at.saturating_sub(part_start)).unwrap_or(usize::MAX))
        };
        let (first, last) = (cut(start), cut(end));
        from.get_or_insert(part_start + first as u64);
        found.push_str(&part[first..last]);
        Ok(())
    })?;
    Ok((from.unwrap_or(start), found))
}

/// Deletes so many parts of a document's text at most, and returns how many those were.
pub(crate) fn clear_some(tx: &Tx<'_>, document: i64, most: u32) -> Result<usize> {
    tx.execute(&CLEAR_SOME, params![document, most])
}
