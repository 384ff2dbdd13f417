//! How far a line is indented.

use std::cmp::Ordering;

/// The white space in front of a line, measured twice as Python does: once with a tab stop every eight columns,
/// once with a tab as one column. Where the two disagree about which line is deeper, nobody can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Indent {
    wide: usize,
    narrow: usize,
}

impl Indent {
    /// Measures white space; a form feed begins anew.
    pub(super) fn of(space: &[u8]) -> Indent {
        space.iter().fold(Indent::default(), |indent, byte| match byte {
            b'\t' => Indent { wide: (indent.wide / 8 + 1) * 8, narrow: indent.narrow + 1 },
            b'\x0c' => Indent::default(),
            _ => Indent { wide: indent.wide + 1, narrow: indent.narrow + 1 },
        })
    }

    /// None where tabs and spaces are mixed so that it depends on the width of a tab.
    pub(super) fn compare(self, other: Indent) -> Option<Ordering> {
        let (wide, narrow) = (self.wide.cmp(&other.wide), self.narrow.cmp(&other.narrow));
        (wide == narrow).then_some(wide)
    }

    /// As it looks where tab stops are eight columns apart.
    pub(super) fn columns(self) -> usize {
        self.wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_spaces_compare_only_where_the_width_of_a_tab_does_not_matter() {
        for (one, other, expected) in [
            ("", "", Some(Ordering::Equal)),
            ("    ", "  ", Some(Ordering::Greater)),
            ("\t", "\t ", Some(Ordering::Less)),
            ("\t", "\t\t", Some(Ordering::Less)),
            ("\t", "", Some(Ordering::Greater)),
            ("\t", " ", None),
            ("\t", "        ", None),
            ("    ", "\t", None),
            (" \x0c  ", "  ", Some(Ordering::Equal)),
        ] {
            let [one_indent, other_indent] = [one, other].map(|space| Indent::of(space.as_bytes()));
            assert_eq!(one_indent.compare(other_indent), expected, "{one:?} {other:?}");
        }
    }
}
