//! Request heads: where one ends, and what it says.
//!
//! Strict on everything that two programs could read differently, because such a difference is how a
//! body gets executed as a second request: lengths, transfer codings, line ends, folded lines, Host.

use std::{mem::MaybeUninit, str};

use httparse::Status;
use tiny_http::{HTTPVersion, Method};

use super::limits::HEAD_FIELDS;
use crate::error::Problem;

pub(super) const HTTP_1_0: HTTPVersion = HTTPVersion(1, 0);
pub(super) const HTTP_1_1: HTTPVersion = HTTPVersion(1, 1);

/// Finds the end of a head in bytes that arrive in pieces, looking at each byte once.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    seen: usize,
    line_start: usize,
    has_line: bool,
}

impl HeadScan {
    /// The length of the head at the start of `bytes`, or `None` if it is not complete. `bytes` only
    /// grows from call to call.
    pub(super) fn advance(&mut self, bytes: &[u8], longest: usize) -> Result<Option<usize>, Problem> {
        let window = &bytes[..bytes.len().min(longest)];
        while let Some(offset) = window[self.seen..].iter().position(|&byte| byte == b'\n') {
            let line_feed = self.seen + offset;
            self.seen = line_feed + 1;
            if line_feed == self.line_start || window[line_feed - 1] != b'\r' {
                return Err(bad("A line of the head ends with a bare line feed; it must end with CR LF."));
            }
            let is_empty = line_feed == self.line_start + 1;
            if is_empty && self.has_line {
                return Ok(Some(self.seen));
            }
            // Empty lines before the request line are skipped, as RFC 9112 §2.2 asks.
            self.has_line |= !is_empty;
            self.line_start = self.seen;
        }
        self.seen = window.len();
        if window.len() == longest {
            return Err(Problem::new(
                431,
                "head_too_large",
                format!(
                    "The request line and header fields exceed {longest} bytes; send fewer or shorter ones."
                ),
            ));
        }
        Ok(None)
    }
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(u64),
    Chunked,
}

/// What a head says.
#[derive(Debug)]
pub(super) struct Head<'b> {
    pub(super) method: Method,
    pub(super) target: &'b str,
    pub(super) version: HTTPVersion,
    pub(super) fields: Vec<(&'b str, &'b str)>,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
}

impl<'b> Head<'b> {
    /// Parses a head that [`HeadScan`] found complete.
    pub(super) fn parse(bytes: &'b [u8]) -> Result<Head<'b>, Problem> {
        let text = str::from_utf8(bytes).map_err(|_| bad("The head is not UTF-8 text."))?;
        let mut slots = [const { MaybeUninit::uninit() }; HEAD_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(bytes, &mut slots) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err(bad("The head is not complete.")),
            Err(httparse::Error::Version) => return Err(refused_version(text)),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Problem::new(
                    431,
                    "too_many_header_fields",
                    format!("The request has more than {HEAD_FIELDS} header fields; send fewer."),
                ));
            }
            Err(error) => return Err(bad(format!("The head is not HTTP/1.1: {error}."))),
        }
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(bad("The request line is not complete."));
        };
        let mut fields = Vec::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let value = str::from_utf8(field.value).map_err(|_| bad("The head is not UTF-8 text."))?;
            fields.push((field.name, value));
        }
        let method = method.parse().map_err(|()| bad("The method is not an ASCII word."))?;
        let version = HTTPVersion(1, minor);
        let host = sole(&fields, "host")?;
        match host {
            Some(host) if !is_host(host) => return Err(bad("The Host header field is not a host name.")),
            None if version == HTTP_1_1 => return Err(bad("The Host header field is missing.")),
            _ => {}
        }
        let target = origin_form(&method, target, host)?;
        let framing = framing(&fields, &version)?;
        let keep_alive = keep_alive(&fields, &version);
        let expects_continue = expects_continue(&fields, &version)?;
        Ok(Head { method, target, version, fields, framing, keep_alive, expects_continue })
    }

    /// The first header field of that name, in any case of letters.
    pub(super) fn field(&self, name: &str) -> Option<&'b str> {
        all(&self.fields, name).next()
    }
}

fn bad(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(400, "bad_request_head", detail)
}

/// The value of a field that may stand only once.
fn sole<'b>(fields: &[(&'b str, &'b str)], name: &str) -> Result<Option<&'b str>, Problem> {
    let mut values = all(fields, name);
    let first = values.next();
    if values.next().is_some() {
        return Err(bad(format!("The header field {name} stands more than once.")));
    }
    Ok(first)
}

fn all<'b>(fields: &[(&'b str, &'b str)], name: &str) -> impl Iterator<Item = &'b str> {
    fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1)
}

fn is_host(value: &str) -> bool {
    !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte))
}

/// Path and query of the target. The form with scheme and authority is for proxies, but must be
/// understood; its authority may not contradict Host, or checks of Host could be passed by.
fn origin_form<'b>(method: &Method, target: &'b str, host: Option<&str>) -> Result<&'b str, Problem> {
    if target.starts_with('/') || (target == "*" && *method == Method::Options) {
        return Ok(target);
    }
    let scheme_len = "http://".len();
    let Some(rest) = target
        .get(..scheme_len)
        .filter(|scheme| scheme.eq_ignore_ascii_case("http://"))
        .and(target.get(scheme_len..))
    else {
        return Err(bad("The request target must be a path that begins with a slash."));
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if !host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) {
        return Err(bad("The request target names another host than the Host header field."));
    }
    match path {
        "" => Ok("/"),
        path if path.starts_with('/') => Ok(path),
        _ => Err(bad("The request target has a query but no path.")),
    }
}

fn framing(fields: &[(&str, &str)], version: &HTTPVersion) -> Result<Framing, Problem> {
    let length = sole(fields, "content-length")?;
    let coding = sole(fields, "transfer-encoding")?;
    match (length, coding) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(bad("Content-Length and Transfer-Encoding stand together; send one.")),
        (None, Some("chunked")) if *version == HTTP_1_1 => Ok(Framing::Chunked),
        (None, Some(_)) => Err(bad("Transfer-Encoding must be exactly `chunked`, in HTTP/1.1.")),
        (Some(digits), None) => {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse().ok().filter(|_| is_number) {
                None => Err(bad("Content-Length must be one number of decimal digits below 2^64.")),
                Some(0) => Ok(Framing::Empty),
                Some(bytes) => Ok(Framing::Length(bytes)),
            }
        }
    }
}

fn keep_alive(fields: &[(&str, &str)], version: &HTTPVersion) -> bool {
    let says = |word: &str| {
        all(fields, "connection")
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    if *version == HTTP_1_1 { !says("close") } else { says("keep-alive") && !says("close") }
}

fn expects_continue(fields: &[(&str, &str)], version: &HTTPVersion) -> Result<bool, Problem> {
    match all(fields, "expect").next() {
        Some(_) if *version == HTTP_1_0 => Ok(false),
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("100-continue") => Ok(true),
        Some(_) => Err(Problem::new(
            417,
            "expectation_failed",
            "The only expectation this server meets is `Expect: 100-continue`.",
        )),
    }
}

/// Tells a version that is not spoken here from a request line that is none.
fn refused_version(head: &str) -> Problem {
    let line = head.trim_start_matches("\r\n").split("\r\n").next().unwrap_or_default();
    match line.rsplit(' ').next().and_then(|word| word.strip_prefix("HTTP/")).map(str::as_bytes) {
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Problem::new(505, "http_version_not_supported", "This server speaks HTTP/1.1 and HTTP/1.0 only.")
        }
        _ => bad("The request line does not end with an HTTP version."),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 300;

    /// What reading `bytes` in pieces that end at `cuts` gives: the head's length and its debug text,
    /// or the refusal.
    fn outcome(bytes: &[u8], cuts: &[usize]) -> String {
        let mut scan = HeadScan::default();
        for &cut in cuts.iter().chain([&bytes.len()]) {
            match scan.advance(&bytes[..cut], LONGEST) {
                Ok(None) => {}
                Ok(Some(length)) => return format!("{length} {:?}", Head::parse(&bytes[..length])),
                Err(problem) => return format!("{problem:?}"),
            }
        }
        "incomplete".to_owned()
    }

    /// Mostly plausible heads, so that the property reaches past the first check.
    fn almost_a_head() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"GET / HTTP/1.1\r\n".to_vec()),
            Just(b"POST /a?b HTTP/1.0\r\n".to_vec()),
            Just(b"Host: a\r\n".to_vec()),
            Just(b"Content-Length: 5\r\n".to_vec()),
            Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
            Just(b"Connection: close, x\r\n".to_vec()),
            Just(b"Expect: 100-continue\r\n".to_vec()),
            Just(b" folded\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just("é: ü\r\n".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_result(
            bytes in almost_a_head(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let every_byte: Vec<usize> = (0..bytes.len()).collect();
            let whole = outcome(&bytes, &[]);
            prop_assert_eq!(&whole, &outcome(&bytes, &cuts));
            prop_assert_eq!(&whole, &outcome(&bytes, &every_byte));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Head::parse(&bytes);
            let _ = outcome(&bytes, &[]);
        }
    }
}
