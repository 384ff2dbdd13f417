//! String literals, with the fields that some of them have.

use super::{
    flaw::Flaw,
    frame::{Frame, Quote},
    lexer::Lexer,
    token::Kind,
};

impl Lexer<'_> {
    /// Reads a string from its quote on, or up to its first field.
    pub(super) fn begin_text(&mut self, prefix: &str) -> Kind {
        let start = self.cursor.at() - prefix.len();
        let has = |letters: &[char]| prefix.contains(letters);
        let byte = self.cursor.peek().unwrap_or_default();
        if prefix.is_empty() && self.ends_text_in_field(byte) {
            self.cursor.bump(1);
            return self.leave_field();
        }
        let is_triple = self.cursor.peek_at(1) == Some(byte) && self.cursor.peek_at(2) == Some(byte);
        let quote = Quote { byte, is_triple, is_raw: has(&['r', 'R']) };
        self.cursor.bump(if is_triple { 3 } else { 1 });
        if has(&['f', 'F', 't', 'T']) {
            self.frames.push(Frame::Text { quote, at: start });
            return Kind::Text { is_plain: false };
        }
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'\\' => self.skip_escaped(),
                b'\n' if !is_triple => break,
                _ if self.skip_quote(quote) => return Kind::Text { is_plain: !has(&['b', 'B']) },
                _ => self.cursor.bump(1),
            }
        }
        match self.frames.last() {
            // More likely than a string in it that is not closed.
            Some(Frame::Field { quote: outer, .. }) if !outer.is_triple && outer.byte == byte => {
                self.leave_field()
            }
            _ => self.wrong_at(start, Flaw::UnclosedText),
        }
    }

    /// Whether this quote cannot begin a string, but could end the one around the field.
    fn ends_text_in_field(&self, byte: u8) -> bool {
        let Some(Frame::Field { quote, .. }) = self.frames.last() else { return false };
        !quote.is_triple && quote.byte == byte && self.previous.ends_value()
    }

    /// Takes the string around a field for closed, and the field for what is wrong.
    fn leave_field(&mut self) -> Kind {
        let mut at = self.cursor.at();
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Text { .. } => break,
                frame => at = frame.unclosed().0,
            }
        }
        self.wrong_at(at, Flaw::UnclosedField)
    }

    /// Reads a string with fields up to the next one or to its end.
    pub(super) fn read_text(&mut self, quote: Quote, start: usize) -> Kind {
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'\\' if matches!(self.cursor.peek_at(1), Some(b'{' | b'}')) => self.cursor.bump(1),
                b'\\' => self.skip_named_or_escaped(quote),
                b'{' | b'}' if self.cursor.peek_at(1) == Some(byte) => self.cursor.bump(2),
                b'{' => return self.begin_field(quote),
                b'}' => {
                    let at = self.cursor.at();
                    self.cursor.bump(1);
                    return self.wrong_at(at, Flaw::StrayBrace);
                }
                b'\n' if !quote.is_triple => break,
                _ if self.skip_quote(quote) => {
                    self.frames.pop();
                    return Kind::TextEnd;
                }
                _ => self.cursor.bump(1),
            }
        }
        self.frames.pop();
        self.wrong_at(start, Flaw::UnclosedText)
    }

    fn begin_field(&mut self, quote: Quote) -> Kind {
        self.frames.push(Frame::Field { quote, at: self.cursor.at(), in_form: false });
        self.cursor.bump(1);
        Kind::Open
    }

    /// Reads how a value is to be written, up to a field in it or to the end of the field.
    pub(super) fn read_form(&mut self, quote: Quote) -> Kind {
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'{' => return self.begin_field(quote),
                b'}' => {
                    self.cursor.bump(1);
                    self.frames.pop();
                    return Kind::Close;
                }
                b'\n' if !quote.is_triple => break,
                _ if self.skip_quote(quote) => break,
                _ => self.cursor.bump(1),
            }
        }
        self.leave_field()
    }

    /// Skips the quote, if it stands here.
    fn skip_quote(&mut self, quote: Quote) -> bool {
        let is_there = |at| self.cursor.peek_at(at) == Some(quote.byte);
        let is_end = is_there(0) && (!quote.is_triple || is_there(1) && is_there(2));
        if is_end {
            self.cursor.bump(if quote.is_triple { 3 } else { 1 });
        }
        is_end
    }

    /// Skips a backslash and what is behind it, also the end of a line.
    fn skip_escaped(&mut self) {
        self.cursor.bump(1);
        if self.cursor.is_at_line_end() {
            self.cursor.bump_while(|byte| byte == b'\r');
        }
        if let Some(escaped) = self.cursor.peek_char() {
            self.cursor.bump(escaped.len_utf8());
        }
    }

    /// The same, with the name in `\N{NAME}`, which is no field.
    fn skip_named_or_escaped(&mut self, quote: Quote) {
        let start = self.cursor.at();
        self.skip_escaped();
        let is_named = !quote.is_raw && self.cursor.since(start) == "\\N" && self.cursor.peek() == Some(b'{');
        if is_named {
            self.cursor.bump(1);
            self.cursor.bump_while(|byte| byte.is_ascii_alphanumeric() || byte == b' ' || byte == b'-');
            if self.cursor.peek() == Some(b'}') {
                self.cursor.bump(1);
            }
        }
    }
}
