//! Cuts a text into the parts of its lines, as Python 3.12 and later do.
//!
//! What is open is kept in a list, not on the stack, so that no depth of nesting is too much. Each byte is
//! read at most a few times, whatever is left open: where a bracket has to end is decided by what follows,
//! and never by trying.

use std::{cmp::Ordering, mem};

use super::{
    cursor::Cursor,
    flaw::{Flaw, closing},
    frame::Frame,
    indent::Indent,
    token::{self, Kind, Token},
};

pub(super) struct Lexer<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) frames: Vec<Frame>,
    pub(super) previous: Kind,
    /// Where the part begins that is read.
    start: usize,
    /// Where the line of the text begins that is read.
    line_start: usize,
    /// How far the first line of the statement is indented.
    indent: Indent,
    /// Whether nothing of this line of the text was read yet.
    is_fresh: bool,
    /// A bracket was given up, and its statement ends here.
    is_cut: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        let cursor = Cursor::new(text);
        Lexer {
            start: cursor.at(),
            line_start: cursor.at(),
            cursor,
            frames: Vec::new(),
            previous: Kind::LineEnd,
            indent: Indent::default(),
            is_fresh: true,
            is_cut: false,
        }
    }

    /// How far the statement is indented whose parts come.
    pub(super) fn indent(&self) -> Indent {
        self.indent
    }

    pub(super) fn text_of(&self, token: Token) -> &'a str {
        self.cursor.slice(token.start, token.end)
    }

    /// The next part. Behind the last one come `End`s.
    pub(super) fn next(&mut self) -> Token {
        let depth = self.frames.len();
        self.start = self.cursor.at();
        let kind = self.read();
        // A closing bracket is as deep as its opening one.
        let depth = depth.min(self.frames.len());
        let misfit = token::misfit(self.previous, kind);
        self.previous = match kind {
            // It ends a value all the same.
            Kind::Wrong(Flaw::WrongClose(..)) => Kind::Close,
            kind => kind,
        };
        Token { kind, start: self.start, end: self.cursor.at(), depth, misfit }
    }

    fn read(&mut self) -> Kind {
        if mem::take(&mut self.is_cut) {
            return Kind::LineEnd;
        }
        match self.frames.last().copied() {
            Some(Frame::Text { quote, at }) => return self.read_text(quote, at),
            Some(Frame::Field { quote, in_form: true, .. }) => return self.read_form(quote),
            _ => {}
        }
        if let Some(kind) = self.skip_space() {
            return kind;
        }
        self.start = self.cursor.at();
        let Some(byte) = self.cursor.peek() else { return self.read_end() };
        let is_fresh = mem::take(&mut self.is_fresh);
        let is_first = self.previous == Kind::LineEnd;
        if is_fresh && is_first {
            self.indent = self.indent_here();
        }
        let is_inside = !self.frames.is_empty();
        let kind = self.kind_of(byte, is_first, is_fresh);
        if is_fresh && is_inside && self.begins_statement(kind) {
            return self.give_up();
        }
        kind
    }

    /// Something wrong, which may have begun before what is read now.
    pub(super) fn wrong_at(&mut self, start: usize, flaw: Flaw) -> Kind {
        self.start = start;
        Kind::Wrong(flaw)
    }

    /// Reads what begins with this byte.
    fn kind_of(&mut self, byte: u8, is_first: bool, is_fresh: bool) -> Kind {
        match byte {
            b'"' | b'\'' => self.begin_text(""),
            b'0'..=b'9' => self.read_number(),
            b'.' if self.cursor.peek_at(1).is_some_and(|next| next.is_ascii_digit()) => self.read_number(),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => self.read_word(is_first, is_fresh),
            b'(' | b'[' | b'{' => {
                self.frames.push(Frame::Bracket { open: byte, at: self.cursor.at() });
                self.cursor.bump(1);
                Kind::Open
            }
            b')' | b']' | b'}' => self.close(byte),
            _ => self.read_operator(byte),
        }
    }

    /// Skips what separates parts. Where a line ends, or a backslash is wrong, that is the next part.
    fn skip_space(&mut self) -> Option<Kind> {
        loop {
            self.start = self.cursor.at();
            match self.cursor.peek()? {
                b' ' | b'\t' | b'\x0c' => self.cursor.bump(1),
                b'#' => self.cursor.bump_while(|byte| byte != b'\n'),
                b'\r' if self.cursor.is_at_line_end() => self.cursor.bump(1),
                b'\n' => {
                    self.cursor.bump(1);
                    self.line_start = self.cursor.at();
                    self.is_fresh = true;
                    if self.frames.is_empty() && self.previous != Kind::LineEnd {
                        return Some(Kind::LineEnd);
                    }
                }
                b'\\' => {
                    // Where the line goes on does not count for how far it is indented.
                    if mem::take(&mut self.is_fresh) && self.previous == Kind::LineEnd {
                        self.indent = self.indent_here();
                    }
                    self.cursor.bump(1);
                    if !self.cursor.is_at_line_end() {
                        return Some(Kind::Wrong(Flaw::StrayBackslash));
                    }
                    self.cursor.bump_while(|byte| byte == b'\r');
                    self.cursor.bump(1);
                }
                _ => return None,
            }
        }
    }

    fn read_end(&mut self) -> Kind {
        match self.frames.last().map(Frame::unclosed) {
            Some((at, flaw)) => {
                self.frames.clear();
                self.wrong_at(at, flaw)
            }
            None if matches!(self.previous, Kind::LineEnd | Kind::End) => Kind::End,
            None => Kind::LineEnd,
        }
    }

    /// Whether a line inside brackets begins with what cannot stand there, but could begin a statement.
    fn begins_statement(&self, kind: Kind) -> bool {
        match kind {
            Kind::Keyword => {
                let word = self.cursor.since(self.start);
                token::is_of_statement(word) || word == "loop" || word == "until"
            }
            Kind::Name if self.previous.ends_value() => {
                let indent = Indent::of(self.cursor.slice(self.line_start, self.start).as_bytes());
                indent.compare(self.indent).is_some_and(Ordering::is_le)
            }
            _ => false,
        }
    }

    /// Gives up what is open, so that the line that was begun is a statement of its own.
    fn give_up(&mut self) -> Kind {
        let unclosed = self.frames.last().map(Frame::unclosed);
        let (at, flaw) = unclosed.unwrap_or((self.start, Flaw::UnclosedText));
        self.frames.clear();
        self.cursor.go_back(self.line_start);
        self.is_fresh = true;
        self.is_cut = true;
        self.wrong_at(at, flaw)
    }

    fn close(&mut self, close: u8) -> Kind {
        self.cursor.bump(1);
        let is_closed = |frame: &Frame| match frame {
            Frame::Bracket { open, .. } => closing(*open) == close,
            Frame::Field { .. } => close == b'}',
            Frame::Text { .. } => false,
        };
        match self.frames.last().copied() {
            Some(frame) if is_closed(&frame) => {
                self.frames.pop();
                Kind::Close
            }
            Some(Frame::Bracket { at, .. }) => {
                self.frames.pop();
                // One was forgotten; the one around it is closed by this.
                if self.frames.last().is_some_and(is_closed) {
                    self.frames.pop();
                }
                Kind::Wrong(Flaw::WrongClose(close, at))
            }
            _ => Kind::Wrong(Flaw::StrayClose(close)),
        }
    }

    fn indent_here(&self) -> Indent {
        Indent::of(self.cursor.since(self.line_start).as_bytes())
    }
}
