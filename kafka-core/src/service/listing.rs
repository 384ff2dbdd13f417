//! Turning a [`PageRequest`] into reads, and rows into a [`Page`].

use std::fmt::Display;

use uuid::Uuid;

use crate::{
    base::{
        error::{Error, Result},
        limits::Limits,
        page::{Cursor, Page, PageNumbers, PageRequest, Place, Room, Stretch},
        time::Timestamp,
    },
    storage::{Conn, Storage},
};

/// Largest `page_size` of a numbered page.
const PAGE_SIZE_MAX: u32 = 100;

/// Reads a page of a list whose cursor pages are one statement each. A numbered page is counted, too.
pub(crate) fn read<T>(
    storage: &Storage,
    request: &PageRequest,
    work: impl Fn(&Conn<'_>) -> Result<Page<T>>,
) -> Result<Page<T>> {
    match request {
        PageRequest::Numbered { .. } => storage.read_anywhere(work),
        PageRequest::Cursor { .. } => storage.read_one_anywhere(work),
    }
}

/// How much a cursor page holds.
pub(crate) fn room(limits: &Limits, asked: Option<u32>) -> Result<Room> {
    let entries = asked.unwrap_or(limits.page_default);
    if (1..=limits.page_max).contains(&entries) {
        return Ok(Room { entries, bytes: limits.page_bytes });
    }
    Err(Error::invalid("limit_out_of_range", "limit", format!("give a number from 1 to {}", limits.page_max)))
}

/// How much a numbered page holds, and its offset.
pub(crate) fn numbered_room(limits: &Limits, page: u32, page_size: u32) -> Result<(Room, i64)> {
    if page == 0 {
        return Err(Error::invalid("page_out_of_range", "page", "pages count from 1"));
    }
    if !(1..=PAGE_SIZE_MAX).contains(&page_size) {
        let message = format!("give a number from 1 to {PAGE_SIZE_MAX}");
        return Err(Error::invalid("page_size_out_of_range", "page_size", message));
    }
    let room = Room { entries: page_size, bytes: limits.page_bytes };
    Ok((room, i64::from(page - 1) * i64::from(page_size)))
}

/// A page read in the order of the list.
pub(crate) fn forward<T>(
    Stretch { rows, goes_on }: Stretch<T>,
    from_start: bool,
    cursor: impl Fn(&T) -> Cursor,
) -> Page<T> {
    Page {
        next_cursor: if goes_on { rows.last().map(&cursor) } else { None },
        prev_cursor: if from_start { None } else { rows.first().map(&cursor) },
        items: rows,
        numbers: None,
    }
}

/// A page read against the order of the list.
pub(crate) fn backward<T>(
    Stretch { mut rows, goes_on }: Stretch<T>,
    from_end: bool,
    cursor: impl Fn(&T) -> Cursor,
) -> Page<T> {
    rows.reverse();
    Page {
        prev_cursor: if goes_on { rows.first().map(&cursor) } else { None },
        next_cursor: if from_end { None } else { rows.last().map(&cursor) },
        items: rows,
        numbers: None,
    }
}

/// A numbered page. It has all of its entries or is refused, because its number says which they are.
pub(crate) fn numbered<T>(stretch: Stretch<T>, room: Room, total: u64, page: u32) -> Result<Page<T>> {
    let Stretch { rows: items, goes_on } = stretch;
    let page_size = room.entries;
    if goes_on && items.len() < page_size as usize {
        let message = format!(
            "the texts of this page come to more than {} bytes; give a smaller number, or ask by limit and \
             cursor for pages that end where they are full",
            room.bytes
        );
        return Err(Error::invalid("page_too_large", "page_size", message));
    }
    Ok(Page {
        items,
        next_cursor: None,
        prev_cursor: None,
        numbers: Some(PageNumbers { total, page, page_size }),
    })
}

/// The sort key of lists by an instant and the id.
pub(crate) struct TimeKey {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
}

impl TimeKey {
    pub(crate) fn of_cursor(cursor: &Cursor) -> Result<TimeKey> {
        let [at, id] = cursor.keys()?;
        let id: Uuid = cursor.key(id)?;
        Ok(TimeKey { at: Timestamp::from_unix_ms(cursor.key(at)?), id: id.to_string() })
    }

    pub(crate) fn cursor(at: Timestamp, id: impl Display) -> Cursor {
        Cursor::of(&[&at.unix_ms(), &id])
    }
}

/// Reads the rows on one side of a key that have room.
type FromKey<'a, T> = &'a dyn Fn((Timestamp, &str), Room) -> Result<Stretch<T>>;
/// Reads those from an offset, and counts all.
type FromOffset<'a, T> = &'a dyn Fn(Room, i64) -> Result<(Stretch<T>, u64)>;

/// How a list by time of making is read: the three ways that a repository offers.
pub(crate) struct ByCreation<'a, T> {
    pub(crate) after: FromKey<'a, T>,
    pub(crate) before: FromKey<'a, T>,
    pub(crate) numbered: FromOffset<'a, T>,
    pub(crate) cursor: &'a dyn Fn(&T) -> Cursor,
}

impl<T> ByCreation<'_, T> {
    /// The page that was asked for, oldest entries first.
    pub(crate) fn page(&self, limits: &Limits, request: &PageRequest) -> Result<Page<T>> {
        match request {
            PageRequest::Numbered { page, page_size } => {
                let (room, offset) = numbered_room(limits, *page, *page_size)?;
                let (stretch, total) = (self.numbered)(room, offset)?;
                numbered(stretch, room, total, *page)
            }
            PageRequest::Cursor { limit, place } => {
                let room = room(limits, *limit)?;
                match place {
                    Place::Start => {
                        let oldest = (Timestamp::from_unix_ms(i64::MIN), "");
                        Ok(forward((self.after)(oldest, room)?, true, self.cursor))
                    }
                    Place::After(cursor) => {
                        let key = TimeKey::of_cursor(cursor)?;
                        Ok(forward((self.after)((key.at, &key.id), room)?, false, self.cursor))
                    }
                    Place::Before(cursor) => {
                        let key = TimeKey::of_cursor(cursor)?;
                        Ok(backward((self.before)((key.at, &key.id), room)?, false, self.cursor))
                    }
                }
            }
        }
    }
}

/// Reads the rows on one side of a number that have room.
type FromNumber<'a, T> = &'a dyn Fn(i64, Room) -> Result<Stretch<T>>;

/// How a list by numbers is read of which one sees the end first, as of a conversation.
pub(crate) struct FromEnd<'a, T> {
    pub(crate) after: FromNumber<'a, T>,
    pub(crate) before: FromNumber<'a, T>,
    pub(crate) numbered: FromOffset<'a, T>,
    pub(crate) number: &'a dyn Fn(&T) -> i64,
}

impl<T> FromEnd<'_, T> {
    /// The page that was asked for, oldest entries first; without a cursor the last one.
    pub(crate) fn page(&self, limits: &Limits, request: &PageRequest) -> Result<Page<T>> {
        let cursor = |entry: &T| Cursor::of(&[&(self.number)(entry)]);
        let number_of = |cursor: &Cursor| {
            let [number] = cursor.keys()?;
            cursor.key(number)
        };
        match request {
            PageRequest::Numbered { page, page_size } => {
                let (room, offset) = numbered_room(limits, *page, *page_size)?;
                let (stretch, total) = (self.numbered)(room, offset)?;
                numbered(stretch, room, total, *page)
            }
            PageRequest::Cursor { limit, place } => {
                let room = room(limits, *limit)?;
                match place {
                    Place::Start => Ok(backward((self.before)(i64::MAX, room)?, true, cursor)),
                    Place::Before(at) => Ok(backward((self.before)(number_of(at)?, room)?, false, cursor)),
                    Place::After(at) => Ok(forward((self.after)(number_of(at)?, room)?, false, cursor)),
                }
            }
        }
    }
}
