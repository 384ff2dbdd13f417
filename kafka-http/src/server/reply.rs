//! Replies, and the one door through which every byte of an answer leaves.
//!
//! Of tiny_http only the vocabulary is used here; why its serializer is not is told in ADR 0001. The
//! door owns the lines that decide where an answer ends (`Content-Length`, `Transfer-Encoding`,
//! `Connection`) and refuses replies that try to set them, or that hold line ends in a header field.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tiny_http::{HTTPVersion, StatusCode};

use super::{
    BodyWriter, Upgraded,
    head::{HTTP_1_0, HTTP_1_1},
    outgoing::Outgoing,
    stream,
};

/// Bodies up to this size leave in one write together with their head, in bytes.
const ONE_WRITE_BYTES: usize = 64 << 10;

/// Header fields that only the door may write.
const OWN_FIELDS: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

pub(super) type StreamBody = Box<dyn FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + Send>;
pub(super) type TakeOver = Box<dyn FnOnce(Upgraded) + Send>;

/// The answer to one request. `Server`, `Date`, `x-request-id`, `Connection` and what tells the
/// body's length are added when it is sent; a reply that sets them itself, or whose header fields
/// could be read as more than one line, is a defect and becomes 500.
pub struct Reply {
    status: u16,
    fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    content: Content,
}

enum Content {
    Bytes(Cow<'static, [u8]>),
    Sized { bytes: u64, source: Box<dyn Read + Send> },
    Stream(StreamBody),
    Upgrade { protocol: &'static str, take_over: TakeOver },
}

impl Reply {
    /// A reply without a body.
    #[must_use]
    pub fn empty(status: u16) -> Reply {
        Reply { status, fields: Vec::new(), content: Content::Bytes(Cow::Borrowed(b"")) }
    }

    /// A reply whose body is ready.
    #[must_use]
    pub fn bytes(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Reply {
        let content = Content::Bytes(body.into());
        Reply { status, fields: vec![("Content-Type".into(), content_type.into())], content }
    }

    /// A reply whose body is read from `source` while it is sent, for example from a file, and has so many
    /// bytes. If there are fewer the connection is cut.
    #[must_use]
    pub fn sized(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        bytes: u64,
        source: impl Read + Send + 'static,
    ) -> Reply {
        let content = Content::Sized { bytes, source: Box::new(source) };
        Reply { status, fields: vec![("Content-Type".into(), content_type.into())], content }
    }

    /// A reply whose body is written piece by piece by `stream`, on the connection's thread, after
    /// the head was sent. It is not called for HEAD. `Ok` ends the body; an error or a panic cuts the
    /// connection, so that the client does not take a part for the whole.
    #[must_use]
    pub fn stream(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        stream: impl FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + Send + 'static,
    ) -> Reply {
        let content = Content::Stream(Box::new(stream));
        Reply { status, fields: vec![("Content-Type".into(), content_type.into())], content }
    }

    /// 101, after which `take_over` owns the connection, on its thread, and it closes when
    /// `take_over` returns. A request with an unread body, or of HTTP/1.0, gets 400 instead.
    #[must_use]
    pub fn upgrade(protocol: &'static str, take_over: impl FnOnce(Upgraded) + Send + 'static) -> Reply {
        let content = Content::Upgrade { protocol, take_over: Box::new(take_over) };
        Reply { status: 101, fields: Vec::new(), content }
    }

    /// Adds a header field, also beside others of that name.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Reply {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether only the end of the connection can tell a client of that version where the body ends.
    pub(super) fn ends_by_closing(&self, version: &HTTPVersion) -> bool {
        matches!(self.content, Content::Stream(_)) && *version == HTTP_1_0
    }

    /// Why this reply must not be sent, if so.
    pub(super) fn defect(&self) -> Option<&'static str> {
        let is_upgrade = matches!(self.content, Content::Upgrade { .. });
        if !(200..=599).contains(&self.status) && !is_upgrade {
            return Some("its status is not a final one");
        }
        self.fields.iter().find_map(|(name, value)| {
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                Some("a header field's name is not a token")
            } else if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                Some("a header field's value holds a control character")
            } else if OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                Some("a header field is the connection's own")
            } else {
                None
            }
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = match &self.content {
            Content::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Content::Sized { bytes, .. } => format!("{bytes} bytes to be read"),
            Content::Stream(_) => "stream".to_owned(),
            Content::Upgrade { protocol, .. } => format!("upgrade to {protocol}"),
        };
        let fields = &self.fields;
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("fields", fields)
            .field("content", &content)
            .finish()
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The words that go with a status.
pub(crate) fn reason_phrase(status: u16) -> &'static str {
    match status {
        499 => "Client Closed Request",
        _ => StatusCode(status).default_reason_phrase(),
    }
}

/// What the door must know of the request.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) request_id: &'a str,
    pub(super) version: &'a HTTPVersion,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
}

/// What is to be done after the head and a ready body were sent.
pub(super) enum Then {
    /// Everything was sent; so many bytes of body.
    Done(u64),
    /// The body is to be written by this.
    Stream { write: StreamBody, is_chunked: bool },
    /// The connection changes hands.
    TakeOver(TakeOver),
}

/// How the client learns where the body ends.
enum BodyEnd {
    Length(u64),
    Chunks,
    /// The connection's end is the body's, which HTTP/1.0 needs for streams.
    Close,
    /// The status allows no body.
    NoBody,
    Upgrade(&'static str),
}

/// The writing side of a connection.
#[derive(Debug)]
pub(super) struct Door<'s> {
    pub(super) stream: Arc<TcpStream>,
    pub(super) outgoing: &'s Arc<Outgoing>,
    buffer: Vec<u8>,
    date: DateLine,
}

impl<'s> Door<'s> {
    pub(super) fn new(stream: Arc<TcpStream>, outgoing: &'s Arc<Outgoing>) -> Door<'s> {
        Door { stream, outgoing, buffer: Vec::new(), date: DateLine::default() }
    }

    /// Sends the head, and the body if it is ready, in one write unless the body is long. The reply
    /// has no [`Reply::defect`].
    pub(super) fn send(&mut self, reply: Reply, exchange: &Exchange<'_>) -> io::Result<Then> {
        let Reply { status, fields, content } = reply;
        let may_have_body = status >= 200 && status != 204 && status != 304;
        let end = match &content {
            Content::Upgrade { protocol, .. } => BodyEnd::Upgrade(protocol),
            _ if !may_have_body => BodyEnd::NoBody,
            Content::Bytes(bytes) => BodyEnd::Length(bytes.len() as u64),
            Content::Sized { bytes, .. } => BodyEnd::Length(*bytes),
            Content::Stream(_) if *exchange.version == HTTP_1_1 => BodyEnd::Chunks,
            Content::Stream(_) => BodyEnd::Close,
        };
        let is_chunked = matches!(end, BodyEnd::Chunks);
        self.write_head(status, &fields, end, exchange)?;
        let sends_body = may_have_body && !exchange.is_head;
        let then = match content {
            Content::Bytes(body) if sends_body => {
                if body.len() <= ONE_WRITE_BYTES {
                    self.buffer.extend_from_slice(&body);
                    self.flush()?;
                } else {
                    self.flush()?;
                    let _passage = self.outgoing.enter(&self.stream, body.len());
                    (&*self.stream).write_all(&body)?;
                }
                return Ok(Then::Done(body.len() as u64));
            }
            Content::Sized { bytes, source } if sends_body => {
                Then::Stream { write: Box::new(move |body| stream::copy(source, bytes, body)), is_chunked }
            }
            Content::Stream(write) if sends_body => Then::Stream { write, is_chunked },
            Content::Bytes(_) | Content::Sized { .. } | Content::Stream(_) => Then::Done(0),
            Content::Upgrade { take_over, .. } => Then::TakeOver(take_over),
        };
        self.flush()?;
        Ok(then)
    }

    fn write_head(
        &mut self,
        status: u16,
        fields: &[(Cow<'static, str>, Cow<'static, str>)],
        end: BodyEnd,
        exchange: &Exchange<'_>,
    ) -> io::Result<()> {
        let head = &mut self.buffer;
        head.clear();
        write!(head, "HTTP/1.1 {status} {}\r\nServer: kafka\r\n", reason_phrase(status))?;
        put_field(head, "Date", self.date.now());
        put_field(head, "x-request-id", exchange.request_id);
        for (name, value) in fields {
            put_field(head, name, value);
        }
        match end {
            BodyEnd::Length(bytes) => write!(head, "Content-Length: {bytes}\r\n")?,
            BodyEnd::Chunks => put_field(head, "Transfer-Encoding", "chunked"),
            BodyEnd::Close | BodyEnd::NoBody => {}
            BodyEnd::Upgrade(protocol) => put_field(head, "Upgrade", protocol),
        }
        match end {
            BodyEnd::Upgrade(_) => put_field(head, "Connection", "Upgrade"),
            _ if !exchange.keep_alive => put_field(head, "Connection", "close"),
            _ if *exchange.version == HTTP_1_0 => put_field(head, "Connection", "keep-alive"),
            _ => {}
        }
        head.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = (&*self.stream).write_all(&self.buffer);
        if self.buffer.capacity() > ONE_WRITE_BYTES / 4 {
            self.buffer = Vec::new();
        }
        result
    }
}

fn put_field(head: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// The text of `Date`, formatted once a second.
#[derive(Debug, Default)]
struct DateLine {
    second: u64,
    text: String,
}

impl DateLine {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}
