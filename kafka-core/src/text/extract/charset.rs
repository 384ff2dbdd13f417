//! What characters the bytes of a text stand for.

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GBK, KOI8_R, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252,
};

use super::error::{ExtractError, NOT_TEXT, UNKNOWN_CHARSET};
use crate::text::decode::decode_text;

/// Bytes in which a page declares its characters; browsers look at as many.
const DECLARED_WITHIN: usize = 1024;
/// Bytes by which an encoding is guessed, from the first on that is not ASCII. The rest only has to be possible in it.
const GUESSED_BY: usize = 64 << 10;

/// The text that bytes stand for, with `\n` at the ends of lines: by their mark, as UTF-8, as they are declared, or as what
/// they are most likely. What is not likely to be anything is refused, since a text of wrong letters is never found. Of a
/// few bytes that are damaged, U+FFFD stands in their place.
pub(super) fn decode(bytes: &[u8], declares: bool) -> Result<String, ExtractError> {
    let text = decode_text(bytes).map_or_else(|| other(bytes, declares), Ok)?;
    if has_controls(&text) {
        return Err(NOT_TEXT);
    }
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

/// Whether it has controls that no text has, as in a program or a compressed file.
fn has_controls(text: &str) -> bool {
    let is_control = |sign: &char| sign.is_control() && !"\n\r\t\u{c}\u{1b}\u{85}".contains(*sign);
    text.chars().filter(is_control).count() * 100 > text.len()
}

fn other(bytes: &[u8], declares: bool) -> Result<String, ExtractError> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        // The mark leaves no doubt, so that more may be damaged.
        return nearly(encoding, &bytes[mark..], 4).filter(|text| !text.contains('\0')).ok_or(NOT_TEXT);
    }
    if bytes.contains(&0) {
        return with_zeros(bytes).ok_or(NOT_TEXT);
    }
    if let Some(text) = nearly_utf8(bytes) {
        return Ok(text);
    }
    if let Some(text) =
        declares.then(|| declared(bytes)).flatten().and_then(|encoding| nearly(encoding, bytes, FEW))
    {
        return Ok(text);
    }
    let text = guessed(bytes).and_then(|encoding| nearly(encoding, bytes, FEW));
    text.or_else(|| nearly(UTF_8, bytes, FEW)).ok_or_else(|| {
        match has_controls(&String::from_utf8_lossy(bytes)) {
            true => NOT_TEXT,
            false => UNKNOWN_CHARSET,
        }
    })
}

/// One sign of so many may be damaged where nothing says what the signs are.
const FEW: usize = 1000;

/// The text in this encoding, if at most one sign of so many is none in it.
fn nearly(encoding: &'static Encoding, bytes: &[u8], of: usize) -> Option<String> {
    let (text, has_damage) = encoding.decode_without_bom_handling(bytes);
    let damaged = || text.chars().filter(|sign| *sign == '\u{fffd}').count();
    (!has_damage || damaged() * of <= text.chars().count()).then(|| text.into_owned())
}

/// A text in UTF-8 of which some is damaged, or whose last sign is cut off: nothing else has so many signs of two bytes and
/// more that are right.
fn nearly_utf8(bytes: &[u8]) -> Option<String> {
    let (mut right, mut damaged, mut is_cut) = (0, 0, false);
    for piece in bytes.utf8_chunks() {
        right += piece.valid().chars().filter(|sign| !sign.is_ascii()).count();
        let invalid = piece.invalid();
        is_cut = str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        damaged += usize::from(!invalid.is_empty());
    }
    // Such a piece in the middle is ended by what follows it.
    let is_cut = is_cut && damaged == 1;
    (right > 0 && (damaged * 10 <= right || is_cut)).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// A text in which U+0000 stands, as a power failure leaves it in a log; or one in UTF-16 without a mark.
fn with_zeros(bytes: &[u8]) -> Option<String> {
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if zeros * 10 <= bytes.len() {
        let others = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        if let Some(text) = String::from_utf8(others).ok().filter(|text| !has_controls(text)) {
            return Some(text);
        }
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    let [first, second] = [0, 1].map(|at| pairs.iter().filter(|pair| pair[at] == 0).count());
    let encoding = if first > second { UTF_16BE } else { UTF_16LE };
    let text = nearly(encoding, bytes, FEW).filter(|text| !text.contains('\0'))?;
    // Any bytes are nearly always signs of UTF-16, most of them Chinese. Without a mark, letters of an alphabet are believed.
    let is_letter = |sign: &char| {
        let ranges = ['\t'..'\u{700}', '\u{3000}'..'\u{3100}', '\u{ac00}'..'\u{d7a4}'];
        ranges.iter().any(|range| range.contains(sign))
    };
    (text.chars().filter(is_letter).count() * 3 >= text.chars().count()).then_some(text)
}

/// What the bytes are most likely, if anything.
fn guessed(bytes: &[u8]) -> Option<&'static Encoding> {
    let first = bytes.iter().position(|byte| !byte.is_ascii())?;
    // What stands before it tells whether it stands in a word.
    let start = bytes[..first].iter().rposition(|byte| !byte.is_ascii_alphabetic()).unwrap_or(0);
    let mut sample = &bytes[start..];
    if sample.len() > GUESSED_BY {
        // No sign is cut in two.
        sample = &sample[..GUESSED_BY];
        sample = &sample[..sample.iter().rposition(u8::is_ascii).map_or(sample.len(), |at| at + 1)];
    }
    let likely = GUESSES.iter().find(|(encoding, is_likely)| {
        strictly(encoding, sample).is_some_and(|text| is_likely(&text, sample))
    });
    likely.map(|(encoding, _)| *encoding)
}

fn strictly(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(String::from)
}

/// The encoding that a page names in its beginning.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARED_WITHIN)]).to_ascii_lowercase();
    let name = head.split_once("charset=").or_else(|| head.split_once("encoding="))?.1;
    let name = name.trim_start_matches(['"', '\'', ' ']);
    let end = name.find(|sign: char| !(sign.is_ascii_alphanumeric() || "-_:".contains(sign)));
    Encoding::for_label(&name.as_bytes()[..end.unwrap_or(name.len())])
}

type Guess = (&'static Encoding, fn(&str, &[u8]) -> bool);

/// What is likely, the strictest first.
const GUESSES: [Guess; 8] = [
    (EUC_JP, |text, _| of_foreign(text, |sign| ('\u{3040}'..'\u{3100}').contains(&sign)) >= 25),
    (SHIFT_JIS, |text, _| of_foreign(text, |sign| ('\u{3040}'..'\u{3100}').contains(&sign)) >= 25),
    (EUC_KR, |text, _| of_foreign(text, |sign| ('\u{ac00}'..'\u{d7a4}').contains(&sign)) >= 75),
    // The order of the standard is by frequency, and its first level is what texts consist of.
    (GBK, |_, bytes| is_common_chinese(bytes)),
    (KOI8_R, |text, _| is_cyrillic(text)),
    (WINDOWS_1251, |text, _| is_cyrillic(text)),
    (WINDOWS_1252, |text, _| is_latin(text)),
    (WINDOWS_1250, |text, _| is_latin(text)),
];

/// How many in a hundred of the signs beyond ASCII are such.
fn of_foreign(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    let (all, such) = text
        .chars()
        .filter(|sign| !sign.is_ascii())
        .fold((0, 0), |(all, such), sign| (all + 1, such + usize::from(is_such(sign))));
    (such * 100_usize).checked_div(all).unwrap_or(0)
}

/// Whether what is not ASCII is, nearly all, of the first level of GB 2312, which are the common signs, and its punctuation.
fn is_common_chinese(bytes: &[u8]) -> bool {
    let (mut all, mut common, mut rest) = (0, 0, bytes);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if !first.is_ascii() {
            let second = rest.split_off_first().copied().unwrap_or_default();
            all += 1;
            common += usize::from(matches!(first, 0xa1..=0xa3 | 0xb0..=0xd7) && second > 0xa0);
        }
    }
    common * 10 >= all * 9
}

/// Whether what is not ASCII is Cyrillic: words of small letters, of which the first may be a capital one. In the wrong one
/// of two encodings, capital and small letters change places.
fn is_cyrillic(text: &str) -> bool {
    let is_cyrillic = |sign: char| ('\u{400}'..'\u{460}').contains(&sign);
    let (mut letters, mut inside, mut before) = (0, 0, ' ');
    for sign in text.chars() {
        if is_cyrillic(sign) {
            letters += 1;
            inside += usize::from(sign.is_lowercase() && is_cyrillic(before));
        }
        before = sign;
    }
    of_foreign(text, is_cyrillic) >= 75 && inside * 2 > letters
}

/// Whether what is not ASCII stands as in a language with Latin letters: letters are few, and other signs not inside words.
fn is_latin(text: &str) -> bool {
    let signs: Vec<char> = text.chars().collect();
    let foreign = signs.iter().filter(|sign| !sign.is_ascii() && sign.is_alphabetic()).count();
    let letters = signs.iter().filter(|sign| sign.is_alphabetic()).count();
    let is_misplaced = |three: &[char]| {
        let [before, sign, after] = *three else { return false };
        let is_inside = before.is_alphabetic() && after.is_alphabetic();
        let is_torn =
            !sign.is_ascii() && !sign.is_alphabetic() && !['\u{2019}', '\u{ad}', '·'].contains(&sign);
        is_inside && (is_torn || sign.is_uppercase() && !sign.is_ascii() && before.is_lowercase())
    };
    let misplaced = signs.windows(3).filter(|three| is_misplaced(three)).count();
    let is_printed = signs.iter().all(|sign| !('\u{80}'..'\u{a0}').contains(sign));
    is_printed && foreign * 2 <= letters && misplaced * 10 <= foreign
}
