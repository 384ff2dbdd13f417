//! Rules that every text from outside must meet before it is stored.

use crate::base::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
};

/// A title, name or other short text: at most `name_chars` characters.
pub(crate) fn name(limits: &Limits, field: &str, text: &str) -> Result<()> {
    characters(field, text, limits.name_chars)
}

/// [`name`] where there is one.
pub(crate) fn optional_name(limits: &Limits, field: &str, text: Option<&String>) -> Result<()> {
    text.map_or(Ok(()), |text| name(limits, field, text))
}

/// An e-mail address: something before an `@`, a dot in what follows, no blanks.
pub(crate) fn email(limits: &Limits, text: &str) -> Result<()> {
    characters("email", text, limits.email_chars)?;
    let well_formed = text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() > 1
            && domain.split('.').all(|label| !label.is_empty())
            && !text.chars().any(|sign| sign.is_whitespace() || sign.is_control())
    });
    if well_formed {
        Ok(())
    } else {
        Err(Error::invalid("email_invalid", "email", "give an address such as name@example.org"))
    }
}

/// A name to log in with: no `@`, by which addresses are known.
pub(crate) fn username(limits: &Limits, text: Option<&String>) -> Result<()> {
    optional_name(limits, "username", text)?;
    match text {
        Some(text) if text.contains('@') => {
            Err(Error::invalid("username_invalid", "username", "leave out the @; an address is the e-mail"))
        }
        _ => Ok(()),
    }
}

/// The text of a message: not empty, at most `message_bytes` bytes.
pub(crate) fn message(limits: &Limits, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid("content_empty", "content", "a message needs a text"));
    }
    bytes("content", text, limits.message_bytes)
}

/// What is searched for: whatever it is, but not without end.
pub(crate) fn query(limits: &Limits, text: &str) -> Result<()> {
    no_nul("query", text)?;
    let (count, most) = (text.chars().count(), limits.search_query_chars);
    if count <= most {
        return Ok(());
    }
    let message = format!("it has {count} characters; search with at most {most}");
    Err(Error::invalid("query_too_long", "query", message))
}

/// A text of at most `most` bytes.
pub(crate) fn bytes(field: &str, text: &str, most: usize) -> Result<()> {
    no_nul(field, text)?;
    if text.len() <= most {
        return Ok(());
    }
    let sentence = format!("The field {field} has {} bytes; at most {most} are stored.", text.len());
    Err(Error::new(ErrorKind::TooLarge, "text_too_long", sentence))
}

/// A text of at most `most` characters.
pub(crate) fn characters(field: &str, text: &str, most: usize) -> Result<()> {
    no_nul(field, text)?;
    let count = text.chars().count();
    if count <= most {
        return Ok(());
    }
    let message = format!("it has {count} characters; at most {most} are stored");
    Err(Error::invalid("text_too_long", field, message))
}

/// PostgreSQL text cannot hold U+0000, so no engine stores it.
fn no_nul(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid("nul_in_text", field, "it holds the character U+0000; remove it"));
    }
    Ok(())
}

/// A name or address as it is compared: letters A to Z in lower case, as the database folds them.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_by_their_form() {
        let limits = Limits::default();
        for good in ["a@b.co", "first.last+tag@sub.example.org", "ü@example.org"] {
            assert!(email(&limits, good).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(260));
        for bad in
            ["", "a", "a@", "@b.co", "a@b", "a@b..co", "a@.co", "a b@c.de", "a@b@c.de", "a\0@b.co", &long]
        {
            assert!(email(&limits, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_count_characters_for_names_and_bytes_for_texts() {
        let limits = Limits { name_chars: 3, message_bytes: 4, ..Limits::default() };
        assert!(name(&limits, "title", "äöü").is_ok());
        assert_eq!(name(&limits, "title", "äöüß").unwrap_err().code(), "text_too_long");
        assert!(message(&limits, "äö").is_ok());
        assert_eq!(message(&limits, "äöü").unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(message(&limits, "").unwrap_err().code(), "content_empty");
        assert_eq!(name(&limits, "title", "\0").unwrap_err().code(), "nul_in_text");
    }
}
