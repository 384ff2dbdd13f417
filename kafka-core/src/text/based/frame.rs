//! What is open at some place of a text.

use super::flaw::Flaw;

/// Something that has to be closed, from the byte `at`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    Bracket {
        open: u8,
        at: usize,
    },
    /// A string with fields.
    Text {
        quote: Quote,
        at: usize,
    },
    /// An expression in such a string, and what says how to write its value: `{value:form}`.
    Field {
        quote: Quote,
        at: usize,
        in_form: bool,
    },
}

/// What ends a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) byte: u8,
    pub(super) is_triple: bool,
    pub(super) is_raw: bool,
}

impl Frame {
    /// Where it begins, and what is wrong when it never ends.
    pub(super) fn unclosed(&self) -> (usize, Flaw) {
        match *self {
            Frame::Bracket { open, at } => (at, Flaw::Unclosed(open)),
            Frame::Text { at, .. } => (at, Flaw::UnclosedText),
            Frame::Field { at, .. } => (at, Flaw::UnclosedField),
        }
    }
}
