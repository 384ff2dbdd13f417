//! Where a text is read.

/// A place in a text, which moves ahead.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// How many bytes were read, those read again included.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor {
            text,
            at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
            #[cfg(test)]
            steps: 0,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.slice(start, self.at)
    }

    /// The next byte that is no blank, and how far ahead it is; from `ahead` on.
    pub(super) fn peek_behind_blanks(&self, ahead: usize) -> (Option<u8>, usize) {
        let rest = self.text.as_bytes().get(self.at + ahead..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        (rest.get(blanks).copied(), ahead + blanks)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn peek_char(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    /// Whether the line ends here.
    pub(super) fn is_at_line_end(&self) -> bool {
        match self.peek() {
            Some(b'\r') => self.peek_at(1) == Some(b'\n'),
            byte => byte == Some(b'\n'),
        }
    }

    pub(super) fn bump(&mut self, bytes: usize) {
        self.at += bytes;
        #[cfg(test)]
        {
            self.steps += bytes;
        }
    }

    pub(super) fn bump_while(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is_skipped) {
            self.bump(1);
        }
    }

    /// Moves back to what has to be read again.
    pub(super) fn go_back(&mut self, at: usize) {
        self.at = at;
    }
}
