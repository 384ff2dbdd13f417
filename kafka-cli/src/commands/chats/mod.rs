//! `kafka chats`: what was said, and where.

mod export;
mod list;
mod mark;
mod share;
mod show;

use kafka_core::{ChatId, Kafka, NewChat, Result, WorkspaceId};

pub(super) use self::list::lines;
use super::{branches, deletion, ids};
use crate::context::Context;

/// List, show, make, fork, mark, export, share and delete chats
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats list\n  \
    kafka chats show ID\n  \
    kafka chats add \"Holiday plans\" --model gpt-5-mini\n  \
    kafka chats delete ID")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List chats, the one changed last first
    #[command(after_help = "Examples:\n  \
        kafka chats list --limit 10\n  \
        kafka chats list --archived --json\n  \
        kafka chats list -q | xargs kafka chats delete")]
    List(list::Args),
    /// Print a conversation
    #[command(after_help = "Examples:\n  \
        kafka chats show ID | less -R\n  \
        kafka chats show ID --json | jq '.messages[].content'")]
    Show {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        id: ChatId,
    },
    /// Make an empty chat
    #[command(after_help = "Examples:\n  \
        kafka chats add \"Holiday plans\"\n  \
        kafka chat --chat $(kafka chats add -q \"Holiday plans\") \"Where to?\"")]
    Add {
        /// What it is called
        title: Option<String>,
        /// The model that answers in it when a question names none
        #[arg(long, value_name = "NAME")]
        model: Option<String>,
        /// The workspace to put it in
        #[arg(long, value_name = "ID", value_parser = ids::parse::<WorkspaceId>)]
        workspace: Option<WorkspaceId>,
    },
    /// Pin chats, so that they are found at once
    #[command(after_help = "Examples:\n  \
        kafka chats pin ID ID\n  \
        kafka chats list --pinned\n\n\
        The page shows them above all others; lists here say which are pinned.")]
    Pin(Chats),
    /// Let chats stand where they were changed last
    #[command(after_help = "Examples:\n  \
        kafka chats unpin ID")]
    Unpin(Chats),
    /// Take chats out of the list, and keep them
    #[command(after_help = "Examples:\n  \
        kafka chats archive ID\n  \
        kafka chats list --archived")]
    Archive(Chats),
    /// Put archived chats back into the list
    #[command(after_help = "Examples:\n  \
        kafka chats unarchive ID")]
    Unarchive(Chats),
    /// Give a chat tags, besides those that it has
    #[command(after_help = "Examples:\n  \
        kafka chats tag ID work \"next week\"\n  \
        kafka chats list --tag work")]
    Tag(mark::Tags),
    /// Take tags from a chat; all of them if none is named
    #[command(after_help = "Examples:\n  \
        kafka chats untag ID work\n  \
        kafka chats untag ID")]
    Untag(mark::Untags),
    /// List tags, with how many chats have each
    #[command(after_help = "Examples:\n  \
        kafka chats tags")]
    Tags,
    /// List the places of a chat's active branch where it could go on otherwise
    #[command(after_help = "Examples:\n  \
        kafka chats branches ID\n  \
        kafka message activate $(kafka chats branches ID -q | head -1)")]
    Branches {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        id: ChatId,
    },
    Fork(branches::Fork),
    Export(export::Args),
    Share(share::Args),
    Shares(share::Of),
    Unshare(share::Which),
    /// Delete chats with all that was said in them
    #[command(after_help = "Examples:\n  \
        kafka chats delete ID\n  \
        kafka chats delete ID ID ID")]
    Delete {
        /// The chats; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<ChatId>)]
        ids: Vec<ChatId>,
    },
}

#[derive(Debug, clap::Args)]
struct Chats {
    /// The chats; if one of them does not exist, none is changed
    #[arg(required = true, value_name = "ID", value_parser = ids::parse::<ChatId>)]
    ids: Vec<ChatId>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    match args.verb {
        Verb::List(args) => list::list(&kafka, args, context),
        Verb::Show { id } => show::show(&kafka, id, context),
        Verb::Pin(Chats { ids }) => mark::pin(&kafka, &ids, true, context),
        Verb::Unpin(Chats { ids }) => mark::pin(&kafka, &ids, false, context),
        Verb::Archive(Chats { ids }) => mark::archive(&kafka, &ids, true, context),
        Verb::Unarchive(Chats { ids }) => mark::archive(&kafka, &ids, false, context),
        Verb::Tag(args) => mark::tag(&kafka, args, context),
        Verb::Untag(args) => mark::untag(&kafka, &args, context),
        Verb::Tags => list::tags(&kafka, context),
        Verb::Branches { id } => branches::list(id, &kafka, context),
        Verb::Fork(args) => branches::fork(args, &kafka, context),
        Verb::Export(args) => export::run(&kafka, &args, context),
        Verb::Share(args) => share::share(&kafka, &args, context),
        Verb::Shares(args) => share::list(&kafka, &args, context),
        Verb::Unshare(args) => share::unshare(&kafka, &args, context),
        Verb::Add { title, model, workspace } => {
            let new = NewChat { title, default_model: model, workspace_id: workspace, ..NewChat::default() };
            add(&kafka, new, context)
        }
        Verb::Delete { ids } => {
            let actor = kafka.operator();
            let chats = kafka.chats(&actor);
            let find = |id| chats.get(id).map(drop);
            deletion::delete(&ids, ["chat", "chats"], find, |id| chats.delete(id), context)
        }
    }
}

fn add(kafka: &Kafka, new: NewChat, context: &Context) -> Result<()> {
    let chat = kafka.chats(&kafka.operator()).create(new)?;
    let id = chat.id.to_string();
    context.output.done(
        &chat,
        &[&id],
        &format!("Made the chat {id}. Talk in it: kafka chat --chat {id} \"Hello\""),
    )
}
