//! Messages of the type `file`, which tell what became of a file: they are stored as the JSON that the Kafka system's
//! clients read.

use serde::Deserialize;

#[derive(Deserialize)]
struct Told {
    /// Of a text that was written, changed or taken back.
    based_filename: Option<String>,
    #[serde(default)]
    based_content: String,
    diff: Option<String>,
    revert_notice: Option<String>,
    /// Of an upload.
    filename: Option<String>,
}

/// What a message of the type `file` tells, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNote {
    /// What became of which file.
    pub sentence: String,
    /// The text or the difference that the message holds; empty for an upload.
    pub text: String,
}

impl FileNote {
    /// Reads the content of such a message; none if it is in words already.
    #[must_use]
    pub fn of(content: &str) -> Option<FileNote> {
        let told: Told = serde_json::from_str(content).ok()?;
        let (sentence, text) = match told {
            Told { revert_notice: Some(notice), based_content, .. } => (notice, based_content),
            Told { based_filename: Some(name), diff: Some(diff), .. } => {
                (format!("{name} was changed"), diff)
            }
            Told { based_filename: Some(name), based_content, .. } => {
                (format!("{name} was written"), based_content)
            }
            Told { filename: Some(name), .. } => (format!("{name} was added"), String::new()),
            Told { .. } => return None,
        };
        Some(FileNote { sentence, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_file_is_told_in_words() {
        let table = [
            (r#"{"based_filename": "a.based", "based_content": "x"}"#, Some(("a.based was written", "x"))),
            (
                r#"{"based_filename": "a.based", "based_content": "x", "diff": "+x"}"#,
                Some(("a.based was changed", "+x")),
            ),
            (
                r#"{"based_filename": "a.based", "based_content": "x", "revert_notice": "Back again."}"#,
                Some(("Back again.", "x")),
            ),
            (r#"{"file_id": "7", "filename": "b.pdf", "path": "c"}"#, Some(("b.pdf was added", ""))),
            ("b.pdf was deleted.", None),
            ("{}", None),
            (r#"{"based_filename": 1}"#, None),
            ("[1]", None),
        ];
        for (content, expected) in table {
            let found = FileNote::of(content);
            assert_eq!(found.as_ref().map(|note| (&*note.sentence, &*note.text)), expected, "{content}");
        }
    }
}
