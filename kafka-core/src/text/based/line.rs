//! Lines as statements: what they begin with, and which calls of `talk` they hold.

use super::{
    flaw::Flaw,
    indent::Indent,
    lexer::Lexer,
    report::Report,
    talk::{CallFinder, TalkForm},
    token::{Kind, Misfit, Token},
};

/// A line with what continues it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) indent: Indent,
    pub(super) head: Head,
    /// The statements in the line: all of it, or what stands behind the colon of its head.
    pub(super) pieces: Vec<Piece>,
    /// Where calls of `talk` begin in the head.
    pub(super) calls: Vec<usize>,
}

/// A statement that is no block.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: usize,
    /// Whether it is `x = talk(…)` or `talk(…)`; that is then the first of its calls.
    pub(super) is_talk: bool,
    /// Whether it is such a call without arguments.
    pub(super) is_empty_call: bool,
    /// Whether it was told already what is wrong with the line.
    pub(super) is_broken: bool,
    /// Where calls of `talk` begin in it.
    pub(super) calls: Vec<usize>,
}

/// What a line begins with, if it begins a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    None,
    Loop,
    Until,
    While,
    If,
    Elif,
    Else,
    For,
    Try,
    Except,
    Finally,
    /// Another word of Python that begins a block.
    Other,
}

impl Head {
    fn of(word: &str) -> Head {
        match word {
            "loop" => Head::Loop,
            "until" => Head::Until,
            "while" => Head::While,
            "if" => Head::If,
            "elif" => Head::Elif,
            "else" => Head::Else,
            "for" => Head::For,
            "try" => Head::Try,
            "except" => Head::Except,
            "finally" => Head::Finally,
            "async" | "class" | "def" | "with" => Head::Other,
            _ => Head::None,
        }
    }
}

/// Reads one line after the other, and tells what is wrong with each by itself.
pub(super) struct Lines<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        Lines { lexer: Lexer::new(text) }
    }

    pub(super) fn next(&mut self, report: &mut Report) -> Option<Line> {
        let first = self.lexer.next();
        if first.kind == Kind::End {
            return None;
        }
        let mut reading = Reading::new(first, self.lexer.text_of(first), self.lexer.indent());
        let mut token = first;
        loop {
            reading.blame(token, report);
            if matches!(token.kind, Kind::LineEnd | Kind::End) {
                return Some(reading.finish(report));
            }
            reading.take(token, self.lexer.text_of(token), report);
            token = self.lexer.next();
        }
    }

    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        self.lexer.cursor.steps
    }
}

/// What is known of a line so far.
struct Reading {
    line: Line,
    /// Something in it is wrong; what is wrong besides may come of that.
    is_broken: bool,
    /// Whether the colon is still to come that ends the head.
    is_in_head: bool,
    /// How many `lambda` outside brackets wait for their colons.
    lambdas: usize,
    tail: Tail,
    is_piece_new: bool,
    form: TalkForm,
    calls: CallFinder,
    last: Token,
    /// Whether the first word begins a block where the line ends in a colon.
    is_soft_head: bool,
}

impl Reading {
    fn new(first: Token, text: &str, indent: Indent) -> Reading {
        let head = if first.kind == Kind::Keyword { Head::of(text) } else { Head::None };
        Reading {
            line: Line { start: first.start, indent, head, pieces: Vec::new(), calls: Vec::new() },
            is_broken: false,
            is_in_head: head != Head::None,
            lambdas: 0,
            tail: Tail::default(),
            is_piece_new: true,
            form: TalkForm::Start,
            calls: CallFinder::default(),
            last: first,
            is_soft_head: matches!(text, "match" | "case"),
        }
    }

    /// Tells the first thing that is wrong with how the line is written.
    fn blame(&mut self, token: Token, report: &mut Report) {
        let flaw = match (token.kind, token.misfit) {
            (Kind::Wrong(flaw), _) => (token.start, flaw),
            (_, Some(Misfit::OperatorAtEnd)) => (self.last.start, Flaw::OperatorAtEnd),
            (_, Some(Misfit::TwoValues)) => (token.start, Flaw::TwoValues(token.end)),
            (_, Some(Misfit::OperatorAtStart)) => (token.start, Flaw::OperatorAtStart(token.end)),
            (_, Some(Misfit::CommaAtStart)) => (token.start, Flaw::CommaAtStart),
            (_, None) => return,
        };
        self.tell(flaw, report);
    }

    fn tell(&mut self, (at, flaw): (usize, Flaw), report: &mut Report) {
        if !std::mem::replace(&mut self.is_broken, true) {
            report.add(at, flaw);
        }
    }

    fn take(&mut self, token: Token, text: &str, report: &mut Report) {
        if token.kind == Kind::Keyword && text == "while" {
            report.add(token.start, Flaw::While);
        }
        let call = self.calls.next(token, text);
        match self.is_in_head {
            true => {
                self.line.calls.extend(call);
                self.take_of_head(token, text);
            }
            false => self.take_of_piece(token, text, call, report),
        }
        self.last = token;
    }

    fn take_of_head(&mut self, token: Token, text: &str) {
        let is_outside = token.depth == 0;
        match token.kind {
            _ if token.start == self.line.start => {}
            Kind::Colon if is_outside && self.lambdas == 0 => self.is_in_head = false,
            kind => {
                match kind {
                    Kind::Colon if is_outside => self.lambdas -= 1,
                    Kind::Keyword if is_outside && text == "lambda" => self.lambdas += 1,
                    _ => {}
                }
                self.tail.take(token, text);
            }
        }
    }

    fn take_of_piece(&mut self, token: Token, text: &str, call: Option<usize>, report: &mut Report) {
        if token.kind == Kind::Semicolon && token.depth == 0 {
            self.end_piece();
            return;
        }
        if std::mem::take(&mut self.is_piece_new) {
            if token.kind == Kind::Keyword && !matches!(Head::of(text), Head::None | Head::While) {
                self.tell((token.start, Flaw::BlockInLine), report);
            }
            let piece = Piece {
                start: token.start,
                is_talk: false,
                is_empty_call: false,
                is_broken: false,
                calls: Vec::new(),
            };
            self.line.pieces.push(piece);
            self.form = TalkForm::Start;
        }
        self.form = self.form.then(token, text);
        if let (Some(piece), Some(call)) = (self.line.pieces.last_mut(), call) {
            piece.calls.push(call);
        }
    }

    fn end_piece(&mut self) {
        let is_new = std::mem::replace(&mut self.is_piece_new, true);
        if let Some(piece) = self.line.pieces.last_mut().filter(|_| !is_new) {
            piece.is_empty_call = self.form == TalkForm::Empty;
            piece.is_talk = piece.is_empty_call || self.form == TalkForm::Whole;
            piece.is_broken = self.is_broken;
        }
    }

    fn finish(mut self, report: &mut Report) -> Line {
        self.end_piece();
        let ends_in_colon = self.last.kind == Kind::Colon && self.last.depth == 0;
        if self.line.head != Head::None {
            if let Some(flaw) = self.flaw_of_head() {
                self.tell(flaw, report);
            }
        } else if ends_in_colon {
            if !self.is_soft_head {
                self.tell((self.line.start, Flaw::NoHead), report);
            }
            self.line.head = Head::Other;
            let pieces = std::mem::take(&mut self.line.pieces);
            self.line.calls.extend(pieces.into_iter().flat_map(|piece| piece.calls));
        }
        self.line
    }

    fn flaw_of_head(&self) -> Option<(usize, Flaw)> {
        let start = self.line.start;
        let tail = self.tail.start;
        let condition = (tail.unwrap_or(start), Flaw::Condition);
        match self.line.head {
            // That is told already.
            Head::While => None,
            Head::Until if self.is_in_head || !self.tail.is_plain_text() => Some(condition),
            Head::Until => self.tail.is_blank.then_some((condition.0, Flaw::BlankCondition)),
            Head::Loop if tail.is_some() => tail.map(|at| (at, Flaw::LoopWithTail)),
            Head::Else if tail.is_some() => tail.map(|at| (at, Flaw::ElseWithTail)),
            _ if self.is_in_head => Some((start, Flaw::NoColon)),
            Head::If | Head::Elif | Head::For if tail.is_none() => Some((start, Flaw::HeadWithoutTail)),
            _ => None,
        }
    }
}

/// What stands between the word of a head and its colon.
#[derive(Debug, Default)]
struct Tail {
    start: Option<usize>,
    has_other_than_text: bool,
    is_blank: bool,
}

impl Tail {
    fn take(&mut self, token: Token, text: &str) {
        self.is_blank = is_blank(text) && (self.is_blank || self.start.is_none());
        self.start.get_or_insert(token.start);
        self.has_other_than_text |= token.kind != Kind::Text { is_plain: true };
    }

    fn is_plain_text(&self) -> bool {
        self.start.is_some() && !self.has_other_than_text
    }
}

/// Whether a string literal has nothing but white space in it.
fn is_blank(literal: &str) -> bool {
    let quoted = literal.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    quoted.chars().all(|c| c.is_whitespace() || matches!(c, '"' | '\''))
}
