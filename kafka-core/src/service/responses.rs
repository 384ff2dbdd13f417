//! What can be done with responses: read, follow, stop.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use super::{
    completion::{
        held::HeldBlocks,
        live::{Running, Seen},
        recover,
        relay::Relay,
    },
    doorman::{Ending, Followed, Guest},
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, Result},
        id::{ChatId, ResponseId},
        permission::{Area, Permission},
    },
    entity::{
        block::{Block, Piece},
        event::{Event, EventKind},
        response::{Response, ResponseStatus},
        token::Ticket,
    },
    repo,
    service::installation::Installation,
    service::tickets,
};

/// How often an answer that another process runs is looked at where processes do not tell each other.
const POLL: Duration = Duration::from_millis(50);
/// The same where they do: for what they do not tell, such as an answer that somebody deletes past this program.
const RARE_POLL: Duration = Duration::from_secs(2);
/// How long a cancelled answer may take to be stored before the call returns it as it is.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Chats);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Chats);

/// Responses, as one actor may use them. Made by [`Kafka::responses`](crate::Kafka::responses).
#[derive(Debug)]
pub struct Responses<'k> {
    installation: &'k Installation,
    actor: Actor,
}

pub(crate) fn not_found(id: ResponseId) -> Error {
    Error::not_found("response_not_found", "response", id)
}

impl<'k> Responses<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Responses<'k> {
        Responses { installation, actor: *actor }
    }

    /// One response.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: ResponseId) -> Result<Response> {
        let scope = self.actor.scope(READ)?;
        let found =
            self.installation.storage().read_one_anywhere(|conn| repo::responses::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// The events after number `after` (0 for all): those stored, then those to come, until the last.
    /// The same numbers and bytes whenever they are read.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` (`after_out_of_range`) when there is no event of that number yet.
    pub fn events(&self, id: ResponseId, after: u64) -> Result<EventStream> {
        let response = self.get(id)?;
        let stream = EventStream::new(self.installation, response, after).followed_by(&self.actor);
        let last = match &stream.source {
            Source::Here(running) => running.last_seq(),
            Source::Stored(_) => {
                self.installation.storage().read_one(|conn| repo::response_events::last_seq(conn, id))?
            }
        };
        if after > last {
            let message = format!("the last event so far has the number {last}");
            return Err(Error::invalid("after_out_of_range", "after", message));
        }
        Ok(stream)
    }

    /// The answers of a chat that run or wait, in the order in which they were asked for. Empty for a
    /// chat that the actor may not see.
    ///
    /// # Errors
    /// Those of reading.
    pub fn running(&self, chat: ChatId) -> Result<Vec<ResponseId>> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read(|conn| match repo::chats::find(conn, scope, chat)? {
            Some(_) => repo::responses::running_in_chat(conn, chat),
            None => Ok(Vec::new()),
        })
    }

    /// A credential that opens the events of this response and nothing else, for 60 seconds and as often
    /// as needed: for readers that can send no header, such as `EventSource`. It outlives a restart of the
    /// process if the installation has a secret ([`Config::secret`](crate::Config)).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn ticket(&self, id: ResponseId) -> Result<Ticket> {
        self.get(id)?;
        tickets::issue(self.installation, &self.actor, id)
    }

    /// Stops a running answer, also before its first token and while it waits for its turn. What came is
    /// kept. A response that has ended is returned unchanged.
    ///
    /// # Errors
    /// `NotFound`, also for those who may only read.
    pub fn cancel(&self, id: ResponseId) -> Result<Response> {
        let scope = self.actor.scope(WRITE)?;
        let found = self
            .installation
            .storage()
            .read_one(|conn| repo::responses::find_for_writing(conn, scope, id))?;
        let response = found.ok_or_else(|| not_found(id))?;
        let running = self.installation.live().get(id);
        // Before the status is asked: another process may have ended it while its model here is silent.
        if let Some(running) = &running {
            running.cancel.cancel();
        }
        if response.status != ResponseStatus::Streaming {
            return Ok(response);
        }
        match running {
            Some(running) => {
                // Only the end is waited for, however much was said before.
                let after = running.last_seq();
                let mut stream = EventStream { after, ..EventStream::of_running(self.installation, running) };
                while let Next::Event(_) = stream.next_within(CANCEL_PATIENCE)? {}
            }
            // Another process runs it: its next write finds the response ended, and stops.
            None => recover::end(self.installation, id, ResponseStatus::Cancelled)?,
        }
        self.get(id)
    }
}

/// The events of one answer in order, as they are stored and sent. Blocks until the next one is on disk;
/// ends after the last.
#[derive(Debug)]
pub struct EventStream {
    installation: Installation,
    /// The answer as it was when the stream began, for the end of one that is deleted.
    response: Arc<Response>,
    source: Source,
    /// None for whoever needs no credential.
    guest: Option<Arc<Guest>>,
    after: u64,
    /// The last that was taken, which may hold more.
    block: Option<Block>,
    over: bool,
}

/// Where the events of an answer come from.
#[derive(Debug)]
enum Source {
    /// While this process runs it: memory, and storage for what is long gone by.
    Here(Arc<Running>),
    /// Afterwards, and for others: storage.
    Stored(Arc<Relay>),
}

impl Source {
    fn held(&self) -> &HeldBlocks {
        match self {
            Source::Here(running) => &running.held,
            Source::Stored(relay) => &relay.held,
        }
    }
}

/// What [`EventStream::next_within`] and [`EventStream::next_piece_within`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<T = Event> {
    /// The next event, or several in one piece.
    Event(T),
    /// None came within the time; more may come.
    Nothing,
    /// None will come.
    Over,
}

impl EventStream {
    pub(crate) fn new(installation: &Installation, response: Response, after: u64) -> EventStream {
        match installation.live().get(response.id) {
            Some(running) => EventStream { after, ..EventStream::of_running(installation, running) },
            None => {
                let source = Source::Stored(installation.feed().relays().of(response.id));
                EventStream::of(installation, Arc::new(response), source, after)
            }
        }
    }

    /// The events of an answer that was accepted just now: it need not be known to others yet.
    pub(crate) fn of_running(installation: &Installation, running: Arc<Running>) -> EventStream {
        EventStream::of(installation, Arc::clone(&running.accepted), Source::Here(running), 0)
    }

    fn of(installation: &Installation, response: Arc<Response>, source: Source, after: u64) -> EventStream {
        let installation = installation.clone();
        EventStream { installation, response, source, guest: None, after, block: None, over: false }
    }

    /// The same, for as long as this actor may follow it.
    pub(crate) fn followed_by(mut self, actor: &Actor) -> EventStream {
        if actor.credential().is_some() {
            let followed = Followed::Response(self.response.id);
            let doorman = self.installation.doorman();
            self.guest = Some(match &self.source {
                Source::Here(running) => {
                    let running = Arc::downgrade(running);
                    doorman.admit(actor, followed, move || wake(&running, Running::nudge))
                }
                Source::Stored(relay) => {
                    let relay = Arc::downgrade(relay);
                    doorman.admit(actor, followed, move || wake(&relay, Relay::wake))
                }
            });
        }
        self
    }

    /// The next event, waiting at most `patience` for it.
    ///
    /// # Errors
    /// `Unauthenticated` (`credential_revoked`) once the actor's credential is no longer in force; those of
    /// reading.
    pub fn next_within(&mut self, patience: Duration) -> Result<Next> {
        self.find_within(patience, |block, after| {
            let event = block.first_after(after)?;
            Some(((event.seq, event.kind), event))
        })
    }

    /// The next events, encoded, waiting at most `patience` for the first: those that came together with it,
    /// up to some 16 KiB. For those who pass events on as they are.
    ///
    /// # Errors
    /// As for [`next_within`](EventStream::next_within).
    pub fn next_piece_within(&mut self, patience: Duration) -> Result<Next<Piece>> {
        self.find_within(patience, |block, after| {
            let piece = block.piece_after(after)?;
            Some((piece.last(), piece))
        })
    }

    /// What `take` finds in a block, with the number and the kind of the last event in it.
    fn find_within<T>(
        &mut self,
        patience: Duration,
        take: impl Fn(&Block, u64) -> Option<((u64, EventKind), T)>,
    ) -> Result<Next<T>> {
        // Real time, whatever the clock says: this is about waiting, not about what is stored.
        let until = Instant::now() + patience;
        let guest = self.guest.clone();
        let ending = || guest.as_ref().and_then(|guest| guest.ending());
        loop {
            match ending() {
                Some(Ending::Credential) => return Err(Ending::revoked()),
                Some(Ending::Followed) => self.over = true,
                None => {}
            }
            if let Some(block) = &self.block {
                if let Some(((seq, kind), found)) = take(block, self.after) {
                    self.after = seq;
                    self.over = kind.is_last();
                    if block.last_seq() <= seq {
                        self.block = None;
                    }
                    return Ok(Next::Event(found));
                }
                self.block = None;
            }
            if self.over {
                return Ok(Next::Over);
            }
            let left = until.saturating_duration_since(Instant::now());
            match &self.source {
                Source::Here(running) => match running.watch(self.after, left, || ending().is_some()) {
                    Seen::Events(block) => self.block = Some(block),
                    Seen::Behind if self.read_stored()? => {}
                    Seen::Nothing if ending().is_some() => {}
                    Seen::Behind | Seen::Nothing => return Ok(Next::Nothing),
                    Seen::Over => {
                        self.source = Source::Stored(self.installation.feed().relays().of(self.response.id));
                    }
                },
                Source::Stored(relay) => {
                    let (relay, news) = (Arc::clone(relay), relay.news());
                    if !self.read_stored()? {
                        if left.is_zero() {
                            return Ok(Next::Nothing);
                        }
                        let is_told = self.installation.storage().is_postgres();
                        let poll = if is_told { RARE_POLL } else { POLL };
                        relay.wait(news, left.min(poll), || ending().is_some());
                    }
                }
            }
        }
    }

    /// Reads some of what is new in storage. False when nothing is, but more may come.
    fn read_stored(&mut self) -> Result<bool> {
        let (id, after, held) = (self.response.id, self.after, self.source.held());
        let (block, status) = match held.following(after) {
            Some(block) => (Some(block), None),
            None => self.installation.storage().read(|conn| {
                // Another may have read it while this one waited for its turn.
                if let Some(block) = held.following(after) {
                    return Ok((Some(block), None));
                }
                if let Some(block) = repo::response_events::following(conn, id, after)? {
                    return Ok((Some(held.hold(block)), None));
                }
                let stored = repo::responses::find(conn, Scope::Operator, id)?;
                Ok((None, stored.map(|response| response.status)))
            })?,
        };
        let was_running = self.response.status == ResponseStatus::Streaming;
        self.block = match (block, status) {
            (None, None) if was_running => Some(self.parting()?),
            (block, _) => block,
        };
        // Ended and read to its end, or deleted after it had ended.
        self.over = self.block.is_none() && status != Some(ResponseStatus::Streaming);
        Ok(self.block.is_some() || self.over)
    }

    /// The last event of an answer that was deleted while it ran. Whoever deleted it stored one, which is
    /// gone with it, and told only those who watched in the same process.
    fn parting(&self) -> Result<Block> {
        let response = Response { status: ResponseStatus::Cancelled, ..Response::clone(&self.response) };
        Event::with_response(self.after + 1, EventKind::Cancelled, &response).map(Event::into_block)
    }
}

fn wake<T>(watched: &Weak<T>, wake: impl FnOnce(&T)) {
    if let Some(watched) = watched.upgrade() {
        wake(&watched);
    }
}

impl Iterator for EventStream {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        loop {
            match self.next_within(Duration::from_secs(60)) {
                Ok(Next::Event(event)) => return Some(Ok(event)),
                Ok(Next::Nothing) => {}
                Ok(Next::Over) => return None,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
