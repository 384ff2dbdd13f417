//! The text of a file.

/// The text that a file holds, for a model to read or a person to edit.
///
/// Understood are UTF-8, with or without a byte order mark, and UTF-16 with one. The mark is no part of the
/// text. None for anything else, so also where U+0000 stands in the text: that is what tells most binary
/// formats from text, and databases and C programs do not keep it.
#[must_use]
pub fn decode_text(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8(text.to_vec()).ok(),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        text => String::from_utf8(text.to_vec()).ok(),
    };
    text.filter(|text| !text.contains('\0'))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().copied().map(unit).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_whatever_its_byte_order_mark_says() {
        for bytes in [
            &b"a\xc3\xa9\n"[..],
            b"\xef\xbb\xbfa\xc3\xa9\n",
            b"\xff\xfea\0\xe9\0\n\0",
            b"\xfe\xff\0a\0\xe9\0\n",
        ] {
            assert_eq!(decode_text(bytes).as_deref(), Some("aé\n"), "{bytes:x?}");
        }
        for empty in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"] {
            assert_eq!(decode_text(empty).as_deref(), Some(""), "{empty:x?}");
        }
        assert_eq!(decode_text(b"\xff\xfe\x3d\xd8\0\xde").as_deref(), Some("😀"));
    }

    #[test]
    fn what_is_no_text_is_not_guessed_at() {
        for bytes in [
            &b"\xe9t\xe9"[..],
            b"a\0b",
            b"\xef\xbb\xbf\0",
            b"\xff\xfe\0\0a\0\0\0",
            b"\xff\xfea",
            b"\xff\xfe\0\xde",
            b"%PDF-1.7\n\xe2\xe3",
            b"\x89PNG\r\n\x1a\n\0",
        ] {
            assert_eq!(decode_text(bytes), None, "{bytes:x?}");
        }
    }
}
