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

/// What a stream of events is.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";
/// How soon a client that left is noticed.
const LOOK_UP: Duration = Duration::from_secs(1);

/// The events of an answer as they come, until the last. `heartbeat` is the longest silence.
pub(crate) fn reply(mut events: EventStream, heartbeat: Duration, log: Logger, request_id: &str) -> Reply {
    reply_in(move |patience| events.next_piece_within(patience), heartbeat, log, request_id)
}

/// The same in whatever words `next` finds within a time; a text that is empty stands for an event that is not told.
pub(crate) fn reply_in<P: AsRef<str>>(
    next: impl FnMut(Duration) -> kafka_core::Result<Next<P>> + Send + 'static,
    heartbeat: Duration,
    log: Logger,
    request_id: &str,
) -> Reply {
    let request_id = request_id.to_owned();
    let write = move |body: &mut BodyWriter<'_>| pump(next, heartbeat, log, &request_id, body);
    Reply::stream(200, MEDIA_TYPE, write)
        .with_header("Cache-Control", "no-cache")
        .with_header("X-Accel-Buffering", "no")
}

fn pump<P: AsRef<str>>(
    mut next: impl FnMut(Duration) -> kafka_core::Result<Next<P>>,
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
        let found = next(silence_left.min(LOOK_UP)).map_err(|error| {
            // Who was logged out meanwhile is cut off; the server has not failed.
            if error.kind() != ErrorKind::Unauthenticated {
                log.failure(request_id, &error);
            }
            io::Error::other(error)
        })?;
        match found {
            Next::Event(piece) if !piece.as_ref().is_empty() => {
                body.send(piece.as_ref().as_bytes())?;
                last_sent = Instant::now();
            }
            Next::Over => return Ok(()),
            Next::Nothing if body.client_is_gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
            Next::Event(_) | Next::Nothing if last_sent.elapsed() >= heartbeat => {
                body.send(b": still working\n\n")?;
                last_sent = Instant::now();
            }
            Next::Event(_) | Next::Nothing => {}
        }
    }
}
