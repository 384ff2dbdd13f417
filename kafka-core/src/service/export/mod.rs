//! A chat as one document: what was said, to be kept or read elsewhere.
//!
//! It is written while it is read, a batch of messages at a time, so that memory holds one batch however long the chat is.

mod html;
mod json;
mod markdown;
mod rich_text;

use std::str::FromStr;

use super::{
    chats::Chats,
    linear::{Linear, MessageWalk, Walk as _},
};
use crate::{
    base::{
        error::{Error, Result},
        id::ChatId,
        page::{PageRequest, Place},
        time::Timestamp,
    },
    entity::{
        chat::Chat,
        chat_file::ChatFile,
        document::Source,
        file::clean_filename,
        file_note::FileNote,
        message::{Message, MessageStatus, Role},
        word::words,
    },
    service::chat_files::ChatFiles,
};

/// Longest part of a title that names a document, in characters and in bytes: file systems take 255 with the ending.
const NAME_CHARS: usize = 80;
const NAME_BYTES: usize = 240;

words! {
    /// What a chat is written as.
    ExportFormat {
        /// Markdown: the active branch, each message quoted as it is, so that nothing in one can look like another.
        Markdown = "md",
        /// JSON: all branches, in the objects of the API.
        Json = "json",
        /// One page that needs nothing else: the active branch, without scripts.
        Html = "html",
    }
}

impl ExportFormat {
    /// The media type of such a document.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            ExportFormat::Markdown => "text/markdown; charset=utf-8",
            ExportFormat::Json => "application/json",
            ExportFormat::Html => "text/html; charset=utf-8",
        }
    }
}

/// By its ending: `md`, `json` or `html`.
impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<ExportFormat, String> {
        ExportFormat::parse(text).ok_or_else(|| "take md, json or html".to_owned())
    }
}

/// A chat on its way into a document: text in pieces, to be put one behind the other. An error ends it.
///
/// As JSON it is `{"format":"kafka-chat","version":1,"exported_at",…,"chat",…,"files":[…],"messages":[…]}`: `chat` and the
/// entries of `messages` and `files` are the API's objects of these names, the messages of all branches in the order in
/// which they were stored, each with its `parent_id`. `version` grows when a reader of the old form would go wrong; fields
/// may be added without that.
#[derive(Debug)]
pub struct Export {
    format: ExportFormat,
    chat: Chat,
    files: Vec<ChatFile>,
    now: Timestamp,
    walk: MessageWalk,
    place: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    Messages { is_first: bool },
    Done,
}

impl Chats<'_> {
    /// Writes a chat into one document. Of files it has the names, and of those that were written in the chat the
    /// messages that tell of them; their versions are read by [`ChatFiles`](crate::ChatFiles).
    ///
    /// # Errors
    /// `NotFound`. Reading goes on while the document is taken, and fails where the credential is revoked meanwhile.
    pub fn export(&self, id: ChatId, format: ExportFormat) -> Result<Export> {
        let linear = Linear::new(self.installation, &self.actor);
        let chat = self.get(id)?;
        let walk = match format {
            ExportFormat::Json => linear.tree(id)?,
            ExportFormat::Markdown | ExportFormat::Html => linear.messages(id)?,
        };
        let (files, now) = (self.files(id)?, self.installation.now());
        Ok(Export { format, chat, files, now, walk, place: At::Head })
    }

    /// All files of a chat; [`Limits::files_per_chat`](crate::Limits) bounds them.
    fn files(&self, id: ChatId) -> Result<Vec<ChatFile>> {
        let files = ChatFiles::new(self.installation, &self.actor);
        let (mut all, mut place) = (Vec::new(), Place::Start);
        loop {
            let limit = Some(self.installation.limits().page_max);
            let page = files.list(id, &PageRequest::Cursor { limit, place })?;
            all.extend(page.items);
            match page.next_cursor {
                Some(cursor) => place = Place::After(cursor),
                None => return Ok(all),
            }
        }
    }
}

impl Export {
    /// What a file with the document is called: the chat's title and the format's ending.
    #[must_use]
    pub fn filename(&self) -> String {
        let mut title: String = titled(&self.chat).chars().take(NAME_CHARS).collect();
        title.truncate(title.floor_char_boundary(NAME_BYTES));
        let name = clean_filename(&title.replace(['/', '\\', ':', '*', '?', '"', '<', '>', '|'], "-"));
        format!("{name}.{}", self.format.as_str())
    }

    /// The media type of the document.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.format.media_type()
    }

    fn head(&self) -> Result<String> {
        match self.format {
            ExportFormat::Markdown => Ok(markdown::head(&self.chat, &self.files, self.now)),
            ExportFormat::Html => Ok(html::head(&self.chat, &self.files, self.now)),
            ExportFormat::Json => json::head(&self.chat, &self.files, self.now),
        }
    }

    fn message(&self, message: &Message, is_first: bool) -> Result<String> {
        match self.format {
            ExportFormat::Markdown => Ok(markdown::message(message)),
            ExportFormat::Html => Ok(html::message(message)),
            ExportFormat::Json => json::message(message, is_first),
        }
    }

    fn tail(&self) -> &'static str {
        match self.format {
            ExportFormat::Markdown => "",
            ExportFormat::Html => html::TAIL,
            ExportFormat::Json => json::TAIL,
        }
    }

    fn batch(&mut self, mut is_first: bool) -> Result<String> {
        let batch = if self.walk.is_over() { None } else { self.walk.next().transpose()? };
        let Some(batch) = batch else {
            self.place = At::Done;
            return Ok(self.tail().to_owned());
        };
        let mut text = String::new();
        for message in &batch {
            text += &self.message(message, is_first)?;
            is_first = false;
        }
        self.place = At::Messages { is_first };
        Ok(text)
    }
}

impl Iterator for Export {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let piece = match self.place {
            At::Head => {
                self.place = At::Messages { is_first: true };
                self.head()
            }
            At::Messages { is_first } => self.batch(is_first),
            At::Done => return None,
        };
        if piece.is_err() {
            self.place = At::Done;
        }
        Some(piece)
    }
}

fn unwritable(error: serde_json::Error) -> Error {
    use crate::base::error::ErrorKind;
    Error::new(ErrorKind::Internal, "answer_unwritable", "The chat cannot be written as JSON.")
        .with_source(error)
}

/// What a chat is called, as one line.
fn titled(chat: &Chat) -> String {
    let title = chat.title.as_deref().map(one_line).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| "Untitled chat".to_owned())
}

/// A name or title as one line that stays where it stands: no control characters, and none of those that turn the
/// direction of what comes after them (Unicode's Bidi_Control).
fn one_line(text: &str) -> String {
    let is_turning = |sign| matches!(sign, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let text: String = text.chars().filter(|sign| !is_turning(*sign)).collect();
    text.split(|sign: char| sign.is_whitespace() || sign.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Who speaks.
fn author(message: &Message) -> String {
    match message.role {
        Role::User => "You".to_owned(),
        Role::System => "Instructions".to_owned(),
        Role::Tool => "Tool".to_owned(),
        Role::Assistant => one_line(message.model.as_deref().unwrap_or("Model")),
    }
}

/// What a message says: a sentence about a file, if it tells of one, and its text.
fn said(message: &Message) -> (Option<String>, String) {
    let note = if message.kind == "file" { FileNote::of(&message.content) } else { None };
    match note {
        Some(FileNote { sentence, text }) => (Some(one_line(&sentence)), text),
        None => (None, message.content.clone()),
    }
}

/// The passages of documents that the numbers in an answer stand for, a line each.
fn sources(message: &Message) -> impl Iterator<Item = String> {
    message.sources.iter().flatten().map(|source| {
        let Source { n, filename, start, end, .. } = source;
        let gone = if source.stale { "; the document is gone since" } else { "" };
        format!("[{n}] {}, bytes {start} to {end}{gone}", one_line(filename))
    })
}

/// What has to be said about a message that is not all there.
fn ending(message: &Message) -> Option<&'static str> {
    match message.status {
        MessageStatus::Complete => None,
        MessageStatus::Streaming => Some("This answer was still being written."),
        MessageStatus::Interrupted => Some("This answer was interrupted."),
        MessageStatus::Failed => Some("The model failed."),
        MessageStatus::Cancelled => Some("This answer was stopped."),
    }
}

/// An instant for people, to the minute.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}
