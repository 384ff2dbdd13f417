//! `application/x-www-form-urlencoded`, decoded as the URL standard says: no bytes are refused.

use super::{FormError, too_many_parts};

/// The fields in their order.
///
/// # Errors
/// `TooLarge` for more than `most`.
pub(super) fn fields(bytes: &[u8], most: usize) -> Result<Vec<(String, String)>, FormError> {
    let pairs = bytes.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    let mut fields = Vec::new();
    for pair in pairs {
        if fields.len() == most {
            return Err(too_many_parts(most));
        }
        let equals = pair.iter().position(|&byte| byte == b'=');
        let (name, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        fields.push((decoded(name), decoded(value)));
    }
    Ok(fields)
}

fn decoded(bytes: &[u8]) -> String {
    let blanks: Vec<u8> = bytes.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decoded(&blanks)
}

/// The text behind `%41` and the like. What only looks like it stands for itself.
pub(super) fn percent_decoded(bytes: &[u8]) -> String {
    let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
