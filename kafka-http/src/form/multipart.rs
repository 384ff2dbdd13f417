//! Where the parts of a `multipart/form-data` body begin and end.
//!
//! A part ends at CR LF, two dashes and the boundary, with either CR LF or two more dashes behind them.
//! Anything else, a longer boundary that begins alike or a bare line feed, is content. What stands before the
//! first part and behind the last means nothing, and may be as long as a part's head.

use std::io::{self, Read};

use super::{FormError, disposition::Head};

/// Longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_BYTES: usize = 70;
/// How much is read at a time.
const CHUNK_BYTES: usize = 32 << 10;

/// A body with its boundaries.
pub(super) struct Multipart<'b> {
    body: Box<dyn Read + 'b>,
    /// CR LF, two dashes, and the boundary.
    delimiter: Vec<u8>,
    head_bytes: usize,
    buffer: Vec<u8>,
    /// Where what was not used yet begins.
    start: usize,
    /// So many bytes from there on are content.
    content: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first part.
    Preamble,
    /// In a part, or right behind it.
    Content,
    /// Behind the last part.
    End,
    /// It has failed before.
    Broken,
}

/// Whether RFC 2046 allows the boundary.
pub(super) fn is_boundary(boundary: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    (1..=BOUNDARY_BYTES).contains(&boundary.len())
        && boundary.iter().all(is_allowed)
        && !boundary.ends_with(b" ")
}

impl<'b> Multipart<'b> {
    pub(super) fn new(boundary: &[u8], body: Box<dyn Read + 'b>, head_bytes: usize) -> Multipart<'b> {
        Multipart {
            body,
            delimiter: [b"\r\n--", boundary].concat(),
            head_bytes,
            // The first boundary may be the first line of the body, so a line end is put before it.
            buffer: b"\r\n".to_vec(),
            start: 0,
            content: 0,
            place: Place::Preamble,
        }
    }

    /// Skips what is left of a part and reads the head of the next; none at the end of the form.
    pub(super) fn next_head(&mut self) -> Result<Option<Head>, FormError> {
        self.guarded(Multipart::step)
    }

    /// How many bytes of the part are in memory; zero at its end.
    pub(super) fn available(&mut self) -> Result<usize, FormError> {
        self.guarded(Multipart::find_content)
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, FormError> {
        let count = self.available()?.min(out.len());
        out[..count].copy_from_slice(&self.window()[..count]);
        self.consume(count);
        Ok(count)
    }

    /// Nothing is read after a failure, since nobody knows what it would be.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Multipart<'b>) -> Result<T, FormError>,
    ) -> Result<T, FormError> {
        if self.place == Place::Broken {
            return Err(FormError::Malformed("it failed before"));
        }
        let result = work(self);
        if result.is_err() {
            self.place = Place::Broken;
        }
        result
    }

    fn step(&mut self) -> Result<Option<Head>, FormError> {
        if self.place == Place::End {
            return Ok(None);
        }
        let mut skipped = 0;
        loop {
            let count = self.find_content()?;
            if count == 0 {
                break;
            }
            skipped += count;
            if self.place == Place::Preamble && skipped > self.head_bytes {
                return Err(FormError::TooLarge("the most bytes before the first part are", self.head_bytes));
            }
            self.consume(count);
        }
        let behind = self.delimiter.len();
        let is_last = self.window()[behind..].starts_with(b"--");
        self.consume(behind + 2);
        if is_last {
            self.place = Place::End;
            return self.skip_epilogue().map(|()| None);
        }
        self.place = Place::Content;
        self.head().map(Some)
    }

    /// The header fields up to the empty line.
    fn head(&mut self) -> Result<Head, FormError> {
        let mut searched = 0;
        loop {
            let window = self.window();
            if window.starts_with(b"\r\n") {
                return Err(FormError::Malformed("a part has no name"));
            }
            if let Some(at) = find(&window[searched..], b"\r\n\r\n") {
                let length = searched + at;
                if length > self.head_bytes {
                    break;
                }
                let head = Head::parse(&window[..length]);
                self.consume(length + 4);
                return head;
            }
            searched = window.len().saturating_sub(3);
            if searched > self.head_bytes {
                break;
            }
            self.fill()?;
        }
        Err(FormError::TooLarge("the most bytes of a part's head are", self.head_bytes))
    }

    /// Looks for the end of the part, and says how much of it is there; zero at its end.
    fn find_content(&mut self) -> Result<usize, FormError> {
        while self.content == 0 {
            let longest = self.delimiter.len() + 2;
            let window = self.window();
            if window.len() >= longest {
                match self.find_delimiter() {
                    Some(0) => return Ok(0),
                    Some(at) => self.content = at,
                    None => self.content = window.len() - (longest - 1),
                }
            } else {
                self.fill()?;
            }
        }
        Ok(self.content)
    }

    fn find_delimiter(&self) -> Option<usize> {
        let window = self.window();
        let mut from = 0;
        while let Some(at) = find(&window[from..], &self.delimiter) {
            let at = from + at;
            match window.get(at + self.delimiter.len()..at + self.delimiter.len() + 2) {
                Some(b"\r\n" | b"--") => return Some(at),
                // The two bytes that say what it is are not there yet, or it is content.
                _ => from = at + 1,
            }
        }
        None
    }

    fn skip_epilogue(&mut self) -> Result<(), FormError> {
        let mut skipped = self.window().len();
        while skipped <= self.head_bytes {
            self.start = self.buffer.len();
            match self.try_fill()? {
                0 => return Ok(()),
                count => skipped += count,
            }
        }
        Err(FormError::TooLarge("the most bytes behind the last part are", self.head_bytes))
    }

    fn window(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.content = self.content.saturating_sub(count);
    }

    fn fill(&mut self) -> Result<(), FormError> {
        match self.try_fill()? {
            0 => Err(FormError::Malformed("it ends before its last boundary")),
            _ => Ok(()),
        }
    }

    /// Reads more behind what is there; zero at the end of the body.
    fn try_fill(&mut self) -> Result<usize, FormError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK_BYTES, 0);
        let count = loop {
            match self.body.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(filled + *count.as_ref().unwrap_or(&0));
        count.map_err(FormError::Body)
    }
}

/// Where `wanted`, which begins with CR, first stands in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&byte| byte == b'\r') {
        let at = from + at;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
