//! Turning a [`PageRequest`] into reads, and rows into a [`Page`].

use std::fmt::Display;

use uuid::Uuid;

use crate::base::{
    error::{Error, Result},
    limits::Limits,
    page::{Cursor, Page, PageNumbers, PageRequest, Place},
    time::Timestamp,
};

/// Largest `page_size` of a numbered page.
const PAGE_SIZE_MAX: u32 = 100;

/// How many entries a cursor page holds.
pub(crate) fn limit(limits: &Limits, asked: Option<u32>) -> Result<u32> {
    let limit = asked.unwrap_or(limits.page_default);
    if (1..=limits.page_max).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid("limit_out_of_range", "limit", format!("give a number from 1 to {}", limits.page_max)))
}

/// The offset of a numbered page.
pub(crate) fn offset(page: u32, page_size: u32) -> Result<i64> {
    if page == 0 {
        return Err(Error::invalid("page_out_of_range", "page", "pages count from 1"));
    }
    if !(1..=PAGE_SIZE_MAX).contains(&page_size) {
        let message = format!("give a number from 1 to {PAGE_SIZE_MAX}");
        return Err(Error::invalid("page_size_out_of_range", "page_size", message));
    }
    Ok(i64::from(page - 1) * i64::from(page_size))
}

/// A page read in the order of the list. One more row than `limit` was asked for.
pub(crate) fn forward<T>(
    mut rows: Vec<T>,
    limit: u32,
    from_start: bool,
    cursor: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let goes_on = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Page {
        next_cursor: if goes_on { rows.last().map(&cursor) } else { None },
        prev_cursor: if from_start { None } else { rows.first().map(&cursor) },
        items: rows,
        numbers: None,
    }
}

/// A page read against the order of the list. One more row than `limit` was asked for.
pub(crate) fn backward<T>(
    mut rows: Vec<T>,
    limit: u32,
    from_end: bool,
    cursor: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let goes_on = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.reverse();
    Page {
        prev_cursor: if goes_on { rows.first().map(&cursor) } else { None },
        next_cursor: if from_end { None } else { rows.last().map(&cursor) },
        items: rows,
        numbers: None,
    }
}

/// A numbered page.
pub(crate) fn numbered<T>(items: Vec<T>, total: u64, page: u32, page_size: u32) -> Page<T> {
    Page {
        items,
        next_cursor: None,
        prev_cursor: None,
        numbers: Some(PageNumbers { total, page, page_size }),
    }
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

/// Reads at most so many rows on one side of a key.
type FromKey<'a, T> = &'a dyn Fn((Timestamp, &str), u32) -> Result<Vec<T>>;
/// Reads at most so many rows from an offset, and counts all.
type FromOffset<'a, T> = &'a dyn Fn(u32, i64) -> Result<(Vec<T>, u64)>;

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
                let offset = offset(*page, *page_size)?;
                let (items, total) = (self.numbered)(*page_size, offset)?;
                Ok(numbered(items, total, *page, *page_size))
            }
            PageRequest::Cursor { limit: asked, place } => {
                let limit = limit(limits, *asked)?;
                match place {
                    Place::Start => {
                        let rows = (self.after)((Timestamp::from_unix_ms(i64::MIN), ""), limit + 1)?;
                        Ok(forward(rows, limit, true, self.cursor))
                    }
                    Place::After(cursor) => {
                        let key = TimeKey::of_cursor(cursor)?;
                        Ok(forward((self.after)((key.at, &key.id), limit + 1)?, limit, false, self.cursor))
                    }
                    Place::Before(cursor) => {
                        let key = TimeKey::of_cursor(cursor)?;
                        Ok(backward((self.before)((key.at, &key.id), limit + 1)?, limit, false, self.cursor))
                    }
                }
            }
        }
    }
}
