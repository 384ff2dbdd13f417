//! What the target of a move remembers until the move has come to its end: a table that is no part of the schema.
//! While it is there, nobody can open the database as an installation.

use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::{Conn, Tx, link::Link, sql::unlisted_statements},
};

unlisted_statements! {
    IS_THERE = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'unfinished_move'"]
        or ["SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'unfinished_move'"];
    NOTES = ["SELECT note FROM unfinished_move WHERE kind = $1"];
    NOTE = ["INSERT INTO unfinished_move (kind, note) VALUES ($1, $2)"];
}

/// What is moved, by the name of its place.
const SOURCE: &str = "source";
/// What has to be run at the end.
const AT_END: &str = "at_end";

/// Where the move comes from that has not come to its end.
pub(in crate::storage) fn source(conn: &Conn<'_>) -> Result<Option<String>> {
    if conn.first(&IS_THERE, &[], |_| Ok(()))?.is_none() {
        return Ok(None);
    }
    conn.first(&NOTES, &[SOURCE.into()], |row| row.next())
}

/// Refuses a database that is half a copy.
pub(in crate::storage) fn refuse(conn: &Conn<'_>) -> Result<()> {
    match source(conn)? {
        None => Ok(()),
        Some(source) => Err(Error::new(
            ErrorKind::Incompatible,
            "move_unfinished",
            format!(
                "The database is being filled from {source}, and that has not come to its end; run the same `kafka move` again."
            ),
        )),
    }
}

/// Notes that a move has begun. The link is inside a transaction.
pub(super) fn begin(link: &Link, source: &str, at_end: &[String]) -> Result<()> {
    link.run("CREATE TABLE unfinished_move (kind TEXT NOT NULL, note TEXT NOT NULL)")?;
    let tx = Tx::new(link);
    tx.execute(&NOTE, &[SOURCE.into(), source.into()])?;
    at_end.iter().try_for_each(|sql| tx.execute(&NOTE, &[AT_END.into(), sql.into()]).map(drop))
}

/// Forgets it, and gives what has to be run now. The link is inside a transaction.
pub(super) fn end(link: &Link) -> Result<Vec<String>> {
    let at_end = Conn::new(link).all(&NOTES, &[AT_END.into()], |row| row.next())?;
    link.run("DROP TABLE unfinished_move")?;
    Ok(at_end)
}
