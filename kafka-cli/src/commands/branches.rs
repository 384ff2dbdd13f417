//! `kafka chats branches` and `kafka chats fork`: the ways a chat can go on, and chats that begin as another does.

use kafka_core::{ChatId, Kafka, Message, MessageId, NewFork, PageRequest, Result};

use super::{ids, message::piece};
use crate::{context::Context, output::Row};

/// Make a chat that begins as another does: with copies of its messages and files
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats fork ID\n  \
    kafka chats fork ID --at MESSAGE --title \"Another way\"\n  \
    kafka chat --chat $(kafka chats fork ID -q) \"And what if not?\"\n\n\
    The new chat belongs to whom the old one does. Nothing of what was used is counted again.")]
pub(super) struct Fork {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
    /// The last message to take over, on whatever branch [default: the end of the active one]
    #[arg(long, value_name = "MESSAGE", value_parser = ids::parse::<MessageId>)]
    at: Option<MessageId>,
    /// What the new chat is called [default: as the old one]
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
}

pub(super) fn fork(args: Fork, kafka: &Kafka, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let user_id = kafka.chats(&actor).get(args.id)?.user_id;
    let new = NewFork { message_id: args.at, title: args.title, user_id };
    let chat = kafka.branches(&actor).fork(args.id, new)?;
    let id = chat.id.to_string();
    let sentence = format!("Made the chat {id}. Go on in it: kafka chat --chat {id} \"…\"");
    context.output.done(&chat, &[&id], &sentence)
}

/// One way to go on.
struct Way {
    message: Message,
    id: String,
    is_active: bool,
}

impl Row for Way {
    const HEADERS: &'static [&'static str] = &["id", "after", "active", "role", "text"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        let Message { parent_id, role, content, .. } = &self.message;
        vec![
            self.id.clone(),
            parent_id.map_or_else(|| "(the beginning)".to_owned(), |id| id.to_string()),
            if self.is_active { "yes" } else { "no" }.to_owned(),
            role.as_str().to_owned(),
            piece(content),
        ]
    }
}

/// The places of the active branch where the chat could go on otherwise.
pub(super) fn list(chat: ChatId, kafka: &Kafka, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let page = kafka.branches(&actor).list(chat, &PageRequest::first(kafka.limits().page_max))?;
    let mut ways = Vec::new();
    for point in &page.items {
        for id in &point.message_ids {
            let message = kafka.messages(&actor).get(*id)?;
            ways.push(Way { message, id: id.to_string(), is_active: point.active_id == Some(*id) });
        }
    }
    context.output.list(&page, &ways)?;
    match ways.first() {
        None => context.output.note("This chat has one branch; `kafka message edit` begins another."),
        Some(_) => context.output.note("Choose another: kafka message activate ID"),
    }
    Ok(())
}
