//! What a commit is worth when the power fails. Killing a process cannot show that, because the system
//! keeps what the process had written; here the order of system calls and what is in the files do.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
};

use kafka_core::{ChatFilter, Config, Kafka, NewChat, PageRequest};
use rusqlite::Connection;
use tempfile::TempDir;

/// A chat that takes more than one page of the database.
fn store_chat(kafka: &Kafka, number: usize) {
    let new = NewChat {
        title: Some(number.to_string()),
        description: Some(number.to_string().repeat(5000)),
        ..NewChat::default()
    };
    kafka.chats(&kafka.operator()).create(new).unwrap();
}

/// The log of a database whose writes were acknowledged at these lengths of it.
struct Written {
    directory: TempDir,
    database: Vec<u8>,
    log: Vec<u8>,
    acknowledged: Vec<usize>,
}

fn write(chats: usize) -> Written {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    let log = directory.path().join("kafka.db-wal");
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let acknowledged = (0..chats)
        .map(|number| {
            store_chat(&kafka, number);
            usize::try_from(fs::metadata(&log).unwrap().len()).unwrap()
        })
        .collect();
    Written { database: fs::read(&path).unwrap(), log: fs::read(&log).unwrap(), directory, acknowledged }
}

impl Written {
    /// A copy of the database with this log.
    fn copy(&self, log: &[u8]) -> PathBuf {
        let path = self.directory.path().join("copy.db");
        for old in ["copy.db", "copy.db-wal", "copy.db-shm"] {
            let _ = fs::remove_file(self.directory.path().join(old));
        }
        fs::write(&path, &self.database).unwrap();
        fs::write(self.directory.path().join("copy.db-wal"), log).unwrap();
        path
    }

    /// How many writes were acknowledged when the log was so long.
    fn acknowledged_at(&self, log: usize) -> usize {
        self.acknowledged.iter().filter(|length| **length <= log).count()
    }
}

/// The titles in order of their making. None when the table was not made yet.
fn sound_titles(path: &Path) -> Option<Vec<String>> {
    let database = Connection::open(path).unwrap();
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    let mut titles = database.prepare("SELECT title FROM chats ORDER BY number").ok()?;
    Some(titles.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect())
}

mod slow {
    use std::process::Command;

    use kafka_core::Synchronous;

    use super::*;

    /// After a power failure the log may end anywhere behind what was synced last, also within a frame,
    /// and hold anything from there on.
    #[test]
    fn a_log_cut_anywhere_holds_what_was_acknowledged_before_the_cut() {
        let written = write(12);
        let page = u32::from_be_bytes(written.log[8..12].try_into().unwrap()) as usize;
        let (header, frame) = (32, 24 + page);
        assert_eq!((written.log.len() - header) % frame, 0);
        let frames = (written.log.len() - header) / frame;
        assert!(frames > 2 * written.acknowledged.len(), "{frames} frames");
        let mut cuts = 0;
        for begin in (0..=frames).map(|number| header + number * frame) {
            for cut in [begin, begin + 1, begin + 24, begin + frame / 2, begin + frame - 1] {
                if cut > written.log.len() {
                    continue;
                }
                let mut garbled = written.log.clone();
                garbled[cut..].iter_mut().for_each(|byte| *byte ^= 0xA5);
                for log in [&written.log[..cut], &garbled] {
                    let found = sound_titles(&written.copy(log)).unwrap_or_default();
                    let complete: Vec<String> = (0..found.len()).map(|number| number.to_string()).collect();
                    assert_eq!(found, complete, "cut at {cut}");
                    assert_eq!(found.len(), written.acknowledged_at(cut), "cut at {cut}");
                    cuts += 1;
                }
            }
        }
        assert_eq!(cuts, 2 * (5 * frames + 1), "every cut was tried");
        // The product itself opens what it left.
        for count in 1..=written.acknowledged.len() {
            let cut = written.acknowledged[count - 1] + frame / 2;
            let kafka = Kafka::open(Config::file(written.copy(&written.log[..cut.min(written.log.len())])));
            let kafka = kafka.unwrap();
            let chats = kafka.chats(&kafka.operator()).list(&ChatFilter::default(), &PageRequest::default());
            assert_eq!(chats.unwrap().items.len(), count);
        }
    }

    /// Set in the process whose system calls are watched: how it opens its database.
    const INSIDE: &str = "KAFKA_TEST_SYNCS";
    const WRITES: usize = 20;
    const WRITERS: usize = 8;

    /// How often the log was synced before each line of the file `acknowledged`, in the order in which
    /// the system saw it.
    fn syncs_before_acknowledgements(synchronous: &str) -> Vec<usize> {
        let directory = TempDir::new().unwrap();
        let trace = directory.path().join("trace");
        let output = Command::new("strace")
            .args(["-f", "-y", "-qq", "-e", "signal=none", "-e", "trace=write,fsync,fdatasync", "-o"])
            .arg(&trace)
            .arg(env::current_exe().unwrap())
            .args(["--exact", "durable::slow::nothing_is_acknowledged_before_it_is_synced", "--nocapture"])
            .env(INSIDE, synchronous)
            .current_dir(directory.path())
            .output()
            .expect("strace is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut counts = vec![0];
        for line in fs::read_to_string(trace).unwrap().lines() {
            // A call that others interrupt has a second line, without arguments, when it is done.
            let is = |call: &str, file: &str| line.contains(&format!("{call}(")) && line.contains(file);
            if is("fdatasync", "/kafka.db-wal>") || is("fsync", "/kafka.db-wal>") {
                *counts.last_mut().unwrap() += 1;
            } else if is("write", "/acknowledged>") {
                counts.push(0);
            }
        }
        counts
    }

    #[test]
    fn nothing_is_acknowledged_before_it_is_synced() {
        if let Ok(synchronous) = env::var(INSIDE) {
            return inside(match &*synchronous {
                "normal" => Synchronous::Normal,
                _ => Synchronous::Full,
            });
        }
        // The first count is of the opening, the last of the closing.
        let full = syncs_before_acknowledgements("full");
        let (alone, together) = full[1..=WRITES + WRITES * WRITERS].split_at(WRITES);
        assert!(alone.iter().all(|syncs| *syncs >= 1), "{full:?}");
        let shared: usize = together.iter().sum();
        assert!((1..together.len()).contains(&shared), "commits are shared: {full:?}");

        let normal = syncs_before_acknowledgements("normal");
        let acknowledged = &normal[2..=WRITES];
        assert!(acknowledged.iter().all(|syncs| *syncs == 0), "this test can tell: {normal:?}");
    }

    /// Writes first one after another, then from many threads, and notes each answer in a file.
    fn inside(synchronous: Synchronous) {
        let mut config = Config::file("kafka.db");
        config.synchronous = synchronous;
        let kafka = Kafka::open(config).unwrap();
        let file = File::create("acknowledged").unwrap();
        let acknowledge = || (&file).write_all(b".").unwrap();
        acknowledge();
        for number in 0..WRITES {
            store_chat(&kafka, number);
            acknowledge();
        }
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let kafka = &kafka;
                scope.spawn(move || {
                    for number in 0..WRITES {
                        store_chat(kafka, (writer + 1) * 1000 + number);
                        acknowledge();
                    }
                });
            }
        });
    }
}
