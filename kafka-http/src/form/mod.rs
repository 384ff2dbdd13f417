//! Bodies that are forms: fields in the order in which they were sent, files among them.
//!
//! `multipart/form-data` (RFC 7578) is read as it arrives: a file is a [`Read`] that ends where the file does,
//! and only short texts are ever whole in memory. `application/x-www-form-urlencoded` gives the same fields.
//! The crates that read multipart bodies are asynchronous or no longer looked after, so this is our own.

pub(crate) mod disposition;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod multipart;
mod urlencoded;

use std::{
    fmt,
    io::{self, Cursor, Read},
    vec,
};

use self::multipart::Multipart;
use crate::{
    error::Problem,
    server::{BodyError, ServerLimits},
};

/// Why a form cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormError {
    /// It is not well formed.
    Malformed(&'static str),
    /// Something of it is larger than a limit, given with its unit.
    TooLarge(&'static str, usize),
    /// The body ended, or was refused, before the form did.
    Body(io::Error),
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormError::Malformed(what) => write!(f, "The form is malformed: {what}."),
            FormError::TooLarge(what, most) => write!(f, "The form is too large: {what} {most}."),
            FormError::Body(error) => write!(f, "The form cannot be read: {error}"),
        }
    }
}

impl std::error::Error for FormError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FormError::Body(error) => Some(error),
            _ => None,
        }
    }
}

impl From<&FormError> for Problem {
    fn from(error: &FormError) -> Problem {
        let (status, code) = match error {
            FormError::Malformed(_) => (400, "bad_form"),
            FormError::TooLarge(..) => (413, "form_too_large"),
            FormError::Body(error) => {
                let body = error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>());
                return body.map_or_else(Problem::internal, Problem::from);
            }
        };
        Problem::new(status, code, error.to_string())
    }
}

/// How a form is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `multipart/form-data` with this boundary.
    Multipart(Vec<u8>),
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
}

impl Coding {
    /// What a `Content-Type` says; none if it names no form.
    ///
    /// # Errors
    /// `Malformed` for a form without a boundary as RFC 2046 §5.1.1 has it.
    pub fn of(content_type: &str) -> Result<Option<Coding>, FormError> {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Ok(Some(Coding::Urlencoded));
        }
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Ok(None);
        }
        let parameters = disposition::parameters(parameters.as_bytes())?;
        let boundary = parameters.into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
        match boundary.filter(|boundary| multipart::is_boundary(boundary)) {
            Some(boundary) => Ok(Some(Coding::Multipart(boundary))),
            None => Err(FormError::Malformed("its Content-Type names no boundary of 1 to 70 characters")),
        }
    }
}

/// A form that is being read.
pub struct Form<'b> {
    source: Source<'b>,
    parts: usize,
    most_parts: usize,
    most_text: usize,
    failure: Option<FormError>,
}

enum Source<'b> {
    Multipart(Multipart<'b>),
    Fields(vec::IntoIter<(String, String)>),
}

/// A field, or a file. Its bytes are read from it; what is left of them when the next one is asked for is
/// skipped.
pub struct Part<'f, 'b> {
    /// The name of the field. Several may have the same.
    pub name: String,
    /// What a file is called, as the client says: any text. A field that is no file has none.
    pub filename: Option<String>,
    /// What the client says a file is.
    pub media_type: Option<String>,
    content: Content<'f, 'b>,
    most_text: usize,
}

enum Content<'f, 'b> {
    Streamed { form: &'f mut Multipart<'b>, failure: &'f mut Option<FormError> },
    Text(Cursor<Vec<u8>>),
}

impl<'b> Form<'b> {
    /// Reads the form that `body` holds.
    ///
    /// # Errors
    /// Those of an urlencoded form, which is read at once.
    pub fn new(
        coding: &Coding,
        mut body: impl Read + 'b,
        limits: &ServerLimits,
    ) -> Result<Form<'b>, FormError> {
        let source = match coding {
            Coding::Multipart(boundary) => {
                Source::Multipart(Multipart::new(boundary, Box::new(body), limits.form_head_bytes))
            }
            Coding::Urlencoded => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).map_err(FormError::Body)?;
                Source::Fields(urlencoded::fields(&bytes, limits.form_parts)?.into_iter())
            }
        };
        let (most_parts, most_text) = (limits.form_parts, limits.form_text_bytes);
        Ok(Form { source, parts: 0, most_parts, most_text, failure: None })
    }

    /// The next field or file; none at the end, which has then been read, too.
    ///
    /// # Errors
    /// Whatever is wrong with the form up to there.
    pub fn next_part(&mut self) -> Result<Option<Part<'_, 'b>>, FormError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let most_text = self.most_text;
        match &mut self.source {
            Source::Fields(fields) => Ok(fields.next().map(|(name, value)| Part {
                name,
                filename: None,
                media_type: None,
                content: Content::Text(Cursor::new(value.into_bytes())),
                most_text,
            })),
            Source::Multipart(form) => {
                let Some(head) = form.next_head()? else { return Ok(None) };
                self.parts += 1;
                if self.parts > self.most_parts {
                    return Err(too_many_parts(self.most_parts));
                }
                Ok(Some(Part {
                    name: head.name,
                    filename: head.filename,
                    media_type: head.media_type,
                    content: Content::Streamed { form, failure: &mut self.failure },
                    most_text,
                }))
            }
        }
    }

    /// Why reading a [`Part`] failed, if it did: whoever read it was told only that it did.
    pub fn take_failure(&mut self) -> Option<FormError> {
        self.failure.take()
    }
}

impl Part<'_, '_> {
    /// Whether there is nothing to read from it.
    ///
    /// # Errors
    /// Whatever is wrong with the form up to there.
    pub fn is_empty(&mut self) -> Result<bool, FormError> {
        match &mut self.content {
            Content::Streamed { form, .. } => Ok(form.available()? == 0),
            Content::Text(text) => Ok(text.position() == text.get_ref().len() as u64),
        }
    }

    /// All of it as a text, which must be short.
    ///
    /// # Errors
    /// `TooLarge` beyond [`ServerLimits::form_text_bytes`], `Malformed` for what is no UTF-8, and whatever is
    /// wrong with the form up to there.
    pub fn text(mut self) -> Result<String, FormError> {
        let mut bytes = Vec::new();
        let most = self.most_text;
        let read = (&mut self).take(most as u64 + 1).read_to_end(&mut bytes);
        if let (Content::Streamed { failure, .. }, Err(_)) = (self.content, &read)
            && let Some(failure) = failure.take()
        {
            return Err(failure);
        }
        read.map_err(FormError::Body)?;
        if bytes.len() > most {
            return Err(FormError::TooLarge("the most bytes of a text are", most));
        }
        String::from_utf8(bytes).map_err(|_| FormError::Malformed("a text is not UTF-8"))
    }
}

impl Read for Part<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Streamed { form, failure } => form.read(out).map_err(|error| {
                **failure = Some(error);
                io::Error::other("the form ended before the file did")
            }),
            Content::Text(text) => text.read(out),
        }
    }
}

impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Part<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("filename", &self.filename)
            .finish_non_exhaustive()
    }
}

fn too_many_parts(most: usize) -> FormError {
    FormError::TooLarge("the most fields and files are", most)
}

#[cfg(test)]
mod tests;
