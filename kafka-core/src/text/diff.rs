//! Making unified diffs, as specified by POSIX for `diff -U`, with hunk headers in the form of Python's
//! `difflib`: a count of 1 is left out, and what is empty has the number of the line before it.

use std::{collections::HashMap, fmt::Write as _, ops::Range};

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Unchanged lines around a change in what people and models read.
const CONTEXT: usize = 3;

/// Most changed lines that are searched for the shortest difference. Their worst case takes some tenths
/// of a second; past it, what cannot be searched is told as one replacement, which is right but long.
const SEARCHED_LINES: usize = 1 << 16;

/// What has to change in `old` to make it `new`, as bare hunks: no context, no header of files.
///
/// Lines break at LF only. Equal texts give an empty text. [`apply_patch`](crate::apply_patch) turns `old`
/// into `new` with it, to the byte. The difference is close to the shortest one, but where more than 65 536
/// lines changed, parts may be told as the removal of all old lines and the addition of all new ones: so the
/// cost stays linear in the length of the texts.
#[must_use]
pub fn unified_diff(old: &str, new: &str) -> String {
    hunks(old, new, 0)
}

/// The same difference to be read by people and models: with three lines of context, and a header that
/// names both texts.
///
/// Control characters in the names become spaces. Equal texts give an empty text.
#[must_use]
pub fn readable_diff(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let hunks = hunks(old, new, CONTEXT);
    if hunks.is_empty() {
        return hunks;
    }
    let on_one_line = |name: &str| name.replace(char::is_control, " ");
    format!("--- {}\n+++ {}\n{hunks}", on_one_line(old_name), on_one_line(new_name))
}

fn hunks(old: &str, new: &str, context: usize) -> String {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (old, new) = (lines(old), lines(new));
    let mut text = String::new();
    // Changes whose context would touch share a hunk.
    let near = |before: &Change, after: &Change| after.old.start - before.old.end <= 2 * context;
    for changes in changes(&old, &new).chunk_by(near) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { continue };
        let before = context.min(first.old.start);
        let after = context.min(old.len() - last.old.end);
        let (old_range, new_range) = (
            range(first.old.start - before..last.old.end + after),
            range(first.new.start - before..last.new.end + after),
        );
        let _ = writeln!(text, "@@ -{old_range} +{new_range} @@");
        let mut at = first.old.start - before;
        for change in changes {
            mark(&mut text, ' ', &old[at..change.old.start]);
            mark(&mut text, '-', &old[change.old.clone()]);
            mark(&mut text, '+', &new[change.new.clone()]);
            at = change.old.end;
        }
        mark(&mut text, ' ', &old[at..at + after]);
    }
    text
}

/// Lines as a hunk header has them.
fn range(lines: Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn mark(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// Lines that were replaced: where they stand in the old text, and in the new one.
pub(super) struct Change {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// All that changed, in order. At least one line is the same between two changes.
pub(super) fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let mut found = Vec::new();
    let mut search_left = SEARCHED_LINES;
    let (head, tail) = common_ends(old, new);
    let is_long = old.len() + new.len() - 2 * (head + tail) > SEARCHED_LINES;
    let anchors = if is_long { anchors(old, new) } else { Vec::new() };
    let (mut old_at, mut new_at) = (0, 0);
    for (old_end, new_end) in anchors.into_iter().chain([(old.len(), new.len())]) {
        let (old_part, new_part) = (&old[old_at..old_end], &new[new_at..new_end]);
        let (head, tail) = common_ends(old_part, new_part);
        let old_part = &old_part[head..old_part.len() - tail];
        let new_part = &new_part[head..new_part.len() - tail];
        let (old_from, new_from) = (old_at + head, new_at + head);
        let lines = old_part.len() + new_part.len();
        if lines <= search_left {
            search_left -= lines;
            for op in capture_diff_slices(Algorithm::Myers, old_part, new_part) {
                let (tag, old, new) = op.as_tag_tuple();
                if tag != DiffTag::Equal {
                    add(&mut found, shifted(old, old_from), shifted(new, new_from));
                }
            }
        } else {
            add(&mut found, old_from..old_end - tail, new_from..new_end - tail);
        }
        (old_at, new_at) = (old_end + 1, new_end + 1);
    }
    found
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

fn add(found: &mut Vec<Change>, old: Range<usize>, new: Range<usize>) {
    match found.last_mut() {
        Some(last) if last.old.end == old.start && last.new.end == new.start => {
            (last.old.end, last.new.end) = (old.end, new.end);
        }
        _ => found.push(Change { old, new }),
    }
}

/// How many lines are the same at the start, and at the end of the rest.
fn common_ends(old: &[&str], new: &[&str]) -> (usize, usize) {
    let same = |(old, new): &(&&str, &&str)| old == new;
    let head = old.iter().zip(new).take_while(same).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(same).count();
    (head, tail)
}

/// Lines that stand once in each text, as many as come in the same order in both: they cut long texts into
/// parts that differ little. The idea is that of Bram Cohen's patience diff.
fn anchors(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    #[derive(Default)]
    struct Stands {
        old: Vec<usize>,
        new: Vec<usize>,
    }
    let mut lines: HashMap<&str, Stands> = HashMap::new();
    for (at, line) in old.iter().enumerate() {
        lines.entry(line).or_default().old.push(at);
    }
    for (at, line) in new.iter().enumerate() {
        lines.entry(line).or_default().new.push(at);
    }
    let mut pairs: Vec<(usize, usize)> = lines
        .values()
        .filter_map(|stands| match (&stands.old[..], &stands.new[..]) {
            ([old], [new]) => Some((*old, *new)),
            _ => None,
        })
        .collect();
    pairs.sort_unstable();
    longest_ascent(&pairs)
}

/// The longest part of the pairs in which the second numbers ascend as well.
fn longest_ascent(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends such a part with the smallest number; and the pair before each.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, new)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *new);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut chosen: Vec<(usize, usize)> =
        std::iter::successors(ends.last().copied(), |at| before[*at]).map(|at| pairs[at]).collect();
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readable_form_has_names_and_context() {
        let old: String = ('a'..='z').flat_map(|line| [line, '\n']).collect();
        let new = old.replace("b\n", "").replace("h\n", "H\n").replace("p\n", "p\nP\n").replace("z\n", "z");
        let expected = "\
--- f (1)
+++ f (2)
@@ -1,11 +1,10 @@
 a
-b
 c
 d
 e
 f
 g
-h
+H
 i
 j
 k
@@ -14,6 +13,7 @@
 n
 o
 p
+P
 q
 r
 s
@@ -23,4 +23,4 @@
 w
 x
 y
-z
+z
\\ No newline at end of file
";
        assert_eq!(readable_diff(&old, &new, "f (1)", "f\n(2)"), expected);
        assert_eq!(readable_diff(&old, &old, "f", "f"), "");
    }

    #[test]
    fn few_changes_of_long_texts_are_told_as_few() {
        let old: String = (0..200_000).map(|line| format!("{}\n", line / 2 * (line % 2))).collect();
        let new = format!("first\n{}last\n", old.replace("\n777\n", "\nchanged\n"));
        let difference = "\
@@ -0,0 +1 @@
+first
@@ -1556 +1557 @@
-777
+changed
@@ -200000,0 +200002 @@
+last
";
        assert_eq!(unified_diff(&old, &new), difference);
    }

    #[test]
    fn what_is_too_long_to_be_searched_is_replaced() {
        let lines = |count, line: &str| line.repeat(count);
        let old = lines(SEARCHED_LINES, "a\nb\n") + "same\n" + &lines(9, "a\n");
        let new = lines(SEARCHED_LINES, "b\na\n") + "same\n" + &lines(9, "b\n");
        let changes = unified_diff(&old, &new);
        let headers: Vec<&str> = changes.lines().filter(|line| line.starts_with('@')).collect();
        assert_eq!(headers, ["@@ -1,131072 +1,131072 @@", "@@ -131074,9 +131074,9 @@"]);
    }

    #[test]
    fn anchors_ascend_in_both_texts() {
        let pairs = |new: &[usize]| longest_ascent(&new.iter().copied().enumerate().collect::<Vec<_>>());
        assert_eq!(pairs(&[]), []);
        assert_eq!(pairs(&[0, 1, 2]), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(pairs(&[2, 1, 0]).len(), 1);
        assert_eq!(pairs(&[9, 0, 8, 1, 7, 2]), [(1, 0), (3, 1), (5, 2)]);
    }
}
