//! `kafka chat-file edit`: a version by the editor of whoever sits there.

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kafka_core::{ChatFileId, Error, ErrorKind, Kafka, NewVersion, Result, Version};
use signal_hook::consts::{SIGINT, SIGQUIT};
use tempfile::TempDir;

use crate::context::Context;

pub(super) fn run(kafka: Kafka, id: ChatFileId, context: &Context) -> Result<()> {
    let files = kafka.chat_files(&kafka.operator());
    let (file, opened) = (files.get(id)?, files.newest_version(id)?);
    // Nothing is kept open while somebody thinks: a database in use cannot be migrated.
    drop(kafka);
    let desk = Desk::lay(&file.filename, &opened.content)?;
    open(&editor(context)?, &desk)?;
    let edited = match fs::read(&desk.file) {
        Ok(bytes) if bytes == opened.content.as_bytes() => {
            let number = opened.number.to_string();
            return context.output.done(&opened, &[&number], "The text is as it was; no version was added.");
        }
        Ok(bytes) => bytes,
        Err(fault) => return Err(desk_failed(&fault)),
    };
    match add(id, opened.number, edited, context) {
        Ok(version) => {
            let sentence = format!("Added version {} of {}.", version.number, file.filename);
            context.output.done(&version, &[&version.number.to_string()], &sentence)
        }
        Err(error) => Err(desk.keep(&error, id, opened.number)),
    }
}

fn add(id: ChatFileId, base: u64, edited: Vec<u8>, context: &Context) -> Result<Version> {
    let content = String::from_utf8(edited).map_err(|_| {
        Error::new(ErrorKind::Invalid, "file_not_text", "What the editor left is no text in UTF-8.")
    })?;
    let kafka = context.kafka()?;
    let new = NewVersion { base: Some(base), ..NewVersion::text(content) };
    kafka.chat_files(&kafka.operator()).add_version(id, new)
}

/// Where the text lies while it is edited: under its name, so that the editor knows its language, and in a
/// directory that nobody else may look into, where what editors leave beside it is private too.
struct Desk {
    directory: TempDir,
    file: PathBuf,
}

impl Desk {
    fn lay(filename: &str, content: &str) -> Result<Desk> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("kafka-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let directory = builder.tempdir().map_err(|fault| desk_failed(&fault))?;
        let file = directory.path().join(filename);
        fs::write(&file, content).map_err(|fault| desk_failed(&fault))?;
        Ok(Desk { directory, file })
    }

    /// Keeps the text that could not be stored, and says where and what to do with it.
    fn keep(self, error: &Error, id: ChatFileId, base: u64) -> Error {
        let _: PathBuf = self.directory.keep();
        let mut sentence = format!("{} Your text is kept in {}", error.message(), self.file.display());
        sentence += &match error.code() {
            "version_stale" => format!(
                ": see what others changed by `kafka chat-file diff {id} {base}`, and take your text over by \
                 `kafka chat-file edit {id}`."
            ),
            _ => ".".to_owned(),
        };
        Error::new(error.kind(), error.code(), sentence)
    }
}

fn desk_failed(fault: &io::Error) -> Error {
    let sentence = format!("The text cannot be given to an editor ({fault}); check the temporary directory.");
    Error::new(ErrorKind::Storage, "temporary_file_failed", sentence)
}

/// A line of shell, as it is for other programs that open editors.
fn editor(context: &Context) -> Result<String> {
    for name in ["VISUAL", "EDITOR"] {
        if let Some(editor) = context.environment.variable(name)? {
            return Ok(editor.to_owned());
        }
    }
    Ok("vi".to_owned())
}

/// Waits until the editor ends.
fn open(editor: &str, desk: &Desk) -> Result<()> {
    let mut command = Command::new("sh");
    // The shell waits for its editor whatever is pressed; a signal that it only catches is not lost to that.
    command.arg("-c").arg(format!("trap : INT QUIT; {editor} \"$@\"")).arg(editor).arg(&desk.file);
    // The result is for standard output, and the editor for whoever sits there.
    if !io::stdout().is_terminal() {
        command.stdout(Stdio::from(io::stderr()));
    }
    // Ctrl-C is a key of the editor, but the terminal sends it to this process as well.
    let may_end = Arc::new(AtomicBool::new(false));
    let ended = [SIGINT, SIGQUIT]
        .into_iter()
        .try_for_each(|signal| {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&may_end)).map(drop)
        })
        .and_then(|()| command.status());
    may_end.store(true, Ordering::SeqCst);
    let reason = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(fault) => fault.to_string(),
    };
    let sentence = format!(
        "The editor {editor} failed ({reason}), so nothing was added; name another by VISUAL or EDITOR."
    );
    Err(Error::new(ErrorKind::Invalid, "editor_failed", sentence))
}
