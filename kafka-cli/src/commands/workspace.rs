//! `kafka workspace`: groups of chats and files.

use std::collections::BTreeMap;

use kafka_core::{
    Actor, Chat, ChatFilter, Clock as _, File, Kafka, NewWorkspace, Result, SystemClock, Timestamp, UserId,
    Workspace, WorkspaceId, WorkspacePatch,
};
use serde::Serialize;
use serde_json::json;

use super::{chats, confirm::confirm, file, ids, pages, user};
use crate::{
    age::{age, minute},
    context::Context,
    output::{Row, printable},
};

/// List, show, make, rename and delete workspaces
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka workspace list\n  \
    kafka workspace add \"Castle\" --user k@example.org\n  \
    kafka workspace show ID                      its files and chats\n  \
    kafka chats add \"Letters\" --workspace ID     a chat in it\n  \
    kafka file add ID survey.pdf                 a file in it")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List workspaces, oldest first
    #[command(after_help = "Examples:\n  \
        kafka workspace list\n  \
        kafka workspace list --json | jq -r '.items[].name'")]
    List,
    /// Print a workspace with its files and chats
    #[command(after_help = "Examples:\n  \
        kafka workspace show ID\n  \
        kafka workspace show ID --json | jq -r '.files[].filename'")]
    Show {
        /// The workspace
        #[arg(value_parser = ids::parse::<WorkspaceId>)]
        id: WorkspaceId,
    },
    /// Make a workspace
    #[command(after_help = "Examples:\n  \
        kafka workspace add \"Castle\"\n  \
        kafka workspace add \"Castle\" --user k@example.org")]
    Add {
        /// What it is called
        name: String,
        /// Whose it shall be: an e-mail address, username or id; nobody's when not given
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
    },
    /// Give a workspace another name
    #[command(after_help = "Examples:\n  kafka workspace rename ID \"The Castle\"")]
    Rename {
        /// The workspace
        #[arg(value_parser = ids::parse::<WorkspaceId>)]
        id: WorkspaceId,
        /// What it shall be called
        name: String,
    },
    /// Delete a workspace with its chats and files, after asking
    #[command(after_help = "Examples:\n  \
        kafka workspace delete ID\n  \
        kafka workspace delete ID --yes    without asking")]
    Delete {
        /// The workspace
        #[arg(value_parser = ids::parse::<WorkspaceId>)]
        id: WorkspaceId,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    match args.verb {
        Verb::List => list(&kafka, &actor, context),
        Verb::Show { id } => show(&kafka, &actor, id, context),
        Verb::Add { name, user } => add(&kafka, &actor, name, user.as_deref(), context),
        Verb::Rename { id, name } => rename(&kafka, &actor, id, name, context),
        Verb::Delete { id, yes } => delete(&kafka, &actor, id, yes, context),
    }
}

/// A workspace as a line of the list.
struct Line {
    id: String,
    name: String,
    owner: String,
    updated: String,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["id", "name", "owner", "updated"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), self.name.clone(), self.owner.clone(), self.updated.clone()]
    }
}

fn list(kafka: &Kafka, actor: &Actor, context: &Context) -> Result<()> {
    let workspaces = pages::all(kafka, |request| kafka.workspaces(actor).list(request))?;
    let now = SystemClock.now();
    // Few people own many workspaces.
    let mut emails: BTreeMap<UserId, String> = BTreeMap::new();
    let mut lines = Vec::with_capacity(workspaces.len());
    for workspace in &workspaces {
        let owner = match workspace.owner_id {
            None => "-".to_owned(),
            Some(owner) => match emails.get(&owner) {
                Some(email) => email.clone(),
                None => emails.entry(owner).or_insert(kafka.users(actor).get(owner)?.email).clone(),
            },
        };
        let updated = age(workspace.updated_at, now);
        lines.push(Line { id: workspace.id.to_string(), name: workspace.name.clone(), owner, updated });
    }
    context.output.list(&pages::whole(&workspaces), &lines)?;
    if workspaces.is_empty() {
        context.output.note("There are no workspaces here yet; `kafka workspace add NAME` makes one.");
    }
    Ok(())
}

/// A workspace with what lies in it.
#[derive(Serialize)]
struct Contents {
    #[serde(flatten)]
    workspace: Workspace,
    files: Vec<File>,
    chats: Vec<Chat>,
}

fn contents(kafka: &Kafka, actor: &Actor, id: WorkspaceId) -> Result<Contents> {
    let workspace = kafka.workspaces(actor).get(id)?;
    let filter = ChatFilter { workspace_id: Some(id), ..ChatFilter::default() };
    Ok(Contents {
        workspace,
        files: pages::all(kafka, |request| kafka.files(actor).list(id, request))?,
        chats: pages::all(kafka, |request| kafka.chats(actor).list(&filter, request))?,
    })
}

fn show(kafka: &Kafka, actor: &Actor, id: WorkspaceId, context: &Context) -> Result<()> {
    let whole = contents(kafka, actor, id)?;
    let Contents { workspace, files, chats } = &whole;
    let owner = workspace.owner_id.map(|owner| kafka.users(actor).get(owner)).transpose()?;
    let fields = [
        ("name", workspace.name.clone()),
        ("id", id.to_string()),
        ("owner", owner.map(|owner| owner.email).unwrap_or_default()),
        ("made", minute(workspace.created_at)),
        ("changed", minute(workspace.updated_at)),
        ("files", files.len().to_string()),
        ("chats", chats.len().to_string()),
    ];
    context.output.one(&whole, &id.to_string(), &fields)?;
    if !context.output.is_for_people() {
        return Ok(());
    }
    let now: Timestamp = SystemClock.now();
    if !files.is_empty() {
        context.output.text("\n")?;
        context.output.list(&whole, &file::lines(files, now))?;
    }
    if !chats.is_empty() {
        context.output.text("\n")?;
        context.output.list(&whole, &chats::lines(chats, now))?;
    }
    Ok(())
}

fn add(kafka: &Kafka, actor: &Actor, name: String, user: Option<&str>, context: &Context) -> Result<()> {
    let owner = user.map(|user| user::find(kafka, actor, user)).transpose()?;
    let new = NewWorkspace { name, owner_id: owner.map(|owner| owner.id) };
    let workspace = kafka.workspaces(actor).create(new)?;
    let id = workspace.id.to_string();
    let sentence = format!("Made the workspace {id}. Put files into it: kafka file add {id} PATH");
    context.output.done(&workspace, &[&id], &sentence)
}

fn rename(kafka: &Kafka, actor: &Actor, id: WorkspaceId, name: String, context: &Context) -> Result<()> {
    let workspace = kafka.workspaces(actor).update(id, WorkspacePatch { name: Some(name) })?;
    let id = id.to_string();
    context.output.done(&workspace, &[&id], &format!("The workspace {id} is called {} now.", workspace.name))
}

fn delete(kafka: &Kafka, actor: &Actor, id: WorkspaceId, yes: bool, context: &Context) -> Result<()> {
    let Contents { workspace, files, chats } = contents(kafka, actor, id)?;
    if !yes {
        let counted = |count: usize, noun: &str| match count {
            1 => format!("1 {noun}"),
            count => format!("{count} {noun}s"),
        };
        let lost = format!("{} and {}", counted(chats.len(), "chat"), counted(files.len(), "file"));
        confirm(
            &format!("Delete the workspace {} with {lost}, for good?", printable(&workspace.name)),
            &format!("Deleting the workspace loses its {lost}"),
        )?;
    }
    kafka.workspaces(actor).delete(id)?;
    let id = id.to_string();
    context.output.done(&json!({ "deleted": [id] }), &[&id], &format!("Deleted the workspace {id}."))
}
