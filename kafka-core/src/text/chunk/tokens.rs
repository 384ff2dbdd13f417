//! How many tokens a text has, without the vocabulary of a model.

/// Quarters of a token that a sign is. Prose in Latin letters has about four letters a token; digits and punctuation make
/// more of them, as do other alphabets, and of Chinese or Japanese about each sign is one.
pub(super) fn quarters_of(sign: char) -> usize {
    match sign {
        'a'..='z' | 'A'..='Z' | ' ' | '\n' => 1,
        '\0'..='\u{7ff}' => 2,
        _ => 4,
    }
}

/// Quarters of tokens that a text has.
pub(super) fn quarters(text: &str) -> usize {
    text.chars().map(quarters_of).sum()
}
