//! Words, numbers and operators.

use super::{
    flaw::Flaw,
    frame::Frame,
    lexer::Lexer,
    token::{self, Kind},
};

impl Lexer<'_> {
    pub(super) fn read_number(&mut self) -> Kind {
        let cursor = &mut self.cursor;
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        if cursor.peek() == Some(b'0')
            && matches!(cursor.peek_at(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B'))
        {
            cursor.bump(2);
            cursor.bump_while(|byte| byte.is_ascii_hexdigit() || byte == b'_');
            return Kind::Number;
        }
        cursor.bump_while(is_digit);
        if cursor.peek() == Some(b'.') {
            cursor.bump(1);
            cursor.bump_while(is_digit);
        }
        if matches!(cursor.peek(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(cursor.peek_at(1), Some(b'+' | b'-')));
            if cursor.peek_at(1 + sign).is_some_and(|next| next.is_ascii_digit()) {
                cursor.bump(1 + sign);
                cursor.bump_while(is_digit);
            }
        }
        if matches!(cursor.peek(), Some(b'j' | b'J')) {
            cursor.bump(1);
        }
        Kind::Number
    }

    pub(super) fn read_word(&mut self, is_first: bool, is_fresh: bool) -> Kind {
        let start = self.cursor.at();
        while let Some(character) = self.cursor.peek_char().filter(|character| is_of_name(*character)) {
            self.cursor.bump(character.len_utf8());
        }
        let word = self.cursor.since(start);
        if word.is_empty() {
            return self.read_stranger();
        }
        if matches!(self.cursor.peek(), Some(b'"' | b'\'')) && token::is_prefix(word) {
            return self.begin_text(word);
        }
        match word {
            "loop" | "until" if (is_first || is_fresh) && self.is_of_based(word, is_first) => Kind::Keyword,
            "match" | "case" | "type" if is_first => Kind::Keyword,
            word => token::kind_of_word(word),
        }
    }

    /// Whether `loop` or `until`, which was read, is not the name of something. Inside brackets `loop:` may
    /// be a key or a parameter unless it stands alone.
    fn is_of_based(&self, word: &str, is_first: bool) -> bool {
        match self.cursor.peek_behind_blanks(0) {
            (Some(b':'), at) if !is_first => {
                matches!(self.cursor.peek_behind_blanks(at + 1).0, None | Some(b'#' | b'\r' | b'\n'))
            }
            (None | Some(b':' | b'"' | b'\'' | b'_' | b'#' | b'\r' | b'\n'), _) => {
                is_first || word == "until"
            }
            (Some(b'('), _) => word == "until",
            (Some(byte), _) => byte.is_ascii_alphanumeric() || !byte.is_ascii(),
        }
    }

    fn read_stranger(&mut self) -> Kind {
        let stranger = self.cursor.peek_char().unwrap_or_default();
        self.cursor.bump(stranger.len_utf8());
        Kind::Wrong(Flaw::Character(stranger))
    }

    pub(super) fn read_operator(&mut self, byte: u8) -> Kind {
        let is_in_field = match self.frames.last_mut() {
            Some(Frame::Field { in_form, .. }) => {
                *in_form = byte == b':';
                true
            }
            _ => false,
        };
        let (length, kind) = match (byte, self.cursor.peek_at(1), self.cursor.peek_at(2)) {
            (b':', ..) if is_in_field => (1, Kind::Loose),
            (b'*' | b'/' | b'<' | b'>', Some(next), Some(b'=')) if next == byte => (3, Kind::Infix),
            (b'/' | b'<' | b'>', Some(next), _) if next == byte => (2, Kind::Infix),
            (b'*', Some(b'*'), _) => (2, Kind::Loose),
            (b'-', Some(b'>'), _) | (b':', Some(b'='), _) => (2, Kind::Infix),
            (b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^', Some(b'='), _)
            | (b'<' | b'>' | b'=' | b'!', Some(b'='), _) => (2, Kind::Infix),
            // As in `{value=}` and `{value!r}`.
            (b'=' | b'!', ..) if is_in_field => (1, Kind::Loose),
            (b'%' | b'&' | b'|' | b'^' | b'<' | b'>' | b'=', ..) => (1, Kind::Infix),
            (b'+' | b'-' | b'~', ..) => (1, Kind::Sign),
            (b'*' | b'/' | b'@', ..) => (1, Kind::Loose),
            (b',', ..) => (1, Kind::Comma),
            (b':', ..) => (1, Kind::Colon),
            (b';', ..) => (1, Kind::Semicolon),
            (b'.', ..) => (1, Kind::Dot),
            _ => return self.read_stranger(),
        };
        self.cursor.bump(length);
        kind
    }
}

/// What names are made of; combining marks are part of the letters before them.
fn is_of_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric() || matches!(character, '\u{300}'..='\u{36f}')
}
