//! Messages that tell of files, for people: they are stored as the JSON that the Kafka system's clients read.

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

/// What such a message says, and the text or the difference that it holds; none if it is in words already.
pub(super) fn told(content: &str) -> Option<(String, String)> {
    let told: Told = serde_json::from_str(content).ok()?;
    Some(match told {
        Told { revert_notice: Some(notice), based_content, .. } => (notice, based_content),
        Told { based_filename: Some(name), diff: Some(diff), .. } => (format!("{name} was changed"), diff),
        Told { based_filename: Some(name), based_content, .. } => {
            (format!("{name} was written"), based_content)
        }
        Told { filename: Some(name), .. } => (format!("{name} was added"), String::new()),
        Told { .. } => return None,
    })
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
            let found = told(content);
            assert_eq!(found.as_ref().map(|(words, text)| (&**words, &**text)), expected, "{content}");
        }
    }
}
