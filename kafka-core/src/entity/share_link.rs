//! Links by which one chat can be read without an account.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};

use super::{
    file_note::FileNote,
    message::{Message, MessageStatus, Role},
};
use crate::base::{
    id::{ChatId, ShareLinkId},
    secret::Secret,
    time::Timestamp,
};

/// A link by which a chat can be read, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareLink {
    /// Its id, which is not the secret.
    pub id: ShareLinkId,
    /// The chat.
    pub chat_id: ChatId,
    /// When it stops working; none is never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a new link is made of. One that is given neither works until it is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewShareLink {
    /// When it stops working, in the future.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// After how many seconds it stops working, at least one.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A link that was made just now.
#[derive(Clone, Debug)]
pub struct IssuedShareLink {
    /// The link as it is listed.
    pub link: ShareLink,
    /// What opens it. Only its hash is stored, so it cannot be shown again.
    pub token: Secret<String>,
}

impl IssuedShareLink {
    /// The page that shows the chat, as a path on the server. The token stands behind the `#`, which browsers send to
    /// nobody, so that neither logs nor other sites learn it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/share#{}", self.token.expose())
    }
}

/// `{"id","chat_id","expires_at","created_at","token","url"}`: the one place where the token is written out.
impl Serialize for IssuedShareLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("IssuedShareLink", 6)?;
        shown.serialize_field("id", &self.link.id)?;
        shown.serialize_field("chat_id", &self.link.chat_id)?;
        shown.serialize_field("expires_at", &self.link.expires_at)?;
        shown.serialize_field("created_at", &self.link.created_at)?;
        shown.serialize_field("token", self.token.expose())?;
        shown.serialize_field("url", &self.path())?;
        shown.end()
    }
}

/// A chat as whoever has a link to it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SharedChat {
    /// What it is called.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last renamed, configured or written to.
    pub updated_at: Timestamp,
}

/// A message as whoever has a link to its chat sees it: no ids, no reasoning, no calls of tools, no records of answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SharedMessage {
    /// Who speaks.
    pub role: Role,
    /// `text`, or `file` for one that tells what became of a file.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its plain text; of a message of the type `file` a sentence with the file's name, and nothing of what is in it.
    pub content: String,
    /// The model that answered.
    pub model: Option<String>,
    /// Whether it is all there.
    pub status: MessageStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

impl SharedMessage {
    /// What is shown of a message; of instructions and the results of tools nothing is.
    pub(crate) fn of(message: Message) -> Option<SharedMessage> {
        if !matches!(message.role, Role::User | Role::Assistant) {
            return None;
        }
        let content = match message.kind.as_str() {
            "file" => match FileNote::of(&message.content) {
                Some(note) => note.sentence,
                // Whatever it holds may be what is in a file.
                None if message.content.trim_start().starts_with('{') => "A file.".to_owned(),
                None => message.content,
            },
            _ => message.content,
        };
        Some(SharedMessage {
            role: message.role,
            kind: message.kind,
            content,
            model: message.model.filter(|_| message.role == Role::Assistant),
            status: message.status,
            created_at: message.created_at,
        })
    }
}
