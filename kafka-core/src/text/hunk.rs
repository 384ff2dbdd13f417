//! Reading the hunks of a unified diff as people and models write it. Nothing is compared with a text here.
//!
//! Counts in headers are often wrong, so they decide one thing only: where both are reached and a line
//! without a mark follows, the hunk is over. An edit behind that place is refused, never dropped.

use super::{line::Line, patch_error::PatchError};

/// What a patch asks for.
pub(super) struct Hunks<'a> {
    pub(super) hunks: Vec<Hunk<'a>>,
    /// Whether each line of the patch itself ended with CR LF, so that its lines do not tell what ends theirs.
    pub(super) is_crlf: bool,
}

pub(super) struct Hunk<'a> {
    /// From 1, and the line of the patch that its header stands on.
    pub(super) number: usize,
    pub(super) line: usize,
    pub(super) stated: Option<Stated>,
    pub(super) lines: Vec<HunkLine<'a>>,
}

/// The numbers of `@@ -start,old +…,new @@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) start: usize,
    pub(super) old: usize,
    new: Option<usize>,
}

pub(super) struct HunkLine<'a> {
    /// Where it stands in the patch.
    pub(super) number: usize,
    pub(super) sort: Sort,
    /// All of it before the LF.
    whole: &'a str,
    is_marked: bool,
    /// Whether the patch notes that no newline ends it.
    is_unended: bool,
}

impl<'a> HunkLine<'a> {
    /// The line of a text that is kept, removed or added.
    pub(super) fn line(&self) -> Line<'a> {
        let text = &self.whole[usize::from(self.is_marked)..];
        // Without an LF a CR is no part of the end.
        if self.is_unended { Line::unended(text) } else { Line::before_lf(text) }
    }

    /// What a context line is if the space in front of it is its own, and its mark is missing.
    pub(super) fn with_space(&self) -> Option<&'a str> {
        let may_be = self.is_marked && self.sort == Sort::Context;
        may_be.then(|| Line::before_lf(self.whole).text)
    }

    fn is_blank(&self) -> bool {
        self.line().text.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Context,
    Removed,
    Added,
}

/// The hunks of a patch. Prose, Markdown fences and the header of one file around them are left out.
pub(super) fn read(patch: &str) -> Result<Hunks<'_>, PatchError> {
    let mut lines: Vec<&str> = patch.split_terminator('\n').collect();
    let is_crlf = lines.iter().find(|line| line.starts_with("@@")).is_some_and(|line| line.ends_with('\r'));
    if is_crlf {
        lines.iter_mut().for_each(|line| *line = line.strip_suffix('\r').unwrap_or(line));
    }
    let mut reader = Reader::default();
    for (index, line) in lines.iter().enumerate() {
        reader.read(index + 1, line, lines.get(index + 1).copied().unwrap_or_default())?;
    }
    reader.end_hunk()?;
    Ok(Hunks { hunks: reader.hunks, is_crlf })
}

#[derive(Default)]
struct Reader<'a> {
    hunks: Vec<Hunk<'a>>,
    place: Place,
    is_fenced: bool,
    /// What the counts of the hunk still promise of the old text and of the new one; none once they are
    /// known to be wrong.
    left: Option<(usize, usize)>,
    file_headers: usize,
    git_headers: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// In prose, or in the header of a file.
    #[default]
    Outside,
    Inside,
    /// Behind a hunk, where no edit may follow.
    Behind,
}

impl<'a> Reader<'a> {
    fn read(&mut self, number: usize, line: &'a str, next: &str) -> Result<(), PatchError> {
        let is_complete = self.left == Some((0, 0));
        let is_git_header = line.starts_with("diff --git ");
        // A removed line that begins with two dashes looks the same, so the counts have to agree.
        let is_file_header = line.starts_with("--- ")
            && next.starts_with("+++ ")
            && (self.place != Place::Inside || is_complete);
        if is_git_header || is_file_header {
            return self.begin_file(number, is_git_header);
        }
        if line.starts_with("@@") {
            self.end_hunk()?;
            let stated = stated(line);
            self.left = stated.and_then(|stated| Some((stated.old, stated.new?)));
            self.place = Place::Inside;
            self.hunks.push(Hunk { number: self.hunks.len() + 1, line: number, stated, lines: Vec::new() });
            return Ok(());
        }
        let is_fence = line.starts_with("```");
        let is_end = is_complete && !line.starts_with(MARKS) || self.is_fenced && is_fence;
        match self.place {
            Place::Inside if !is_end => self.add_line(number, line),
            Place::Behind if line.starts_with(['+', '-']) => {
                return Err(PatchError::BehindHunk { hunk: self.hunks.len(), line: number });
            }
            // A fence may be a line of the file that lacks its mark, unless the hunk has all its lines.
            _ if is_fence && (self.place == Place::Outside || self.is_fenced && is_complete) => {
                (self.place, self.is_fenced) = (Place::Outside, !self.is_fenced);
            }
            Place::Inside | Place::Behind => {
                self.place = Place::Behind;
                self.is_fenced ^= is_fence;
            }
            Place::Outside => {}
        }
        Ok(())
    }

    fn begin_file(&mut self, number: usize, is_git_header: bool) -> Result<(), PatchError> {
        self.git_headers += usize::from(is_git_header);
        self.file_headers += usize::from(!is_git_header);
        if !self.hunks.is_empty() || self.file_headers > 1 || self.git_headers > 1 {
            return Err(PatchError::SecondFile { line: number });
        }
        Ok(())
    }

    fn add_line(&mut self, number: usize, line: &'a str) {
        let Some(hunk) = self.hunks.last_mut() else { return };
        let (sort, is_marked) = match line.as_bytes().first() {
            Some(b'+') => (Sort::Added, true),
            Some(b'-') => (Sort::Removed, true),
            Some(b' ') => (Sort::Context, true),
            Some(b'\\') => {
                if let Some(last) = hunk.lines.last_mut() {
                    last.is_unended = true;
                }
                return;
            }
            _ => (Sort::Context, false),
        };
        hunk.lines.push(HunkLine { number, sort, whole: line, is_marked, is_unended: false });
        let (old, new) = (usize::from(sort != Sort::Added), usize::from(sort != Sort::Removed));
        self.left = self.left.and_then(|left| Some((left.0.checked_sub(old)?, left.1.checked_sub(new)?)));
    }

    /// Takes from the last hunk what stands without marks behind its last edit and is no context.
    fn end_hunk(&mut self) -> Result<(), PatchError> {
        let Some(hunk) = self.hunks.last_mut() else { return Ok(()) };
        let marked = hunk.lines.iter().rposition(|line| line.is_marked).map_or(0, |last| last + 1);
        let tail = &hunk.lines[marked..];
        // Blank lines at the end confirm little and are rarely meant. What follows one may well be prose,
        // unless nothing else tells where the hunk belongs.
        let is_found_without = hunk.lines[..marked].iter().any(|line| line.sort != Sort::Added);
        let kept = match tail.iter().position(HunkLine::is_blank) {
            Some(blank) if is_found_without => blank,
            _ => tail.iter().rposition(|line| !line.is_blank()).map_or(0, |last| last + 1),
        };
        hunk.lines.truncate(marked + kept);
        if hunk.lines.is_empty() {
            return Err(PatchError::EmptyHunk { hunk: hunk.number, line: hunk.line });
        }
        Ok(())
    }
}

/// What lines of a hunk begin with, the note about a missing final newline included.
const MARKS: [char; 4] = ['+', '-', ' ', '\\'];

/// The numbers of a header, which may be missing: models write `@@ ... @@`, or the name of a function.
fn stated(header: &str) -> Option<Stated> {
    let (start, old, rest) = numbers(header.strip_prefix("@@")?.trim_start().strip_prefix('-')?)?;
    let new = rest.trim_start().strip_prefix('+').and_then(numbers).map(|(_, new, _)| new);
    Some(Stated { start, old, new })
}

/// A line, a count, which is 1 where it is left out, and what follows them.
fn numbers(text: &str) -> Option<(usize, usize, &str)> {
    let (line, rest) = number(text)?;
    let Some(count) = rest.strip_prefix(',') else { return Some((line, 1, rest)) };
    let (count, rest) = number(count)?;
    Some((line, count, rest))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_with_and_without_numbers() {
        let numbers = |start, old, new| Some(Stated { start, old, new });
        for (header, expected) in [
            ("@@ -1,2 +3,4 @@", numbers(1, 2, Some(4))),
            ("@@ -1 +3 @@", numbers(1, 1, Some(1))),
            ("@@ -4,0 +5 @@ fn main() {", numbers(4, 0, Some(1))),
            ("@@-1,2+3,4@@", numbers(1, 2, Some(4))),
            ("@@ -1,2 @@", numbers(1, 2, None)),
            ("@@ -1,2 +x @@", numbers(1, 2, None)),
            ("@@ ... @@", None),
            ("@@", None),
            ("@@ fn main() {", None),
            ("@@ -1,x +2 @@", None),
            ("@@ -99999999999999999999999 +1 @@", None),
        ] {
            assert_eq!(stated(header), expected, "{header}");
        }
    }

    fn lines(patch: &str) -> Result<Vec<Vec<String>>, PatchError> {
        let line = |line: &HunkLine| format!("{:?} {}{:?}", line.sort, line.line().text, line.line().end);
        let hunks = read(patch)?.hunks;
        Ok(hunks.iter().map(|hunk| hunk.lines.iter().map(line).collect()).collect())
    }

    #[test]
    fn what_stands_around_hunks_is_left_out() {
        let hunk = Ok(vec![vec!["Removed aLf".to_owned(), "Added bLf".to_owned()]]);
        for patch in [
            "@@ -1 +1 @@\n-a\n+b\n",
            "@@ -1 +1 @@\n-a\n+b",
            "@@ -1 +1 @@\r\n-a\r\n+b\r\n",
            "@@ -1 +1 @@\n-a\n+b\n\n\n",
            "@@ -1 +1 @@\n-a\n+b\nThat is all.\n* really\n",
            "@@ ... @@\n-a\n+b\n\nThat is all.\n",
            "Look:\n```diff\n@@ -1 +1 @@\n-a\n+b\n```\n- That is all.\n",
            "```py\n- x\n```\n~~~\n```\n@@ -1,7 +1,7 @@\n-a\n+b\n```\nThat is all.\n",
            "@@ -1 +1 @@\n-a\n+b\n```\n",
            "diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
            "Index: f\n=====\n--- f\t2026-01-01\n+++ f\t2026-01-02\n@@ -1 +1 @@ f()\n-a\n+b\n",
        ] {
            assert_eq!(lines(patch), hunk, "{patch}");
        }
        for patch in ["", "\n", "not a diff\n", "--- f\n+++ f\n", "```diff\n```\n", " @@ -1 +1 @@\n-a\n"] {
            assert_eq!(lines(patch), Ok(vec![]), "{patch}");
        }
    }

    #[test]
    fn a_second_file_is_refused_but_edits_that_look_like_its_header_are_not() {
        let two = ["--- f\n+++ f\n", "diff --git a/f b/f\n", "diff --git a/f b/f\n--- f\n+++ f\n"];
        for header in two {
            let line = header.lines().count() + 4;
            let patch = format!("{header}@@ -1 +1 @@\n-a\n+b\n{header}@@ -1 +1 @@\n-a\n+b\n");
            assert_eq!(lines(&patch), Err(PatchError::SecondFile { line }), "{patch}");
        }
        assert_eq!(
            lines("diff --git a/f b/g\nrename from f\nrename to g\ndiff --git a/h b/h\n@@ -1 +1 @@\n-a\n"),
            Err(PatchError::SecondFile { line: 4 }),
        );
        assert_eq!(
            lines("@@ -1 +1 @@\n--- f\n+++ f\n@@ -3 +3 @@\n-a\n"),
            Ok(vec![
                vec!["Removed -- fLf".to_owned(), "Added ++ fLf".to_owned()],
                vec!["Removed aLf".to_owned()]
            ]),
        );
    }

    #[test]
    fn an_edit_behind_a_hunk_is_refused_instead_of_dropped() {
        for patch in [
            "@@ -1 +1 @@\n-a\n+b\n\n+c\n",
            // The file has a fence itself, whose mark is missing.
            "```diff\n@@ -1,4 +1,4 @@\n a\n```\n-b\n+c\n```\n",
            "@@ -1 +1 @@\n-a\n+b\n```\n+c\n",
            "```diff\n@@\n-a\n```\n+c\n",
        ] {
            assert_eq!(lines(patch), Err(PatchError::BehindHunk { hunk: 1, line: 5 }), "{patch}");
        }
        assert_eq!(lines("@@ -1 +1 @@\n@@ -1 +1 @@\n-a\n"), Err(PatchError::EmptyHunk { hunk: 1, line: 1 }));
    }

    #[test]
    fn lines_without_marks_are_context_where_the_hunk_goes_on_or_has_nothing_else() {
        for (patch, expected) in [
            ("@@ -1,4 +1,4 @@\na\n\n-b\n+c\nd\n", "Context aLf,Context Lf,Removed bLf,Added cLf,Context dLf"),
            ("@@ -1,2 +1,3 @@\n+a\n\nb\n\n", "Added aLf,Context Lf,Context bLf"),
            ("@@ -1 +1 @@\n-a\r\n\\ No newline at end of file\n+b\n", "Removed a\rMissing,Added bLf"),
            ("@@ -1 +1 @@\n-a\r\n+b\r\n", "Removed aCrLf,Added bCrLf"),
        ] {
            assert_eq!(lines(patch).unwrap()[0].join(","), expected, "{patch}");
        }
    }
}
