//! Everything that can be wrong, and the sentences about it.

use std::borrow::Cow;

use super::{finding::Rule, report::Source};

/// What is wrong. Places are offsets in bytes; what they mean to a reader is found out for the few flaws
/// that are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NoLoop,
    NoUntil,
    StrayUntil,
    /// It stands in the body of the loop that begins here.
    UntilInBody(usize),
    SecondInBody,
    BodyIsNotTalk,
    Condition,
    BlankCondition,
    EmptyBlock(Block),
    StrayTalk,
    TalkWithoutPrompt,
    While,
    Unclosed(u8),
    UnclosedText,
    UnclosedField,
    StrayClose(u8),
    /// It closes the bracket that was opened here.
    WrongClose(u8, usize),
    StrayBrace,
    StrayBackslash,
    Character(char),
    /// A value, up to here, right behind another.
    TwoValues(usize),
    /// A string, up to here, right behind the name that its line begins with.
    TextAfterName(usize),
    /// `=` where something is to be true.
    AssignInCondition,
    /// An operator, up to here, with nothing before it.
    OperatorAtStart(usize),
    OperatorAtEnd,
    CommaAtStart,
    NoColon,
    LoopWithTail,
    ElseWithTail,
    HeadWithoutTail,
    NoHead,
    BlockInLine,
    /// What it continues is not there.
    StrayPart,
    Deeper,
    /// Where lines begin that are indented as it may be: less and more.
    Between(usize, usize),
    Mixed,
}

/// What a block belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Loop,
    Until,
    Other,
}

impl Flaw {
    pub(super) fn rule(self) -> Rule {
        match self {
            Flaw::NoLoop => Rule::LoopMissing,
            Flaw::NoUntil => Rule::UntilMissing,
            Flaw::StrayUntil | Flaw::UntilInBody(_) => Rule::UntilMisplaced,
            Flaw::SecondInBody | Flaw::BodyIsNotTalk => Rule::LoopBody,
            Flaw::Condition | Flaw::BlankCondition => Rule::Condition,
            Flaw::EmptyBlock(_) => Rule::EmptyBlock,
            Flaw::StrayTalk | Flaw::TalkWithoutPrompt => Rule::Talk,
            Flaw::While => Rule::While,
            _ => Rule::Syntax,
        }
    }

    /// What is wrong at `at`, and what to write.
    pub(super) fn sentence(self, source: Source<'_>, at: usize) -> Cow<'static, str> {
        let sentence = match self {
            Flaw::NoLoop => {
                "There is no `loop:` at the top level; write `loop:` without indentation, `r = talk(\"…\", True)` \
                 in it, and `until \"…\":` after it."
            }
            Flaw::NoUntil => {
                "This loop has no `until`; write `until \"…\":` right after its body, at the same indentation \
                 as its `loop:`."
            }
            Flaw::StrayUntil => {
                "This `until` does not follow a loop; write it right after the body of a `loop:`, or after the \
                 block of another `until`, at the same indentation as the `loop:`."
            }
            Flaw::UntilInBody(of) => {
                let line = source.place(of).0;
                return format!(
                    "This `until` stands in the body of the loop of line {line}; write it at the same indentation \
                     as that `loop:`."
                )
                .into();
            }
            Flaw::SecondInBody => {
                "The body of a loop is one statement, `r = talk(…)`; move this line before the `loop:` or into \
                 the block of an `until`."
            }
            Flaw::BodyIsNotTalk => {
                "The body of a loop is a call of talk and nothing else; write `r = talk(\"…\", True)`, and move \
                 other statements before the `loop:` or into the block of an `until`."
            }
            Flaw::Condition => {
                "The condition of an `until` is one plain string and a colon; write `until \"what has to be \
                 true\":`."
            }
            Flaw::BlankCondition => {
                "The condition of this `until` says nothing; write in words what has to be true, as in \
                 `until \"a colour is named\":`."
            }
            Flaw::EmptyBlock(Block::Loop) => {
                "This loop has no body; write `r = talk(\"…\", True)` below it, indented more."
            }
            Flaw::EmptyBlock(Block::Until) => {
                "This `until` has no block; write what is to be done below it, indented more, or `pass`."
            }
            Flaw::EmptyBlock(Block::Other) => {
                "This line begins a block, and there is none; write its statements below it, indented more, or \
                 `pass`."
            }
            Flaw::StrayTalk => {
                "`talk` may be called as the body of a loop only; write a `loop:` with this call in it and an \
                 `until` after it, or `say(…)` to say something without waiting."
            }
            Flaw::TalkWithoutPrompt => {
                "This `talk` has no prompt; write what the agent is to do as its first argument, as in \
                 `talk(\"Ask for a colour.\", True)`."
            }
            Flaw::While => "Based has no `while`; write `loop:` with `until \"…\":` after it, or `for`.",
            Flaw::Unclosed(open) => {
                let (open, close) = (char::from(open), char::from(closing(open)));
                return format!("This `{open}` is never closed; write `{close}` where it ends.").into();
            }
            Flaw::UnclosedText => {
                "This string is never closed; write its quote again where it ends, `\\n` for a line break in it, \
                 and a backslash before a quote that belongs to it."
            }
            Flaw::UnclosedField => {
                "This `{` in an f-string is never closed; write `}` after the expression, or `{{` for a brace."
            }
            Flaw::StrayClose(close) => {
                return format!("This `{}` closes nothing; remove it.", char::from(close)).into();
            }
            Flaw::WrongClose(close, open) => {
                let (line, column) = source.place(open);
                let open = source.byte(open);
                let [open, right, close] = [open, closing(open), close].map(char::from);
                return format!(
                    "`{close}` cannot close the `{open}` of line {line}, column {column}; write `{right}` first."
                )
                .into();
            }
            Flaw::StrayBrace => "This `}` in an f-string closes nothing; write `}}` for a brace.",
            Flaw::StrayBackslash => {
                "A backslash outside a string stands at the end of a line only; remove it, or what follows it."
            }
            Flaw::Character(character) => return about_character(character),
            Flaw::TwoValues(end) => {
                let quoted = source.excerpt(at, end);
                return format!(
                    "`{quoted}` cannot follow what is before it; write a comma or an operator between them, close \
                     what is open, or write a backslash before a quote that belongs to a string."
                )
                .into();
            }
            Flaw::TextAfterName(end) => {
                let quoted = source.excerpt(at, end);
                return format!(
                    "`{quoted}` cannot follow the name before it; write `until \"…\":` if it is a condition, and \
                     brackets around it if it is given to a function."
                )
                .into();
            }
            Flaw::AssignInCondition => "`=` assigns and compares nothing; write `==` in a condition.",
            Flaw::OperatorAtEnd => {
                "This operator has no value after it; write the value, or remove the operator."
            }
            Flaw::OperatorAtStart(end) => {
                let quoted = source.excerpt(at, end);
                return format!(
                    "`{quoted}` cannot stand here; write a value before it, and operators as in Python: `and`, \
                     `or`, `not`, `==`, and `#` before a comment."
                )
                .into();
            }
            Flaw::CommaAtStart => "This comma has no value before it; write the value, or remove the comma.",
            Flaw::NoColon => "This line begins a block; write `:` at its end.",
            Flaw::LoopWithTail => {
                "A loop has no condition; write `loop:` alone in its line, and what ends it as `until \"…\":` \
                 after its body."
            }
            Flaw::ElseWithTail => "`else` has no condition; write `else:`, or `elif` with the condition.",
            Flaw::HeadWithoutTail => {
                "Nothing stands before the colon of this line; write the condition, or `x in values`."
            }
            Flaw::NoHead => {
                "This line ends in a colon, but begins no block; write `loop:`, `until \"…\":`, `if …:`, `elif …:`, \
                 `else:` or `for … in …:`, or remove the colon."
            }
            Flaw::BlockInLine => "This word begins a block; write it at the start of a line of its own.",
            Flaw::StrayPart => {
                "What this line continues is not right before it; write `if …:` and its block there, at the \
                 same indentation."
            }
            Flaw::Deeper => {
                "This line is indented more than the one before it, which begins no block; write it at the same \
                 indentation."
            }
            Flaw::Between(outer, inner) => {
                let [outer, inner] = [outer, inner].map(|block| source.place(block).0);
                return format!(
                    "This line is indented as no block around it; indent it as line {outer} or as line {inner}."
                )
                .into();
            }
            Flaw::Mixed => {
                "Tabs and spaces are mixed before this line; write the same of them as before the line above, \
                 best spaces everywhere."
            }
        };
        sentence.into()
    }
}

fn about_character(character: char) -> Cow<'static, str> {
    let instead = match character {
        '“' | '”' | '„' | '«' | '»' => "write `\"` around a string",
        '‘' | '’' | '‚' => "write `'` or `\"` around a string",
        '`' => "remove it: a text in Based has no Markdown around it",
        '!' => "write `not` before a value, or `!=`",
        '?' => "write `a if condition else b`",
        '–' | '—' | '−' => "write `-`",
        '…' => "write what belongs here",
        '\r' => "end lines with a line feed",
        white if white.is_whitespace() => "write a plain space",
        _ => "write it inside a string, or remove it",
    };
    match character.is_control() || character.is_whitespace() || is_unseen(character) {
        true => format!("The character U+{:04X} cannot stand here; {instead}.", u32::from(character)),
        false => format!("`{character}` cannot stand here; {instead}."),
    }
    .into()
}

/// Whether nothing is to be seen of it: spaces without width, and what turns the direction of writing.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// The bracket that closes this one.
pub(super) fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}
