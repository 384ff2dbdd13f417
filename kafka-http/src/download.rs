//! Files on their way to a client: never as something that a browser opens by itself.

use std::{
    fmt::Write as _,
    io::{self, Seek as _, SeekFrom},
    ops::Range,
};

use kafka_core::{Error, ErrorKind, File, FileContent};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tiny_http::Method;

use crate::{
    error::{Failure, Problem},
    server::{Reply, Request},
};

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The bytes of a file, or as much of them as the request asks for.
pub(crate) fn reply(mut content: FileContent, request: &Request<'_>) -> Result<Reply, Failure> {
    let File { filename, media_type, size_bytes: size, sha256, .. } = content.file.clone();
    let tag = format!("\"{sha256}\"");
    let part = match wanted(request, &tag, size) {
        Wanted::Nothing => return Ok(common(Reply::empty(304), tag)),
        Wanted::All => None,
        Wanted::Part(range) => Some(range),
        Wanted::Unsatisfiable => return Ok(unsatisfiable(request.id(), size)),
    };
    let range = part.clone().unwrap_or(0..size);
    content.seek(SeekFrom::Start(range.start)).map_err(unreadable)?;
    let status = if part.is_some() { 206 } else { 200 };
    let mut reply = Reply::sized(status, media_type, range.end - range.start, content);
    if part.is_some() {
        let place = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        reply = reply.with_header("Content-Range", place);
    }
    Ok(common(reply, tag)
        .with_header("Accept-Ranges", "bytes")
        .with_header("Content-Disposition", disposition(&filename))
        .with_header("Content-Security-Policy", "sandbox"))
}

/// What the answer with the bytes and the one without them have in common.
fn common(reply: Reply, tag: String) -> Reply {
    reply.with_header("ETag", tag).with_header("Cache-Control", "private, no-cache")
}

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// It has the file already.
    Nothing,
    /// A part that the file does not have.
    Unsatisfiable,
}

fn wanted(request: &Request<'_>, tag: &str, size: u64) -> Wanted {
    if request.header("if-none-match").is_some_and(|tags| names(tags, tag)) {
        return Wanted::Nothing;
    }
    // A range is meant for GET only, and if the file is another by now the client wants all of it.
    let is_same = request.header("if-range").is_none_or(|sent| sent == tag);
    match request.header("range").filter(|_| is_same && *request.method() == Method::Get) {
        Some(range) => part_of(range, size),
        None => Wanted::All,
    }
}

/// Whether a list of entity tags names this one, compared weakly (RFC 9110 §13.1.2).
fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|sent| sent == "*" || sent.strip_prefix("W/").unwrap_or(sent) == tag)
}

/// The part that `Range` asks for. What is not understood, and several at once, mean all (RFC 9110 §14.2).
fn part_of(range: &str, size: u64) -> Wanted {
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number of that many digits is larger than any file.
        true if !digits.is_empty() => Some(digits.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let Some((unit, spec)) = range.split_once('=') else { return Wanted::All };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let range = match (first, number(first), last, number(last)) {
        ("", _, _, Some(count)) => size.saturating_sub(count)..size,
        (_, Some(first), "", _) => first..size,
        (_, Some(first), _, Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        _ => return Wanted::All,
    };
    if range.is_empty() { Wanted::Unsatisfiable } else { Wanted::Part(range) }
}

fn unsatisfiable(request_id: &str, size: u64) -> Reply {
    let detail = format!("The file has {size} bytes, and none of them are in the range that was asked for.");
    let reply = Problem::new(416, "range_not_satisfiable", detail).reply(request_id);
    reply.with_header("Content-Range", format!("bytes */{size}"))
}

/// Where a browser finds a file of this [path](File::path).
pub(crate) fn address(path: &str) -> String {
    format!("/{}", utf8_percent_encode(path, PLAIN))
}

/// The name for the client, as RFC 6266 writes it: plain for old clients, and whole for all others.
pub(crate) fn disposition(filename: &str) -> String {
    let is_plain = |sign: char| (sign.is_ascii_graphic() || sign == ' ') && !"\"\\%".contains(sign);
    let plain: String = filename.chars().map(|sign| if is_plain(sign) { sign } else { '_' }).collect();
    let mut whole = String::new();
    for byte in filename.bytes() {
        match byte {
            _ if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) => whole.push(byte.into()),
            // Writing to a string does not fail.
            _ => drop(write!(whole, "%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

fn unreadable(error: io::Error) -> Error {
    let sentence = "The bytes of a file cannot be read; check the disk.";
    Error::new(ErrorKind::Storage, "blob_unreadable", sentence).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_part_or_all_of_a_file() {
        let table = [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=99-", Wanted::Part(99..100)),
            ("bytes=90-200", Wanted::Part(90..100)),
            ("bytes=-7", Wanted::Part(93..100)),
            ("bytes=-700", Wanted::Part(0..100)),
            ("Bytes= 5-6", Wanted::Part(5..7)),
            ("bytes=5-99999999999999999999999", Wanted::Part(5..100)),
            ("bytes=100-", Wanted::Unsatisfiable),
            ("bytes=100-200", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=9-0", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes", Wanted::All),
            ("lines=1-2", Wanted::All),
        ];
        for (range, expected) in table {
            assert_eq!(part_of(range, 100), expected, "{range}");
        }
        assert_eq!(part_of("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for tags in ["*", "\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\""] {
            assert!(names(tags, "\"a\""), "{tags}");
        }
        for tags in ["", "a", "\"b\"", "\"A\""] {
            assert!(!names(tags, "\"a\""), "{tags}");
        }
    }

    #[test]
    fn a_name_is_written_for_old_clients_and_for_all() {
        let table = [
            ("a b.txt", "filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
            ("a\"b\\c%.txt", "filename=\"a_b_c_.txt\"; filename*=UTF-8''a%22b%5Cc%25.txt"),
            ("é\r\n.txt", "filename=\"___.txt\"; filename*=UTF-8''%C3%A9%0D%0A.txt"),
        ];
        for (name, expected) in table {
            assert_eq!(disposition(name), format!("attachment; {expected}"));
        }
    }
}
