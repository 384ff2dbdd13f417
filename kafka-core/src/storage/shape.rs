//! The shape of a schema, and where two shapes differ.

use std::collections::BTreeMap;

use kafka_migrations::Migration;
use rusqlite::Connection;

use super::{fault, link::Link};
use crate::base::error::Result;

/// The normalised SQL of everything a schema holds, by kind and name. SQLite's own tables and the
/// history of migrations are left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape(BTreeMap<(String, String), String>);

impl Shape {
    pub(super) fn of(link: &Link) -> Result<Shape> {
        match link {
            Link::Sqlite(connection) => Shape::of_sqlite(connection),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => super::postgres::read_shape(session).map(Shape),
        }
    }

    fn of_sqlite(connection: &Connection) -> Result<Shape> {
        let read = || {
            let mut prepared = connection.prepare(
                "SELECT type, name, sql FROM sqlite_schema
                 WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'refinery_schema_history'",
            )?;
            let rows = prepared.query_map([], |row| {
                Ok(((row.get(0)?, row.get(1)?), normalised(&row.get::<_, String>(2)?)))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map(Shape).map_err(fault::classify)
    }

    /// The shape that `migrations` make on the engine of `link`, which is inside a transaction.
    pub(super) fn after<'m>(link: &Link, migrations: impl Iterator<Item = &'m Migration>) -> Result<Shape> {
        #[cfg(feature = "postgres")]
        if let Link::Postgres(session) = link {
            return super::postgres::shape_after(session, migrations).map(Shape);
        }
        #[cfg(not(feature = "postgres"))]
        let Link::Sqlite(_) = link;
        let scratch = Connection::open_in_memory().map_err(fault::classify)?;
        for migration in migrations {
            scratch.execute_batch(migration.up).map_err(fault::classify)?;
        }
        Shape::of_sqlite(&scratch)
    }

    /// The first thing in which this shape is not `wanted`, as a clause of a sentence.
    pub(super) fn difference(&self, wanted: &Shape) -> Option<String> {
        let missing =
            wanted.0.iter().find_map(|((kind, name), sql)| match self.0.get(&(kind.clone(), name.clone())) {
                None => Some(format!("the {kind} {name} is missing")),
                Some(found) if found != sql => Some(format!("the {kind} {name} is made differently")),
                Some(_) => None,
            });
        let added = || self.0.keys().find(|key| !wanted.0.contains_key(key));
        missing.or_else(|| added().map(|(kind, name)| format!("there is also a {kind} {name}")))
    }
}

/// SQL without comments, with one space between words and none beside punctuation, unquoted names and
/// small letters; what stands between apostrophes stays as it is.
fn normalised(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut chars = sql.chars().peekable();
    let mut gap = false;
    while let Some(char) = chars.next() {
        match char {
            '-' if chars.peek() == Some(&'-') => {
                chars.find(|&char| char == '\n');
                gap = true;
            }
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                chars.find(|&char| std::mem::replace(&mut last, char) == '*' && char == '/');
                gap = true;
            }
            '"' | '`' | '[' | ']' => {}
            _ if char.is_whitespace() => gap = true,
            _ => {
                if gap && is_word(char) && out.ends_with(is_word) {
                    out.push(' ');
                }
                gap = false;
                out.extend(char.to_lowercase());
                if char == '\'' {
                    for char in chars.by_ref() {
                        out.push(char);
                        if char == '\'' {
                            break;
                        }
                    }
                }
            }
        }
    }
    out
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_meaning_is_normalised() {
        for (one, other) in [
            ("CREATE TABLE t (a TEXT)", "create  table \"t\"(a\n\tTEXT )"),
            ("CREATE TABLE t (a TEXT) -- note\n", "CREATE TABLE t (a /* * / */ TEXT)"),
            ("CREATE TABLE t (a TEXT, b TEXT)", "CREATE TABLE t (a TEXT,b TEXT)"),
            ("a CHECK (a IN ('x', 'y'))", "a CHECK (a IN ('x','y'))"),
        ] {
            assert_eq!(normalised(one), normalised(other), "{one}");
        }
        for (one, other) in [
            ("a TEXT DEFAULT 'X  -- y'", "a TEXT DEFAULT 'x  -- y'"),
            ("a TEXT DEFAULT 'x  y'", "a TEXT DEFAULT 'x y'"),
            ("ab TEXT", "a b TEXT"),
            ("a TEXT", "a BIGINT"),
            ("a IN ('x''y')", "a IN ('x' 'y')"),
        ] {
            assert_ne!(normalised(one), normalised(other), "{one}");
        }
    }
}
