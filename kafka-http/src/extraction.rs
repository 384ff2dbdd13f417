//! What a process does that reads a document for the server: the server's own program, run for it alone. A document
//! may be made to break its reader, so this one may neither open a file nor take much memory or time.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use kafka_core::{Extractor, Limits, extract_text};
use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// The argument that asks for it. Nobody needs it by hand, so no help shows it.
const VERB: &str = "extract";
/// The exit code that says that there is no text, and standard output why.
const REFUSED: u8 = 3;

/// What a reader may use. The numbers are its limits in the system's units: bytes, seconds, files.
const MOST: [(Resource, u64); 5] = [
    (Resource::As, 768 << 20),
    (Resource::Cpu, 10),
    (Resource::Core, 0),
    (Resource::Fsize, 0),
    // Standard input, output and error; so no other is opened.
    (Resource::Nofile, 3),
];
/// Others come first.
const NICENESS: i32 = 10;

/// This program, as the one that reads documents.
pub(crate) fn extractor() -> Option<Extractor> {
    // On Linux this name leads to the program even after an update has put another in its place.
    let itself = Path::new("/proc/self/exe");
    let program: Option<PathBuf> = match fs::exists(itself) {
        Ok(true) => Some(itself.to_owned()),
        _ => env::current_exe().ok(),
    };
    program.map(|program| Extractor { program, args: vec![VERB.into()] })
}

/// Reads a document from standard input and writes its text to standard output, if this process was started for that.
/// A program calls it first, and ends with what it gives.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    let asked: Vec<OsString> = env::args_os().skip(1).collect();
    (asked == [VERB]).then(|| run().unwrap_or(ExitCode::FAILURE))
}

fn run() -> io::Result<ExitCode> {
    for (resource, most) in MOST {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    nice(NICENESS)?;
    let limits = Limits::default();
    let mut document = Vec::new();
    io::stdin().lock().read_to_end(&mut document)?;
    let (text, code) = match extract_text(&document, limits.extracted_bytes) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (error.sentence.to_owned(), ExitCode::from(REFUSED)),
    };
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(code)
}
