//! The parts of a line.

use super::flaw::Flaw;

/// A part of the text, from byte `start` up to `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
    /// Why it cannot stand behind the part before it.
    pub(super) misfit: Option<Misfit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, or a constant written as one.
    Name,
    /// A keyword that is no operator, and at the start of a line also `loop`, `until` and other words that
    /// are keywords only there.
    Keyword,
    Number,
    /// A string literal, or the start of one with fields. `is_plain` says that it is text and has no fields.
    Text {
        is_plain: bool,
    },
    /// The end of a string literal with fields.
    TextEnd,
    Open,
    Close,
    Comma,
    Colon,
    Semicolon,
    /// An operator with something on each side.
    Infix,
    /// A sign, which may also stand between two values.
    Sign,
    Not,
    Dot,
    /// What has several meanings, such as `*`.
    Loose,
    /// The end of a line that is not continued.
    LineEnd,
    End,
    /// Not a part that Python knows.
    Wrong(Flaw),
}

impl Kind {
    /// Whether a value ends here.
    pub(super) fn ends_value(self) -> bool {
        matches!(self, Kind::Name | Kind::Number | Kind::Text { .. } | Kind::TextEnd | Kind::Close)
    }

    /// Whether it is an operator that a value has to follow.
    fn needs_value(self) -> bool {
        matches!(self, Kind::Infix | Kind::Sign | Kind::Not)
    }

    /// Whether nothing stands before a value here.
    fn begins(self) -> bool {
        matches!(self, Kind::LineEnd | Kind::Semicolon | Kind::Open)
    }
}

/// What is wrong with `next` right after `previous`, if anything is. Expressions are not parsed; this finds
/// what goes wrong most in them: a missing comma, a quote inside a string, an operator of another language.
pub(super) fn misfit(previous: Kind, next: Kind) -> Option<Misfit> {
    match next {
        Kind::Text { .. } if matches!(previous, Kind::Text { .. } | Kind::TextEnd) => None,
        Kind::Name | Kind::Number | Kind::Text { .. } if previous.ends_value() => Some(Misfit::TwoValues),
        Kind::Close | Kind::Comma | Kind::Colon | Kind::Semicolon | Kind::LineEnd
            if previous.needs_value() =>
        {
            Some(Misfit::OperatorAtEnd)
        }
        Kind::Infix if previous.begins() || matches!(previous, Kind::Infix | Kind::Sign) => {
            Some(Misfit::OperatorAtStart)
        }
        Kind::Comma if previous.begins() || previous == Kind::Comma => Some(Misfit::CommaAtStart),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    TwoValues,
    OperatorAtEnd,
    OperatorAtStart,
    CommaAtStart,
}

/// What a word is wherever it stands.
pub(super) fn kind_of_word(word: &str) -> Kind {
    match word {
        "and" | "in" | "is" | "or" => Kind::Infix,
        "not" => Kind::Not,
        "as" | "async" | "await" | "else" | "for" | "from" | "if" | "lambda" | "yield" => Kind::Keyword,
        word if is_of_statement(word) => Kind::Keyword,
        _ => Kind::Name,
    }
}

/// Whether the word stands at the start of a statement only, or of a part of one, never inside brackets.
pub(super) fn is_of_statement(word: &str) -> bool {
    matches!(
        word,
        "assert"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "except"
            | "finally"
            | "global"
            | "import"
            | "nonlocal"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
    )
}

/// Whether a word that looks so is the prefix of a string literal.
pub(super) fn is_prefix(word: &str) -> bool {
    const PREFIXES: [&str; 11] = ["r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"];
    PREFIXES.iter().any(|prefix| prefix.eq_ignore_ascii_case(word))
}
