//! `kafka message`: what was said, one by one: its text, and the branches it stands on.

mod answer;

use kafka_core::{
    ChatId, Clock as _, Cursor, Kafka, Message, MessageId, MessagePatch, NewMessage, PageRequest, Place,
    Result, Role, SystemClock, Timestamp,
};

use super::{
    answer::{question, question_missing},
    deletion, ids,
};
use crate::{
    age::{age, minute},
    context::Context,
    output::{Row, printable_lines},
};

/// Longest piece of a text in a table, in characters.
const PIECE: usize = 80;

/// List, show, add, edit, answer and delete messages, and choose between branches
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka message list CHAT\n  \
    kafka message edit ID \"What is a monoid?\"   keeps the old text on its own branch\n  \
    kafka message answer ID                      answers a question, or gives an answer anew\n  \
    kafka message activate ID                    goes back to the branch that a message stands on\n\n\
    Messages of a chat form a tree, of which one branch is active; `kafka chats branches` shows the others.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the messages of a chat's active branch, oldest first; the last ones if there are many
    #[command(after_help = "Examples:\n  \
        kafka message list CHAT\n  \
        kafka message list CHAT --limit 5 --json | jq -r '.items[].content'")]
    List {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        chat: ChatId,
        /// Most messages to list, 1 to 200
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Go back before this cursor, the `prev_cursor` of the page before
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
    },
    /// Print a message
    #[command(after_help = "Examples:\n  \
        kafka message show ID\n  \
        kafka message show ID --json | jq -r .content")]
    Show {
        /// The message
        #[arg(value_parser = ids::parse::<MessageId>)]
        id: MessageId,
    },
    /// Store a message without having it answered
    #[command(after_help = "Examples:\n  \
        kafka message add CHAT --role system \"Answer in rhyme.\"\n  \
        kafka message add CHAT --under ID < letter.txt")]
    Add {
        /// The chat
        #[arg(value_parser = ids::parse::<ChatId>)]
        chat: ChatId,
        /// What it says; without it standard input
        text: Vec<String>,
        /// Who speaks: system, user or assistant
        #[arg(long, value_name = "ROLE", default_value = "user", value_parser = role)]
        role: Role,
        /// The message to put it under, which begins a branch there [default: the end of the active branch]
        #[arg(long, value_name = "ID", value_parser = ids::parse::<MessageId>)]
        under: Option<MessageId>,
    },
    /// Say something else in place of a message, which is kept with all that follows it on its own branch
    #[command(after_help = "Examples:\n  \
        kafka message edit ID \"What is a monoid?\"\n  \
        kafka message answer $(kafka message edit ID -q \"What is a monoid?\")\n  \
        kafka message edit ID --in-place \"What is a monad?\"")]
    Edit {
        /// The message
        #[arg(value_parser = ids::parse::<MessageId>)]
        id: MessageId,
        /// The new text; without it standard input
        text: Vec<String>,
        /// Replace the text instead; the old one is gone, and what follows stays
        #[arg(long)]
        in_place: bool,
    },
    Answer(answer::Args),
    /// Choose the branch that a message stands on; of several the one that was written to last
    #[command(after_help = "Examples:\n  kafka message activate ID")]
    Activate {
        /// The message
        #[arg(value_parser = ids::parse::<MessageId>)]
        id: MessageId,
    },
    /// Delete messages; what followed one then follows the message before it
    #[command(after_help = "Examples:\n  \
        kafka message delete ID\n  \
        kafka message list CHAT --limit 2 -q | xargs kafka message delete")]
    Delete {
        /// The messages; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<MessageId>)]
        ids: Vec<MessageId>,
    },
}

fn role(text: &str) -> Result<Role, String> {
    let spoken = [Role::System, Role::User, Role::Assistant];
    let named = spoken.into_iter().find(|role| role.as_str() == text);
    named.ok_or_else(|| "give system, user or assistant".to_owned())
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    match args.verb {
        Verb::List { chat, limit, before } => list(&kafka, chat, limit, before, context),
        Verb::Show { id } => show(&kafka, id, context),
        Verb::Add { chat, text, role, under } => {
            let new = NewMessage { parent_id: under.map(Some), ..NewMessage::text(role, given(text)?) };
            let message = kafka.messages(&kafka.operator()).create(chat, new)?;
            stored(&message, "Stored the message", context)
        }
        Verb::Edit { id, text, in_place } => edit(&kafka, id, given(text)?, in_place, context),
        Verb::Answer(args) => answer::run(args, &kafka, context),
        Verb::Activate { id } => {
            let chat = kafka.branches(&kafka.operator()).activate(id)?;
            let (message, of) = (id.to_string(), chat.id.to_string());
            let sentence = format!("The message {message} is on the active branch of the chat {of}.");
            context.output.done(&chat, &[&of], &sentence)
        }
        Verb::Delete { ids } => {
            let actor = kafka.operator();
            let messages = kafka.messages(&actor);
            let find = |id| messages.get(id).map(drop);
            deletion::delete(&ids, ["message", "messages"], find, |id| messages.delete(id), context)
        }
    }
}

fn given(text: Vec<String>) -> Result<String> {
    question(text)?.ok_or_else(question_missing)
}

/// A message as a line of the list.
struct Line<'a> {
    message: &'a Message,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "role", "status", "said", "text"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        let Message { role, status, created_at, content, .. } = self.message;
        vec![
            self.id.clone(),
            role.as_str().to_owned(),
            status.as_str().to_owned(),
            age(*created_at, self.now),
            piece(content),
        ]
    }
}

/// The beginning of a text.
pub(super) fn piece(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let is_all = line.trim_end() == text.trim() && line.chars().count() <= PIECE;
    if is_all { line.to_owned() } else { line.chars().take(PIECE - 1).chain(['…']).collect() }
}

fn list(kafka: &Kafka, chat: ChatId, limit: u32, before: Option<String>, context: &Context) -> Result<()> {
    let place = before.map_or(Place::Start, |cursor| Place::Before(Cursor::new(cursor)));
    let request = PageRequest::Cursor { limit: Some(limit), place };
    let page = kafka.messages(&kafka.operator()).list(chat, &request)?;
    let now = SystemClock.now();
    let line = |message| Line { message, id: message.id.to_string(), now };
    let lines: Vec<Line<'_>> = page.items.iter().map(line).collect();
    context.output.list(&page, &lines)?;
    if let Some(cursor) = &page.prev_cursor {
        context.output.note(&format!("Earlier ones: kafka message list {chat} --before {cursor}"));
    }
    Ok(())
}

fn show(kafka: &Kafka, id: MessageId, context: &Context) -> Result<()> {
    let message = kafka.messages(&kafka.operator()).get(id)?;
    let optional = |text: Option<String>| text.unwrap_or_default();
    let fields = [
        ("id", message.id.to_string()),
        ("chat", message.chat_id.to_string()),
        ("follows", optional(message.parent_id.map(|id| id.to_string()))),
        ("role", message.role.as_str().to_owned()),
        ("status", message.status.as_str().to_owned()),
        ("model", optional(message.model.clone())),
        ("made", minute(message.created_at)),
        ("changed", minute(message.updated_at)),
    ];
    context.output.one(&message, &message.id.to_string(), &fields)?;
    if context.output.is_for_people() {
        context.output.text(&format!("\n{}\n", printable_lines(message.content.trim_end_matches('\n'))))?;
    }
    Ok(())
}

fn edit(kafka: &Kafka, id: MessageId, text: String, in_place: bool, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let messages = kafka.messages(&actor);
    if in_place {
        let patch = MessagePatch { content: Some(text), ..MessagePatch::default() };
        return stored(&messages.update(id, patch)?, "Replaced the text of the message", context);
    }
    let old = messages.get(id)?;
    let new = NewMessage {
        parent_id: Some(old.parent_id),
        model: old.model,
        tool_call_id: old.tool_call_id,
        ..NewMessage::text(old.role, text)
    };
    let message = messages.create(old.chat_id, new)?;
    stored(&message, "Stored the new text as the message", context)?;
    context.output.note(&format!("The old text: kafka message activate {id}"));
    if message.role == Role::User {
        context.output.note(&format!("Have the new one answered: kafka message answer {}", message.id));
    }
    Ok(())
}

fn stored(message: &Message, what: &str, context: &Context) -> Result<()> {
    let id = message.id.to_string();
    context.output.done(message, &[&id], &format!("{what} {id}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_text_is_its_first_line_and_says_when_there_is_more() {
        let long = "x".repeat(PIECE + 1);
        let cut = format!("{}…", "x".repeat(PIECE - 1));
        for (text, expected) in
            [("", ""), ("one", "one"), ("\n one\n", "one"), ("one\ntwo", "one…"), (&long, &cut)]
        {
            assert_eq!(piece(text), expected);
        }
    }
}
