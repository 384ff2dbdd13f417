use std::{
    fs,
    path::Path,
    sync::{atomic::AtomicUsize, mpsc},
    time::Instant,
};

use rusqlite::Connection;

use super::*;
use crate::storage::{Place, Storage, StorageOptions, fault, sql::unlisted_statements};

unlisted_statements! {
    MAKE = ["CREATE TABLE items (name TEXT NOT NULL)"];
    MAKE_PARTS = ["CREATE TABLE parts (id TEXT PRIMARY KEY, of TEXT REFERENCES parts (id) ON DELETE CASCADE)"];
    ADD = ["INSERT INTO items (name) VALUES ($1)"];
    ADD_PART = ["INSERT INTO parts (id, of) VALUES ($1, $2)"];
    DEFER = ["PRAGMA defer_foreign_keys = ON"];
    NAMES = ["SELECT name FROM items ORDER BY rowid"];
}

fn storage(directory: &Path, options: StorageOptions) -> Storage {
    let storage = Storage::open(Place::File(directory.join("kafka.db")), options).unwrap();
    storage
        .write(|tx| {
            tx.execute(&MAKE, &[])?;
            tx.execute(&MAKE_PARTS, &[])
        })
        .unwrap();
    storage
}

fn names(storage: &Storage) -> Vec<String> {
    storage.read(|c| c.all(&NAMES, &[], |row| row.next())).unwrap()
}

type Work = Box<dyn Fn(&Tx<'_>) -> Result<()> + Send>;

fn work(work: impl Fn(&Tx<'_>) -> Result<()> + Send + 'static) -> Work {
    Box::new(work)
}

fn add(name: &'static str) -> Work {
    work(move |tx| tx.execute(&ADD, &[name.into()]).map(drop))
}

fn failing(name: &'static str) -> Work {
    work(move |tx| {
        tx.execute(&ADD, &[name.into()])?;
        tx.after_commit(|| panic!("a failed job's hook ran"));
        Err(Error::new(ErrorKind::NotFound, "wanted", "Wanted."))
    })
}

/// Waits for something that another thread is about to do.
fn until(reached: impl Fn() -> bool) {
    while !reached() {
        thread::yield_now();
    }
}

fn queued(storage: &Storage) -> usize {
    lock(&storage.writer().shared.queue).jobs.len()
}

/// Holds the writing connection until `arranged` returns.
fn while_held<T>(storage: &Storage, arranged: impl FnOnce() -> T) -> T {
    let (held, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            storage.exclusive(|_| {
                held.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
        });
        is_held.recv().unwrap();
        let value = arranged();
        release.send(()).unwrap();
        value
    })
}

/// Runs `jobs` as one batch, in their order, and gives each one's answer as its error code.
fn batch(storage: &Storage, jobs: Vec<Work>) -> Vec<Option<&'static str>> {
    let callers: Vec<_> = while_held(storage, || {
        jobs.into_iter()
            .enumerate()
            .map(|(index, job)| {
                let storage = storage.clone();
                let caller = thread::spawn({
                    let storage = storage.clone();
                    move || storage.write(job)
                });
                until(|| queued(&storage) == index + 1);
                caller
            })
            .collect()
    });
    callers.into_iter().map(|caller| caller.join().unwrap().err().map(|error| error.code())).collect()
}

/// Where the commits of the write-ahead log end: its frames that state the size of the database.
fn commit_ends(log: &[u8]) -> Vec<usize> {
    let frame = 24 + u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let (salt, frames) = (&log[16..24], log[32..].chunks_exact(frame));
    let is_commit = |bytes: &[u8]| bytes[8..16] == *salt && bytes[4..8] != [0; 4];
    let ends = frames.enumerate().filter(|(_, bytes)| is_commit(bytes));
    ends.map(|(index, _)| 32 + (index + 1) * frame).collect()
}

fn commits(directory: &Path) -> usize {
    commit_ends(&fs::read(directory.join("kafka.db-wal")).unwrap()).len()
}

#[test]
fn jobs_that_come_together_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let before = commits(directory.path());
    assert_eq!(batch(&storage, vec![add("a"), add("b"), add("c"), add("d")]), [None; 4]);
    assert_eq!(commits(directory.path()), before + 1);
    assert_eq!(names(&storage), ["a", "b", "c", "d"]);
    storage.write(add("e")).unwrap();
    assert_eq!(commits(directory.path()), before + 2);
}

#[test]
fn what_is_written_behind_is_written_by_the_writers_thread() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let by = |tx: &Tx<'_>| add("a")(tx).map(|()| std::thread::current().id());
    let here = std::thread::current().id();
    assert_eq!(storage.write(by).unwrap(), here);
    assert_ne!(storage.write_behind(by).unwrap(), here);
}

#[test]
fn a_commit_takes_no_more_jobs_than_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { writes_per_commit: 2, ..Limits::default() };
    let storage = storage(directory.path(), StorageOptions { limits, ..StorageOptions::default() });
    let before = commits(directory.path());
    assert_eq!(batch(&storage, vec![add("a"), add("b"), add("c")]), [None; 3]);
    assert_eq!(commits(directory.path()), before + 2);
}

#[test]
fn a_failing_job_takes_back_only_what_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let before = commits(directory.path());
    let answers = batch(&storage, vec![add("a"), failing("b"), add("c")]);
    assert_eq!(answers, [None, Some("wanted"), None]);
    assert_eq!(names(&storage), ["a", "c"]);
    assert_eq!(commits(directory.path()), before + 1, "the others still share one");
    assert_eq!(storage.write(failing("d")).unwrap_err().code(), "wanted");
    assert_eq!(names(&storage), ["a", "c"]);
}

/// Savepoints cost each job of a group, so they wait for one that leaves something to take back.
#[test]
fn jobs_run_again_for_one_that_failed_after_it_had_written_and_for_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    for (wrote, runs) in [(false, 2), (true, 3)] {
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = || {
            let ran = ran.clone();
            work(move |tx| {
                ran.fetch_add(1, Ordering::Relaxed);
                tx.execute(&ADD, &["counted".into()]).map(drop)
            })
        };
        let refused = work(move |tx| {
            tx.all(&NAMES, &[], |row| row.next::<String>())?;
            if wrote {
                tx.execute(&ADD, &["lost".into()])?;
            }
            Err(Error::new(ErrorKind::NotFound, "wanted", "Wanted."))
        });
        let before = commits(directory.path());
        assert_eq!(batch(&storage, vec![counted(), refused, counted()]), [None, Some("wanted"), None]);
        assert_eq!(commits(directory.path()), before + 1);
        assert_eq!(ran.load(Ordering::Relaxed), runs);
    }
    assert_eq!(names(&storage), ["counted"; 4]);
}

/// Jobs around one that needs more pages than the database may have.
fn batch_on_a_full_disk(storage: &Storage, big: Work) -> (Vec<Option<&'static str>>, usize) {
    storage
        .exclusive(|connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
            Ok(())
        })
        .unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = {
        let runs = runs.clone();
        work(move |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            tx.execute(&ADD, &["counted".into()]).map(drop)
        })
    };
    let answers = batch(storage, vec![add("before"), counted, big, add("after")]);
    (answers, runs.load(Ordering::Relaxed))
}

#[test]
fn a_full_disk_fails_only_the_job_that_needs_the_space() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let big = work(|tx| tx.execute(&ADD, &["x".repeat(1 << 20).as_str().into()]).map(drop));
    let (answers, runs) = batch_on_a_full_disk(&storage, big);
    assert_eq!(answers, [None, None, Some("disk_full"), None]);
    assert_eq!(runs, 2, "the fault must have ended the shared transaction, or this test proves nothing");
    assert_eq!(names(&storage), ["before", "counted", "after"]);
}

#[test]
fn a_job_that_hides_a_full_disk_is_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let big = work(|tx| {
        let _ = tx.execute(&ADD, &["x".repeat(1 << 20).as_str().into()]);
        Ok(())
    });
    let (answers, _) = batch_on_a_full_disk(&storage, big);
    assert_eq!(answers, [None, None, Some("storage_failed"), None]);
    assert_eq!(names(&storage), ["before", "counted", "after"]);
}

#[test]
fn a_commit_that_fails_for_one_job_stores_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let orphan = || {
        work(|tx| {
            tx.execute(&DEFER, &[])?;
            tx.execute(&ADD_PART, &["a".into(), "nothing".into()])?;
            tx.execute(&ADD, &["orphan".into()]).map(drop)
        })
    };
    let answers = batch(&storage, vec![add("before"), orphan(), add("after")]);
    assert_eq!(answers, [None, Some("reference_missing"), None]);
    assert_eq!(names(&storage), ["before", "after"]);
    assert_eq!(storage.write(orphan()).unwrap_err().code(), "reference_missing");
    storage.write(add("later")).unwrap();
    assert_eq!(names(&storage), ["before", "after", "later"]);
}

#[test]
fn a_panic_fails_only_its_own_job() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let panicking = || {
        work(|tx| {
            tx.execute(&ADD, &["lost".into()])?;
            panic!("wanted")
        })
    };
    let answers = batch(&storage, vec![add("a"), panicking(), add("b")]);
    assert_eq!(answers, [None, Some("write_panicked"), None]);
    assert_eq!(storage.write(panicking()).unwrap_err().kind(), ErrorKind::Internal);
    storage
        .write(|tx| {
            tx.after_commit(|| panic!("wanted"));
            tx.execute(&ADD, &["c".into()]).map(drop)
        })
        .unwrap();
    assert_eq!(batch(&storage, vec![add("d"), add("e")]), [None; 2]);
    assert_eq!(names(&storage), ["a", "b", "c", "d", "e"]);
}

#[test]
fn hooks_run_after_the_commit_in_the_order_of_the_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let (say, said) = mpsc::channel();
    let noted = |name: &'static str| {
        let (say, storage) = (say.clone(), storage.clone());
        work(move |tx| {
            tx.execute(&ADD, &[name.into()])?;
            let (say, storage) = (say.clone(), storage.clone());
            tx.after_commit(move || {
                // A reader of another connection sees the commit already.
                assert!(names(&storage).contains(&name.to_owned()));
                say.send(name).unwrap();
            });
            Ok(())
        })
    };
    batch(&storage, vec![noted("a"), failing("b"), noted("c")]);
    storage.write(noted("d")).unwrap();
    drop(say);
    assert_eq!(said.iter().take(3).collect::<Vec<_>>(), ["a", "c", "d"]);
}

#[test]
fn a_full_queue_refuses_at_once_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { queued_writes: 2, ..Limits::default() };
    let storage = storage(directory.path(), StorageOptions { limits, ..StorageOptions::default() });
    let callers: Vec<_> = while_held(&storage, || {
        let callers = ["a", "b"].map(|name| {
            let before = queued(&storage);
            let caller = thread::spawn({
                let storage = storage.clone();
                move || storage.write(add(name))
            });
            until(|| queued(&storage) > before);
            caller
        });
        let error = storage.write(add("c")).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "writes_queued_full"));
        assert!(error.retry_after().is_some());
        callers.into()
    });
    for caller in callers {
        caller.join().unwrap().unwrap();
    }
    assert_eq!(names(&storage), ["a", "b"]);
}

#[test]
fn a_database_that_another_program_locks_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let options = StorageOptions { busy_timeout: Duration::from_millis(1), ..StorageOptions::default() };
    let storage = storage(directory.path(), options);
    let other = Connection::open(directory.path().join("kafka.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(batch(&storage, vec![add("a"), add("b")]), [Some("database_locked"); 2]);
    assert_eq!(storage.write(add("c")).unwrap_err().kind(), ErrorKind::Busy);
    assert!(names(&storage).is_empty(), "reading goes on");
    other.execute_batch("COMMIT").unwrap();
    storage.write(add("d")).unwrap();
    assert_eq!(names(&storage), ["d"]);
}

#[test]
fn closing_finishes_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let (callers, closing) = while_held(&storage, || {
        let callers = ["a", "b"].map(|name| {
            let before = queued(&storage);
            let caller = thread::spawn({
                let storage = storage.clone();
                move || storage.write(add(name))
            });
            until(|| queued(&storage) > before);
            caller
        });
        let closing = thread::spawn({
            let storage = storage.clone();
            move || storage.close()
        });
        until(|| lock(&storage.writer().shared.queue).closed);
        assert_eq!(storage.write(add("c")).unwrap_err().code(), "storage_closed");
        (callers, closing)
    });
    for caller in callers {
        caller.join().unwrap().unwrap();
    }
    closing.join().unwrap();
    assert!(!directory.path().join("kafka.db-wal").exists(), "the log is in the file");
    drop(storage);
    let options = StorageOptions::default();
    let storage = Storage::open(Place::File(directory.path().join("kafka.db")), options).unwrap();
    assert_eq!(names(&storage), ["a", "b"]);
}

/// Whoever has stored something may rely on it that everyone was told before.
#[test]
fn callers_of_a_batch_are_answered_when_its_hooks_have_run() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let flags: [Arc<AtomicBool>; 2] = Default::default();
    let callers = while_held(&storage, || {
        [0, 1].map(|index| {
            let caller = thread::spawn({
                let (storage, [answered, told]) = (storage.clone(), flags.clone());
                move || {
                    let hook = (Arc::clone(&answered), Arc::clone(&told));
                    storage
                        .write(move |tx| {
                            let (answered, told) = hook.clone();
                            tx.after_commit(move || {
                                // Long enough for a caller who is answered too early.
                                let end = Instant::now() + Duration::from_millis(50);
                                until(|| answered.load(Ordering::SeqCst) || Instant::now() > end);
                                told.store(true, Ordering::SeqCst);
                            });
                            Ok(())
                        })
                        .unwrap();
                    answered.store(true, Ordering::SeqCst);
                    told.load(Ordering::SeqCst)
                }
            });
            until(|| queued(&storage) == index + 1);
            caller
        })
    });
    assert_eq!(callers.map(|caller| caller.join().unwrap()), [true; 2]);
}

#[test]
fn the_last_handle_may_be_dropped_with_a_job() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    let path = directory.path().join("kafka.db-wal");
    let caller = while_held(&storage, || {
        let caller = thread::spawn({
            let storage = storage.clone();
            move || {
                let kept = storage.clone();
                storage.write(move |_| {
                    let _ = &kept;
                    Ok(())
                })
            }
        });
        until(|| queued(&storage) == 1);
        caller
    });
    drop(storage);
    caller.join().unwrap().unwrap();
    until(|| !path.exists());
}

/// What a crash leaves: the files as they are in the middle of a transaction, with the log cut
/// anywhere after what was acknowledged.
#[test]
fn what_was_acknowledged_is_there_after_a_crash_at_any_moment() {
    const ROUNDS: usize = 12;
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    // A small cache, so that pages are in the log before their transaction ends.
    let shrink =
        |connection: &Connection| connection.execute_batch("PRAGMA cache_size = 10").map_err(fault::classify);
    storage.exclusive(shrink).unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        for _ in 0..round {
            storage.write(add("acknowledged")).unwrap();
            acknowledged += 1;
        }
        let crashed = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().to_owned(), crashed.path().to_owned());
        let crash = work(move |tx| {
            tx.execute(&ADD, &["y".repeat(1 << 20).as_str().into()])?;
            fs::copy(from.join("kafka.db"), to.join("kafka.db")).unwrap();
            let mut log = fs::read(from.join("kafka.db-wal")).unwrap();
            let stored = *commit_ends(&log).last().unwrap();
            assert!(log.len() > stored + (512 << 10), "nothing of the transaction is in the log");
            log.truncate(stored + (log.len() - stored) * round / (ROUNDS - 1));
            fs::write(to.join("kafka.db-wal"), log).unwrap();
            Err(Error::new(ErrorKind::Cancelled, "wanted", "Wanted."))
        });
        assert_eq!(storage.write(crash).unwrap_err().code(), "wanted");
        let place = Place::File(crashed.path().join("kafka.db"));
        let reopened = Storage::open(place, StorageOptions::default()).unwrap();
        assert_eq!(names(&reopened), vec!["acknowledged"; acknowledged], "round {round}");
        reopened.write(add("goes on")).unwrap();
    }
}

#[test]
fn in_memory_the_same_rules_hold() {
    let storage = Storage::open(Place::Memory, StorageOptions::default()).unwrap();
    storage.write(|tx| tx.execute(&MAKE, &[])).unwrap();
    storage.write(add("a")).unwrap();
    storage.write(failing("b")).unwrap_err();
    assert_eq!(storage.write(work(|_| panic!("wanted"))).unwrap_err().code(), "write_panicked");
    let ran = Arc::new(AtomicBool::new(false));
    let hook = ran.clone();
    storage
        .write(move |tx| {
            let hook = hook.clone();
            tx.after_commit(move || hook.store(true, Ordering::Relaxed));
            tx.execute(&ADD, &["c".into()])
        })
        .unwrap();
    assert!(ran.load(Ordering::Relaxed));
    assert_eq!(names(&storage), ["a", "c"]);
}

#[test]
fn many_callers_lose_and_double_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(directory.path(), StorageOptions::default());
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..50).for_each(|_| storage.write(add("x")).unwrap()));
        }
    });
    assert_eq!(names(&storage).len(), 16 * 50);
}
