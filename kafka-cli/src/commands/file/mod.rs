//! `kafka file`: bytes under a name, in workspaces.

mod get;

use std::path::PathBuf;

use kafka_core::{
    Actor, Clock as _, File, FileId, FilePatch, FileText, Kafka, Result, SystemClock, Timestamp, WorkspaceId,
};
use serde::Serialize;

use super::{deletion, ids, pages, uploads};
use crate::{
    age::{age, minute},
    context::Context,
    output::Row,
    size::size,
};

/// List, show, add, fetch, rename and delete files of workspaces
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka file list WORKSPACE\n  \
    kafka file add WORKSPACE survey.pdf letters/*.txt\n  \
    kafka file get ID -o survey.pdf\n  \
    kafka file delete ID\n\n\
    `kafka workspace list` shows the workspaces; `kafka chat-file` is for the files of chats.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the files of a workspace, oldest first
    #[command(after_help = "Examples:\n  \
        kafka file list WORKSPACE\n  \
        kafka file list WORKSPACE --json | jq '[.items[].size_bytes] | add'")]
    List {
        /// The workspace
        #[arg(value_parser = ids::parse::<WorkspaceId>)]
        workspace: WorkspaceId,
    },
    /// Print what is known of a file
    #[command(after_help = "Examples:\n  \
        kafka file show ID\n  \
        kafka file show ID --json | jq -r .text    what it says, also if it is a PDF")]
    Show {
        /// The file
        #[arg(value_parser = ids::parse::<FileId>)]
        id: FileId,
    },
    /// Put files of this machine into a workspace
    #[command(after_help = "Examples:\n  \
        kafka file add WORKSPACE survey.pdf\n  \
        kafka file add WORKSPACE -q *.txt    prints the ids")]
    Add {
        /// The workspace
        #[arg(value_parser = ids::parse::<WorkspaceId>)]
        workspace: WorkspaceId,
        /// The files; if one of them cannot be read, none is added
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    Get(get::Args),
    /// Give a file another name, also in the chats that have it
    #[command(after_help = "Examples:\n  kafka file rename ID survey-1926.pdf")]
    Rename {
        /// The file
        #[arg(value_parser = ids::parse::<FileId>)]
        id: FileId,
        /// What it shall be called
        name: String,
    },
    /// Delete files, also from the chats that have them
    #[command(after_help = "Examples:\n  \
        kafka file delete ID\n  \
        kafka file list WORKSPACE -q | xargs kafka file delete")]
    Delete {
        /// The files; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<FileId>)]
        ids: Vec<FileId>,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    match args.verb {
        Verb::List { workspace } => list(&kafka, &actor, workspace, context),
        Verb::Show { id } => show(&kafka, &actor, id, context),
        Verb::Add { workspace, paths } => add(&kafka, &actor, workspace, &paths, context),
        Verb::Get(args) => get::run(&kafka, &actor, &args, context),
        Verb::Rename { id, name } => rename(&kafka, &actor, id, name, context),
        Verb::Delete { ids } => {
            let files = kafka.files(&actor);
            let find = |id| files.get(id).map(drop);
            deletion::delete(&ids, ["file", "files"], find, |id| files.delete(id), context)
        }
    }
}

/// A file as a line of the list.
pub(super) struct Line<'a> {
    file: &'a File,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "name", "size", "type", "added"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.file.filename.clone(),
            size(self.file.size_bytes),
            self.file.media_type.clone(),
            age(self.file.created_at, self.now),
        ]
    }
}

pub(super) fn lines(files: &[File], now: Timestamp) -> Vec<Line<'_>> {
    files.iter().map(|file| Line { file, id: file.id.to_string(), now }).collect()
}

fn list(kafka: &Kafka, actor: &Actor, workspace: WorkspaceId, context: &Context) -> Result<()> {
    let files = pages::all(kafka, |request| kafka.files(actor).list(workspace, request))?;
    context.output.list(&pages::whole(&files), &lines(&files, SystemClock.now()))?;
    if files.is_empty() {
        context
            .output
            .note(&format!("There are no files here yet; `kafka file add {workspace} PATH` adds one."));
    }
    Ok(())
}

/// A file with what it says.
#[derive(Serialize)]
struct Known<'a> {
    #[serde(flatten)]
    file: &'a File,
    #[serde(flatten)]
    says: &'a FileText,
}

/// How much text there is, and what else is to be said of it.
pub(in super::super) fn about_text(says: &FileText) -> String {
    let length = says.text.as_ref().map(|text| format!("{} characters", text.chars().count()));
    let parts: Vec<String> = length.into_iter().chain(says.note.clone()).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

fn show(kafka: &Kafka, actor: &Actor, id: FileId, context: &Context) -> Result<()> {
    let file = kafka.files(actor).get(id)?;
    // Bytes that are gone are no reason not to show what is known.
    let says = kafka
        .files(actor)
        .text(id)
        .unwrap_or_else(|error| FileText { text: None, note: Some(error.message().to_owned()) });
    let fields = [
        ("name", file.filename.clone()),
        ("id", id.to_string()),
        ("workspace", file.workspace_id.map(|id| id.to_string()).unwrap_or_default()),
        ("type", file.media_type.clone()),
        ("size", format!("{} ({} bytes)", size(file.size_bytes), file.size_bytes)),
        ("sha256", file.sha256.clone()),
        ("text", about_text(&says)),
        ("from", file.source_url.clone().unwrap_or_default()),
        ("added", minute(file.created_at)),
    ];
    context.output.one(&Known { file: &file, says: &says }, &id.to_string(), &fields)
}

fn add(
    kafka: &Kafka,
    actor: &Actor,
    workspace: WorkspaceId,
    paths: &[PathBuf],
    context: &Context,
) -> Result<()> {
    let files = kafka.files(actor);
    let (added, done) = uploads::each(paths, context, |new, bytes| files.upload(workspace, new, bytes));
    if !added.is_empty() {
        context.output.list(&pages::whole(&added), &lines(&added, SystemClock.now()))?;
    }
    done
}

fn rename(kafka: &Kafka, actor: &Actor, id: FileId, name: String, context: &Context) -> Result<()> {
    let file = kafka.files(actor).update(id, FilePatch { filename: Some(name) })?;
    let id = id.to_string();
    context.output.done(&file, &[&id], &format!("The file {id} is called {} now.", file.filename))
}
