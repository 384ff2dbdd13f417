//! The words of a text as they are searched: without case and accents, cut where neither letters nor digits stand.
//!
//! Scripts that put no blanks between words have a word for each sign; a query in them is a phrase of signs.

use std::{borrow::Cow, iter, ops::Range};

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Words of one text that are searched; what comes behind them is not. PostgreSQL keeps no more places.
pub(crate) const MOST_WORDS: usize = 16_000;
/// Longer words count by their beginning, in bytes: so the words of one text have room in one PostgreSQL `tsvector`.
const WORD_BYTES: usize = 48;

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    /// Where it stands, in bytes.
    pub(crate) place: Range<usize>,
    /// How it is compared: letters and digits only.
    pub(crate) folded: Cow<'t, str>,
}

/// The words of a text in their order, up to [`MOST_WORDS`].
pub(crate) fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    let places = iter::from_fn(move || {
        let rest = &text[at..];
        let start = at + rest.find(begins_word)?;
        let mut signs = text[start..].char_indices();
        let first = signs.next().map_or(' ', |(_, sign)| sign);
        let goes_on = |sign: char| if stands_alone(first) { is_mark(sign) } else { continues_word(sign) };
        let length = signs.find(|(_, sign)| !goes_on(*sign)).map_or(text.len() - start, |(length, _)| length);
        at = start + length;
        Some(start..at)
    });
    places
        .map(|place| Word { folded: folded(&text[place.clone()]), place })
        .filter(|word| !word.folded.is_empty())
        .take(MOST_WORDS)
}

/// Whether a script puts no blanks between its words, so that each sign is one.
pub(super) fn stands_alone(sign: char) -> bool {
    matches!(sign,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

fn begins_word(sign: char) -> bool {
    sign.is_alphanumeric() && !is_mark(sign)
}

fn continues_word(sign: char) -> bool {
    (sign.is_alphanumeric() && !stands_alone(sign)) || is_mark(sign)
}

/// Whether a sign stands on another one, and makes no word of its own.
fn is_mark(sign: char) -> bool {
    !sign.is_ascii() && is_combining_mark(sign)
}

fn folded(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(cut(word));
    }
    let mut text = String::with_capacity(word.len());
    if word.is_ascii() {
        text.extend(word.chars().map(|sign| sign.to_ascii_lowercase()));
    } else {
        let plain = word.nfkd().flat_map(char::to_lowercase).filter(|sign| !is_accent(*sign));
        let plain = plain.filter(|sign| sign.is_alphanumeric() || is_mark(*sign));
        // Composed again, because the signs of Korean are three letters each.
        for sign in plain.nfc() {
            match without_stroke(sign) {
                Some(letters) => text.push_str(letters),
                None => text.push(sign),
            }
        }
    }
    text.truncate(cut(&text).len());
    Cow::Owned(text)
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(WORD_BYTES)]
}

/// The marks of Latin, Greek, Cyrillic, Hebrew and Arabic, without which a word is the same. Those of other scripts are
/// vowels.
fn is_accent(sign: char) -> bool {
    matches!(sign,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0487}' | '\u{0591}'..='\u{05c7}' | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{06d6}'..='\u{06ed}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
        && is_combining_mark(sign)
}

/// Letters that Unicode does not take for others with a mark, but people do.
fn without_stroke(sign: char) -> Option<&'static str> {
    Some(match sign {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        words(text).map(|word| word.folded.into_owned()).collect()
    }

    #[test]
    fn case_and_accents_make_no_difference() {
        for (text, expected) in [
            ("Hello, World! 42", &["hello", "world", "42"][..]),
            ("naïve CAFÉ cafe\u{301}", &["naive", "cafe", "cafe"]),
            ("Straße STRASSE ẞ", &["strasse", "strasse", "ss"]),
            ("Łódź Ærø İstanbul ısı", &["lodz", "aero", "istanbul", "isi"]),
            ("Ἀθῆναι ΟΔΟΣ οδός", &["αθηναι", "οδοσ", "οδοσ"]),
            ("Ёлка й", &["елка", "и"]),
            ("ﬁn ＡＢＣ ①", &["fin", "abc", "1"]),
            ("e-mail don't foo_bar", &["e", "mail", "don", "t", "foo", "bar"]),
            ("東京 がく", &["東", "京", "が", "く"]),
            ("か\u{3099}く", &["が", "く"]),
            ("한국어 검색", &["한국어", "검색"]),
            ("हिन्दी", &["हिन्दी"]),
            ("… — “” \u{301} 🙂", &[]),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }

    #[test]
    fn long_words_and_long_texts_are_cut() {
        assert_eq!(all(&"x".repeat(100)), ["x".repeat(WORD_BYTES)]);
        assert_eq!(all(&"é".repeat(100)), ["e".repeat(WORD_BYTES)]);
        assert_eq!(words(&"a ".repeat(MOST_WORDS + 1)).count(), MOST_WORDS);
    }

    proptest! {
        #[test]
        fn words_stand_in_the_text_one_after_another(text in "\\PC*|[a-zA-Z é\u{300}東ß'-]*|(.|\n)*") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(word.place.start >= end && word.place.end > word.place.start);
                end = word.place.end;
                prop_assert!(text.get(word.place).is_some());
                let folded = &word.folded;
                prop_assert!(!folded.is_empty() && folded.len() <= WORD_BYTES, "{}", folded);
                let is_word = |sign: char| !sign.is_ascii() || sign.is_ascii_lowercase() || sign.is_ascii_digit();
                prop_assert!(folded.chars().all(is_word), "{}", folded);
            }
        }
    }
}
