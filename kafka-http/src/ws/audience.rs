//! The sockets that watch an answer: one thread tells them all.
//!
//! A frame is encoded once, and the outboxes of all who watch share its bytes. Who comes late is told
//! what went before on a thread of its own, and then takes a seat with the others: so a watcher costs a
//! seat and no thread for longer than that, and a late one holds up nobody. Outboxes never wait; a socket
//! that is too slow is closed by its own, and loses its seat.
//!
//! All are told from the stream of one of them, the lead. A stream is its watcher's only, and ends when that
//! one may not watch any more: then another becomes the lead. Whether a socket may hear anything at all is
//! looked after by its session, which follows the chat.

use std::{
    cell::OnceCell,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use kafka_core::{
    ChatFile, Error, ErrorKind, Event, EventStream, Next, Response, ResponseId, ResponseStatus, Result,
    TurnEvent,
};
use tungstenite::Bytes;

use super::{
    frame, outbox,
    session::{Session, Watch},
};

/// How soon it is noticed that nobody watches any more.
const LOOK_UP: Duration = Duration::from_secs(1);
/// For reading a chat.
const STACK_BYTES: usize = 512 << 10;

/// The audiences of all answers that are watched now. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audiences(Arc<Mutex<HashMap<ResponseId, Arc<Mutex<Audience>>>>>);

/// Who watches an answer.
#[derive(Debug)]
struct Audience {
    /// The number of the last event that all were told.
    told: u64,
    seats: Vec<Seat>,
}

/// One socket that watches.
#[derive(Debug)]
struct Seat {
    session: Arc<Session>,
    watch: Watch,
    /// The number of the last event that was told here.
    told: u64,
    /// The text so far, for who asked.
    said: String,
    /// The file that was composed, and whether it is new.
    composed: Option<(Box<ChatFile>, bool)>,
    /// What the others are told from should this one become the lead. The lead's is in use.
    events: Option<EventStream>,
}

/// What became of who looked for a seat.
enum Seated {
    WithOthers,
    /// Alone: who comes first is the lead of those that will come.
    First(Arc<Mutex<Audience>>, EventStream),
    /// Not yet: the others know more already.
    TooLate(Seat, EventStream),
}

impl Audiences {
    /// Tells a connection what an answer says, until its end or the connection's. Returns at once.
    pub(super) fn admit(
        &self,
        session: &Arc<Session>,
        id: ResponseId,
        watch: Watch,
        events: EventStream,
    ) -> Result<()> {
        let (audiences, session) = (self.clone(), Arc::clone(session));
        let seat = Seat { session, watch, told: 0, said: String::new(), composed: None, events: None };
        let thread = thread::Builder::new().name("ws-answer".to_owned()).stack_size(STACK_BYTES);
        let spawned = thread.spawn(move || audiences.catch_up(id, seat, events));
        spawned.map(drop).map_err(|error| {
            Error::new(
                ErrorKind::Busy,
                "thread_unavailable",
                "The system gives no more threads; the answer is stored, connect again to read it.",
            )
            .with_source(error)
        })
    }

    /// Tells one socket what went before, then seats it.
    fn catch_up(&self, id: ResponseId, mut seat: Seat, mut events: EventStream) {
        while !seat.is_deserted() {
            match News::next(id, &mut events, Duration::ZERO) {
                Ok(News::Told(told)) => {
                    seat.hear(&told);
                    if told.is_last() {
                        break;
                    }
                }
                Ok(News::None) => match self.find_seat(id, seat, events) {
                    Seated::WithOthers => return,
                    Seated::First(audience, events) => {
                        let telling = AssertUnwindSafe(|| self.tell(id, &audience, events));
                        if catch_unwind(telling).is_err() {
                            // Nobody would tell those who come any more.
                            lock(&self.0).remove(&id);
                            lock(&audience).leave(id);
                        }
                        return;
                    }
                    Seated::TooLate(back, own) => (seat, events) = (back, own),
                },
                Ok(News::Over) => {
                    seat.miss_the_end();
                    break;
                }
                Err(error) => {
                    seat.session.explain(&error);
                    break;
                }
            }
        }
        seat.session.forget(id);
    }

    fn find_seat(&self, id: ResponseId, mut seat: Seat, events: EventStream) -> Seated {
        let mut audiences = lock(&self.0);
        let Some(audience) = audiences.get(&id) else {
            let audience = Arc::new(Mutex::new(Audience { told: seat.told, seats: vec![seat] }));
            audiences.insert(id, Arc::clone(&audience));
            return Seated::First(audience, events);
        };
        let mut audience = lock(audience);
        if seat.told < audience.told {
            return Seated::TooLate(seat, events);
        }
        seat.events = Some(events);
        audience.seats.push(seat);
        Seated::WithOthers
    }

    /// Tells an audience what comes, until the answer's end or until nobody is left.
    fn tell(&self, id: ResponseId, audience: &Mutex<Audience>, mut events: EventStream) {
        loop {
            let ended = match News::next(id, &mut events, LOOK_UP) {
                Ok(News::Told(told)) => {
                    lock(audience).hear(&told);
                    if told.is_last() {
                        // Whoever comes now finds no audience, and hears the end on a thread of its own.
                        lock(&self.0).remove(&id);
                        return lock(audience).leave(id);
                    }
                    None
                }
                Ok(News::None) => None,
                Ok(News::Over) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
            let mut present = lock(audience);
            present.let_leave(id);
            if let Some(end) = ended
                && let Some(next) = present.next_lead(id, &end)
            {
                events = next;
            }
            let is_empty = present.seats.is_empty();
            drop(present);
            if is_empty {
                let mut audiences = lock(&self.0);
                // Someone may have come meanwhile.
                if lock(audience).seats.is_empty() {
                    audiences.remove(&id);
                    return;
                }
            }
        }
    }
}

impl Audience {
    fn hear(&mut self, told: &Told) {
        // Who was seated last may know more than the others.
        for seat in self.seats.iter_mut().filter(|seat| seat.told < told.seq) {
            seat.hear(told);
        }
        // A new lead begins where it was seated.
        self.told = self.told.max(told.seq);
    }

    /// Those whose connection has ended leave.
    fn let_leave(&mut self, id: ResponseId) {
        for seat in self.seats.extract_if(.., |seat| seat.is_deserted()) {
            seat.session.forget(id);
        }
    }

    /// The lead leaves, if it is still there, because its stream ended like this; the next one gives its own.
    fn next_lead(&mut self, id: ResponseId, end: &Result<()>) -> Option<EventStream> {
        for seat in self.seats.extract_if(.., |seat| seat.events.is_none()) {
            match end {
                Ok(()) => seat.miss_the_end(),
                Err(error) => seat.session.explain(error),
            }
            seat.session.forget(id);
        }
        self.seats.first_mut()?.events.take()
    }

    /// All leave.
    fn leave(&mut self, id: ResponseId) {
        self.seats.drain(..).for_each(|seat| seat.session.forget(id));
    }
}

impl Seat {
    fn hear(&mut self, told: &Told) {
        self.told = told.seq;
        let outbox = &self.session.outbox;
        match &told.content {
            TurnEvent::Delta(text) => {
                if self.watch != (Watch::Asked { with_deltas: false }) {
                    outbox.send(told.delta(text));
                }
                if self.watch != Watch::Followed {
                    self.said.push_str(text);
                }
            }
            TurnEvent::Stage(name) if self.watch == (Watch::Asked { with_deltas: true }) => {
                outbox.text(frame::stage(told.response, told.seq, name));
            }
            TurnEvent::FileCreated(file) => self.composed = Some((file.clone(), true)),
            TurnEvent::FileVersion(file) => self.composed = Some((file.clone(), false)),
            TurnEvent::Finished(response) if self.watch != Watch::Followed => {
                // The text alone does not tell that it is not all.
                if self.watch == (Watch::Asked { with_deltas: true })
                    && response.status != ResponseStatus::Completed
                {
                    outbox.text(frame::end(told.response, response.status));
                }
                match (self.composed.take(), failure(response, &self.said)) {
                    (Some((file, is_new)), _) => self.session.show_composed(response, &file, is_new),
                    (None, Some(sentence)) => self.session.refuse(sentence),
                    (None, None) => outbox.text(frame::answer(std::mem::take(&mut self.said))),
                }
            }
            _ => {}
        }
    }

    /// The answer is gone without a last event.
    fn miss_the_end(&self) {
        if self.watch != Watch::Followed {
            self.session.refuse("The answer was deleted.");
        }
    }

    fn is_deserted(&self) -> bool {
        self.session.outbox.is_closed()
    }
}

/// What an answer's events give.
enum News {
    Told(Told),
    /// Nothing within the time.
    None,
    Over,
}

/// An event, as all who watch are told of it.
struct Told {
    response: ResponseId,
    seq: u64,
    content: TurnEvent,
    /// The frame of a delta, once somebody needed it.
    frame: OnceCell<Bytes>,
}

impl News {
    fn next(id: ResponseId, events: &mut EventStream, patience: Duration) -> Result<News> {
        Ok(match events.next_within(patience)? {
            Next::Event(event) => News::Told(Told::decode(id, &event)?),
            Next::Nothing => News::None,
            Next::Over => News::Over,
        })
    }
}

impl Told {
    fn decode(response: ResponseId, event: &Event) -> Result<Told> {
        let content = event.decode().map_err(|error| {
            Error::new(ErrorKind::Corrupt, "event_unreadable", "A stored event is damaged.")
                .with_source(error)
        })?;
        Ok(Told { response, seq: event.seq, content, frame: OnceCell::new() })
    }

    fn is_last(&self) -> bool {
        matches!(self.content, TurnEvent::Finished(_))
    }

    fn delta(&self, text: &str) -> Bytes {
        self.frame.get_or_init(|| outbox::text_frame(frame::delta(self.response, self.seq, text))).clone()
    }
}

/// Why an answer has no text to end with for whoever asked for it.
fn failure<'a>(response: &'a Response, said: &str) -> Option<&'a str> {
    match (response.status, &response.error) {
        (ResponseStatus::Failed, Some(error)) => Some(&error.detail),
        (ResponseStatus::Failed, None) => Some("The model failed."),
        (ResponseStatus::Cancelled, _) if said.is_empty() => {
            Some("The answer was cancelled before it began.")
        }
        (ResponseStatus::Interrupted, error) if said.is_empty() => {
            let why = error.as_ref().map(|error| error.detail.as_str());
            why.or(Some("The answer was cut off before it began."))
        }
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
