//! What Ctrl-C means: stop the answer, or, at the prompt, leave.

use std::{
    io::{self, Write as _},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use kafka_core::{Error, ErrorKind, Kafka, Result};
use kafka_http::error::exit_code_of;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Signals that ask the command to stop what it does. A closed terminal and a polite kill ask the same
/// as Ctrl-C, so that no answer is left without an end.
#[derive(Clone, Default)]
pub(in crate::commands) struct Interrupts {
    came: Arc<AtomicBool>,
    waits_for_a_line: Arc<AtomicBool>,
}

impl Interrupts {
    /// Watches for signals until the process ends.
    pub(in crate::commands) fn watch(kafka: &Kafka) -> Result<Interrupts> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::Internal,
                "signals_unavailable",
                "The command cannot watch for Ctrl-C on this system.",
            )
            .with_source(error)
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let interrupts = Interrupts::default();
        let (kafka, mine) = (kafka.clone(), interrupts.clone());
        let watch = move || {
            for _ in signals.forever() {
                if mine.waits_for_a_line.load(Ordering::SeqCst) {
                    // The main thread sits in a read that no signal ends.
                    kafka.close();
                    // The terminal has shown ^C; what comes next begins on a line of its own.
                    let _ = io::stderr().write_all(b"\n");
                    process::exit(exit_code_of(ErrorKind::Cancelled).into());
                }
                mine.came.store(true, Ordering::SeqCst);
            }
        };
        thread::Builder::new().name("kafka-signals".to_owned()).spawn(watch).map_err(failed)?;
        Ok(interrupts)
    }

    /// Whether one came since the last call.
    pub(in crate::commands) fn take(&self) -> bool {
        self.came.swap(false, Ordering::SeqCst)
    }

    /// Runs `read`, during which a signal ends the process.
    pub(in crate::commands) fn leaving_while<T>(&self, read: impl FnOnce() -> T) -> T {
        self.waits_for_a_line.store(true, Ordering::SeqCst);
        let result = read();
        self.waits_for_a_line.store(false, Ordering::SeqCst);
        result
    }
}
