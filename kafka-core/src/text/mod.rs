//! Algorithms on texts: differences, patches, and what files hold. Pure: no input or output, no clock.

pub mod based;
pub(crate) mod chunk;
pub(crate) mod decode;
pub(crate) mod diff;
pub(crate) mod extract;
pub(crate) mod file_kind;
mod hunk;
pub(crate) mod json_object;
mod line;
pub(crate) mod merge;
pub(crate) mod patch;
pub(crate) mod patch_error;
mod place;
pub(crate) mod search;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{
        diff::{readable_diff, unified_diff},
        patch::apply_patch,
    };

    /// What the protocol's first implementation made of texts and patches.
    fn vectors(part: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/data/unified_diff_vectors.json")).unwrap();
        all[part].as_array().unwrap().clone()
    }

    #[test]
    fn differences_are_those_of_the_protocol() {
        // It also broke lines at CR, form feed and U+2028; here they break at LF only.
        let other_lines = [
            ("lone CR counts as a line end", "@@ -1 +1 @@\n-a\rb\n+a\rc\n"),
            ("form feed counts as a line end", "@@ -1 +1 @@\n-a\u{c}b\n+a\u{c}c\n"),
            ("line separator U+2028", "@@ -1 +1 @@\n-a\u{2028}b\n+a\u{2028}c\n"),
        ];
        let vectors = vectors("make");
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            let [name, old, new, patch] =
                ["name", "old", "new", "patch"].map(|key| vector[key].as_str().unwrap());
            let patch = other_lines.iter().find(|other| other.0 == name).map_or(patch, |other| other.1);
            assert_eq!(unified_diff(old, new), patch, "{name}");
            assert_eq!(apply_patch(old, patch).as_deref(), Ok(new), "{name}");
        }
    }

    /// What is refused or accepted otherwise than by the protocol's first implementation, which compared
    /// nothing: the vector, what comes here (an error by the start of its text), and why.
    const DELIBERATE: &[(&str, Result<&str, &str>, &str)] = &[
        (
            "context does not match: replaced silently",
            Err("Hunk 1 does not fit the text: line 2 of the patch is \"zzz\""),
            "context is compared",
        ),
        (
            "removed line does not match: removed anyway",
            Err("Hunk 1 does not fit the text: line 2 of the patch is \"other\""),
            "what is removed is compared",
        ),
        (
            "line number off by one: silent corruption",
            Ok("l1\nL2\nl3\nl4\n"),
            "the line stands in one place, so the number does not matter",
        ),
        ("section text after second @@", Ok("l1\nL2\nl3\nl4\n"), "git writes it"),
        (
            "@@ ... @@ without numbers",
            Ok("l1\nL2\nl3\nl4\n"),
            "models write it, and the line stands in one place",
        ),
        ("hunks out of order", Ok("L1\nl2\nL3\nl4\n"), "each hunk is compared, and they do not touch"),
        ("patch lacks final newline", Ok("l1\nL2\nl3\nl4\n"), "two lines were glued"),
        (
            "blank context line without its space is dropped",
            Ok("l1\n\nx\nl3\n"),
            "a line of the text was lost",
        ),
        (
            "unmarked context line (no leading space) is skipped",
            Ok("l1\nx\nl2\nl3\nl4\n"),
            "a line of the text was lost",
        ),
        ("code fence", Ok("l1\nL2\nl3\nl4\n"), "models write it"),
        ("diff --git preamble", Ok("l1\nL2\nl3\nl4\n"), "git writes it"),
        ("CRLF patch on LF text", Ok("l1\nL2\nl3\nl4\n"), "the text keeps its line ends"),
    ];

    #[test]
    fn patches_apply_as_in_the_protocol_but_never_to_what_they_do_not_fit() {
        let vectors = vectors("apply");
        assert_eq!(vectors.len(), 28);
        let mut deliberate = 0;
        for vector in vectors {
            let [name, text, patch] = ["name", "text", "patch"].map(|key| vector[key].as_str().unwrap());
            let result = apply_patch(text, patch).map_err(|error| error.to_string());
            match DELIBERATE.iter().find(|difference| difference.0 == name) {
                Some((_, expected, why)) => {
                    deliberate += 1;
                    match expected {
                        Ok(expected) => assert_eq!(result.as_deref(), Ok(*expected), "{name}: {why}"),
                        Err(start) => assert!(result.unwrap_err().starts_with(start), "{name}: {why}"),
                    }
                }
                None => assert_eq!(result.ok().as_deref(), vector["result"].as_str(), "{name}"),
            }
        }
        assert_eq!(deliberate, DELIBERATE.len());
    }

    /// Texts of few different lines, so that they repeat; with all sorts of ends, and lines that look like
    /// parts of a patch.
    fn text() -> impl Strategy<Value = String> {
        let line = prop::sample::select(
            &["", "a", "b", " a", "-- a", "++ a", "@@ -1 +1 @@", "```", "\\ No", "é\r", "ü\u{2028}"][..],
        );
        let end = prop::sample::select(&["\n", "\n", "\n", "\r\n", "\r", ""][..]);
        prop::collection::vec((line, end), 0..12)
            .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end]).collect())
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_new_text_of_the_old_one(old in text(), new in text()) {
            let bare = unified_diff(&old, &new);
            let readable = readable_diff(&old, &new, "old\nname", "+++ new");
            for patch in [&bare, &readable] {
                prop_assert_eq!(apply_patch(&old, patch), Ok(new.clone()), "{}", patch);
                prop_assert_eq!(patch.is_empty(), old == new);
            }
        }

        #[test]
        fn a_difference_of_any_two_texts_makes_the_new_one(old in ".*\n?.*", new in "(.|\n)*") {
            prop_assert_eq!(apply_patch(&old, &unified_diff(&old, &new)), Ok(new.clone()));
            prop_assert_eq!(apply_patch(&old, &readable_diff(&old, &new, &old, &new)), Ok(new));
        }

        #[test]
        fn any_patch_applies_or_is_refused(base in text(), patch in text(), bytes: Vec<u8>) {
            for patch in [&patch, &format!("@@ -1 +1 @@\n{patch}"), &String::from_utf8_lossy(&bytes).into_owned()] {
                if let Ok(result) = apply_patch(&base, patch) {
                    prop_assert_eq!(apply_patch(&base, &unified_diff(&base, &result)), Ok(result));
                }
            }
        }

        #[test]
        fn a_patch_finds_its_lines_where_others_were_inserted_before_them(
            above in prop::collection::vec("[x-z]", 0..9),
            changed in prop::collection::btree_map(0_usize..30, prop::option::of("[p-r]\n"), 1..6),
            is_bare: bool,
        ) {
            let old: Vec<String> = (0..30).map(|line| format!("{line}\n")).collect();
            let mut new = old.clone();
            for (line, text) in &changed {
                new[*line] = text.clone().unwrap_or_default();
            }
            let (old, new) = (old.concat(), new.concat());
            let patch = if is_bare { unified_diff(&old, &new) } else { readable_diff(&old, &new, "f", "f") };
            let above: String = above.iter().map(|line| format!("{line}\n")).collect();
            prop_assert_eq!(apply_patch(&(above.clone() + &old), &patch), Ok(above + &new), "{}", patch);
        }
    }
}
