//! `kafka chats pin`, `archive`, `tag`, and the ways back.

use kafka_core::{Chat, ChatId, ChatPatch, Kafka, Result};
use serde_json::json;

use super::super::ids;
use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(super) struct Tags {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
    /// Tags to give it
    #[arg(required = true, value_name = "TAG")]
    tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Untags {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
    /// Tags to take from it, whatever the case of their letters
    #[arg(value_name = "TAG")]
    tags: Vec<String>,
}

pub(super) fn pin(kafka: &Kafka, ids: &[ChatId], pinned: bool, context: &Context) -> Result<()> {
    let patch = ChatPatch { pinned: Some(pinned), ..ChatPatch::default() };
    each(kafka, ids, &patch, if pinned { "Pinned" } else { "Unpinned" }, context)
}

pub(super) fn archive(kafka: &Kafka, ids: &[ChatId], archived: bool, context: &Context) -> Result<()> {
    let patch = ChatPatch { archived: Some(archived), ..ChatPatch::default() };
    each(kafka, ids, &patch, if archived { "Archived" } else { "Took out of the archive" }, context)
}

pub(super) fn tag(kafka: &Kafka, args: Tags, context: &Context) -> Result<()> {
    let had = kafka.chats(&kafka.operator()).get(args.id)?.tags;
    retag(kafka, args.id, had.into_iter().chain(args.tags).collect(), context)
}

pub(super) fn untag(kafka: &Kafka, args: &Untags, context: &Context) -> Result<()> {
    let mut tags = kafka.chats(&kafka.operator()).get(args.id)?.tags;
    let is_named =
        |tag: &str| args.tags.iter().any(|named| named.trim().to_lowercase() == tag.to_lowercase());
    tags.retain(|tag| !args.tags.is_empty() && !is_named(tag));
    retag(kafka, args.id, tags, context)
}

fn retag(kafka: &Kafka, id: ChatId, tags: Vec<String>, context: &Context) -> Result<()> {
    let patch = ChatPatch { tags: Some(tags), ..ChatPatch::default() };
    let chat = kafka.chats(&kafka.operator()).update(id, patch)?;
    let sentence = match chat.tags.is_empty() {
        true => format!("The chat {id} has no tags."),
        false => format!("The chat {id} has the tags {}.", chat.tags.join(", ")),
    };
    context.output.done(&chat, &[&id.to_string()], &sentence)
}

/// Looks for all before the first is changed.
fn each(kafka: &Kafka, ids: &[ChatId], patch: &ChatPatch, done: &str, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let chats = kafka.chats(&actor);
    ids.iter().try_for_each(|id| chats.get(*id).map(drop))?;
    let changed: Vec<Chat> = ids.iter().map(|id| chats.update(*id, patch.clone())).collect::<Result<_>>()?;
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let sentence = match texts.as_slice() {
        [id] => format!("{done} the chat {id}."),
        all => format!("{done} {} chats.", all.len()),
    };
    context.output.done(&json!({"items": changed}), &texts, &sentence)
}
