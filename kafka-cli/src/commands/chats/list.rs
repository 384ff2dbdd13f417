//! `kafka chats list` and `kafka chats tags`.

use kafka_core::{
    Chat, ChatFilter, Clock as _, Cursor, Kafka, PageRequest, Place, Result, SystemClock, TagCount, Timestamp,
};

use crate::{age::age, context::Context, output::Row};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Most chats to list, 1 to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Go on after this cursor, the `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// List archived chats instead of the others
    #[arg(long)]
    archived: bool,
    /// List pinned chats only
    #[arg(long)]
    pinned: bool,
    /// List chats with this tag only
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

/// A chat as a line of the list.
pub(crate) struct Line<'a> {
    chat: &'a Chat,
    id: String,
    now: Timestamp,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["id", "title", "messages", "model", "tags", "updated"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let pinned = if self.chat.pinned_at.is_some() { " (pinned)" } else { "" };
        vec![
            self.id.clone(),
            text(&self.chat.title) + pinned,
            self.chat.message_count.to_string(),
            text(&self.chat.default_model),
            text(&Some(self.chat.tags.join(", ")).filter(|tags| !tags.is_empty())),
            age(self.chat.updated_at, self.now),
        ]
    }
}

pub(crate) fn lines(chats: &[Chat], now: Timestamp) -> Vec<Line<'_>> {
    chats.iter().map(|chat| Line { chat, id: chat.id.to_string(), now }).collect()
}

pub(super) fn list(kafka: &Kafka, args: Args, context: &Context) -> Result<()> {
    let filter = ChatFilter {
        archived: Some(args.archived),
        pinned: args.pinned.then_some(true),
        tag: args.tag,
        ..ChatFilter::default()
    };
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

/// A tag as a line of the list.
struct TagLine<'a>(&'a TagCount);

impl Row for TagLine<'_> {
    const HEADERS: &'static [&'static str] = &["tag", "chats"];

    fn id(&self) -> &str {
        &self.0.tag
    }

    fn cells(&self) -> Vec<String> {
        vec![self.0.tag.clone(), self.0.chats.to_string()]
    }
}

pub(super) fn tags(kafka: &Kafka, context: &Context) -> Result<()> {
    let tags = kafka.chats(&kafka.operator()).tags()?;
    let lines: Vec<TagLine<'_>> = tags.iter().map(TagLine).collect();
    context.output.list(&serde_json::json!({"items": tags}), &lines)?;
    if tags.is_empty() {
        context.output.note("No chat has a tag yet; `kafka chats tag ID TAG` gives it one.");
    }
    Ok(())
}
