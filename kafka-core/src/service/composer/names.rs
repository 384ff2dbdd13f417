//! Names that models give to files.

/// Bytes that a name may have, which file systems can hold.
const MOST_BYTES: usize = 255;

/// The name as it is kept, or what is wrong with it, said to the model. Names of people are mended, because
/// they say what they mean; a model is asked again.
pub(super) fn checked(name: &str) -> Result<&str, String> {
    let name = name.trim();
    let unwritable = |sign: char| sign.is_control() || ('\u{202a}'..='\u{202e}').contains(&sign);
    let reason = if name.contains(['/', '\\']) || matches!(name, "." | "..") {
        "has to be a name without folders"
    } else if name.contains(unwritable) || ('\u{2066}'..='\u{2069}').any(|sign| name.contains(sign)) {
        "holds a control character; leave it out"
    } else if name.len() > MOST_BYTES {
        "is longer than 255 bytes; shorten it, and keep what stands behind the last dot"
    } else if !has_extension(name) {
        "has to end in a dot and the kind of the file, as in flow.based or notes.md"
    } else {
        return Ok(name);
    };
    Err(format!("the key \"filename\" {reason}"))
}

fn has_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component_with_an_extension() {
        for name in
            ["flow.based", " notes.md ", "a b.tar.gz", "日記.txt", ".x.y", &format!("{}.md", "x".repeat(252))]
        {
            assert_eq!(checked(name), Ok(name.trim()));
        }
        for (name, reason) in [
            ("../x.based", "folders"),
            ("a/b.based", "folders"),
            ("a\\b.based", "folders"),
            ("..", "folders"),
            ("a\0b.based", "control"),
            ("a\nb.based", "control"),
            ("a\u{202e}desab.txt", "control"),
            ("a\u{2066}.txt", "control"),
            (&format!("{}.md", "x".repeat(253)), "255"),
            ("flow", "kind of the file"),
            ("flow.", "kind of the file"),
            (".based", "kind of the file"),
            ("", "kind of the file"),
        ] {
            assert!(checked(name).unwrap_err().contains(reason), "{name:?}: {:?}", checked(name));
        }
    }
}
