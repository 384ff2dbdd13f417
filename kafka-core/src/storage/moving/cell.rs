//! One value of a row as a move carries it: the same from either engine, and written down the same for the hash.

use rusqlite::types::{ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};

use crate::storage::value::Value;

/// What a column holds, whatever each engine calls its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Whole numbers of every width, and flags as 0 and 1.
    Integer,
    Real,
    Text,
    Blob,
}

impl Class {
    /// By SQLite's rules for the names of types, which PostgreSQL's names obey too, but for flags and bytes.
    pub(super) fn of(declared: &str) -> Option<Class> {
        let name = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match () {
            () if has(&["INT", "BOOL"]) => Some(Class::Integer),
            () if has(&["CHAR", "CLOB", "TEXT"]) => Some(Class::Text),
            () if has(&["BLOB", "BYTEA"]) => Some(Class::Blob),
            () if has(&["REAL", "FLOA", "DOUB"]) => Some(Class::Real),
            () => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    /// None when the value does not fit its column, or a text is not UTF-8.
    pub(super) fn of(value: ValueRef<'_>, class: Class) -> Option<Cell> {
        Some(match (class, value) {
            (_, ValueRef::Null) => Cell::Null,
            (Class::Integer, ValueRef::Integer(number)) => Cell::Integer(number),
            (Class::Real, ValueRef::Real(number)) => Cell::Real(number),
            (Class::Text, ValueRef::Text(text)) => Cell::Text(str::from_utf8(text).ok()?.to_owned()),
            (Class::Blob, ValueRef::Blob(bytes)) => Cell::Blob(bytes.to_vec()),
            _ => return None,
        })
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Cell::Text(text) => 32 + text.len(),
            Cell::Blob(bytes) => 32 + bytes.len(),
            _ => 32,
        }
    }

    /// As a parameter, if it can be a part of a key.
    pub(super) fn as_key(&self) -> Option<Value<'_>> {
        match self {
            Cell::Integer(number) => Some(Value::Int(*number)),
            Cell::Text(text) => Some(Value::Text(text)),
            _ => None,
        }
    }

    /// Writes it down so that no two rows are the same bytes: a sign for the kind, the length where it varies, the
    /// value with its highest byte first. Zeroes with a sign are plain ones, as not every engine keeps the sign.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        let long = |hash: &mut Sha256, kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        match self {
            Cell::Null => hash.update([0]),
            Cell::Integer(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
            }
            Cell::Real(number) => {
                hash.update([2]);
                hash.update((number + 0.0).to_bits().to_be_bytes());
            }
            Cell::Text(text) => long(hash, 3, text.as_bytes()),
            Cell::Blob(bytes) => long(hash, 4, bytes),
        }
    }

    /// Appends it as PostgreSQL's COPY reads it.
    #[cfg(feature = "postgres")]
    pub(super) fn copy_text(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        match self {
            Cell::Null => out.extend(br"\N"),
            // Writing into memory does not fail.
            Cell::Integer(number) => drop(write!(out, "{number}")),
            Cell::Real(number) => drop(write!(out, "{number:e}")),
            Cell::Text(text) => text.bytes().for_each(|byte| match byte {
                b'\\' => out.extend(br"\\"),
                b'\n' => out.extend(br"\n"),
                b'\r' => out.extend(br"\r"),
                b'\t' => out.extend(br"\t"),
                byte => out.push(byte),
            }),
            Cell::Blob(bytes) => {
                out.extend(br"\\x");
                out.extend(crate::crypto::hex::encode(bytes).into_bytes());
            }
        }
    }
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Real(number) => ValueRef::Real(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    fn hashed(cells: &[Cell]) -> String {
        let mut hash = Sha256::new();
        cells.iter().for_each(|cell| cell.hash(&mut hash));
        hex::encode(&hash.finalize())
    }

    #[test]
    fn what_differs_is_written_down_differently() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows: [&[Cell]; 10] = [
            &[],
            &[Cell::Null],
            &[text("")],
            &[text("ab"), text("c")],
            &[text("a"), text("bc")],
            &[Cell::Blob(b"ab".to_vec()), text("c")],
            &[Cell::Integer(1)],
            &[Cell::Real(1.0)],
            &[text("1")],
            &[Cell::Real(f64::NEG_INFINITY)],
        ];
        let hashes: std::collections::BTreeSet<_> = rows.iter().map(|row| hashed(row)).collect();
        assert_eq!(hashes.len(), rows.len());
        assert_eq!(hashed(&[Cell::Real(-0.0)]), hashed(&[Cell::Real(0.0)]));
    }

    #[test]
    fn each_engine_s_names_of_types_are_understood() {
        let table = [
            ("INTEGER", Some(Class::Integer)),
            ("bigint", Some(Class::Integer)),
            ("boolean", Some(Class::Integer)),
            ("TEXT", Some(Class::Text)),
            ("character varying", Some(Class::Text)),
            ("BLOB", Some(Class::Blob)),
            ("bytea", Some(Class::Blob)),
            ("REAL", Some(Class::Real)),
            ("double precision", Some(Class::Real)),
            ("tsvector", None),
            ("", None),
        ];
        for (name, class) in table {
            assert_eq!(Class::of(name), class, "{name}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_column_is_none() {
        assert_eq!(Cell::of(ValueRef::Null, Class::Text), Some(Cell::Null));
        assert_eq!(Cell::of(ValueRef::Text(b"1"), Class::Integer), None);
        assert_eq!(Cell::of(ValueRef::Text(&[0xff]), Class::Text), None);
        assert_eq!(Cell::of(ValueRef::Real(1.5), Class::Real), Some(Cell::Real(1.5)));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn what_has_a_meaning_in_a_copy_is_escaped() {
        let mut out = Vec::new();
        let cells = [Cell::Null, Cell::Text("a\\N\t\r\n".into()), Cell::Blob(vec![0, 255]), Cell::Real(1.5)];
        cells.iter().for_each(|cell| {
            cell.copy_text(&mut out);
            out.push(b'|');
        });
        assert_eq!(String::from_utf8(out).unwrap(), r"\N|a\\N\t\r\n|\\x00ff|1.5e0|");
    }
}
