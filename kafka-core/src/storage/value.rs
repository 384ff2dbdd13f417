//! What goes into a statement and what comes out of a row, for either engine.

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use uuid::Uuid;

use crate::base::{id::*, time::Timestamp};

/// A parameter of a statement. Borrows, because binding copies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Stored as lower-case text.
    Id(Uuid),
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(number)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::Id(id) => ToSqlOutput::Owned(Owned::Text(id.to_string())),
        })
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Value::Int(i64::from(value))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Int(i64::from(value))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Value::Int(value.unix_ms())
    }
}

impl From<Uuid> for Value<'_> {
    fn from(value: Uuid) -> Self {
        Value::Id(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Value::Bytes(value)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().map_or(Value::Null, Value::Text)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

macro_rules! ids_as_values {
    ($($name:ident)*) => {$(
        impl From<$name> for Value<'_> {
            fn from(id: $name) -> Self {
                Value::Id(id.0)
            }
        }

        impl Column for $name {
            fn from_text(text: &str) -> Option<Self> {
                Uuid::from_text(text).map($name)
            }
        }
    )*};
}
ids_as_values!(UserId TokenId InvitationId PlanId WorkspaceId FileId ChatFileId VersionId ChatId ShareLinkId MessageId DocumentId ResponseId ModelId NodeId);

/// A type that a column can hold.
pub(crate) trait Column: Sized {
    /// The value, or none when the column holds something else, which means a damaged row.
    fn read(value: ValueRef<'_>) -> Option<Self> {
        Self::from_text(value.as_str().ok()?)
    }

    /// The value of a text column, for types that are stored as text.
    fn from_text(_text: &str) -> Option<Self> {
        None
    }
}

impl Column for i64 {
    fn read(value: ValueRef<'_>) -> Option<i64> {
        value.as_i64().ok()
    }
}

impl Column for u32 {
    fn read(value: ValueRef<'_>) -> Option<u32> {
        u32::try_from(value.as_i64().ok()?).ok()
    }
}

impl Column for u64 {
    fn read(value: ValueRef<'_>) -> Option<u64> {
        u64::try_from(value.as_i64().ok()?).ok()
    }
}

impl Column for bool {
    fn read(value: ValueRef<'_>) -> Option<bool> {
        value.as_i64().ok().map(|number| number != 0)
    }
}

impl Column for String {
    fn from_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Column for Vec<u8> {
    fn read(value: ValueRef<'_>) -> Option<Vec<u8>> {
        value.as_blob().ok().map(<[u8]>::to_vec)
    }
}

impl Column for Timestamp {
    fn read(value: ValueRef<'_>) -> Option<Timestamp> {
        value.as_i64().ok().map(Timestamp::from_unix_ms)
    }
}

impl Column for Uuid {
    fn from_text(text: &str) -> Option<Uuid> {
        Uuid::try_parse(text).ok()
    }
}

impl<T: Column> Column for Option<T> {
    fn read(value: ValueRef<'_>) -> Option<Option<T>> {
        match value {
            ValueRef::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}
