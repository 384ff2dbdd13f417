//! Files as they stand in a chat, and the versions of those that are written there.

use serde::{Deserialize, Serialize};

use super::word::words;
use crate::base::{
    id::{ChatFileId, ChatId, FileId, MessageId, VersionId},
    time::Timestamp,
};

words! {
    /// What a file of a chat is to it.
    ChatFileKind {
        /// A text in the language Based, with versions: its name ends in `.based`.
        Based = "based",
        /// Another text with versions, written in the chat.
        Text = "text",
        /// Bytes that were uploaded, as they are.
        Upload = "upload",
    }
}

/// A file as it stands in one chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatFile {
    /// Its id.
    pub id: ChatFileId,
    /// The chat it stands in.
    pub chat_id: ChatId,
    /// The file whose bytes it is; none for one that was written in the chat.
    #[serde(default, skip_serializing)]
    pub file_id: Option<FileId>,
    /// What it is called.
    pub filename: String,
    /// `uploads/files/<id>_<filename>`: a name that is unique, not a place on a disk.
    pub path: String,
    /// What it is to the chat.
    pub kind: ChatFileKind,
    /// The number of its newest version; none for one without versions.
    pub latest_version: Option<u64>,
    /// When it came into the chat.
    pub created_at: Timestamp,
}

/// A file of a chat with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFileContent {
    /// The file.
    pub file: ChatFile,
    /// Where the client says it has it from, where it does.
    pub source_url: Option<String>,
    /// Its text: that of the newest version, or of what was uploaded, where it has text that is not too long.
    pub text: Option<String>,
    /// A sentence for people, where a document has no text, or not all of it stands here.
    pub note: Option<String>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its versions, oldest first; none of what was uploaded as it is. Of a chat with much text, old ones are empty here,
    /// and have an empty diff.
    pub versions: Vec<Version>,
}

/// A text that is written into a chat as the first version of a new file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewChatFile {
    /// Any text; [`clean_filename`](crate::clean_filename) makes a name of it.
    pub filename: String,
    /// At most 1 MiB.
    pub content: String,
}

/// One state of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// The file it is a version of.
    pub chat_file_id: ChatFileId,
    /// From 1 without gaps.
    pub number: u64,
    /// When it was stored; those of one file are at least a millisecond apart.
    pub timestamp: Timestamp,
    /// The text.
    pub content: String,
    /// The unified diff, without context, that makes the newest version of this one; empty for the newest.
    pub diff: String,
}

/// A new version of a text: whole, or as an edit of an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewVersion {
    /// The whole text. Either this or `diff`.
    #[serde(default)]
    pub content: Option<String>,
    /// A unified diff that makes the text of version `base`. Lines it names are searched and compared; one
    /// that does not fit is refused.
    #[serde(default)]
    pub diff: Option<String>,
    /// The number of the version that the text was made from. If that is not the newest any more, nothing is
    /// stored. Absent means whatever is the newest.
    #[serde(default)]
    pub base: Option<u64>,
    /// The answer that wrote it.
    #[serde(skip)]
    pub message_id: Option<MessageId>,
}

impl NewVersion {
    /// This text, whatever the newest is.
    #[must_use]
    pub fn text(content: impl Into<String>) -> NewVersion {
        NewVersion { content: Some(content.into()), ..NewVersion::default() }
    }
}
