//! What the check tells: which rule a text breaks, where, and what to write instead.

use std::fmt;

use serde::{Serialize, Serializer};

/// What is wrong at one place of a text.
///
/// `Display` gives `LINE:COLUMN: sentence`, the form in which compilers report and editors jump. As JSON it is
/// an object of its fields, with the rule as its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1. Lines end with LF, before which one CR may stand.
    pub line: usize,
    /// The column in characters, from 1. A tab is one character, as is whatever else one code point stands for.
    pub column: usize,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong and what to write, in words that a language model can act on. It quotes at most 40
    /// characters of the text at a time.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.sentence)
    }
}

/// A rule of Based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// B1: at least one `loop:` stands at the top level.
    LoopMissing,
    /// B2: an `until` follows each `loop:` at the same indentation.
    UntilMissing,
    /// B3: `until` stands only there.
    UntilMisplaced,
    /// B4: the body of a loop is one statement, `x = talk(…)` or `talk(…)`.
    LoopBody,
    /// B5: an `until` is `until "condition":`, with a string literal that is not blank.
    Condition,
    /// B6: no block is empty.
    EmptyBlock,
    /// B7: `talk` is called as the body of a loop only, and with a prompt.
    Talk,
    /// B8: there is no `while`.
    While,
    /// B9: what remains is written as in Python.
    Syntax,
}

impl Rule {
    /// The stable code of the rule, `B1` to `B9`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Rule::LoopMissing => "B1",
            Rule::UntilMissing => "B2",
            Rule::UntilMisplaced => "B3",
            Rule::LoopBody => "B4",
            Rule::Condition => "B5",
            Rule::EmptyBlock => "B6",
            Rule::Talk => "B7",
            Rule::While => "B8",
            Rule::Syntax => "B9",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
