//! Events that were encoded together.

use std::{
    io::Write as _,
    sync::{Arc, Weak},
};

use serde::Serialize;

use super::event::{Event, EventKind};
use crate::base::error::{Error, ErrorKind};

/// What stands behind the JSON of an encoded event.
const END: &str = "\n\n";
/// A piece of a block is at most about so long, in bytes, so that its reader need not take it all at once.
const PIECE_BYTES: usize = 16 << 10;

/// Events in order, encoded as server-sent events. Clones share the bytes, so that a thousand watchers
/// hold what one does.
#[derive(Clone, Debug)]
pub(crate) struct Block(Arc<Encoded>);

#[derive(Debug, Default)]
struct Encoded {
    text: String,
    places: Vec<Place>,
}

/// Where an event lies in its block.
#[derive(Debug)]
struct Place {
    seq: u64,
    kind: EventKind,
    begin: usize,
    /// Where its JSON begins.
    data: usize,
    end: usize,
}

/// A block that is there as long as somebody holds it.
#[derive(Clone, Debug)]
pub(crate) struct HeldBlock(Weak<Encoded>);

impl HeldBlock {
    pub(crate) fn of(block: &Block) -> HeldBlock {
        HeldBlock(Arc::downgrade(&block.0))
    }

    pub(crate) fn get(&self) -> Option<Block> {
        self.0.upgrade().map(Block)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Block {
    /// A block of one event.
    pub(crate) fn of(seq: u64, kind: EventKind, data: &impl Serialize) -> Result<Block, Error> {
        let mut encoder = Encoder::default();
        encoder.push(seq, kind, data)?;
        encoder.finish_fitting()
    }

    /// Events that were encoded apart, together.
    pub(crate) fn joining(events: &[Event]) -> Result<Block, Error> {
        let mut encoder = Encoder::default();
        for event in events {
            encoder.push_written(event.seq, event.kind, event.data());
        }
        encoder.finish_fitting()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.places.len()
    }

    /// The number of the first event; 0 when there is none.
    pub(crate) fn first_seq(&self) -> u64 {
        self.0.places.first().map_or(0, |place| place.seq)
    }

    /// The number of the last event; 0 when there is none.
    pub(crate) fn last_seq(&self) -> u64 {
        self.0.places.last().map_or(0, |place| place.seq)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        (0..self.len()).filter_map(|index| self.event(index))
    }

    /// The first event after number `after`.
    pub(crate) fn first_after(&self, after: u64) -> Option<Event> {
        self.event(self.index_after(after))
    }

    /// The events after number `after`, or as many of them as one piece holds.
    pub(crate) fn piece_after(&self, after: u64) -> Option<Piece> {
        let from = self.index_after(after);
        let places = self.0.places.get(from..)?;
        let begin = places.first()?.begin;
        let count = places.iter().take_while(|place| place.end - begin <= PIECE_BYTES).count().max(1);
        Some(Piece { block: self.clone(), from, last: from + count - 1 })
    }

    fn index_after(&self, after: u64) -> usize {
        self.0.places.partition_point(|place| place.seq <= after)
    }

    fn event(&self, index: usize) -> Option<Event> {
        let Place { seq, kind, .. } = *self.0.places.get(index)?;
        Some(Event { seq, kind, block: self.clone(), index })
    }

    pub(super) fn data(&self, index: usize) -> &str {
        let place = &self.0.places[index];
        &self.0.text[place.data..place.end - END.len()]
    }

    fn encoded(&self, from: usize, last: usize) -> &str {
        &self.0.text[self.0.places[from].begin..self.0.places[last].end]
    }
}

/// Some events in order, as server-sent events: for each the lines `id`, `event` and `data`, and an empty
/// one. The bytes are those that all watchers of the answer share.
#[derive(Clone, Debug)]
pub struct Piece {
    block: Block,
    from: usize,
    last: usize,
}

impl Piece {
    /// The text to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.block.encoded(self.from, self.last)
    }

    pub(crate) fn last(&self) -> (u64, EventKind) {
        let place = &self.block.0.places[self.last];
        (place.seq, place.kind)
    }
}

impl AsRef<str> for Piece {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// What an event takes, encoded, besides its kind and its JSON: at most, in bytes.
const HEAD_BYTES: usize = 41;
/// Memory for blocks is taken in multiples of so many bytes. What is given back by one of a thousand watchers
/// then fits the next: of many sizes, all that were ever needed at a time would stay with the allocator.
const GRAIN_BYTES: usize = 4 << 10;

/// Encodes events into one piece of memory.
#[derive(Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Encoder {
    /// With room for so many events, whose kinds and JSON have so many bytes in all.
    pub(crate) fn with_room(events: usize, bytes: usize) -> Encoder {
        let bytes = (bytes + events * HEAD_BYTES).next_multiple_of(GRAIN_BYTES);
        let places = events.next_multiple_of(GRAIN_BYTES / size_of::<Place>());
        Encoder { bytes: Vec::with_capacity(bytes), places: Vec::with_capacity(places) }
    }

    /// Adds an event of this JSON.
    pub(crate) fn push(&mut self, seq: u64, kind: EventKind, data: &impl Serialize) -> Result<(), Error> {
        let (begin, at) = self.begin(seq, kind);
        serde_json::to_writer(&mut self.bytes, data).map_err(unwritable)?;
        self.end(seq, kind, begin, at);
        Ok(())
    }

    /// Adds an event whose JSON, which holds no line ends, is written already.
    pub(crate) fn push_written(&mut self, seq: u64, kind: EventKind, data: &str) {
        let (begin, at) = self.begin(seq, kind);
        self.bytes.extend_from_slice(data.as_bytes());
        self.end(seq, kind, begin, at);
    }

    /// As [`finish`](Encoder::finish), for a block that is kept: room that is left is given back.
    pub(crate) fn finish_fitting(mut self) -> Result<Block, Error> {
        self.bytes.shrink_to_fit();
        self.places.shrink_to_fit();
        self.finish()
    }

    /// The block.
    pub(crate) fn finish(self) -> Result<Block, Error> {
        let text = String::from_utf8(self.bytes).map_err(unwritable)?;
        Ok(Block(Arc::new(Encoded { text, places: self.places })))
    }

    fn begin(&mut self, seq: u64, kind: EventKind) -> (usize, usize) {
        let begin = self.bytes.len();
        // Memory takes everything.
        let _ = write!(self.bytes, "id: {seq}\nevent: {}\ndata: ", kind.as_str());
        (begin, self.bytes.len())
    }

    fn end(&mut self, seq: u64, kind: EventKind, begin: usize, data: usize) {
        self.bytes.extend_from_slice(END.as_bytes());
        self.places.push(Place { seq, kind, begin, data, end: self.bytes.len() });
    }
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "event_unwritable", "An event cannot be written as JSON.")
        .with_source(error)
}
