//! Pages of lists: by cursor, whose cost does not depend on depth, or by page number.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::error::{Error, Result};

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// Entries around a place in the list.
    Cursor {
        /// Most entries wanted; none means the default of [`Limits`](crate::Limits). There are fewer where their
        /// texts would go beyond [`Limits::page_bytes`](crate::Limits).
        limit: Option<u32>,
        /// Where to read from.
        place: Place,
    },
    /// The classic numbered page.
    Numbered {
        /// From 1.
        page: u32,
        /// 1 to 100; the customary default is 20. A page whose texts go beyond
        /// [`Limits::page_bytes`](crate::Limits) is refused, if it has more than one entry.
        page_size: u32,
    },
}

/// A place in a list, for [`PageRequest::Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Place {
    /// Where the list begins for a reader: the newest chats, the last messages.
    #[default]
    Start,
    /// What comes after the entry that the cursor names.
    After(Cursor),
    /// What comes before it.
    Before(Cursor),
}

impl Default for PageRequest {
    fn default() -> PageRequest {
        PageRequest::Cursor { limit: None, place: Place::Start }
    }
}

impl PageRequest {
    /// The first `limit` entries.
    #[must_use]
    pub fn first(limit: u32) -> PageRequest {
        PageRequest::Cursor { limit: Some(limit), place: Place::Start }
    }
}

/// An opaque position in a list: what a [`Page`] gives, to be handed back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor {
    text: String,
    /// What errors call it.
    #[serde(skip)]
    field: &'static str,
}

impl Cursor {
    /// The cursor that a client sent. It is checked where it is used.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Cursor {
        Cursor { text: text.into(), field: "cursor" }
    }

    /// The same cursor, which a client sent in this field; the error names it if no page gave the cursor.
    /// Default `cursor`.
    #[must_use]
    pub fn in_field(self, field: &'static str) -> Cursor {
        Cursor { field, ..self }
    }

    /// A cursor made of the sort keys of an entry.
    pub(crate) fn of(keys: &[&dyn fmt::Display]) -> Cursor {
        let keys: Vec<String> = keys.iter().map(|key| key.to_string()).collect();
        Cursor::new(keys.join("_"))
    }

    /// The sort keys, in the order in which they were put in.
    pub(crate) fn keys<const N: usize>(&self) -> Result<[&str; N]> {
        let keys: Vec<&str> = self.text.splitn(N + 1, '_').collect();
        keys.try_into().map_err(|_| self.refused())
    }

    /// One sort key as its type.
    pub(crate) fn key<T: FromStr>(&self, text: &str) -> Result<T> {
        text.parse().map_err(|_| self.refused())
    }

    fn refused(&self) -> Error {
        Error::invalid("cursor_invalid", self.field, "pass a cursor exactly as a page gave it")
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How much of a list one page takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) entries: u32,
    /// Texts beyond so many bytes are left to the next page, but for those of the first entry.
    pub(crate) bytes: usize,
}

impl Room {
    /// As many rows as tell whether the list goes on.
    pub(crate) fn and_one(self) -> u32 {
        self.entries.saturating_add(1)
    }
}

/// The rows of a list that had room.
#[derive(Debug)]
pub(crate) struct Stretch<T> {
    pub(crate) rows: Vec<T>,
    /// Whether there was another that had not.
    pub(crate) goes_on: bool,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// Where the list goes on, or none at its end.
    pub next_cursor: Option<Cursor>,
    /// Where what comes before begins, or none at its start.
    pub prev_cursor: Option<Cursor>,
    /// Set when a numbered page was asked for; the cursors are then none.
    pub numbers: Option<PageNumbers>,
}

/// Where a numbered page stands among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageNumbers {
    /// Entries in the whole list.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Entries of a full page.
    pub page_size: u32,
}

impl PageNumbers {
    /// Pages of the whole list, 0 when it is empty.
    #[must_use]
    pub fn total_pages(&self) -> u64 {
        self.total.div_ceil(u64::from(self.page_size.max(1)))
    }
}

impl<T> Page<T> {
    /// The same page with every entry changed by `f`.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
            prev_cursor: self.prev_cursor,
            numbers: self.numbers,
        }
    }
}

/// `{"items","next_cursor","prev_cursor"}`, or `{"items","total","page","page_size","total_pages"}`.
impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Page", 5)?;
        shown.serialize_field("items", &self.items)?;
        match &self.numbers {
            Some(numbers) => {
                shown.serialize_field("total", &numbers.total)?;
                shown.serialize_field("page", &numbers.page)?;
                shown.serialize_field("page_size", &numbers.page_size)?;
                shown.serialize_field("total_pages", &numbers.total_pages())?;
            }
            None => {
                shown.serialize_field("next_cursor", &self.next_cursor)?;
                shown.serialize_field("prev_cursor", &self.prev_cursor)?;
            }
        }
        shown.end()
    }
}
