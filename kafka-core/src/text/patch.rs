//! Applying unified diffs. Where a hunk belongs is decided by the lines it keeps and removes, which have
//! to stand in the text; the stated line number says where to look first.

use super::{
    hunk::{self, Hunk, Sort},
    line::{End, Line},
    patch_error::PatchError,
    place::{Places, old_lines},
};

/// The text that a unified diff makes of `base`.
///
/// A hunk applies where the lines that it keeps and removes stand: at the stated line, else at the only
/// other place where they do. Where it fits at several places, none of them the stated one, it is refused
/// rather than put at the nearest. Lines that are kept are those of `base`, never those of the patch. A hunk
/// that only adds lines goes after line *a* of `@@ -a,0 +…`, or before line *a* of other counts; nothing can
/// verify that. The order of hunks does not matter.
///
/// Patches of models are read kindly: Markdown fences, prose, the header of one file, text after the second
/// `@@`, headers without numbers, wrong counts, context lines without the space in front, and a missing
/// final newline are accepted. Where the patch has other line ends than the lines that it keeps and removes,
/// lines are added with the ends of `base`. A patch that is blank changes nothing.
///
/// Time is linear in the lengths of `base` and `patch`, apart from one sort of the lines. Memory can be some 30
/// times as much as both of them, where lines are short; callers set limits on both.
///
/// # Errors
/// Whatever does not certainly apply is refused as a whole; see [`PatchError`].
pub fn apply_patch(base: &str, patch: &str) -> Result<String, PatchError> {
    if patch.trim().is_empty() {
        return Ok(base.to_owned());
    }
    let parsed = hunk::read(patch)?;
    if parsed.hunks.is_empty() {
        return Err(PatchError::NoHunk);
    }
    let lines = Line::all_of(base);
    let mut places = Places::new(&lines, &parsed.hunks);
    let mut edits = Vec::new();
    for hunk in &parsed.hunks {
        let place = places.of(hunk)?;
        add_edits(&mut edits, hunk, &lines, place);
    }
    // A hunk without lines to compare says nothing of line ends; the others speak for it.
    let is_foreign = parsed.is_crlf || edits.iter().any(|edit| edit.ends == Ends::Foreign);
    for edit in edits.iter_mut().filter(|edit| edit.ends == Ends::Unknown) {
        edit.ends = if is_foreign { Ends::Foreign } else { Ends::Same };
    }
    // Stable, so that what is added at one place keeps the order of the patch.
    edits.sort_by_key(|edit| (edit.at, edit.removed > 0));
    for pair in edits.windows(2) {
        if let [one, other] = pair
            && one.at + one.removed > other.at
        {
            return Err(PatchError::Overlap { hunks: [one.hunk, other.hunk], line: other.at + 1 });
        }
    }
    Ok(edited(&lines, &edits, base.len() + patch.len()))
}

/// Lines that come in the place of others, none of which the hunk keeps.
struct Edit<'a> {
    hunk: usize,
    /// The first line that is removed, or before which lines are added.
    at: usize,
    removed: usize,
    added: Vec<Line<'a>>,
    ends: Ends,
    /// Whether the hunk is wrong about the final newline of the text.
    is_wrong_about_final: bool,
}

/// How the line ends of a hunk compare with those of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Same,
    Foreign,
    /// The hunk has no lines to compare.
    Unknown,
}

fn add_edits<'a>(edits: &mut Vec<Edit<'a>>, hunk: &Hunk<'a>, text: &[Line], place: usize) {
    let (ends, is_wrong_about_final) = compare_ends(hunk, text, place);
    let (mut at, mut is_in_edit) = (place, false);
    for line in &hunk.lines {
        if line.sort != Sort::Context && !is_in_edit {
            let (hunk, added) = (hunk.number, Vec::new());
            edits.push(Edit { hunk, at, removed: 0, added, ends, is_wrong_about_final });
        }
        is_in_edit = line.sort != Sort::Context;
        at += usize::from(line.sort != Sort::Added);
        match edits.last_mut() {
            Some(edit) if line.sort == Sort::Added => edit.added.push(line.line()),
            Some(edit) if line.sort == Sort::Removed => edit.removed += 1,
            _ => {}
        }
    }
}

/// How the line ends of a hunk are those of the text, and whether it is wrong about the final newline.
fn compare_ends(hunk: &Hunk, text: &[Line], place: usize) -> (Ends, bool) {
    let (mut ends, mut is_wrong_about_final) = (Ends::Unknown, false);
    for (line, at) in old_lines(hunk).iter().zip(place..) {
        let (here, there) = (line.line().end, text[at].end);
        let is_final = at + 1 == text.len();
        is_wrong_about_final |= is_final && (here == End::Missing) != (there == End::Missing);
        if here != there {
            ends = Ends::Foreign;
        } else if ends == Ends::Unknown && here != End::Missing {
            ends = Ends::Same;
        }
    }
    (ends, is_wrong_about_final)
}

fn edited(lines: &[Line], edits: &[Edit], length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut push = |line: &str, end: End, missing: End| {
        // A line that was the last one may not be any more.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(missing.as_str());
        }
        text.push_str(line);
        text.push_str(end.as_str());
    };
    let mut at = 0;
    for edit in edits {
        let end_here = end_near(lines, edit.at);
        let past = edit.at + edit.removed;
        for line in &lines[at..edit.at] {
            push(line.text, line.end, end_here);
        }
        for (number, line) in edit.added.iter().enumerate() {
            let is_final = past == lines.len() && number + 1 == edit.added.len();
            let end = match line.end {
                _ if is_final && edit.is_wrong_about_final => match lines.last() {
                    Some(Line { end: End::Missing, .. }) => End::Missing,
                    _ => end_here,
                },
                End::Lf | End::CrLf if edit.ends == Ends::Foreign => end_here,
                end => end,
            };
            push(line.text, end, end_here);
        }
        at = past;
    }
    let end_here = end_near(lines, at);
    for line in &lines[at..] {
        push(line.text, line.end, end_here);
    }
    text
}

/// How lines end around a place.
fn end_near(lines: &[Line], place: usize) -> End {
    let near = lines[..place].iter().rev().chain(&lines[place..]);
    near.map(|line| line.end).find(|end| *end != End::Missing).unwrap_or(End::Lf)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "l1\nl2\nl3\nl4\n";

    #[test]
    fn what_differs_in_form_only_is_accepted() {
        for (patch, expected) in [
            // The number is wrong, too small or missing; the lines are unique.
            ("@@ -4 +4 @@\n-l2\n+L2\n", "l1\nL2\nl3\nl4\n"),
            ("@@ -0,1 +0,1 @@\n-l2\n+L2\n", "l1\nL2\nl3\nl4\n"),
            ("@@ -900 +900 @@\n l1\n-l2\n+L2\n", "l1\nL2\nl3\nl4\n"),
            ("@@\n l3\n+x\n", "l1\nl2\nl3\nx\nl4\n"),
            // Hunks share context, or come in another order.
            (
                "@@ -1,3 +1,3 @@\n-l1\n+L1\n l2\n l3\n@@ -2,3 +2,3 @@\n l2\n l3\n-l4\n+L4\n",
                "L1\nl2\nl3\nL4\n",
            ),
            ("@@ -3,2 +3,2 @@\n l3\n-l4\n+L4\n@@ -1 +1 @@\n-l1\n+L1\n", "L1\nl2\nl3\nL4\n"),
            // Added twice at one place: in the order of the patch.
            ("@@ -2,0 +3 @@\n+x\n@@ -2,0 +4 @@\n+y\n", "l1\nl2\nx\ny\nl3\nl4\n"),
            // A hunk may change nothing.
            ("@@ -1,2 +1,2 @@\n l1\n l2\n", BASE),
            ("--- f\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-l1\n-l2\n-l3\n-l4\n", ""),
        ] {
            assert_eq!(apply_patch(BASE, patch).as_deref(), Ok(expected), "{patch}");
        }
        assert_eq!(apply_patch("  a\n  b\n", "@@ -1,2 +1,2 @@\n  a\n-  b\n+  c\n").unwrap(), "  a\n  c\n");
        assert_eq!(apply_patch("", "@@ -1,0 +1,2 @@\n+a\n+b\n").unwrap(), "a\nb\n");
    }

    #[test]
    fn the_text_keeps_its_line_ends_and_its_final_newline_or_lack_of_one() {
        for (base, patch, expected) in [
            ("a\r\nb\r\n", "@@ -2 +2,2 @@\n-b\n+c\n+d\n", "a\r\nc\r\nd\r\n"),
            ("a\r\nb\r\n", "@@ -2 +2 @@\r\n-b\r\n+c\r\n", "a\r\nc\r\n"),
            ("a\r\nb\r\n", "@@ -1,0 +2 @@\r\n+x\r\n", "a\r\nx\r\nb\r\n"),
            ("a\r\nb\r\n", "@@ -1,0 +2 @@\n+x\n@@ -2 +3 @@\n-b\n+c\n", "a\r\nx\r\nc\r\n"),
            ("a\nb\n", "@@ -2 +2 @@\r\n-b\r\n+c\r\n", "a\nc\n"),
            ("a\r\nb\nc\n", "@@ -1 +1,2 @@\n a\n+x\n@@ -3 +4 @@\n-c\n+d\n", "a\r\nx\r\nb\nd\n"),
            ("a\nb", "@@ -2 +2 @@\n-b\n+c\n", "a\nc"),
            ("a\nb", "@@ -2 +2,2 @@\n b\n+c", "a\nb\nc"),
            ("a\r\nb", "@@ -2 +2,2 @@\n b\n+c\n", "a\r\nb\r\nc"),
            ("a\nb", "@@ -1 +1 @@\n-a\n+A\n", "A\nb"),
            (
                "a\nb\n",
                "@@ -2 +2 @@\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n",
                "a\nc\n",
            ),
            ("a\nb\n", "@@ -1 +1 @@\n-a\n+c\n\\ No newline at end of file\n", "c\nb\n"),
            // What a hunk knows of line ends, it may change.
            ("a\r\nb\r\n", "@@ -2 +2 @@\n-b\r\n+b\n", "a\r\nb\n"),
            ("a\r\nb", "@@ -2 +2 @@\n-b\n\\ No newline at end of file\n+b\n", "a\r\nb\n"),
        ] {
            assert_eq!(apply_patch(base, patch).as_deref(), Ok(expected), "{base:?} {patch:?}");
        }
    }

    #[test]
    fn what_does_not_certainly_apply_is_refused_with_what_to_do() {
        for (base, patch, expected) in [
            (BASE, "no", "The patch has no hunk: no line of it begins with @@."),
            (
                BASE,
                "@@ -1,3 +1,3 @@\n l1\n-l9\n+L2\n l3\n",
                "Hunk 1 does not fit the text: line 3 of the patch is \"l9\", but line 2 of the text is \"l2\". \
                 Repeat lines to keep and to remove exactly as they stand in the text.",
            ),
            (
                BASE,
                "@@ -1 +1 @@\n-l1\n+x\n@@ -1,3 +1,3 @@\n l4\n-l5\n+L5\n",
                "Hunk 2 does not fit the text: line 6 of the patch is \"l5\", but the text ends before it. \
                 Repeat lines to keep and to remove exactly as they stand in the text.",
            ),
            (
                BASE,
                "@@ -7,0 +8 @@\n+x\n",
                "Hunk 1 (line 1 of the patch) adds lines behind the end of the text, which has 4 lines.",
            ),
            (
                "a\nb\na\nb\n",
                "@@ -2 +2 @@\n-a\n+x\n",
                "Hunk 1 (line 1 of the patch) fits the text at line 1 and at line 3: state the right line \
                 number, or add unchanged lines around the change.",
            ),
            (
                BASE,
                "@@ ... @@\n+x\n",
                "Hunk 1 (line 1 of the patch) only adds lines and does not say where: add the lines before and \
                 after them, or state line numbers.",
            ),
            (
                BASE,
                "@@ -2,2 +2,1 @@\n-l2\n-l3\n@@ -3 +3 @@\n-l3\n+x\n",
                "The hunks 1 and 2 both change the text at line 3.",
            ),
            (
                BASE,
                "@@ -2,2 +2 @@\n-l2\n-l3\n@@ -2,0 +3 @@\n+x\n",
                "The hunks 1 and 2 both change the text at line 3.",
            ),
        ] {
            assert_eq!(apply_patch(base, patch).unwrap_err().to_string(), expected, "{patch}");
        }
        let long = format!("@@ -1 +1 @@\n-{}\n", "é".repeat(10_000));
        assert!(apply_patch(BASE, &long).unwrap_err().to_string().len() < 1000);
    }
}
