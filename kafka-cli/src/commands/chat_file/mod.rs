//! `kafka chat-file`: files as they stand in chats, and the versions of those that are written there.

pub(super) mod diff;
mod edit;

use std::{io::Read, path::PathBuf};

use kafka_core::{
    Actor, ChatFile, ChatFileId, ChatFiles, ChatId, Clock as _, Error, ErrorKind, FileText, Kafka,
    NewChatFile, NewFile, Result, SystemClock, Timestamp, Version,
};
use serde::Serialize;

use super::{deletion, file::about_text, ids, pages, uploads};
use crate::{
    age::{age, minute},
    context::Context,
    output::Row,
    size::size,
};

/// List, show, add, compare, edit and delete files of chats
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chat-file list CHAT\n  \
    kafka chat-file add CHAT castle.based\n  \
    kafka chat-file edit ID          opens it in your editor and adds a version\n  \
    kafka chat-file diff ID          what the newest version changed\n  \
    kafka chat-file revert ID 1      takes the text of version 1 again\n\n\
    Texts written in a chat have versions: those whose name ends in .based, those that a model wrote,\n\
    and those added with --text. Others are kept as they are.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the files of a chat, the one that came first first
    #[command(after_help = "Examples:\n  \
        kafka chat-file list CHAT\n  \
        kafka chat-file list CHAT --json | jq -r '.items[].filename'")]
    List {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        chat: ChatId,
    },
    /// Print the newest text of a file, or what is known of one without versions
    #[command(after_help = "Examples:\n  \
        kafka chat-file show ID | less\n  \
        kafka chat-file show ID --json | jq -r .newest.content")]
    Show {
        /// The file
        #[arg(value_parser = ids::parse::<ChatFileId>)]
        id: ChatFileId,
    },
    /// Put files of this machine into a chat
    #[command(after_help = "Examples:\n  \
        kafka chat-file add CHAT castle.based survey.pdf\n  \
        kafka chat-file add CHAT --text notes.md    with versions, to be edited")]
    Add {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        chat: ChatId,
        /// The files; if one of them cannot be read, none is added
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Keep versions of them, as of texts that are written in the chat
        #[arg(long)]
        text: bool,
    },
    /// List the versions of a text, oldest first
    #[command(after_help = "Examples:\n  \
        kafka chat-file versions ID\n  \
        kafka chat-file versions ID -q | tail -1    the newest number")]
    Versions {
        /// The file
        #[arg(value_parser = ids::parse::<ChatFileId>)]
        id: ChatFileId,
    },
    Diff(diff::Args),
    /// Add a version that has the text of an older one
    #[command(after_help = "Examples:\n  kafka chat-file revert ID 1")]
    Revert {
        /// The file
        #[arg(value_parser = ids::parse::<ChatFileId>)]
        id: ChatFileId,
        /// The version whose text to take
        number: u64,
    },
    /// Open a text in your editor, and add what you make of it as a version
    #[command(after_help = "Examples:\n  \
        kafka chat-file edit ID\n  \
        EDITOR='code --wait' kafka chat-file edit ID\n\n\
        The editor is $VISUAL, else $EDITOR, else vi. Nothing is added when you leave the text as it was,\n\
        or when the editor fails. If somebody adds a version meanwhile, your text is kept in a file.")]
    Edit {
        /// The file
        #[arg(value_parser = ids::parse::<ChatFileId>)]
        id: ChatFileId,
    },
    /// Take files out of their chat, with their versions
    #[command(after_help = "Examples:\n  \
        kafka chat-file delete ID\n  \
        kafka chat-file list CHAT -q | xargs kafka chat-file delete")]
    Delete {
        /// The files; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<ChatFileId>)]
        ids: Vec<ChatFileId>,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    let files = kafka.chat_files(&actor);
    match args.verb {
        Verb::List { chat } => list(&kafka, &actor, chat, context),
        Verb::Show { id } => show(&files, id, context),
        Verb::Add { chat, paths, text } => add(&kafka, &files, chat, &paths, text, context),
        Verb::Versions { id } => versions(&kafka, &files, id, context),
        Verb::Diff(args) => diff::run(&files, &args, context),
        Verb::Revert { id, number } => {
            let version = files.revert(id, number)?;
            let sentence = format!("Version {} has the text of version {number} again.", version.number);
            context.output.done(&version, &[&version.number.to_string()], &sentence)
        }
        Verb::Edit { id } => edit::run(kafka, id, context),
        Verb::Delete { ids } => {
            let find = |id| files.get(id).map(drop);
            let noun = ["file of a chat", "files of chats"];
            deletion::delete(&ids, noun, find, |id| files.delete(id), context)
        }
    }
}

/// A file as a line of the list.
struct Line<'a> {
    file: &'a ChatFile,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "name", "kind", "version", "added"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.file.filename.clone(),
            self.file.kind.to_string(),
            self.file.latest_version.map_or_else(|| "-".to_owned(), |number| number.to_string()),
            age(self.file.created_at, self.now),
        ]
    }
}

fn lines(files: &[ChatFile]) -> Vec<Line<'_>> {
    let now = SystemClock.now();
    files.iter().map(|file| Line { file, id: file.id.to_string(), now }).collect()
}

fn list(kafka: &Kafka, actor: &Actor, chat: ChatId, context: &Context) -> Result<()> {
    let files = pages::all(kafka, |request| kafka.chat_files(actor).list(chat, request))?;
    context.output.list(&pages::whole(&files), &lines(&files))?;
    if files.is_empty() {
        context
            .output
            .note(&format!("There are no files here yet; `kafka chat-file add {chat} PATH` adds one."));
    }
    Ok(())
}

/// A file with its newest version, if it has versions, and otherwise with what it says.
#[derive(Serialize)]
struct Newest {
    #[serde(flatten)]
    file: ChatFile,
    newest: Option<Version>,
    #[serde(flatten)]
    says: Option<FileText>,
}

fn show(files: &ChatFiles<'_>, id: ChatFileId, context: &Context) -> Result<()> {
    let file = files.get(id)?;
    let newest = file.latest_version.map(|_| files.newest_version(id)).transpose()?;
    let says = match newest {
        Some(_) => None,
        // Bytes that are gone are no reason not to show what is known.
        None => Some(
            files
                .text(id)
                .unwrap_or_else(|error| FileText { text: None, note: Some(error.message().to_owned()) }),
        ),
    };
    let whole = Newest { file, newest, says };
    if context.output.is_for_people()
        && let Some(Version { number, timestamp, content, .. }) = &whole.newest
    {
        context.output.foreign(content)?;
        if context.output.is_terminal() && !content.is_empty() && !content.ends_with('\n') {
            context.output.text("\n")?;
        }
        let about = format!("{}, version {number}, {}", whole.file.filename, minute(*timestamp));
        context.output.note(&about);
        return Ok(());
    }
    let bytes = whole.file.file_id.map(|file| format!("kafka file get {file}"));
    let fields = [
        ("name", whole.file.filename.clone()),
        ("id", id.to_string()),
        ("chat", whole.file.chat_id.to_string()),
        ("kind", whole.file.kind.to_string()),
        ("bytes", bytes.unwrap_or_default()),
        ("text", whole.says.as_ref().map(about_text).unwrap_or_default()),
        ("added", minute(whole.file.created_at)),
    ];
    context.output.one(&whole, &id.to_string(), &fields)
}

fn add(
    kafka: &Kafka,
    files: &ChatFiles<'_>,
    chat: ChatId,
    paths: &[PathBuf],
    text: bool,
    context: &Context,
) -> Result<()> {
    let (added, done) = uploads::each(paths, context, |new, bytes| match text {
        true => files.create(chat, written(new, bytes, kafka.limits().version_bytes)?),
        false => files.upload(chat, new, bytes),
    });
    if !added.is_empty() {
        context.output.list(&pages::whole(&added), &lines(&added))?;
    }
    done
}

/// Reads a text, and of one that is too long not much more than is needed to see that.
fn written(new: NewFile, bytes: &mut dyn Read, most: usize) -> Result<NewChatFile> {
    let mut content = Vec::new();
    bytes.take(most as u64 + 1).read_to_end(&mut content).map_err(|fault| {
        let sentence = format!("it cannot be read ({fault}).");
        Error::new(ErrorKind::Invalid, "file_unreadable", sentence)
    })?;
    if content.len() > most {
        let sentence = format!("it has more than {most} bytes, which is the most of a text with versions.");
        return Err(Error::new(ErrorKind::TooLarge, "text_too_long", sentence));
    }
    let content = String::from_utf8(content).map_err(|_| {
        Error::new(ErrorKind::Invalid, "file_not_text", "it is no text in UTF-8; add it without --text.")
    })?;
    Ok(NewChatFile { filename: new.filename, content })
}

/// A version as a line of the list. Verbs take its number, so that stands for it.
struct VersionLine<'a>(&'a Version, String);

impl Row for VersionLine<'_> {
    const HEADERS: &'static [&'static str] = &["number", "size", "written", "id"];

    fn id(&self) -> &str {
        &self.1
    }

    fn cells(&self) -> Vec<String> {
        let VersionLine(version, number) = self;
        let length = size(version.content.len() as u64);
        vec![number.clone(), length, minute(version.timestamp), version.id.to_string()]
    }
}

fn versions(kafka: &Kafka, files: &ChatFiles<'_>, id: ChatFileId, context: &Context) -> Result<()> {
    let versions = pages::all(kafka, |request| files.versions(id, request))?;
    let lines: Vec<VersionLine<'_>> =
        versions.iter().map(|version| VersionLine(version, version.number.to_string())).collect();
    context.output.list(&pages::whole(&versions), &lines)
}
