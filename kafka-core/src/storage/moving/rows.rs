//! Reading rows in the order of their keys, and writing them, on either engine: a portion at a time, so that memory
//! is bounded whatever a table holds.

use std::ops::ControlFlow;

use rusqlite::{params_from_iter, types::ValueRef};

use super::{
    cell::{Cell, Class},
    table::Table,
};
use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::{fault, link::Link, value::Value},
};

/// Most rows of a portion.
const ROWS: usize = 2000;
/// A portion ends with the row that goes beyond so many bytes.
const BYTES: usize = 4 << 20;

pub(super) type Row = Vec<Cell>;

/// The rows behind the one with the key `after`, as many as a portion takes; none at the end.
pub(super) fn read(link: &Link, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Row>> {
    let mark = if is_sqlite(link) { '?' } else { '$' };
    let beyond = match after {
        None => String::new(),
        Some(key) => {
            let marks: Vec<String> = (1..=key.len()).map(|number| format!("{mark}{number}")).collect();
            format!(" WHERE ({}) > ({})", table.key_list(""), marks.join(", "))
        }
    };
    let sql = format!(
        "SELECT {} FROM {}{beyond} ORDER BY {} LIMIT {ROWS}",
        table.column_list(),
        table.quoted(),
        table.key_list("")
    );
    let params: Option<Vec<Value<'_>>> = after.unwrap_or_default().iter().map(Cell::as_key).collect();
    let params = params.ok_or_else(|| unreadable(table, "key"))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    query(link, &sql, &params, |cells| {
        let row = table.columns.iter().enumerate().map(|(index, (name, class))| {
            Cell::of(cells(index)?, *class).ok_or_else(|| unreadable(table, name))
        });
        let row = row.collect::<Result<Row>>()?;
        bytes += row.iter().map(Cell::bytes).sum::<usize>();
        rows.push(row);
        Ok(if bytes > BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(rows)
}

/// The key of a row.
pub(super) fn key_of(table: &Table, row: &Row) -> Vec<Cell> {
    table.key.iter().map(|column| row[*column].clone()).collect()
}

/// The highest key: as rows come in the order of their keys, how far a move has come.
pub(super) fn last_key(link: &Link, table: &Table) -> Result<Option<Vec<Cell>>> {
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {} LIMIT 1",
        table.key_list(""),
        table.quoted(),
        table.key_list(" DESC")
    );
    let mut found = None;
    query(link, &sql, &[], |cells| {
        let key = table.key.iter().enumerate().map(|(index, column)| {
            let (name, class) = &table.columns[*column];
            Cell::of(cells(index)?, *class).ok_or_else(|| unreadable(table, name))
        });
        found = Some(key.collect::<Result<_>>()?);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

pub(super) fn count(link: &Link, table: &Table) -> Result<u64> {
    let mut count = 0;
    query(link, &format!("SELECT count(*) FROM {}", table.quoted()), &[], |cells| {
        count = match Cell::of(cells(0)?, Class::Integer) {
            Some(Cell::Integer(number)) => u64::try_from(number).unwrap_or_default(),
            _ => 0,
        };
        Ok(ControlFlow::Break(()))
    })?;
    Ok(count)
}

/// Adds rows. The link is inside a transaction.
pub(super) fn write(link: &Link, table: &Table, rows: &[Row]) -> Result<()> {
    match link {
        Link::Sqlite(connection) => {
            let marks = vec!["?"; table.columns.len()].join(", ");
            let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", table.quoted(), table.column_list());
            let mut prepared = connection.prepare_cached(&sql).map_err(fault::classify)?;
            rows.iter().try_for_each(|row| {
                prepared.execute(params_from_iter(row)).map(drop).map_err(fault::classify)
            })
        }
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => {
            let mut text = Vec::new();
            for row in rows {
                for (index, cell) in row.iter().enumerate() {
                    if matches!(cell, Cell::Text(text) if text.contains('\0')) {
                        return Err(has_nul(table, index, row));
                    }
                    if index > 0 {
                        text.push(b'\t');
                    }
                    cell.copy_text(&mut text);
                }
                text.push(b'\n');
            }
            session.copy_in(&format!("COPY {} ({}) FROM STDIN", table.quoted(), table.column_list()), text)
        }
    }
}

/// Removes all rows.
pub(super) fn clear(link: &Link, table: &Table) -> Result<()> {
    let sql = format!("DELETE FROM {}", table.quoted());
    match link {
        Link::Sqlite(connection) => connection.execute(&sql, []).map(drop).map_err(fault::classify),
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => session.run(&sql),
    }
}

fn is_sqlite(link: &Link) -> bool {
    match link {
        Link::Sqlite(_) => true,
        #[cfg(feature = "postgres")]
        Link::Postgres(_) => false,
    }
}

/// A value of the row that is being visited, by its column.
type Cells<'r> = dyn Fn(usize) -> Result<ValueRef<'r>> + 'r;

/// Calls `visit` for each row until it breaks off.
fn query(
    link: &Link,
    sql: &str,
    params: &[Value<'_>],
    mut visit: impl FnMut(&Cells<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    match link {
        Link::Sqlite(connection) => {
            let mut prepared = connection.prepare_cached(sql).map_err(fault::classify)?;
            let mut rows = prepared.query(params_from_iter(params)).map_err(fault::classify)?;
            while let Some(row) = rows.next().map_err(fault::classify)? {
                if visit(&|column| row.get_ref(column).map_err(fault::classify))?.is_break() {
                    break;
                }
            }
            Ok(())
        }
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => session
            .visit_once(sql, params, |row| visit(&|column| crate::storage::postgres::cell(row, column))),
    }
}

fn unreadable(table: &Table, column: &str) -> Error {
    let sentence = format!(
        "{}.{column} holds a value of the wrong form, which cannot be moved; run `kafka doctor` on the source.",
        table.name
    );
    Error::new(ErrorKind::Corrupt, "row_unreadable", sentence)
}

#[cfg(feature = "postgres")]
fn has_nul(table: &Table, column: usize, row: &Row) -> Error {
    let key: Vec<String> = key_of(table, row).iter().map(|cell| format!("{cell:?}")).collect();
    let sentence = format!(
        "{}.{} holds the character U+0000 in the row {}, which PostgreSQL cannot keep; take it out of the source.",
        table.name,
        table.columns[column].0,
        key.join(", ")
    );
    Error::new(ErrorKind::Invalid, "nul_in_text", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Place, Storage, StorageOptions, moving::table};

    /// A table of one's own, and its rows in portions.
    fn portions(sql: &str) -> Vec<usize> {
        let storage = Storage::open(Place::Memory, StorageOptions::default()).unwrap();
        storage.exclusive(|connection| connection.execute_batch(sql).map_err(fault::classify)).unwrap();
        let table = storage.read(table::all).unwrap().remove(0);
        let mut last = None;
        std::iter::from_fn(|| {
            let portion = storage.alone(|link| read(link, &table, last.as_deref())).unwrap();
            last = portion.last().map(|row| key_of(&table, row));
            (!portion.is_empty()).then_some(portion.len())
        })
        .collect()
    }

    #[test]
    fn a_portion_is_bounded_in_rows_and_in_bytes() {
        let many = "CREATE TABLE t (b TEXT NOT NULL, a BIGINT NOT NULL, PRIMARY KEY (b, a));
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4001)
            INSERT INTO t SELECT i / 10, i FROM n";
        assert_eq!(portions(many), [2000, 2000, 1]);
        let long = "CREATE TABLE t (number INTEGER PRIMARY KEY, bytes BLOB);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
            INSERT INTO t SELECT i, zeroblob(3000000) FROM n";
        assert_eq!(portions(long), [2, 2, 1]);
    }
}
