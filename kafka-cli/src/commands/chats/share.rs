//! `kafka chats share`, `shares` and `unshare`.

use kafka_core::{ChatId, Kafka, NewShareLink, Result, ShareLink, ShareLinkId};
use serde_json::json;

use super::super::ids;
use crate::{age::minute, context::Context, output::Row};

/// Make a link by which others can read a chat
///
/// Whoever has the link reads the chat, also what is said later, without an account. It is printed only now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats share ID\n  \
    kafka chats share ID --expires 7d")]
pub(super) struct Args {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
    /// How long the link works: a number with m, h or d for minutes, hours or days; until it is revoked if left out
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    expires: Option<u64>,
}

/// List the links to a chat that work
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats shares ID")]
pub(super) struct Of {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
}

/// Revoke all links to a chat, or single ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats unshare ID\n  \
    kafka chats unshare --link LINK")]
pub(super) struct Which {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>, required_unless_present = "link")]
    id: Option<ChatId>,
    /// The id of a link, as `kafka chats shares` lists it, in place of a chat; can be repeated
    #[arg(long, value_name = "LINK", value_parser = ids::parse::<ShareLinkId>, conflicts_with = "id")]
    link: Vec<ShareLinkId>,
}

fn seconds(text: &str) -> std::result::Result<u64, String> {
    let refused = || "write a number with m, h or d, such as 7d".to_owned();
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(refused()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    count.checked_mul(unit).ok_or_else(refused)
}

pub(super) fn share(kafka: &Kafka, args: &Args, context: &Context) -> Result<()> {
    let new = NewShareLink { expires_in: args.expires, ..NewShareLink::default() };
    let made = kafka.share_links(&kafka.operator()).create(args.id, new)?;
    let until = until(&made.link);
    let sentence = format!("{}\n", made.path());
    if context.output.is_for_people() {
        context.output.text(&sentence)?;
        context.output.note(&format!(
            "Put the address of your server before it. The link works {until}; `kafka chats unshare {}` revokes it.",
            args.id
        ));
        return Ok(());
    }
    context.output.done(&made, &[&made.link.id.to_string()], &sentence)
}

fn until(link: &ShareLink) -> String {
    link.expires_at.map_or_else(|| "until it is revoked".to_owned(), |at| format!("until {}", minute(at)))
}

/// A link as a line of the list.
struct Line {
    id: String,
    link: ShareLink,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["id", "made", "works"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), minute(self.link.created_at), until(&self.link)]
    }
}

pub(super) fn list(kafka: &Kafka, args: &Of, context: &Context) -> Result<()> {
    let links = kafka.share_links(&kafka.operator()).list(args.id)?;
    let whole = json!({"items": links});
    let lines: Vec<Line> = links.into_iter().map(|link| Line { id: link.id.to_string(), link }).collect();
    context.output.list(&whole, &lines)?;
    if lines.is_empty() {
        context.output.note("No link leads to this chat; `kafka chats share` makes one.");
    }
    Ok(())
}

pub(super) fn unshare(kafka: &Kafka, args: &Which, context: &Context) -> Result<()> {
    let actor = kafka.operator();
    let links = kafka.share_links(&actor);
    if let Some(id) = args.id {
        links.revoke_all(id)?;
        let sentence = format!("Revoked all links to the chat {id}.");
        return context.output.done(&json!({"chat_id": id}), &[&id.to_string()], &sentence);
    }
    args.link.iter().try_for_each(|link| links.revoke(*link))?;
    let ids: Vec<String> = args.link.iter().map(ToString::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    context.output.done(&json!({"revoked": ids}), &ids, &format!("Revoked {}.", ids.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let table = [("7d", Some(604_800)), ("90m", Some(5400)), ("1h", Some(3600)), ("0d", Some(0))];
        for (text, expected) in table {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        for text in
            ["", "d", "7", "7w", "-1d", "1.5h", "7 d", "99999999999999999999d", "300000000000000000d", "7ü"]
        {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
