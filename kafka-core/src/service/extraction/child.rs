//! One run of the program that reads documents: what it is given, how long it may take, what it says.

use std::{
    ffi::OsString,
    io::{self, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether the run shall end early.
const LOOK: Duration = Duration::from_millis(20);
/// How often it is looked whether a program has ended that has said all it has to say.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// Exit code of a program that read a document and found that it has no text.
const REFUSED: i32 = 3;
/// Most bytes of a reason.
const REASON_BYTES: usize = 500;

/// A program that makes text of documents. It is run once for each, without an environment, and killed when it
/// takes too long.
///
/// The document comes by standard input. The program writes its text to standard output in UTF-8 and ends with
/// exit code 0, or writes a sentence that says why there is none and ends with exit code 3. Whatever else it does
/// means that there is no text. It meets bytes of strangers, so it should limit its own memory and time first;
/// `kafka extract` and `kafka-http extract` do, by [`extract_text`](crate::extract_text) of the feature `extraction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extractor {
    /// The program: a path, since there is no search path to look it up.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With this text. It was cut off where it had more bytes than wanted.
    Text { text: String, is_cut: bool },
    /// The program says why there is none.
    Refused(String),
    /// It failed, in whatever way.
    Failed,
    /// It took all the time there was.
    TimedOut,
    /// It was stopped, or not even started: nothing is known of the document.
    Unknown,
}

/// Kills what was not waited for, so that nothing stays behind.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only when it has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Extractor {
    /// Runs the program on a document, until it ends, the time is over, or it is to stop.
    pub(super) fn run(
        &self,
        mut document: impl Read + Send + 'static,
        most_bytes: usize,
        until: Instant,
        is_to_stop: &dyn Fn() -> bool,
    ) -> End {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn().map(Guard) else { return End::Unknown };
        let (Some(mut stdin), Some(stdout)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            return End::Unknown;
        };
        let (said, hear) = mpsc::channel();
        let listener = thread::Builder::new().name("kafka-extract".to_owned()).spawn(move || {
            let mut output = Vec::new();
            // One byte more tells that there is more. Then the pipe is closed, which ends whoever writes on.
            let read = stdout.take(most_bytes as u64 + 1).read_to_end(&mut output);
            // Nobody listens any more when the run was stopped.
            let _ = said.send(read.map(|_| output));
        });
        let feeder = thread::Builder::new().name("kafka-extract".to_owned()).spawn(move || {
            // A program that ends early takes not all of it, and its end says what that means.
            let _ = io::copy(&mut document, &mut stdin);
        });
        if listener.is_err() || feeder.is_err() {
            return End::Unknown;
        }
        // The threads are not waited for: what the program may have started holds their pipes.
        let output = loop {
            match hear.recv_timeout(LOOK) {
                Ok(Ok(output)) => break output,
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return End::Failed,
                Err(RecvTimeoutError::Timeout) if is_to_stop() => return End::Unknown,
                Err(RecvTimeoutError::Timeout) if Instant::now() >= until => return End::TimedOut,
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        let is_cut = output.len() > most_bytes;
        let status = match is_cut {
            true => None,
            false => match wait(&mut child.0, until, is_to_stop) {
                Some(status) => Some(status),
                None if is_to_stop() => return End::Unknown,
                None => return End::TimedOut,
            },
        };
        end(status, output, most_bytes)
    }
}

/// Waits for a program that has closed its output.
fn wait(child: &mut Child, until: Instant, is_to_stop: &dyn Fn() -> bool) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until && !is_to_stop() => thread::sleep(LAST_LOOK),
            _ => return None,
        }
    }
}

/// What a program meant that said this. Without a status it has said more than anybody wants to hear.
fn end(status: Option<ExitStatus>, output: Vec<u8>, most_bytes: usize) -> End {
    let is_cut = output.len() > most_bytes;
    let output = String::from_utf8_lossy(&output).replace('\0', "\u{FFFD}");
    match status.map(|status| status.code()) {
        None | Some(Some(0)) => End::Text { text: cut(output, most_bytes), is_cut },
        Some(Some(REFUSED)) if !output.trim().is_empty() => {
            End::Refused(cut(output.trim().to_owned(), REASON_BYTES))
        }
        Some(_) => End::Failed,
    }
}

fn cut(mut text: String, most_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(most_bytes));
    text
}
