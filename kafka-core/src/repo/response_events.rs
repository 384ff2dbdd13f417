//! The table `response_events`: the log of each answer.
//!
//! While an answer runs, a row is an event. At its end all become one row of kind `packed`, whose data
//! has a line for each event in order, `kind`, a tab and the event's JSON, which holds no raw line end.

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
    LIST = ["SELECT e.seq, e.kind, e.data FROM response_events e WHERE e.response_id = $1 AND (e.seq > $2 \
        OR e.kind = 'packed') ORDER BY e.seq"];
    CLEAR = ["DELETE FROM response_events WHERE response_id = $1"];
}

pub(crate) fn append(tx: &Tx<'_>, response: ResponseId, event: &Event) -> Result<()> {
    let seq = i64::try_from(event.seq).unwrap_or(i64::MAX);
    tx.execute(&INSERT, params![response, seq, event.kind.as_str(), &*event.data])?;
    Ok(())
}

/// The events after number `after`, in order.
pub(crate) fn list(conn: &Conn<'_>, response: ResponseId, after: u64) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let first = i64::try_from(after).unwrap_or(i64::MAX);
    conn.each(&LIST, params![response, first], |row| {
        let (seq, kind, data) = (row.next()?, row.next::<String>()?, row.next::<String>()?);
        match EventKind::parse(&kind) {
            Some(kind) => events.push(Event { seq, kind, data: data.into() }),
            None if kind == PACKED => events.extend(unpack(&data).filter(|event| event.seq > after)),
            None => {}
        }
        Ok(())
    })?;
    Ok(events)
}

/// Replaces the rows of an ended answer by one.
pub(crate) fn pack(tx: &Tx<'_>, response: ResponseId, events: &[Event]) -> Result<()> {
    let mut data = String::with_capacity(events.iter().map(|event| event.data.len() + 24).sum());
    for event in events {
        // Writing to a String cannot fail.
        let _ = writeln!(data, "{}\t{}", event.kind.as_str(), event.data);
    }
    tx.execute(&CLEAR, params![response])?;
    tx.execute(&INSERT, params![response, 1i64, PACKED, &data])?;
    Ok(())
}

fn unpack(data: &str) -> impl Iterator<Item = Event> {
    data.lines().zip(1..).filter_map(|(line, seq)| {
        let (kind, data) = line.split_once('\t')?;
        Some(Event { seq, kind: EventKind::parse(kind)?, data: Arc::from(data) })
    })
}
