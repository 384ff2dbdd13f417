//! Answers as server-sent events.

use std::{
    fmt::Write as _,
    io,
    time::{Duration, Instant},
};

use kafka_core::{ErrorKind, Event, EventStream, Next};

use crate::{
    log::Logger,
    server::{BodyWriter, Reply},
};

/// Events that are ready leave in one write, up to about so many bytes.
const WRITE_BYTES: usize = 8 << 10;
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
        let silence_left = heartbeat.saturating_sub(last_sent.elapsed());
        let next = events.next_within(silence_left.min(LOOK_UP)).map_err(|error| {
            // Who was logged out meanwhile is cut off; the server has not failed.
            if error.kind() != ErrorKind::Unauthenticated {
                log.failure(request_id, &error);
            }
            io::Error::other(error)
        })?;
        match next {
            Next::Event(event) => {
                let mut piece = String::new();
                encode(&event, &mut piece);
                while piece.len() < WRITE_BYTES
                    && let Some(event) = events.at_hand()
                {
                    encode(&event, &mut piece);
                }
                body.send(piece.as_bytes())?;
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

fn encode(event: &Event, piece: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(piece, "id: {}\nevent: {}\ndata: {}\n\n", event.seq, event.kind, event.data);
}
