//! `kafka chats show`: a conversation for people, or as JSON.

use kafka_core::{
    Actor, Chat, ChatId, FileNote, Kafka, Message, MessageStatus, PageRequest, Place, Result, Role,
};
use serde::Serialize;

use super::super::answer::{refusals, summary};
use crate::{
    age::minute,
    context::Context,
    output::{Style, printable, printable_lines},
};

/// A chat with what was said in it.
#[derive(Serialize)]
struct Conversation {
    #[serde(flatten)]
    chat: Chat,
    messages: Vec<Message>,
}

pub(super) fn show(kafka: &Kafka, id: ChatId, context: &Context) -> Result<()> {
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
