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
/// For reading a chat.
const STACK_BYTES: usize = 512 << 10;

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
                match failure(&response, &said) {
                    Some(sentence) => session.refuse(sentence),
                    None => session.outbox.text(frame::answer(said)),
                }
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why an answer has no text to end with for whoever asked for it.
fn failure<'a>(response: &'a Response, said: &str) -> Option<&'a str> {
    match (response.status, &response.error) {
        (ResponseStatus::Failed, Some(error)) => Some(&error.detail),
        (ResponseStatus::Failed, None) => Some("The model failed."),
        (ResponseStatus::Cancelled, _) if said.is_empty() => {
            Some("The answer was cancelled before it began.")
        }
        (ResponseStatus::Interrupted, _) if said.is_empty() => {
            Some("The answer was cut off before it began.")
        }
        _ => None,
    }
}
