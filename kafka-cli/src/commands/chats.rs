//! `kafka chats`: what was said, and where.

use kafka_core::{
    Actor, Chat, ChatFilter, ChatId, Clock as _, Cursor, FileNote, Kafka, Message, MessageStatus, NewChat, PageRequest,
    Place, Result, Role, SystemClock, Timestamp, WorkspaceId,
};
use serde::Serialize;

use super::{
    answer::{refusals, summary},
    deletion,
    ids,
};
use crate::{
    age::{age, minute},
    context::Context,
    output::{Row, Style, printable, printable_lines},
};

/// List, show, make and delete chats
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
    List(List),
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
struct List {
    /// Most chats to list, 1 to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Go on after this cursor, the `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// List archived chats instead of the others
    #[arg(long)]
    archived: bool,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    match args.verb {
        Verb::List(args) => list(&kafka, args, context),
        Verb::Show { id } => show(&kafka, id, context),
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

/// A chat as a line of the list.
pub(super) struct Line<'a> {
    chat: &'a Chat,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "title", "messages", "model", "updated"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.id.clone(),
            text(&self.chat.title),
            self.chat.message_count.to_string(),
            text(&self.chat.default_model),
            age(self.chat.updated_at, self.now),
        ]
    }
}

pub(super) fn lines(chats: &[Chat], now: Timestamp) -> Vec<Line<'_>> {
    chats.iter().map(|chat| Line { chat, id: chat.id.to_string(), now }).collect()
}

fn list(kafka: &Kafka, args: List, context: &Context) -> Result<()> {
    let filter = ChatFilter { archived: Some(args.archived), ..ChatFilter::default() };
    let place = args.after.map_or(Place::Start, |cursor| Place::After(Cursor::new(cursor)));
    let request = PageRequest::Cursor { limit: Some(args.limit), place };
    let page = kafka.chats(&kafka.operator()).list(&filter, &request)?;
    let now = SystemClock.now();
    context.output.list(&page, &lines(&page.items, now))?;
    if page.items.is_empty() {
        context.output.note("There are no chats here yet; `kafka chat` starts one.");
    }
    if let Some(cursor) = &page.next_cursor {
        context.output.note(&format!("More: kafka chats list --after {cursor}"));
    }
    Ok(())
}

/// A chat with what was said in it.
#[derive(Serialize)]
struct Conversation {
    #[serde(flatten)]
    chat: Chat,
    messages: Vec<Message>,
}

fn show(kafka: &Kafka, id: ChatId, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let chat = kafka.chats(&actor).get(id)?;
    let messages = messages(kafka, &actor, id)?;
    let whole = Conversation { chat, messages };
    if !context.output.is_for_people() {
        return context.output.done(&whole, &[&id.to_string()], "");
    }
    let title = whole.chat.title.as_deref().unwrap_or("(no title)");
    let mut text = format!("{}\n", context.output.styled(Style::Bold, &printable(title)));
    let mut about = format!("chat {id}, begun {}", minute(whole.chat.created_at));
    if let Some(model) = &whole.chat.default_model {
        about += &format!(", model {}", printable(model));
    }
    text += &format!("{}\n", context.output.styled(Style::Dim, &about));
    for message in &whole.messages {
        text += &spoken(message, context);
    }
    context.output.text(&text)
}

/// All messages of the active branch, oldest first.
fn messages(kafka: &Kafka, actor: &Actor, chat: ChatId) -> Result<Vec<Message>> {
    let mut place = Place::Start;
    let mut pages = Vec::new();
    loop {
        let request = PageRequest::Cursor { limit: Some(kafka.limits().page_max), place };
        let page = kafka.messages(actor).list(chat, &request)?;
        pages.push(page.items);
        match page.prev_cursor {
            Some(cursor) => place = Place::Before(cursor),
            None => break,
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

/// A message for people: who, when, how it ended; then the text.
fn spoken(message: &Message, context: &Context) -> String {
    let output = &context.output;
    let colour = match message.role {
        Role::User => Style::Blue,
        Role::Assistant => Style::Green,
        Role::System | Role::Tool => Style::Yellow,
    };
    let who = output.styled(colour, message.role.as_str());
    let about = match &message.response {
        Some(response) => format!("{} · {}", printable(&summary(response)), minute(message.created_at)),
        None => minute(message.created_at),
    };
    let mut text = format!("\n{who}  {}\n", output.styled(Style::Dim, &about));
    let told = if message.kind == "file" { FileNote::of(&message.content) } else { None };
    if let Some(FileNote { sentence, .. }) = &told {
        text += &format!("{}\n", output.styled(Style::Bold, &format!("[{}]", printable(sentence))));
    }
    let content = told.as_ref().map_or(&message.content, |told| &told.text);
    let content = printable_lines(content.trim_end_matches('\n'));
    if !content.is_empty() {
        text += &format!("{content}\n");
    }
    for refused in message.response.iter().flat_map(refusals) {
        text += &format!("{}\n", output.styled(Style::Dim, &format!("[{refused}]")));
    }
    if let Some((style, ending)) = ending(message) {
        text += &format!("{}\n", output.styled(style, &format!("[{ending}]")));
    }
    text
}

/// What has to be said about a message that is not all there.
fn ending(message: &Message) -> Option<(Style, String)> {
    let error = message.response.as_ref().and_then(|response| response.error.as_ref());
    match message.status {
        MessageStatus::Complete => None,
        MessageStatus::Streaming => Some((Style::Yellow, "being written".to_owned())),
        MessageStatus::Interrupted => Some((Style::Yellow, "interrupted: cut off before its end".to_owned())),
        MessageStatus::Cancelled => Some((Style::Yellow, "cancelled: stopped on request".to_owned())),
        MessageStatus::Failed => Some((
            Style::Red,
            match error {
                Some(error) => format!("failed: {} ({})", printable(&error.detail), error.code),
                None => "failed".to_owned(),
            },
        )),
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
