//! The table `response_events`: the log of each answer.
//!
//! A row is one event, or several that came between two commits: then it is of kind `packed`, its number
//! is the first one's, and its data has a line for each in order, `kind`, a tab and the event's JSON,
//! which holds no raw line end. When an answer ends, its rows become one.

use std::{fmt::Write as _, sync::Arc};

use super::params;
use crate::{
    base::{error::Result, id::ResponseId},
    entity::event::{Event, EventKind},
    storage::{Conn, Tx, sql::statements},
};

const PACKED: &str = "packed";

statements! {
    INSERT = ["INSERT INTO response_events (response_id, seq, kind, data) VALUES ($1, $2, $3, $4)"];
    /// From the row that holds event `$2`, which may be in the middle of a packed one.
    LIST = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 AND e.seq >= COALESCE( \
        (SELECT MAX(h.seq) FROM response_events h WHERE h.response_id = $1 AND h.seq <= $2), 0) ORDER BY e.seq"];
    CLEAR = ["DELETE FROM response_events WHERE response_id = $1"];
}

/// Stores events that follow one another.
pub(crate) fn append(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    match events {
        [] => Ok(()),
        [event] => insert(tx, response, event.seq, event.kind.as_str(), &event.data),
        [first, ..] => insert(tx, response, first.seq, PACKED, &pack(events)),
    }
}

/// Replaces all rows of an answer that has ended by one.
pub(crate) fn replace(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    tx.execute(&CLEAR, params![response])?;
    append(tx, response, events)
}

/// The events after number `after`, in order.
pub(crate) fn list(conn: &Conn<'_>, response: ResponseId, after: u64) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let holding = i64::try_from(after.saturating_add(1)).unwrap_or(i64::MAX);
    conn.each(&LIST, params![response, holding], |row| {
        let (seq, kind, data) = (row.next()?, row.next::<String>()?, row.next::<String>()?);
        if kind == PACKED {
            events.extend(unpack(seq, &data));
        } else {
            events.extend(EventKind::parse(&kind).map(|kind| Event { seq, kind, data: data.into() }));
        }
        Ok(())
    })?;
    events.retain(|event| event.seq > after);
    Ok(events)
}

fn insert(tx: &Tx<'_>, response: ResponseId, seq: u64, kind: &str, data: &str) -> Result<()> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    tx.execute(&INSERT, params![response, seq, kind, data])?;
    Ok(())
}

fn pack(events: &[Event]) -> String {
    let mut data = String::with_capacity(events.iter().map(|event| event.data.len() + 24).sum());
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
