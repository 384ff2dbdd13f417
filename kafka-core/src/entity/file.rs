//! Files: bytes under a name, in a workspace or a chat.

use serde::{Deserialize, Serialize};

use crate::base::{
    id::{FileId, WorkspaceId},
    time::Timestamp,
};

/// Bytes under a name. They lie under their hash, so equal ones are kept once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// The workspace it lies in; none for one of a chat that lies in no workspace.
    pub workspace_id: Option<WorkspaceId>,
    /// What it is called; see [`clean_filename`].
    pub filename: String,
    /// `uploads/files/<id>_<filename>`: a name that is unique, not a place on a disk.
    pub path: String,
    /// What its name says it is, for example `text/markdown`.
    pub media_type: String,
    /// How long it is.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Where the client says it has it from, where it does.
    #[serde(default, skip_serializing)]
    pub source_url: Option<String>,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// What a new file is made of, besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFile {
    /// Any text; [`clean_filename`] makes a name of it.
    pub filename: String,
    /// Where the client has it from. Stored as it is, never fetched. At most 2048 characters.
    pub source_url: Option<String>,
}

impl NewFile {
    /// A file of this name.
    #[must_use]
    pub fn named(filename: impl Into<String>) -> NewFile {
        NewFile { filename: filename.into(), source_url: None }
    }
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileText {
    /// Its text; none for pictures and other files that say nothing in words.
    pub text: Option<String>,
    /// A sentence for people, where a document has no text, or not all of it stands here.
    pub note: Option<String>,
}

/// Changes to a file. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilePatch {
    /// A new name.
    #[serde(default)]
    pub filename: Option<String>,
}

/// Longest name of a file, in bytes: what the file systems of the day can hold.
const FILENAME_BYTES: usize = 255;

/// The name under which a file is kept: the last component of what a client calls it, without control
/// characters, of at most 255 bytes. Any text has one; of one that names nothing it is `unnamed`.
#[must_use]
pub fn clean_filename(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|sign| !sign.is_control()).collect();
    let name = name.trim();
    match name[..name.floor_char_boundary(FILENAME_BYTES)].trim_end() {
        "" | "." | ".." => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// The unique name of a file that stands in a path: `uploads/files/<id>_<filename>`.
pub(crate) fn path(id: impl std::fmt::Display, filename: &str) -> String {
    format!("uploads/files/{id}_{filename}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_the_last_component_of_what_it_is_called() {
        let table = [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\k\\castle.txt", "castle.txt"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("  spaced name.md ", "spaced name.md"),
            ("uploads/", "unnamed"),
            ("..", "unnamed"),
            ("", "unnamed"),
            (".based", ".based"),
            ("日記.txt", "日記.txt"),
        ];
        for (text, name) in table {
            assert_eq!(clean_filename(text), name, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_has_a_name_that_is_its_own_name(text: String, tail in "\\PC{0,300}") {
            let name = clean_filename(&format!("{text}{tail}"));
            prop_assert!(!name.is_empty() && name.len() <= 255);
            prop_assert!(!name.contains(['/', '\\', '\0']));
            prop_assert_eq!(clean_filename(&name), name.clone());
        }
    }
}
