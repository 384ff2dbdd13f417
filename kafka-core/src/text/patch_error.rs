//! Why patches are refused, in words that whoever wrote the patch can act on.

use std::{error::Error, fmt};

/// Why a patch was not applied. Hunks and lines count from 1. The text says what to do about it, and quotes
/// lines of the patch and of the text that it was to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// Nothing in it is a hunk.
    NoHunk,
    /// It changes more than one file.
    SecondFile {
        /// The line of the patch on which the second one begins.
        line: usize,
    },
    /// The hunk has no lines.
    EmptyHunk {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch with its header.
        line: usize,
    },
    /// An edit stands behind a hunk that is over by the counts of its header.
    BehindHunk {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch with the edit.
        line: usize,
    },
    /// The hunk only adds lines and states no line number.
    NoPlace {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch with its header.
        line: usize,
    },
    /// The hunk only adds lines, at a line that the text does not have.
    BeyondEnd {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch with its header.
        line: usize,
        /// How many lines the text has.
        lines: usize,
    },
    /// A line that the hunk keeps or removes does not stand where it should.
    Mismatch {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch that does not fit.
        line: usize,
        /// What it says, without its mark.
        expected: String,
        /// The line of the text where the hunk fits best, and what stands there; none past its end.
        found: Option<(usize, String)>,
    },
    /// The hunk does not fit at the stated line, but at several others.
    Ambiguous {
        /// Which hunk.
        hunk: usize,
        /// The line of the patch with its header.
        line: usize,
        /// The first lines of two places of the text where it fits.
        places: [usize; 2],
    },
    /// Two hunks change the same lines.
    Overlap {
        /// Which hunk, and the other one.
        hunks: [usize; 2],
        /// The line of the text that both change.
        line: usize,
    },
    /// Line numbers are wrong, and the lines of the hunks stand in so many places that looking for the right
    /// ones was given up.
    TooRepetitive {
        /// Which hunk was looked for.
        hunk: usize,
        /// The line of the patch with its header.
        line: usize,
    },
}

impl Error for PatchError {}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::NoHunk => {
                write!(f, "The patch has no hunk: no line of it begins with @@.")
            }
            PatchError::SecondFile { line } => {
                write!(f, "Line {line} of the patch begins a second file; a patch changes one file.")
            }
            PatchError::EmptyHunk { hunk, line } => {
                write!(f, "Hunk {hunk} (line {line} of the patch) has no lines.")
            }
            PatchError::BehindHunk { hunk, line } => write!(
                f,
                "Line {line} of the patch stands behind the end of hunk {hunk}: correct the counts in the \
                 header of the hunk, and begin each of its lines with a space, - or +."
            ),
            PatchError::NoPlace { hunk, line } => write!(
                f,
                "Hunk {hunk} (line {line} of the patch) only adds lines and does not say where: add the \
                 lines before and after them, or state line numbers."
            ),
            PatchError::BeyondEnd { hunk, line, lines } => write!(
                f,
                "Hunk {hunk} (line {line} of the patch) adds lines behind the end of the text, which has \
                 {lines} lines."
            ),
            PatchError::Mismatch { hunk, line, expected, found } => {
                write!(f, "Hunk {hunk} does not fit the text: line {line} of the patch is {expected:?}, ")?;
                match found {
                    Some((at, found)) => write!(f, "but line {at} of the text is {found:?}.")?,
                    None => write!(f, "but the text ends before it.")?,
                }
                write!(f, " Repeat lines to keep and to remove exactly as they stand in the text.")
            }
            PatchError::Ambiguous { hunk, line, places: [one, other] } => write!(
                f,
                "Hunk {hunk} (line {line} of the patch) fits the text at line {one} and at line {other}: \
                 state the right line number, or add unchanged lines around the change."
            ),
            PatchError::Overlap { hunks: [one, other], line } => {
                write!(f, "The hunks {one} and {other} both change the text at line {line}.")
            }
            PatchError::TooRepetitive { hunk, line } => write!(
                f,
                "The line number of hunk {hunk} (line {line} of the patch) is wrong, and its lines repeat \
                 too often to find it: state the right line number."
            ),
        }
    }
}
