//! Server-sent events out of bytes, however the network cuts them. Pure: no input or output.
//!
//! Follows the event stream format of the HTML standard and forgives what endpoints really send: an
//! `error:` field instead of an event of that name, and a last event without its blank line.

use std::{collections::VecDeque, mem};

/// One event with something in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// The `event:` field, `error` for an `error:` field, else empty.
    pub(crate) name: String,
    /// The `data:` lines joined by line feeds; bytes that are not UTF-8 became U+FFFD.
    pub(crate) data: String,
}

/// An event grew beyond the limit; the stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventTooLong;

/// Reads one stream from its beginning. Keeps at most one event of the given size.
#[derive(Debug)]
pub(crate) struct SseParser {
    limit_bytes: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    name: String,
    has_data: bool,
    in_first_line: bool,
    after_cr: bool,
}

impl SseParser {
    /// A parser that refuses events of more than `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> SseParser {
        SseParser {
            limit_bytes,
            line: Vec::new(),
            data: Vec::new(),
            name: String::new(),
            has_data: false,
            in_first_line: true,
            after_cr: false,
        }
    }

    /// Takes the next bytes of the stream and appends the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<SseEvent>) -> Result<(), EventTooLong> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut rest = bytes;
        // The line feed of a CR LF pair may come with a later read.
        if mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend_line(&rest[..at])?;
            self.end_line(events);
            rest = match &rest[at..] {
                [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
        }
        self.extend_line(rest)
    }

    /// The stream is over: what stands without its blank line still counts.
    pub(crate) fn end(&mut self, events: &mut VecDeque<SseEvent>) {
        if !self.line.is_empty() {
            self.end_line(events);
        }
        self.dispatch(events);
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), EventTooLong> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit_bytes {
            return Err(EventTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut VecDeque<SseEvent>) {
        let taken = mem::take(&mut self.line);
        let mut line = taken.as_slice();
        if mem::take(&mut self.in_first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(events);
        } else {
            self.field(line);
        }
        // The buffer is kept for the next line.
        self.line = taken;
        self.line.clear();
    }

    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.append(value),
            b"error" => {
                self.name = "error".to_owned();
                self.append(value);
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            // Comments have an empty field name; `id` and `retry` say nothing about an answer.
            _ => {}
        }
    }

    fn append(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }

    fn dispatch(&mut self, events: &mut VecDeque<SseEvent>) {
        let name = mem::take(&mut self.name);
        if mem::take(&mut self.has_data) && !self.data.is_empty() {
            events.push_back(SseEvent { name, data: String::from_utf8_lossy(&self.data).into_owned() });
        }
        self.data.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 8 << 20;

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
        let mut parser = SseParser::new(LIMIT);
        let mut events = VecDeque::new();
        for piece in pieces {
            parser.push(piece, &mut events).unwrap();
        }
        parser.end(&mut events);
        events.into()
    }

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn the_format_and_its_usual_deviations() {
        let cases: &[(&[u8], &[SseEvent])] = &[
            (b"data: a\n\ndata: b\n\n", &[event("", "a"), event("", "b")]),
            (b"data: a\r\n\r\ndata: b\r\n\r\n", &[event("", "a"), event("", "b")]),
            (b"data: a\r\rdata: b\r\r", &[event("", "a"), event("", "b")]),
            (b"data:a\n\n", &[event("", "a")]),
            (b"data:  a \n\n", &[event("", " a ")]),
            (b"data: a\ndata: b\n\n", &[event("", "a\nb")]),
            (b"data\ndata: b\n\n", &[event("", "\nb")]),
            (b"\xef\xbb\xbfdata: a\n\n", &[event("", "a")]),
            (b"\xef\xbb\xbf\ndata: a\n\n", &[event("", "a")]),
            (b": comment\n:\n\ndata: a\n\n", &[event("", "a")]),
            (b"id: 1\nretry: 5\nevent: ping\ndata: a\n\ndata: b\n\n", &[event("ping", "a"), event("", "b")]),
            (b"error: {\"code\":500}\n\n", &[event("error", "{\"code\":500}")]),
            (b"event: ping\n\ndata:\n\ndata: \n\n", &[]),
            (b"data: a", &[event("", "a")]),
            (b"data: a\n", &[event("", "a")]),
            (b"data: \xff\xc3\n\n", &[event("", "\u{fffd}\u{fffd}")]),
            (b"{\"no\": \"stream\"}\n\n", &[]),
            (b"", &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse([*bytes]), *expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_event_beyond_the_limit_is_refused_and_one_within_it_is_not() {
        let feed = |count: usize| {
            let mut parser = SseParser::new(100);
            let mut events = VecDeque::new();
            (0..count).try_for_each(|_| parser.push(b"data: 0123456789\n", &mut events))
        };
        assert_eq!(feed(7), Ok(()));
        assert_eq!(feed(20), Err(EventTooLong));
        let endless_line = SseParser::new(100).push(&[b'x'; 101], &mut VecDeque::new());
        assert_eq!(endless_line, Err(EventTooLong));
        let comments = b": 0123456789\n".repeat(1000);
        assert_eq!(SseParser::new(100).push(&comments, &mut VecDeque::new()), Ok(()));
    }

    #[test]
    fn a_large_event_byte_by_byte_takes_linear_time() {
        // A parser that looks again at what it has seen would need hours here.
        let mut bytes = b"data: ".to_vec();
        bytes.resize(4 << 20, b'x');
        bytes.extend_from_slice(b"\n\n");
        let events = parse(bytes.chunks(1));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].data.len(), (4 << 20) - 6);
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"data: "[..]),
            Just(&b"data"[..]),
            Just(&b"event: "[..]),
            Just(&b"error: "[..]),
            Just(&b":"[..]),
            Just(&b"\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\n\n"[..]),
            Just("\u{feff}".as_bytes()),
            Just("ä€😀".as_bytes()),
            Just(&b"\xff"[..]),
            Just(&b"{\"a\":1}"[..]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(bytes in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let mut from = 0;
            let pieces: Vec<&[u8]> = ends.map(|to| &bytes[mem::replace(&mut from, to)..to]).collect();
            let whole = parse([&bytes[..]]);
            prop_assert_eq!(&parse(pieces), &whole);
            prop_assert_eq!(&parse(bytes.chunks(1)), &whole);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(parse([&bytes[..]]), parse(bytes.chunks(1)));
        }
    }
}
