//! Documents that are deleted: nobody sees them, and their passages go in pieces, behind, because all at once they would hold
//! up everyone who writes.
//!
//! A row marks one. It comes with the call that deletes the document, or by a trigger with what the document is in, and goes
//! with the document. [`THERE`] stands in every statement that must not find one.

use super::{chunks, document_texts, params};
use crate::{
    base::{
        error::Result,
        id::{ChatId, DocumentId},
    },
    storage::{Conn, Tx, sql::statements},
};

/// On `documents d`: those that are not deleted.
pub(super) const THERE: &str = "d.number NOT IN (SELECT x.document_number FROM deleted_documents x)";

const MARK: &str = "INSERT INTO deleted_documents (document_number, seen_chat, seen_seq) ";
const NEXT_OF: &str = "SELECT x.document_number, d.id, x.seen_chat, x.seen_seq \
     FROM deleted_documents x JOIN documents d ON d.number = x.document_number ";

statements! {
    /// A chat's documents are cited in it and in its forks, which are younger, as are theirs; those of a workspace anywhere.
    MARK_ONE = [MARK, "SELECT d.number, COALESCE(c.number, 0), 0 FROM documents d LEFT JOIN chats c ON c.id = d.chat_id \
        WHERE d.id = $1 AND ", THERE];
    /// The chat's own messages go with it.
    MARK_OF_CHAT = [MARK, "SELECT d.number, c.number, 9223372036854775807 FROM chats c JOIN documents d ON d.chat_id = c.id \
        WHERE c.id = $1 AND ", THERE];
    NEXT = [NEXT_OF, "ORDER BY x.number LIMIT 1"];
    NAMED = [NEXT_OF, "WHERE d.id = $1"];
    /// Only messages that cite are looked at, in the order of an index.
    END_OF_PAGE = ["SELECT m.chat_number, m.seq FROM messages m WHERE m.context IS NOT NULL \
        AND (m.chat_number, m.seq) > ($1, $2) ORDER BY m.chat_number, m.seq LIMIT 1 OFFSET $3"];
    /// The two fields stand side by side in what is stored.
    MARK_STALE = ["UPDATE messages SET context = REPLACE(context, $1, $2) WHERE context IS NOT NULL \
        AND (chat_number, seq) > ($3, $4) AND (chat_number, seq) <= ($5, $6) AND context LIKE $7"];
    SEE = ["UPDATE deleted_documents SET seen_chat = $2, seen_seq = $3 WHERE document_number = $1"];
    END = ["DELETE FROM documents WHERE number = $1"];
}

/// Where all messages were looked at.
const LAST: (i64, i64) = (i64::MAX, i64::MAX);

/// One of which something is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deleted {
    number: i64,
    id: DocumentId,
    /// Messages up to this one, by the number of its chat and its place there, say that it is gone where they cite it.
    seen: (i64, i64),
}

fn read(row: &mut crate::storage::Row<'_>) -> Result<Deleted> {
    Ok(Deleted { number: row.next()?, id: row.next()?, seen: (row.next()?, row.next()?) })
}

/// Deletes a document for everyone, and leaves it to be removed behind. Of the messages that may cite it, so many are looked
/// at now.
pub(crate) fn mark(tx: &Tx<'_>, id: DocumentId, citing: u32) -> Result<()> {
    tx.execute(&MARK_ONE, params![id])?;
    match tx.first(&NAMED, params![id], read)? {
        Some(deleted) => mark_stale(tx, deleted, citing),
        None => Ok(()),
    }
}

/// The same for all documents of a chat that is deleted, without a look at who cites them.
pub(crate) fn mark_of_chat(tx: &Tx<'_>, id: ChatId) -> Result<()> {
    tx.execute(&MARK_OF_CHAT, params![id]).map(drop)
}

/// One that is to be removed.
pub(crate) fn next(conn: &Conn<'_>) -> Result<Option<Deleted>> {
    conn.first(&NEXT, params![], read)
}

/// Removes a piece of it: looks at so many messages that may cite it, or when that is done deletes parts of its text or so many passages, or when
/// none is left the document itself.
pub(crate) fn remove(tx: &Tx<'_>, found: Deleted, citing: u32, passages: u32) -> Result<()> {
    // Another process may have come further since it was found, and its number may be another document's.
    let Some(deleted) = tx.first(&NAMED, params![found.id], read)? else { return Ok(()) };
    if deleted.seen != LAST {
        return mark_stale(tx, deleted, citing);
    }
    // A part of the text is as long as many passages.
    if document_texts::clear_some(tx, deleted.number, 1)? == 0
        && chunks::clear_some(tx, deleted.number, passages)? == 0
    {
        tx.execute(&END, params![deleted.number])?;
    }
    Ok(())
}

/// Has the next so many of the messages that may cite it say that it is gone.
fn mark_stale(tx: &Tx<'_>, Deleted { number, id, seen }: Deleted, citing: u32) -> Result<()> {
    let others = citing.saturating_sub(1);
    let last =
        tx.first(&END_OF_PAGE, params![seen.0, seen.1, others], |row| Ok((row.next()?, row.next()?)))?;
    let upto = last.unwrap_or(LAST);
    let cited = |stale: bool| format!("\"document_id\":\"{id}\",\"stale\":{stale}");
    let (fresh, stale, pattern) = (cited(false), cited(true), format!("%{id}%"));
    tx.execute(&MARK_STALE, params![&fresh, &stale, seen.0, seen.1, upto.0, upto.1, &pattern])?;
    tx.execute(&SEE, params![number, upto.0, upto.1]).map(drop)
}
