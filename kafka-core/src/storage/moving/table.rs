//! Which tables there are, as the engine's own catalog tells it: no list that could forget one.

use super::cell::Class;
use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::{Conn, sql::statements},
};

statements! {
    /// Left out is what is made of the rest by this program (`search_…`), and what an engine keeps for an index or
    /// computes by itself.
    TABLES = ["SELECT t.name, c.name, c.type, c.pk FROM pragma_table_list t JOIN pragma_table_info(t.name) c \
        WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
        AND t.name NOT LIKE 'search\\_%' ESCAPE '\\' AND t.name NOT IN ('refinery_schema_history', 'unfinished_move') ORDER BY t.name, c.name"]
        or ["SELECT t.relname, c.attname, format_type(c.atttypid, NULL), \
        CAST(COALESCE(array_position(CAST(k.indkey AS int2[]), c.attnum) + 1, 0) AS BIGINT) \
        FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped \
        AND c.attgenerated = '' LEFT JOIN pg_index k ON k.indrelid = t.oid AND k.indisprimary \
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') \
        AND t.relname NOT LIKE 'search\\_%' ESCAPE '\\' AND t.relname NOT IN ('refinery_schema_history', 'unfinished_move') ORDER BY t.relname, c.attname"];
}

/// A table with its columns in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Class)>,
    /// Which of the columns are the key, in its order.
    pub(super) key: Vec<usize>,
}

/// Every table that holds what was stored, in the order of their names.
///
/// # Errors
/// `Internal` for a table that a move cannot walk: without a key, or with a column of an unknown type.
pub(super) fn all(conn: &Conn<'_>) -> Result<Vec<Table>> {
    let rows = conn.all(&TABLES, &[], |row| {
        Ok((row.next::<String>()?, row.next::<String>()?, row.next::<String>()?, row.next::<u32>()?))
    })?;
    let mut tables: Vec<(Table, Vec<(u32, usize)>)> = Vec::new();
    for (name, column, declared, place) in rows {
        let class = Class::of(&declared).ok_or_else(|| unmovable(&format!("{name}.{column}"), &declared))?;
        if tables.last().is_none_or(|(last, _)| last.name != name) {
            tables.push((Table { name, columns: Vec::new(), key: Vec::new() }, Vec::new()));
        }
        let Some((table, key)) = tables.last_mut() else { continue };
        if place > 0 {
            key.push((place, table.columns.len()));
        }
        table.columns.push((column, class));
    }
    let finished = tables.into_iter().map(|(mut table, mut key)| {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        if table.key.is_empty() { Err(unmovable(&table.name, "a table without a key")) } else { Ok(table) }
    });
    finished.collect()
}

impl Table {
    /// The names of its columns, for a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    /// The names of its key, for a statement, each with `end` behind it.
    pub(super) fn key_list(&self, end: &str) -> String {
        let name = |column: &usize| quoted(&self.columns[*column].0) + end;
        self.key.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// Its own name, for a statement.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }
}

/// The first table that is in one list and not in the other, or is another there.
pub(super) fn difference<'t>(one: &'t [Table], other: &'t [Table]) -> Option<&'t str> {
    let missing = |from: &'t [Table], of: &'t [Table]| from.iter().find(|table| !of.contains(table));
    missing(one, other).or_else(|| missing(other, one)).map(|table| table.name.as_str())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unmovable(what: &str, why: &str) -> Error {
    let sentence = format!("{what} cannot be moved ({why}); this is a defect of this program.");
    Error::new(ErrorKind::Internal, "table_unmovable", sentence)
}
