//! The table `response_events`: the log of each answer.
//!
//! A row is one event, or several that came between two commits: then it is of kind `packed`, its number
//! is the first one's, and its data has a line for each in order, `kind`, a tab and the event's JSON,
//! which holds no raw line end. When an answer ends, its rows become as few as there can be. No row is
//! much longer than [`ROW_BYTES`] but for an event that is, so who reads a row at a time needs little
//! memory.

use std::{borrow::Cow, fmt::Write as _, iter, slice};

use super::params;
use crate::{
    base::{
        error::Result,
        id::{NodeId, ResponseId},
    },
    entity::{
        block::{Block, Encoder},
        event::{Event, EventKind},
    },
    storage::{Conn, Row, Tx, Value, sql::statements},
};

const PACKED: &str = "packed";
/// Events are packed into rows of at most about so many bytes.
const ROW_BYTES: usize = 8 << 10;

statements! {
    INSERT = ["INSERT INTO response_events (response_id, seq, kind, data) VALUES ($1, $2, $3, $4)"];
    /// Touches nothing once the answer was deleted, ended or taken over by another node.
    APPEND = ["INSERT INTO response_events (response_id, seq, kind, data) \
        SELECT r.id, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT) FROM responses r \
        WHERE r.id = $1 AND r.status = 'streaming' AND r.node_id = $5"]
        or ["INSERT INTO response_events (response_id, seq, kind, data) SELECT r.id, n.seq, n.kind, n.data \
        FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS TEXT[])) \
        AS n(response_id, seq, kind, data, node_id) \
        JOIN responses r ON r.id = n.response_id AND r.status = 'streaming' AND r.node_id = n.node_id"];
    LIST = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 ORDER BY e.seq"];
    /// The row that holds event `$2`, or the last one before it.
    HOLDING = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 AND e.seq <= $2 \
        ORDER BY e.seq DESC LIMIT 1"];
    CLEAR = ["DELETE FROM response_events WHERE response_id = $1"];
}

/// Stores the first event of an answer.
pub(crate) fn begin(tx: &Tx<'_>, response: ResponseId, event: &Event) -> Result<()> {
    insert(tx, response, slice::from_ref(event))
}

/// Stores events that follow those of answers while these run on this node. False when one of them does not: it
/// was deleted, ended or taken over by another node, and what it said is not stored.
pub(crate) fn append(tx: &Tx<'_>, node: NodeId, said: &[(ResponseId, Vec<Event>)]) -> Result<bool> {
    let packed: Vec<_> =
        said.iter().flat_map(|(response, events)| rows(events).map(|row| (*response, row))).collect();
    let new: Vec<[Value<'_>; 5]> = packed
        .iter()
        .map(|(response, row)| *params![*response, row.seq, row.kind, &*row.data, node])
        .collect();
    Ok(tx.execute_each(&APPEND, &new)? == new.len())
}

/// Replaces all rows of an answer that has ended by as few as there can be.
pub(crate) fn replace(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    tx.execute_later(&CLEAR, params![response])?;
    insert(tx, response, events)
}

/// All events, in order.
pub(crate) fn list(conn: &Conn<'_>, response: ResponseId) -> Result<Vec<Event>> {
    // One piece of memory for all of them: there may be a row for each event.
    let mut encoder = Encoder::default();
    conn.each(&LIST, params![response], |row| {
        encode(row.next()?, row.next_text()?, row.next_text()?, &mut encoder);
        Ok(())
    })?;
    Ok(encoder.finish_fitting()?.events().collect())
}

/// The row that holds the event after number `after`, with those that lie before and behind it there. None
/// when there is no such event yet.
pub(crate) fn following(conn: &Conn<'_>, response: ResponseId, after: u64) -> Result<Option<Block>> {
    let next = i64::try_from(after.saturating_add(1)).unwrap_or(i64::MAX);
    let block = conn.first(&HOLDING, params![response, next], read)?;
    Ok(block.filter(|block| block.last_seq() > after))
}

/// The number of the last event; 0 when there is none.
pub(crate) fn last_seq(conn: &Conn<'_>, response: ResponseId) -> Result<u64> {
    let block = conn.first(&HOLDING, params![response, i64::MAX], read)?;
    Ok(block.map_or(0, |block| block.last_seq()))
}

fn read(row: &mut Row<'_>) -> Result<Block> {
    let (seq, kind, data) = (row.next()?, row.next_text()?, row.next_text()?);
    let mut encoder = match kind {
        PACKED => Encoder::with_room(data.bytes().filter(|byte| *byte == b'\n').count(), data.len()),
        kind => Encoder::with_room(1, kind.len() + data.len()),
    };
    encode(seq, kind, data, &mut encoder);
    encoder.finish()
}

/// Adds the events of a row.
fn encode(seq: u64, kind: &str, data: &str, encoder: &mut Encoder) {
    let mut push = |seq, kind, data| {
        if let Some(kind) = EventKind::parse(kind) {
            encoder.push_written(seq, kind, data);
        }
    };
    if kind != PACKED {
        return push(seq, kind, data);
    }
    for (line, seq) in data.lines().zip(seq..) {
        if let Some((kind, data)) = line.split_once('\t') {
            push(seq, kind, data);
        }
    }
}

fn insert(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    for row in rows(events) {
        tx.execute_later(&INSERT, params![response, row.seq, row.kind, &*row.data])?;
    }
    Ok(())
}

/// A row as it is stored.
struct Packed<'e> {
    seq: i64,
    kind: &'static str,
    data: Cow<'e, str>,
}

/// Events that follow one another, in as few rows as there can be.
fn rows(mut events: &[Event]) -> impl Iterator<Item = Packed<'_>> {
    iter::from_fn(move || {
        let (first, rest) = events.split_first()?;
        let mut bytes = packed_len(first);
        let fits = |event: &&Event| {
            bytes += packed_len(event);
            bytes <= ROW_BYTES
        };
        let (row, left) = events.split_at(1 + rest.iter().take_while(fits).count());
        events = left;
        let (kind, data) = match row {
            [event] => (event.kind.as_str(), event.data().into()),
            row => (PACKED, pack(row).into()),
        };
        Some(Packed { seq: i64::try_from(first.seq).unwrap_or(i64::MAX), kind, data })
    })
}

/// The length of an event's line.
fn packed_len(event: &Event) -> usize {
    event.kind.as_str().len() + event.data().len() + 2
}

fn pack(events: &[Event]) -> String {
    let mut data = String::with_capacity(events.iter().map(packed_len).sum());
    for event in events {
        // Writing to a String cannot fail.
        let _ = writeln!(data, "{}\t{}", event.kind.as_str(), event.data());
    }
    data
}
