//! `kafka document`: files that are read, and that answers are made from.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kafka_core::{
    Actor, ChatId, Clock as _, Document, DocumentId, DocumentPlace, Documents, Error, ErrorKind, Kafka,
    ProcessingStatus, Result, SystemClock, Timestamp, WorkspaceId,
};

use super::{deletion, ids, pages, uploads};
use crate::{
    age::{age, minute},
    context::Context,
    output::{Row, printable},
    progress::{Bar, NAME},
};

/// How long one document may take before the command leaves it to the server.
const PATIENCE: Duration = Duration::from_secs(600);

/// List, show, add, replace and delete documents that chats are answered from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka document add survey.pdf --chat CHAT\n  \
    kafka chat --chat CHAT \"What does the survey say about rent?\"\n  \
    kafka document list --chat CHAT\n  \
    kafka document show ID --text | less\n\n\
    A document belongs to one chat, or to a workspace, whose chats share it. It is read after it was added;\n\
    answers cite it as [1] and so on. Its words find it then; vectors, where they are set up, follow.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The chat they belong to
    #[arg(long, value_name = "ID", value_parser = ids::parse::<ChatId>)]
    chat: Option<ChatId>,
    /// The workspace whose chats share them
    #[arg(long, value_name = "ID", value_parser = ids::parse::<WorkspaceId>)]
    workspace: Option<WorkspaceId>,
}

impl Place {
    /// One of both is required.
    fn get(&self) -> Result<DocumentPlace> {
        let chat = self.chat.map(DocumentPlace::Chat);
        let place = chat.or(self.workspace.map(DocumentPlace::Workspace));
        place.ok_or_else(|| Error::invalid("place_missing", "chat", "name a chat or a workspace"))
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List documents, oldest first
    #[command(after_help = "Examples:\n  \
        kafka document list --chat CHAT\n  \
        kafka document list --workspace WORKSPACE --json | jq '.items[].processing_status'")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Print what is known of a document, or what it says
    #[command(after_help = "Examples:\n  \
        kafka document show ID\n  \
        kafka document show ID --text | less")]
    Show {
        /// The document
        #[arg(value_parser = ids::parse::<DocumentId>)]
        id: DocumentId,
        /// Print its text
        #[arg(long)]
        text: bool,
    },
    /// Add files as documents, and wait until they are read
    #[command(after_help = "Examples:\n  \
        kafka document add survey.pdf letters/*.txt --chat CHAT\n  \
        kafka document add handbook.md --workspace WORKSPACE")]
    Add {
        /// The files; if one of them cannot be opened, none is added
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Replace a document by a file: answers are made from the old one until the new one is read
    #[command(after_help = "Examples:\n  \
        kafka document replace ID handbook.md\n  \
        kafka document replace ID survey-2026.pdf --json | jq -r .id\n\n\
        The new document has an id of its own. If it cannot be read, the old one stays.")]
    Replace {
        /// The document
        #[arg(value_parser = ids::parse::<DocumentId>)]
        id: DocumentId,
        /// The file
        path: PathBuf,
    },
    /// Delete documents; answers that cite them say so from then on
    #[command(after_help = "Examples:\n  \
        kafka document delete ID\n  \
        kafka document list --chat CHAT -q | xargs kafka document delete")]
    Delete {
        /// The documents; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<DocumentId>)]
        ids: Vec<DocumentId>,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    match args.verb {
        Verb::List { place } => list(&kafka, &actor, &place, context),
        Verb::Show { id, text: false } => show(&kafka, &actor, id, context),
        Verb::Show { id, text: true } => text(&kafka, &actor, id, context),
        Verb::Add { paths, place } => add(&kafka, &actor, &place, &paths, context),
        Verb::Replace { id, path } => replace(&kafka, &actor, id, &path, context),
        Verb::Delete { ids } => {
            let documents = kafka.documents(&actor);
            let find = |id| documents.get(id).map(drop);
            deletion::delete(&ids, ["document", "documents"], find, |id| documents.delete(id), context)
        }
    }
}

/// A document as a line of the list.
struct Line<'a> {
    document: &'a Document,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "name", "status", "passages", "added"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.document.filename.clone(),
            self.document.processing_status.to_string(),
            self.document.chunk_count.to_string(),
            age(self.document.created_at, self.now),
        ]
    }
}

fn lines(documents: &[Document]) -> Vec<Line<'_>> {
    let now = SystemClock.now();
    documents.iter().map(|document| Line { document, id: document.id.to_string(), now }).collect()
}

fn list(kafka: &Kafka, actor: &Actor, place: &Place, context: &Context) -> Result<()> {
    let place = place.get()?;
    let documents = pages::all(kafka, |request| kafka.documents(actor).list(place, request))?;
    context.output.list(&pages::whole(&documents), &lines(&documents))?;
    if documents.is_empty() {
        context.output.note("There are no documents here yet; `kafka document add PATH` adds one.");
    }
    Ok(())
}

fn show(kafka: &Kafka, actor: &Actor, id: DocumentId, context: &Context) -> Result<()> {
    print(&kafka.documents(actor).get(id)?, context)
}

fn print(document: &Document, context: &Context) -> Result<()> {
    let id = document.id;
    let fields = [
        ("name", document.filename.clone()),
        ("id", id.to_string()),
        ("chat", document.chat_id.map(|id| id.to_string()).unwrap_or_default()),
        ("workspace", document.workspace_id.map(|id| id.to_string()).unwrap_or_default()),
        ("status", document.processing_status.to_string()),
        ("note", document.error_message.clone().unwrap_or_default()),
        ("passages", document.chunk_count.to_string()),
        ("tokens", document.tokens_used.to_string()),
        ("vectors", document.embedding_model.clone().unwrap_or_else(|| "none; its words find it".to_owned())),
        ("bytes", document.file_id.map(|file| format!("kafka file get {file}")).unwrap_or_default()),
        ("replaces", document.replaces.map(|id| id.to_string()).unwrap_or_default()),
        ("added", minute(document.created_at)),
    ];
    context.output.one(document, &id.to_string(), &fields)
}

/// Prints the text, a piece at a time.
fn text(kafka: &Kafka, actor: &Actor, id: DocumentId, context: &Context) -> Result<()> {
    let mut start = 0;
    loop {
        let passage = kafka.documents(actor).passage(id, start, None)?;
        if passage.text.is_empty() {
            return Ok(());
        }
        context.output.foreign(&passage.text)?;
        start = passage.end;
    }
}

fn add(kafka: &Kafka, actor: &Actor, place: &Place, paths: &[PathBuf], context: &Context) -> Result<()> {
    let (place, documents) = (place.get()?, kafka.documents(actor));
    let (mut added, done) = uploads::each(paths, context, |new, bytes| documents.upload(place, new, bytes));
    wait(&documents, &mut added, context)?;
    if !added.is_empty() {
        context.output.list(&pages::whole(&added), &lines(&added))?;
    }
    done.and_then(|()| succeeded(&added))
}

fn replace(kafka: &Kafka, actor: &Actor, id: DocumentId, path: &Path, context: &Context) -> Result<()> {
    let documents = kafka.documents(actor);
    let mut put = [uploads::one(path, context, |new, bytes| documents.replace(id, new, bytes))?];
    wait(&documents, &mut put, context)?;
    let [document] = &put;
    print(document, context)?;
    match (document.id == id, document.processing_status) {
        (true, _) => context.output.note("The document is made of this file already."),
        (false, ProcessingStatus::Failed) => context.output.note("The old document stays."),
        _ => {}
    }
    succeeded(&put)
}

/// Waits until they are read.
fn wait(documents: &Documents<'_>, added: &mut [Document], context: &Context) -> Result<()> {
    let mut bar = Bar::new(context.output.is_for_people());
    let total = added.len();
    for (number, document) in (1..).zip(added) {
        let name: String = printable(&document.filename).chars().take(NAME).collect();
        *document = documents.wait(document.id, PATIENCE, |_| bar.reading(&name, number, total))?;
    }
    Ok(())
}

/// Whether all of them can be asked about.
fn succeeded(added: &[Document]) -> Result<()> {
    let mut failed = added.iter().filter(|document| document.processing_status == ProcessingStatus::Failed);
    let Some(first) = failed.next() else { return Ok(()) };
    let more = match failed.count() {
        0 => String::new(),
        more => format!(" {more} more failed."),
    };
    let why = first.error_message.as_deref().unwrap_or_default();
    let sentence = format!("{} cannot be read: {why}{more}", printable(&first.filename));
    Err(Error::new(ErrorKind::Invalid, "document_unreadable", sentence))
}
