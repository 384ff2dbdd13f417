//! For the fuzz targets: a form's bytes, read as a server reads them.

use std::io::{self, Read};

use super::{Coding, Form, FormError};
use crate::server::ServerLimits;

/// A `Content-Type` in the first line, and the body behind it. However the network cuts it, it says the same,
/// and no more than was sent.
pub fn multipart(bytes: &[u8]) {
    let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (content_type, body) =
        (String::from_utf8_lossy(&bytes[..line]), &bytes[(line + 1).min(bytes.len())..]);
    let Ok(Some(coding)) = Coding::of(&content_type) else { return };
    let whole = said(&coding, body, body.len().max(1));
    assert_eq!(said(&coding, body, 1), whole);
    let parts: usize = whole.iter().map(|(_, _, content)| content.len()).sum();
    // What is no UTF-8 becomes a sign of three bytes.
    assert!(parts <= 3 * body.len(), "{whole:?}");
}

/// The parts of a form: name, file name and content; the last holds what is wrong with it.
fn said(coding: &Coding, body: &[u8], piece: usize) -> Vec<(String, Option<String>, String)> {
    let limits =
        ServerLimits { form_parts: 8, form_head_bytes: 256, form_text_bytes: 64, ..ServerLimits::default() };
    let mut said = Vec::new();
    if let Err(error) = read(coding, Pieces { bytes: body, piece }, &limits, &mut said) {
        said.push((error.to_string(), None, String::new()));
    }
    said
}

fn read(
    coding: &Coding,
    body: Pieces<'_>,
    limits: &ServerLimits,
    said: &mut Vec<(String, Option<String>, String)>,
) -> Result<(), FormError> {
    let mut form = Form::new(coding, body, limits)?;
    while let Some(mut part) = form.next_part()? {
        let (name, filename) = (part.name.clone(), part.filename.clone());
        let content = match filename {
            None => part.text()?,
            Some(_) => {
                let mut content = Vec::new();
                if part.read_to_end(&mut content).is_err()
                    && let Some(failure) = form.take_failure()
                {
                    return Err(failure);
                }
                String::from_utf8_lossy(&content).into_owned()
            }
        };
        said.push((name, filename, content));
    }
    Ok(())
}

/// A body that comes in pieces of one size.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.piece);
        self.bytes.read(&mut buffer[..most])
    }
}
