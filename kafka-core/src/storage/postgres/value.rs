//! What goes into a statement and what comes out of a row, in PostgreSQL's spelling.

use std::error::Error as StdError;

use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use super::fault;
use crate::{base::error::Result as Answer, storage::value::Value};

/// A column of a row.
pub(in crate::storage) fn cell(row: &tokio_postgres::Row, column: usize) -> Answer<ValueRef<'_>> {
    row.try_get::<_, Cell<'_>>(column).map(|cell| cell.0).map_err(fault::classify)
}

type Fault = Box<dyn StdError + Sync + Send>;

/// The server says which type it takes a parameter for: numbers take any width, and flags are numbers.
impl ToSql for Value<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match *self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => match *wanted {
                Type::INT8 => number.to_sql(wanted, out),
                Type::INT4 => i32::try_from(number)?.to_sql(wanted, out),
                Type::INT2 => i16::try_from(number)?.to_sql(wanted, out),
                Type::BOOL => (number != 0).to_sql(wanted, out),
                _ => Err(format!("a number was bound where PostgreSQL wants {wanted}").into()),
            },
            Value::Text(text) => text.to_sql(wanted, out),
            Value::Bytes(bytes) => bytes.to_sql(wanted, out),
            Value::Id(id) => (&*id.as_hyphenated().encode_lower(&mut [0; 36])).to_sql(wanted, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A parameter as it travels, which outlives what it was made of.
#[derive(Debug)]
pub(super) struct Encoded(Option<BytesMut>);

impl Encoded {
    pub(super) fn of(value: &dyn ToSql, wanted: &Type) -> Result<Encoded, Fault> {
        let mut out = BytesMut::new();
        Ok(match value.to_sql_checked(wanted, &mut out)? {
            IsNull::Yes => Encoded(None),
            IsNull::No => Encoded(Some(out)),
        })
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as SQLite would give it: whole numbers of every width are one, and flags are numbers.
struct Cell<'r>(ValueRef<'r>);

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(found: &Type, raw: &'r [u8]) -> Result<Cell<'r>, Fault> {
        let value = match *found {
            Type::INT8 => ValueRef::Integer(i64::from_sql(found, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(found, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(found, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(found, raw)?.into()),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(found, raw)?),
            Type::FLOAT4 => ValueRef::Real(f32::from_sql(found, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => ValueRef::Text(raw),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => return Err(format!("a column of the type {found} is not known here").into()),
        };
        Ok(Cell(value))
    }

    fn from_sql_null(_: &Type) -> Result<Cell<'r>, Fault> {
        Ok(Cell(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
