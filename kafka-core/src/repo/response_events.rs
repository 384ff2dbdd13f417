//! The table `response_events`: the log of each answer.
//!
//! A row is one event, or several that came between two commits: then it is of kind `packed`, its number
//! is the first one's, and its data has a line for each in order, `kind`, a tab and the event's JSON,
//! which holds no raw line end. When an answer ends, its rows become as few as there can be. No row is
//! much longer than [`ROW_BYTES`] but for an event that is, so who reads a row at a time needs little
//! memory.

use std::{fmt::Write as _, sync::Arc};

use super::params;
use crate::{
    base::{error::Result, id::ResponseId},
    entity::event::{Event, EventKind},
    storage::{Conn, Row, Tx, sql::statements},
};

const PACKED: &str = "packed";
/// Events are packed into rows of at most about so many bytes.
const ROW_BYTES: usize = 8 << 10;

statements! {
    INSERT = ["INSERT INTO response_events (response_id, seq, kind, data) VALUES ($1, $2, $3, $4)"];
    LIST = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 ORDER BY e.seq"];
    /// The row that holds event `$2`, or the last one before it.
    HOLDING = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 AND e.seq <= $2 \
        ORDER BY e.seq DESC LIMIT 1"];
    CLEAR = ["DELETE FROM response_events WHERE response_id = $1"];
}

/// Stores events that follow one another.
pub(crate) fn append(tx: &Tx<'_>, response: ResponseId, mut events: &[Event]) -> Result<()> {
    while let [first, rest @ ..] = events {
        let mut bytes = packed_len(first);
        let fits = |event: &&Event| {
            bytes += packed_len(event);
            bytes <= ROW_BYTES
        };
        let (row, left) = events.split_at(1 + rest.iter().take_while(fits).count());
        match row {
            [event] => insert(tx, response, event.seq, event.kind.as_str(), &event.data)?,
            row => insert(tx, response, first.seq, PACKED, &pack(row))?,
        }
        events = left;
    }
    Ok(())
}

/// Replaces all rows of an answer that has ended by as few as there can be.
pub(crate) fn replace(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    tx.execute(&CLEAR, params![response])?;
    append(tx, response, events)
}

/// All events, in order.
pub(crate) fn list(conn: &Conn<'_>, response: ResponseId) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    conn.each(&LIST, params![response], |row| {
        events.extend(read(row)?);
        Ok(())
    })?;
    Ok(events)
}

/// Some events after number `after`, in order: those of one row. None when there is none yet.
pub(crate) fn following(conn: &Conn<'_>, response: ResponseId, after: u64) -> Result<Vec<Event>> {
    let next = i64::try_from(after.saturating_add(1)).unwrap_or(i64::MAX);
    let mut events = conn.first(&HOLDING, params![response, next], read)?.unwrap_or_default();
    events.retain(|event| event.seq > after);
    Ok(events)
}

/// The number of the last event; 0 when there is none.
pub(crate) fn last_seq(conn: &Conn<'_>, response: ResponseId) -> Result<u64> {
    let events = conn.first(&HOLDING, params![response, i64::MAX], read)?.unwrap_or_default();
    Ok(events.last().map_or(0, |event| event.seq))
}

fn read(row: &mut Row<'_>) -> Result<Vec<Event>> {
    let (seq, kind, data) = (row.next()?, row.next::<String>()?, row.next::<String>()?);
    if kind == PACKED {
        return Ok(unpack(seq, &data).collect());
    }
    Ok(EventKind::parse(&kind).map(|kind| Event { seq, kind, data: data.into() }).into_iter().collect())
}

fn insert(tx: &Tx<'_>, response: ResponseId, seq: u64, kind: &str, data: &str) -> Result<()> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    tx.execute(&INSERT, params![response, seq, kind, data])?;
    Ok(())
}

/// The length of an event's line.
fn packed_len(event: &Event) -> usize {
    event.kind.as_str().len() + event.data.len() + 2
}

fn pack(events: &[Event]) -> String {
    let mut data = String::with_capacity(events.iter().map(packed_len).sum());
    for event in events {
        // Writing to a String cannot fail.
        let _ = writeln!(data, "{}\t{}", event.kind.as_str(), event.data);
    }
    data
}

fn unpack(first: u64, data: &str) -> impl Iterator<Item = Event> {
    data.lines().zip(first..).filter_map(|(line, seq)| {
        let (kind, data) = line.split_once('\t')?;
        Some(Event { seq, kind: EventKind::parse(kind)?, data: Arc::from(data) })
    })
}
