//! Answers as server-sent events.
//!
//! What is ready leaves in one write, straight from the bytes that all watchers share. A watcher holds no
//! buffer and, while its client does not read, no event: it costs its connection's thread, and reads
//! storage where it has fallen behind.

use std::{
    io,
    time::{Duration, Instant},
};

use kafka_core::{ErrorKind, EventStream, Next};

use crate::{
    log::Logger,
    server::{BodyWriter, Reply},
};

/// How soon a client that left is noticed.
const LOOK_UP: Duration = Duration::from_secs(1);

/// The events of an answer as they come, until the last. `heartbeat` is the longest silence.
pub(crate) fn reply(events: EventStream, heartbeat: Duration, log: Logger, request_id: &str) -> Reply {
    let request_id = request_id.to_owned();
    let write = move |body: &mut BodyWriter<'_>| pump(events, heartbeat, log, &request_id, body);
    Reply::stream(200, "text/event-stream", write)
        .with_header("Cache-Control", "no-cache")
        .with_header("X-Accel-Buffering", "no")
}

fn pump(
    mut events: EventStream,
    heartbeat: Duration,
    log: Logger,
    request_id: &str,
    body: &mut BodyWriter<'_>,
) -> io::Result<()> {
    let mut last_sent = Instant::now();
    loop {
        // A client that reads slowly has no events waiting for it here; it is told later, from storage.
        body.wait_for_room()?;
        let silence_left = heartbeat.saturating_sub(last_sent.elapsed());
        let next = events.next_piece_within(silence_left.min(LOOK_UP)).map_err(|error| {
            // Who was logged out meanwhile is cut off; the server has not failed.
            if error.kind() != ErrorKind::Unauthenticated {
                log.failure(request_id, &error);
            }
            io::Error::other(error)
        })?;
        match next {
            Next::Event(piece) => {
                body.send(piece.as_str().as_bytes())?;
                last_sent = Instant::now();
            }
            Next::Over => return Ok(()),
            Next::Nothing if body.client_is_gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
            Next::Nothing if last_sent.elapsed() >= heartbeat => {
                body.send(b": still working\n\n")?;
                last_sent = Instant::now();
            }
            Next::Nothing => {}
        }
    }
}
