//! Request bodies: bounded, decoded as they are read, never a byte past their end.

use std::{
    error::Error,
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    ServerLimits,
    deadline::Deadline,
    head::Framing,
    input::Input,
    turns::{SHORT_BYTES, Turn, Turns},
};

/// Longest line of a chunk's size with its extensions, in bytes.
const CHUNK_LINE_BYTES: usize = 256;
/// Longest trailer section, in bytes. Trailers are read and dropped.
const TRAILER_BYTES: usize = 8 << 10;
/// Most bytes of an unread body that are skipped to keep the connection.
const SKIPPED_BYTES: u64 = 64 << 10;

/// Why a body could not be read. The connection closes after the answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than the limit, given in bytes.
    TooLarge(u64),
    /// Its chunked coding is not well formed.
    Malformed(&'static str),
    /// It did not arrive in time.
    TimedOut,
    /// The client went away before its end.
    Disconnected(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::TooLarge(limit) => write!(f, "The request body is longer than {limit} bytes."),
            BodyError::Malformed(what) => write!(f, "The chunked request body is malformed: {what}."),
            BodyError::TimedOut => f.write_str("The request body did not arrive in time."),
            BodyError::Disconnected(_) => f.write_str("The request body ended too early."),
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BodyError::Disconnected(error) => Some(error),
            _ => None,
        }
    }
}

/// What is left of a body when the answer is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leftover {
    Nothing,
    /// So little that reading on is cheaper than a new connection.
    Skippable,
    /// Where the next request begins is unknown or too far away.
    Endless,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    Done,
    /// Bytes left of the body.
    Length(u64),
    /// Bytes left of the current chunk; zero before a chunk's size line.
    Chunk {
        left: u64,
        is_first: bool,
    },
    Broken,
}

/// A request's body. It implements [`Read`]; a failure's inner error is a [`BodyError`].
#[derive(Debug)]
pub struct Body<'c> {
    input: &'c mut Input,
    stream: &'c TcpStream,
    turns: &'c Turns,
    progress: Progress,
    taken: u64,
    limit: u64,
    timeout_ms: u64,
    deadline: Option<Deadline>,
    /// The client waits for `100 Continue` before it sends.
    awaits_continue: bool,
}

impl<'c> Body<'c> {
    pub(super) fn new(
        input: &'c mut Input,
        stream: &'c TcpStream,
        framing: Framing,
        awaits_continue: bool,
        limits: &ServerLimits,
        turns: &'c Turns,
    ) -> Body<'c> {
        let progress = match framing {
            Framing::Empty => Progress::Done,
            Framing::Length(bytes) => Progress::Length(bytes),
            Framing::Chunked => Progress::Chunk { left: 0, is_first: true },
        };
        Body {
            input,
            stream,
            turns,
            progress,
            taken: 0,
            limit: limits.body_bytes,
            timeout_ms: limits.body_timeout_ms,
            deadline: None,
            awaits_continue,
        }
    }

    /// Replaces the limit of [`ServerLimits::body_bytes`] for this request, for example for an upload.
    pub fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Replaces the time of [`ServerLimits::body_timeout_ms`] for this request, before its first read.
    pub fn set_timeout_ms(&mut self, ms: u64) {
        self.timeout_ms = ms;
    }

    /// The whole body, or what is left of it.
    ///
    /// # Errors
    /// As [`BodyError`] says. A declared length over the limit fails before anything is read.
    pub fn read_all(&mut self) -> Result<Vec<u8>, BodyError> {
        // A declared length is only a claim: memory grows with the bytes that really came.
        let mut bytes = Vec::new();
        let (mut filled, mut turn) = (0, None);
        loop {
            if filled == bytes.len() {
                bytes.resize(self.room_after(filled), 0);
            }
            let count = self.read_in_turn(&mut bytes[filled..], &mut turn)?;
            if count == 0 {
                bytes.truncate(filled);
                return Ok(bytes);
            }
            filled += count;
        }
    }

    /// How much room there should be for what came and what may come.
    fn room_after(&self, filled: usize) -> usize {
        let room = (2 * filled).max(1 << 10);
        match self.progress {
            Progress::Done => filled,
            Progress::Length(left) => room.min(filled + usize::try_from(left).unwrap_or(usize::MAX)),
            _ => room,
        }
    }

    /// Like [`Read::read`], with a typed error.
    ///
    /// # Errors
    /// As [`BodyError`] says.
    pub fn read_some(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        // What is done with the bytes may take long, and is not waited for by others.
        self.read_in_turn(out, &mut None)
    }

    fn read_in_turn(&mut self, out: &mut [u8], turn: &mut Turn<'c>) -> Result<usize, BodyError> {
        let result = self.step(out, turn);
        if result.is_err() {
            self.progress = Progress::Broken;
        }
        result
    }

    fn step(&mut self, out: &mut [u8], turn: &mut Turn<'c>) -> Result<usize, BodyError> {
        if out.is_empty() {
            return Ok(0);
        }
        let left = match self.progress {
            Progress::Done => return Ok(0),
            Progress::Broken => return Err(BodyError::Malformed("it failed before")),
            Progress::Length(left) => self.within_limit(left)?,
            Progress::Chunk { left: 0, is_first } => {
                // Its size is waited for.
                *turn = None;
                match self.next_chunk(is_first)? {
                    0 => return Ok(0),
                    left => left,
                }
            }
            Progress::Chunk { left, .. } => left,
        };
        let deadline = self.begin()?;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let count = self.receive(&mut out[..most], deadline, turn).map_err(BodyError::from_socket)?;
        if count == 0 {
            return Err(BodyError::Disconnected(io::ErrorKind::UnexpectedEof.into()));
        }
        self.taken += count as u64;
        let left = left - count as u64;
        self.progress = match self.progress {
            Progress::Chunk { .. } => Progress::Chunk { left, is_first: false },
            _ if left == 0 => Progress::Done,
            _ => Progress::Length(left),
        };
        Ok(count)
    }

    /// Takes in what is there, when something is. A long body keeps its turn as long as its client need not be
    /// waited for.
    fn receive(&mut self, out: &mut [u8], deadline: Deadline, turn: &mut Turn<'c>) -> io::Result<usize> {
        let bytes = self.taken + out.len() as u64;
        if bytes > SHORT_BYTES && self.input.buffered().is_empty() && !self.is_readable(Duration::ZERO) {
            *turn = None;
            self.is_readable(deadline.remaining()?);
        }
        match turn {
            // Others may have the processor meanwhile.
            Some(_) => thread::yield_now(),
            None => *turn = self.turns.wait(bytes),
        }
        self.input.read(out, deadline.remaining()?)
    }

    fn is_readable(&self, wait: Duration) -> bool {
        let wait = Timespec::try_from(wait).ok();
        let mut socket = [PollFd::new(self.stream, PollFlags::IN)];
        loop {
            match poll(&mut socket, wait.as_ref()) {
                Err(Errno::INTR) => {}
                found => return found != Ok(0),
            }
        }
    }

    /// Reads a chunk's size line, and the trailers if it is the last one. Gives the chunk's size.
    fn next_chunk(&mut self, is_first: bool) -> Result<u64, BodyError> {
        let deadline = self.begin()?;
        if !is_first {
            // Nothing but the CR LF behind a chunk is that short.
            self.line(2, deadline)?;
        }
        let line = self.line(CHUNK_LINE_BYTES, deadline)?;
        let size = chunk_size(&line).ok_or(BodyError::Malformed("a chunk's size is not a plain number"))?;
        if size > 0 {
            self.within_limit(size)?;
            self.progress = Progress::Chunk { left: size, is_first: false };
            return Ok(size);
        }
        let mut trailers = 0;
        loop {
            let line = self.line(TRAILER_BYTES - trailers, deadline)?;
            if line.is_empty() {
                self.progress = Progress::Done;
                return Ok(0);
            }
            trailers += line.len() + 2;
            if trailers >= TRAILER_BYTES {
                return Err(BodyError::Malformed("its trailers are too long"));
            }
        }
    }

    /// The next line without its CR LF, which count towards `longest`.
    fn line(&mut self, longest: usize, deadline: Deadline) -> Result<Vec<u8>, BodyError> {
        loop {
            let buffered = self.input.buffered();
            let window = &buffered[..buffered.len().min(longest)];
            if let Some(line_feed) = window.iter().position(|&byte| byte == b'\n') {
                let line = match window[..line_feed].split_last() {
                    Some((b'\r', line)) if !line.contains(&b'\r') => line.to_vec(),
                    _ => return Err(BodyError::Malformed("a line does not end with CR LF")),
                };
                self.input.consume(line_feed + 1);
                return Ok(line);
            }
            if window.len() == longest {
                return Err(BodyError::Malformed("a line is too long"));
            }
            let wait = deadline.remaining().map_err(BodyError::from_socket)?;
            if self.input.fill(wait).map_err(BodyError::from_socket)? == 0 {
                return Err(BodyError::Disconnected(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn within_limit(&self, coming: u64) -> Result<u64, BodyError> {
        if coming > self.limit.saturating_sub(self.taken) {
            return Err(BodyError::TooLarge(self.limit));
        }
        Ok(coming)
    }

    /// Starts the body's time, and lets a waiting client send.
    fn begin(&mut self) -> Result<Deadline, BodyError> {
        if std::mem::take(&mut self.awaits_continue) && self.input.buffered().is_empty() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(BodyError::from_socket)?;
        }
        Ok(*self.deadline.get_or_insert_with(|| Deadline::after_ms(self.timeout_ms)))
    }

    pub(super) fn leftover(&self) -> Leftover {
        match self.progress {
            Progress::Done => Leftover::Nothing,
            Progress::Length(left) if left <= SKIPPED_BYTES && !self.awaits_continue => Leftover::Skippable,
            Progress::Length(_) | Progress::Chunk { .. } | Progress::Broken => Leftover::Endless,
        }
    }

    /// Reads to the end of a body whose leftover is skippable.
    pub(super) fn skip(&mut self) -> Result<(), BodyError> {
        let mut sink = [0; 4 << 10];
        while self.read_some(&mut sink)? > 0 {}
        Ok(())
    }

    /// Keeps no room for reading while a long answer is written.
    pub(super) fn rest(&mut self) {
        self.input.rest();
    }

    /// Where whoever decodes this body waits for its turn.
    pub(crate) fn turns(&self) -> &'c Turns {
        self.turns
    }

    /// What the client sent behind this body, which is at its end.
    pub(super) fn take_early(&mut self) -> Vec<u8> {
        self.input.take_buffered()
    }
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_some(out).map_err(io::Error::other)
    }
}

impl BodyError {
    fn from_socket(error: io::Error) -> BodyError {
        match error.kind() {
            io::ErrorKind::TimedOut => BodyError::TimedOut,
            _ => BodyError::Disconnected(error),
        }
    }
}

/// Hexadecimal digits, alone or followed by `;` and extensions, which mean nothing here.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let (digits, extensions) = match line.iter().position(|&byte| byte == b';') {
        Some(semicolon) => line.split_at(semicolon),
        None => (line, &[][..]),
    };
    let are_plain = !digits.is_empty() && digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit);
    if !are_plain || extensions.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::chunk_size;

    #[test]
    fn a_chunk_size_is_hexadecimal_digits_and_nothing_else() {
        let cases: [(&str, Option<u64>); 14] = [
            ("0", Some(0)),
            ("1a", Some(26)),
            ("FfF", Some(4095)),
            ("5;name=value", Some(5)),
            ("ffffffffffffffff", Some(u64::MAX)),
            ("10000000000000000", None),
            ("", None),
            (";x", None),
            ("5 ", None),
            (" 5", None),
            ("+5", None),
            ("0x5", None),
            ("5;a\0b", None),
            ("g", None),
        ];
        for (line, size) in cases {
            assert_eq!(chunk_size(line.as_bytes()), size, "{line:?}");
        }
    }
}
