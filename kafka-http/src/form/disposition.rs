//! What the head of a part says: the name of its field, and what its file is called.

use super::{FormError, urlencoded::percent_decoded};

/// The head of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) media_type: Option<String>,
}

impl Head {
    /// Reads header fields without the empty line behind them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Head, FormError> {
        let (mut disposition, mut media_type) = (None, None);
        for line in lines(bytes)? {
            let colon = line.iter().position(|&byte| byte == b':');
            let colon = colon.ok_or(FormError::Malformed("a line in the head of a part has no colon"))?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-disposition") {
                if disposition.replace(value).is_some() {
                    return Err(FormError::Malformed("a part has two Content-Dispositions"));
                }
            } else if name.eq_ignore_ascii_case(b"content-type") {
                media_type = Some(String::from_utf8_lossy(value).into_owned());
            }
        }
        let unnamed = || FormError::Malformed("a part has no name");
        let disposition = disposition.ok_or_else(unnamed)?;
        let end = disposition.iter().position(|&byte| byte == b';').unwrap_or(disposition.len());
        if !disposition[..end].trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err(FormError::Malformed("the Content-Disposition of a part is not form-data"));
        }
        let parameters = parameters(&disposition[(end + 1).min(disposition.len())..])?;
        let value = |wanted: &str| {
            parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice())
        };
        Ok(Head {
            name: unescaped(value("name").ok_or_else(unnamed)?),
            // RFC 7578 forbids the extended form, but there are clients that send it, and it says more.
            filename: value("filename*").map(extended).or_else(|| value("filename").map(unescaped)),
            media_type,
        })
    }
}

/// The lines without their CR LF, which is the only end that a line has.
fn lines(bytes: &[u8]) -> Result<Vec<&[u8]>, FormError> {
    let malformed = || FormError::Malformed("a line in the head of a part is folded, or ends without CR LF");
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    if let Some((_, ended)) = lines.split_last_mut() {
        for line in ended {
            *line = line.strip_suffix(b"\r").ok_or_else(malformed)?;
        }
    }
    let is_sound =
        |line: &&[u8]| !line.contains(&b'\r') && !line.starts_with(b" ") && !line.starts_with(b"\t");
    if lines.iter().all(is_sound) { Ok(lines) } else { Err(malformed()) }
}

/// `; name=value; name="value"`: the names in lower case, the values without their quotes.
pub(super) fn parameters(mut rest: &[u8]) -> Result<Vec<(String, Vec<u8>)>, FormError> {
    let malformed = || FormError::Malformed("a parameter of a header field is not understood");
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        match rest.split_first() {
            None => return Ok(found),
            Some((b';', behind)) => {
                rest = behind;
                continue;
            }
            Some(_) => {}
        }
        let equals = rest.iter().position(|&byte| byte == b'=').ok_or_else(malformed)?;
        let name = String::from_utf8_lossy(rest[..equals].trim_ascii()).to_ascii_lowercase();
        if name.is_empty() || name.contains([';', '"']) || found.iter().any(|(known, _)| *known == name) {
            return Err(malformed());
        }
        rest = rest[equals + 1..].trim_ascii_start();
        let value;
        (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted).ok_or_else(malformed)?,
            None => {
                let end = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
                (rest[..end].trim_ascii().to_vec(), &rest[end..])
            }
        };
        rest = rest.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b";") {
            return Err(malformed());
        }
        found.push((name, value));
    }
}

/// The text up to the closing quote, and what stands behind it. A backslash escapes a quote and a backslash,
/// as curl writes them. Browsers write it as it is, so in front of a quote that nothing follows it is one.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return None,
            [b'\\', b'"'] => {
                value.push(b'\\');
                return Some((value, b""));
            }
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] => {
                value.push(*escaped);
                behind
            }
            [b'"', behind @ ..] => return Some((value, behind)),
            [byte, behind @ ..] => {
                value.push(*byte);
                behind
            }
        }
    }
}

/// What browsers mean by a name: they write `%22`, `%0D` and `%0A` for what would end it, and every other
/// percent sign as it is.
fn unescaped(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match rest {
            [b'%', b'2', b'2', behind @ ..] => (b'"', behind),
            [b'%', b'0', b'D' | b'd', behind @ ..] => (b'\r', behind),
            [b'%', b'0', b'A' | b'a', behind @ ..] => (b'\n', behind),
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text of `UTF-8'language'%41`. In whatever charset it is: names are not refused for their text.
fn extended(value: &[u8]) -> String {
    percent_decoded(value.splitn(3, |&byte| byte == b'\'').last().unwrap_or_default())
}
