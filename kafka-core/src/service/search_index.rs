//! Keeps the index of words up with what is stored: in batches behind the writes, so that storing a message costs
//! nothing for it.
//!
//! Rows above a mark are new; triggers note the others that change, go, or come below it. A batch is read and folded
//! without holding up anyone, and taken into the index in one transaction with the mark and the notes: whatever dies in
//! between, nothing is lost or comes in twice. Whoever finds that someone else's batch came first throws its own away.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{installation::Installation, upkeep::Upkeep};
use crate::{
    base::{error::Result, page::Room},
    repo::search_index::{self, Entry, Marks, State, Table},
    storage::Storage,
};

/// A look that is due.
const LOOK: Duration = Duration::from_millis(50);
/// Whoever asks for a page comes first, but also on a busy machine what is stored is found within a second or so.
const NICENESS: i32 = 10;
/// Looks to leave out when nothing waits: then it is looked every 200 ms.
const LOOKS_WHEN_DONE: u32 = 3;
/// When another process works on the index, a second.
const LOOKS_BEHIND_OTHERS: u32 = 20;
/// When it fails.
const LOOKS_AFTER_FAILURE: u32 = 100;
/// How much longer it rests after a batch than that took, while more waits: whoever stores messages has four fifths of
/// the time at least. In a flood of more than some thousands a second the index lags until it is over …
const REST: u32 = 4;
/// … and then catches up: as long as nobody else writes, so many batches are taken in at a look.
const BATCHES_WHEN_CALM: u32 = 10;
/// Rows of a batch, and about the bytes of their texts: it holds up other writes for some 20 ms.
const BATCH: Room = Room { entries: 1000, bytes: 256 << 10 };

/// The thread that keeps the index up.
#[derive(Default)]
pub(crate) struct Indexing(Upkeep);

impl Indexing {
    /// Starts it.
    pub(crate) fn start(&self, installation: &Installation) -> Result<()> {
        let itself = installation.downgrade();
        let mut rests = 0_u32;
        self.0.start_behind("kafka-search", NICENESS, LOOK, move |_| {
            let Some(installation) = itself.upgrade() else { return false };
            if rests > 0 {
                rests -= 1;
                return true;
            }
            let storage = installation.storage();
            let mut began = installation.clock().instant();
            let mut done = step(storage);
            for _ in 1..BATCHES_WHEN_CALM {
                if !matches!(done, Ok(Step::More)) || !storage.is_calm() {
                    break;
                }
                began = installation.clock().instant();
                done = step(storage);
            }
            rests = match done {
                Ok(Step::Done) => LOOKS_WHEN_DONE,
                Ok(Step::More) if storage.is_calm() => 0,
                Ok(Step::More) => looks(REST * began.elapsed()),
                Ok(Step::Overtaken) => LOOKS_BEHIND_OTHERS,
                Err(_) => LOOKS_AFTER_FAILURE,
            };
            true
        })
    }

    /// Ends it after the look it is at.
    pub(crate) fn stop(&self) {
        self.0.stop();
    }
}

/// How many looks that is; at most a second's.
fn looks(time: Duration) -> u32 {
    let looks = u32::try_from(time.as_millis() / LOOK.as_millis()).unwrap_or(u32::MAX);
    looks.min(LOOKS_BEHIND_OTHERS)
}

/// For so many bytes of passages that a batch brings, a page of earlier ones is merged after it: about what the engine
/// would do by itself, but that puts it off and then does some hundred pages at once, while everyone waits.
const BYTES_PER_MERGED_PAGE: usize = 512;

/// A piece of that.
const PAGES_AT_ONCE: usize = 16;

/// What one look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing waits, but for what came meanwhile: it is taken together with what comes until the next look, since small
    /// batches cost more.
    Done,
    /// A batch was taken in, and more waits.
    More,
    /// Another process was faster.
    Overtaken,
}

/// What one transaction does to the index.
struct Batch {
    before: State,
    upto: Marks,
    notes_upto: i64,
    /// What the index may hold, and shall not as it is.
    gone: HashSet<(Table, i64)>,
    come: Vec<(Table, Entry)>,
    is_last: bool,
}

impl Batch {
    /// Of the words that come.
    fn bytes_of(&self, table: Table) -> usize {
        let entries = self.come.iter().filter(|(of, _)| *of == table);
        entries.filter_map(|(_, entry)| entry.words.as_ref()).map(String::len).sum()
    }
}

/// Indexes everything that waits.
pub(crate) fn catch_up(storage: &Storage) -> Result<()> {
    while step(storage)? != Step::Done {}
    Ok(())
}

/// Takes into the index what waits until all passages of a document are in it; another thread may be at it, too.
/// False when it is to stop first.
pub(crate) fn wait_for_document(
    storage: &Storage,
    document: i64,
    is_to_stop: &dyn Fn() -> bool,
) -> Result<bool> {
    while !storage.read_one(|conn| search_index::has_document(conn, document))? {
        if is_to_stop() {
            return Ok(false);
        }
        if step(storage)? == Step::Overtaken {
            std::thread::sleep(LOOK);
        }
    }
    Ok(true)
}

/// Makes the index anew from what is stored.
pub(crate) fn rebuild(storage: &Storage) -> Result<()> {
    storage.write(search_index::begin_anew)?;
    catch_up(storage)
}

/// How many changes wait to be indexed.
pub(crate) fn waiting(storage: &Storage) -> Result<u64> {
    storage.read(search_index::behind)
}

fn step(storage: &Storage) -> Result<Step> {
    match next_batch(storage)? {
        Some(batch) => {
            let pages = batch.bytes_of(Table::Chunks) / BYTES_PER_MERGED_PAGE;
            let (began, has_notes) = (Instant::now(), batch.notes_upto > 0);
            let done = take_in(storage, batch)?;
            if pages > 0 || has_notes {
                storage.give_way(began.elapsed());
            }
            if pages > 0 {
                merge(storage, pages)?;
            }
            Ok(done)
        }
        None => Ok(Step::Done),
    }
}

/// Merges so many pages of passages, some at a time.
fn merge(storage: &Storage, pages: usize) -> Result<()> {
    for from in (0..pages).step_by(PAGES_AT_ONCE) {
        let (began, some) = (Instant::now(), PAGES_AT_ONCE.min(pages - from));
        storage.write_behind(move |tx| search_index::merge_chunks(tx, some))?;
        storage.give_way(began.elapsed());
    }
    Ok(())
}

/// Takes a batch into the index, if that is still as it was when the batch was read.
fn take_in(storage: &Storage, batch: Batch) -> Result<Step> {
    let is_last = batch.is_last;
    let is_first = storage.write_behind(move |tx| {
        if !search_index::advance(tx, batch.before, batch.upto)? {
            return Ok(false);
        }
        search_index::forget_changes(tx, batch.notes_upto)?;
        for table in Table::ALL {
            let gone = batch.gone.iter().filter(|(of, _)| *of == table).map(|(_, number)| *number);
            search_index::remove(tx, table, gone)?;
            let come = batch.come.iter().filter(|(of, _)| *of == table).map(|(_, entry)| entry);
            search_index::add(tx, table, come)?;
        }
        Ok(true)
    })?;
    Ok(match (is_first, is_last) {
        (false, _) => Step::Overtaken,
        (true, true) => Step::Done,
        (true, false) => Step::More,
    })
}

/// The next rows, with their words; none when nothing waits. All is read at one moment: what changes after it is noted.
fn next_batch(storage: &Storage) -> Result<Option<Batch>> {
    storage.read(|conn| {
        if !search_index::is_behind(conn)? {
            return Ok(None);
        }
        let before = search_index::state(conn)?;
        let mut upto = before.upto;
        let (mut notes_upto, mut bytes) = (0, 0);
        let (mut gone, mut come) = (HashSet::new(), Vec::new());
        // They, too, come by the thousand, when something long is deleted.
        let most = u32::try_from(storage.piece(BATCH.entries as usize)).unwrap_or(BATCH.entries);
        let changes = search_index::changes(conn, most)?;
        let mut are_all_noted = changes.len() < most as usize;
        for change in changes {
            if bytes > BATCH.bytes {
                are_all_noted = false;
                break;
            }
            notes_upto = change.number;
            let Some((table, number)) = change.row else { continue };
            // What lies above the mark is read as it is when the mark comes there.
            if number <= upto[table.place()] && gone.insert((table, number)) {
                let entry = search_index::row(conn, table, number)?;
                bytes +=
                    entry.iter().filter_map(|entry| entry.words.as_ref()).map(String::len).sum::<usize>();
                come.extend(entry.map(|entry| (table, entry)));
            }
        }
        let mut is_last = are_all_noted;
        if bytes <= BATCH.bytes {
            for table in Table::ALL {
                let mark = &mut upto[table.place()];
                // Passages come by the thousand, and nobody waits for them.
                let room = match table {
                    Table::Chunks => Room { bytes: storage.piece(BATCH.bytes), ..BATCH },
                    Table::Messages | Table::Chats => BATCH,
                };
                let rows = search_index::new_rows(conn, table, *mark, room)?;
                is_last &= !rows.goes_on;
                *mark = rows.rows.last().map_or(*mark, |last| last.number);
                come.extend(rows.rows.into_iter().map(|entry| (table, entry)));
            }
        }
        Ok(Some(Batch { before, upto, notes_upto, gone, come, is_last }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Migrator, Place, StorageOptions, sql::unlisted_statements};

    unlisted_statements! {
        INSERT = ["INSERT INTO chats (id, title, created_at, updated_at) VALUES ('a', 'Pebbles', 0, 0)"];
        RENAME = ["UPDATE chats SET title = 'Rocks'"];
        NOTE_MANY = ["INSERT INTO search_changes (chat_number) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL \
            SELECT i + 1 FROM n WHERE i < 1000) SELECT i + 100 FROM n"];
    }

    /// With a chat that is not indexed.
    fn storage() -> Storage {
        let storage = Storage::open(Place::Memory, StorageOptions::default()).unwrap();
        Migrator::new(&storage).unwrap().up(None).unwrap();
        storage.write(|tx| tx.execute(&INSERT, &[])).unwrap();
        storage
    }

    #[test]
    fn a_batch_is_thrown_away_when_another_came_first() {
        let storage = storage();
        let [one, other] = [(); 2].map(|()| next_batch(&storage).unwrap().unwrap());
        assert_eq!(take_in(&storage, one).unwrap(), Step::Done);
        assert_eq!(take_in(&storage, other).unwrap(), Step::Overtaken);
        assert!(next_batch(&storage).unwrap().is_none());
    }

    #[test]
    fn fewer_notes_are_worked_off_at_once_while_others_write() {
        let storage = storage();
        catch_up(&storage).unwrap();
        let noted = || {
            storage.write(|tx| tx.execute(&NOTE_MANY, &[])).unwrap();
            let notes = next_batch(&storage).unwrap().unwrap().notes_upto;
            assert_eq!(storage.read(|conn| search_index::changes(conn, 1)).unwrap()[0].number, 1);
            notes
        };
        // A busy machine may let more time pass in between than counts as lately.
        assert!((0..100).any(|_| noted() == 1000 / 16));
    }

    #[test]
    fn what_changes_before_it_is_indexed_comes_in_once() {
        let storage = storage();
        storage.write(|tx| tx.execute(&RENAME, &[])).unwrap();
        let batch = next_batch(&storage).unwrap().unwrap();
        assert_eq!((batch.come.len(), batch.gone.len(), batch.notes_upto), (1, 0, 1));
    }
}
