//! Watching one answer for one connection.

use std::{sync::Arc, thread, time::Duration};

use kafka_core::{
    Error, ErrorKind, EventStream, Next, Response, ResponseId, ResponseStatus, Result, TurnEvent,
};

use super::{
    frame,
    session::{Session, Watch},
};

/// How soon it is noticed that the connection is closed.
const LOOK_UP: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 256 << 10;

/// Tells the connection what an answer says, on a thread of its own, until its end or the connection's.
pub(super) fn watch(session: &Arc<Session>, id: ResponseId, watch: Watch, events: EventStream) -> Result<()> {
    let session = Arc::clone(session);
    let thread = thread::Builder::new().name("ws-answer".to_owned()).stack_size(STACK_BYTES);
    let spawned = thread.spawn(move || {
        if let Err(error) = tell(&session, id, watch, events) {
            session.explain(&error);
        }
        session.forget(id);
    });
    spawned.map(drop).map_err(|error| {
        Error::new(
            ErrorKind::Busy,
            "thread_unavailable",
            "The system gives no more threads; the answer is stored, connect again to read it.",
        )
        .with_source(error)
    })
}

fn tell(session: &Session, id: ResponseId, watch: Watch, mut events: EventStream) -> Result<()> {
    let mut said = String::new();
    while !session.outbox.is_closed() {
        let event = match events.next_within(LOOK_UP)? {
            Next::Event(event) => event,
            Next::Nothing => continue,
            Next::Over => return Ok(()),
        };
        let told = event.decode().map_err(|error| {
            Error::new(ErrorKind::Corrupt, "event_unreadable", "A stored event is damaged.")
                .with_source(error)
        })?;
        match told {
            TurnEvent::Delta(text) => {
                if watch != (Watch::Asked { with_deltas: false }) {
                    session.outbox.text(frame::delta(id, event.seq, &text));
                }
                if watch != Watch::Followed {
                    said.push_str(&text);
                }
            }
            TurnEvent::Finished(response) if watch != Watch::Followed => {
                session.outbox.text(last_frame(&response, said));
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The one frame with which every answer ends for whoever asked for it: its text, or why there is none.
fn last_frame(response: &Response, said: String) -> String {
    match (response.status, &response.error) {
        (ResponseStatus::Failed, Some(error)) => frame::error(&error.detail),
        (ResponseStatus::Failed, None) => frame::error("The model failed."),
        (ResponseStatus::Cancelled, _) if said.is_empty() => {
            frame::error("The answer was cancelled before it began.")
        }
        (ResponseStatus::Interrupted, _) if said.is_empty() => {
            frame::error("The answer was cut off before it began.")
        }
        _ => frame::answer(said),
    }
}
