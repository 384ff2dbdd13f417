//! The table `document_replacements`: which document is to take which one's place. A row goes with either.

use super::params;
use crate::{
    base::{error::Result, id::DocumentId},
    storage::{Conn, Tx, sql::statements},
};

statements! {
    INSERT = ["INSERT INTO document_replacements (document_id, replaces) VALUES ($1, $2)"];
    OF = ["SELECT r.document_id FROM document_replacements r WHERE r.replaces = $1"];
}

/// Notes that a document is to take another's place, which no other is to take.
pub(crate) fn insert(tx: &Tx<'_>, document: DocumentId, replaces: DocumentId) -> Result<()> {
    tx.execute(&INSERT, params![document, replaces]).map(drop)
}

/// What is to take a document's place.
pub(crate) fn of(conn: &Conn<'_>, document: DocumentId) -> Result<Option<DocumentId>> {
    conn.first(&OF, params![document], |row| row.next())
}
