//! `kafka search`: finds what was said.

use std::str::FromStr;

use kafka_core::{
    ChatId, Day, Hit, Hits, Result, Role, SearchArea, SearchMode, SearchRequest, SearchSort, Timestamp,
    WorkspaceId,
};

use super::ids;
use crate::{
    age::minute,
    context::Context,
    output::{Style, printable},
};

/// Find messages, chats and passages of documents by what they say
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka search holiday plans\n  \
    kafka search '\"exact phrase\" begin* -without' --newest\n  \
    kafka search invoice --role assistant --from 2026-01-01 --to 2026-03-31\n  \
    kafka search invoice --json | jq '.items[].chat_id'\n\n\
    Words are found whatever their case and accents, and all of them have to be there. A phrase\n\
    stands in quotation marks, * finds words that begin so, - leaves out what has the word: quote\n\
    the query then, or put -- before it, so that -word is no option.\n\
    --plain takes a question as it is: one of its words will do.")]
pub(crate) struct Args {
    /// What to look for
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Take the words as plain language
    #[arg(long)]
    plain: bool,
    /// Look in these only: messages, chats or documents; can be repeated
    #[arg(long = "in", value_name = "WHAT", value_parser = area)]
    areas: Vec<SearchArea>,
    /// Messages of one role: user, assistant, system or tool
    #[arg(long, value_parser = role)]
    role: Option<Role>,
    /// One chat
    #[arg(long, value_name = "ID", value_parser = ids::parse::<ChatId>)]
    chat: Option<ChatId>,
    /// The chats of one workspace
    #[arg(long, value_name = "ID", value_parser = ids::parse::<WorkspaceId>)]
    workspace: Option<WorkspaceId>,
    /// Messages that name this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// From this day in UTC on, such as 2026-01-31, or from an instant such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = from)]
    from: Option<Timestamp>,
    /// Up to this day and with it, or before an instant
    #[arg(long, value_name = "TIME", value_parser = to)]
    to: Option<Timestamp>,
    /// Show the newest first instead of the best
    #[arg(long)]
    newest: bool,
    /// Most hits, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Go on after this cursor, the `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

fn area(text: &str) -> Result<SearchArea, String> {
    SearchArea::parse(text).ok_or_else(|| "look in messages, chats or documents".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "a role is user, assistant, system or tool".to_owned())
}

fn from(text: &str) -> Result<Timestamp, String> {
    instant(text, 0)
}

fn to(text: &str) -> Result<Timestamp, String> {
    instant(text, 1)
}

/// An instant, or the midnight that a day begins with, or so many days later.
fn instant(text: &str, days: i64) -> Result<Timestamp, String> {
    let midnight = || Some(Day::from_str(text).ok()?.plus(days)).map(|day| format!("{day}T00:00:00Z"));
    let instant = text.parse().ok().or_else(|| midnight()?.parse().ok());
    instant
        .ok_or_else(|| "give a day such as 2026-01-31, or an instant such as 2026-01-31T08:00:00Z".to_owned())
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    let search = kafka.search(&actor);
    // Where no server does it.
    search.refresh()?;
    let hits = search.find(&SearchRequest {
        mode: Some(if args.plain { SearchMode::Hybrid } else { SearchMode::Text }),
        areas: (!args.areas.is_empty()).then_some(args.areas),
        role: args.role,
        chat_id: args.chat,
        workspace_id: args.workspace,
        model: args.model,
        from: args.from,
        to: args.to,
        sort: args.newest.then_some(SearchSort::Newest),
        after: args.after,
        limit: Some(args.limit),
        ..SearchRequest::plain(args.words.join(" "))
    })?;
    if context.output.is_for_people() {
        let text: String = hits.items.iter().map(|hit| shown(hit, context)).collect();
        context.output.text(&text)?;
    } else {
        let ids: Vec<String> = hits.items.iter().filter_map(id).collect();
        context.output.done(&hits, &ids.iter().map(String::as_str).collect::<Vec<_>>(), "")?;
    }
    tell(&hits, context);
    Ok(())
}

/// Of the document, of the message, or of the chat.
fn id(hit: &Hit) -> Option<String> {
    let document = hit.document_id.map(|id| id.to_string());
    document.or(hit.message_id.map(|id| id.to_string())).or(hit.chat_id.map(|id| id.to_string()))
}

/// A hit for people: what it is and where it stands, then the part of the text that was found.
fn shown(hit: &Hit, context: &Context) -> String {
    let output = &context.output;
    let title = printable(hit.filename.as_deref().or(hit.title.as_deref()).unwrap_or("(no title)"));
    let who = hit.role.map_or(hit.kind.as_str(), Role::as_str);
    let place = match (hit.document_id, hit.chat_id) {
        (Some(id), _) => {
            let [start, end] = [hit.start, hit.end].map(Option::unwrap_or_default);
            format!("{id}, bytes {start} to {end}")
        }
        (None, chat) => format!("chat {}", chat.map(|id| id.to_string()).unwrap_or_default()),
    };
    let about = output.styled(Style::Dim, &format!("{who} · {} · {place}", minute(hit.created_at)));
    format!("{}  {about}\n{}\n\n", output.styled(Style::Bold, &title), marked(&hit.snippet, context))
}

/// The snippet, with what was searched for as it stands out here: by colour, or by nothing.
fn marked(snippet: &str, context: &Context) -> String {
    let mut parts = snippet.split('\u{2}');
    let mut text = printable(parts.next().unwrap_or_default());
    for part in parts {
        let (found, rest) = part.split_once('\u{3}').unwrap_or((part, ""));
        text += &context.output.styled(Style::Yellow, &printable(found));
        text += &printable(rest);
    }
    text
}

fn tell(hits: &Hits, context: &Context) {
    if hits.items.is_empty() {
        context.output.note("Nothing was found.");
    }
    if let Some(cursor) = &hits.next_cursor {
        context.output.note(&format!("More: the same with --after {cursor}"));
    }
}
