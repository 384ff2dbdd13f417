//! Lines with their ends. They break at LF only, which may have one CR before it.

/// A line of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) end: End,
}

/// What ends a line: nothing ends the last line of a text without a final newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Missing,
    Lf,
    CrLf,
}

impl<'a> Line<'a> {
    /// The line that stood before an LF.
    pub(super) fn before_lf(text: &'a str) -> Line<'a> {
        match text.strip_suffix('\r') {
            Some(text) => Line { text, end: End::CrLf },
            None => Line { text, end: End::Lf },
        }
    }

    /// The line that a text ends with, whose LF is missing. A CR belongs to it like any other character.
    pub(super) fn unended(text: &'a str) -> Line<'a> {
        Line { text, end: End::Missing }
    }

    /// The lines of a text, which together are the text again.
    pub(super) fn all_of(text: &'a str) -> Vec<Line<'a>> {
        let line = |line: &'a str| line.strip_suffix('\n').map_or(Line::unended(line), Line::before_lf);
        text.split_inclusive('\n').map(line).collect()
    }
}

impl End {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            End::Missing => "",
            End::Lf => "\n",
            End::CrLf => "\r\n",
        }
    }
}
