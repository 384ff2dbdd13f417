//! Bringing two changes of one text together.

use super::diff::{Change, changes};

/// The text with both what `ours` and what `theirs` changes of `base`. None where the two touch: where they
/// change the same lines otherwise, or lines that stand next to each other, nobody can say what is meant.
///
/// Nothing is searched for: each change keeps the place between the lines where it was made.
pub(crate) fn merge(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let [base, ours, theirs] =
        [base, ours, theirs].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let (our_changes, their_changes) = (changes(&base, &ours), changes(&base, &theirs));
    let mut our_rest = our_changes.iter().peekable();
    let mut their_rest = their_changes.iter().peekable();
    let mut merged = String::new();
    let mut at = 0;
    loop {
        let (change, lines) = match (our_rest.peek(), their_rest.peek()) {
            (Some(our), Some(their))
                if our.old == their.old && lines_of(our, &ours) == lines_of(their, &theirs) =>
            {
                their_rest.next();
                (our_rest.next()?, &ours)
            }
            (Some(our), Some(their)) if our.old.start <= their.old.end && their.old.start <= our.old.end => {
                return None;
            }
            (Some(our), Some(their)) if their.old.start < our.old.start => (their_rest.next()?, &theirs),
            (None, Some(_)) => (their_rest.next()?, &theirs),
            (Some(_), _) => (our_rest.next()?, &ours),
            (None, None) => break,
        };
        merged.extend(base[at..change.old.start].iter().chain(lines_of(change, lines)).copied());
        at = change.old.end;
    }
    merged.extend(base[at..].iter().copied());
    Some(merged)
}

fn lines_of<'a, 't>(change: &Change, lines: &'a [&'t str]) -> &'a [&'t str] {
    &lines[change.new.clone()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changes_come_together_unless_they_touch() {
        let base = "a\nb\nc\nd\ne\n";
        for (ours, theirs, merged) in [
            ("A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", Some("A\nb\nc\nd\nE\n")),
            ("a\nb\nc\nd\nE\n", "x\na\nb\nc\nd\ne\n", Some("x\na\nb\nc\nd\nE\n")),
            // The number of the line is wrong by now; the place is not.
            ("a\nb\nc\nnew\nd\ne\n", "x\ny\na\nb\nc\nd\ne\n", Some("x\ny\na\nb\nc\nnew\nd\ne\n")),
            ("a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n", Some("a\nB\nc\nd\ne\n")),
            ("a\nB\nc\nd\ne\n", base, Some("a\nB\nc\nd\ne\n")),
            ("a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n", None),
            ("a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n", None),
            ("a\nb\nc\nd\ne\nx\n", "a\nb\nc\nd\ne\ny\n", None),
            ("a\nB\nc\nd\ne\n", "", None),
        ] {
            assert_eq!(merge(base, ours, theirs).as_deref(), merged, "{ours:?} {theirs:?}");
        }
        // Two places that look alike are not taken for each other.
        let alike = "f:\n  x\ng:\n  x\n";
        let ours = "f:\n  x\ng:\n  y\n";
        let theirs = "e:\n  x\nd:\n  x\nf:\n  x\ng:\n  x\n";
        assert_eq!(merge(alike, ours, theirs).unwrap(), "e:\n  x\nd:\n  x\nf:\n  x\ng:\n  y\n");
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter_and_what_one_did_not_change_is_the_others(
            base in "([abc]\n){0,8}", ours in "([abc]\n){0,8}", theirs in "([abc]\n){0,8}[a]?",
        ) {
            prop_assert_eq!(merge(&base, &ours, &theirs), merge(&base, &theirs, &ours));
            prop_assert_eq!(merge(&base, &ours, &base), Some(ours.clone()));
            prop_assert_eq!(merge(&base, &ours, &ours), Some(ours));
        }
    }
}
