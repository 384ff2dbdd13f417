//! The language of searches.
//!
//! With operators: words that all have to be there, `"phrases"`, `begin*` for words that begin so, and `-` before what
//! must not be there. In plain language every word counts, and no sign means anything. Whatever is no word is passed
//! over, so that every text is a query.

use super::{
    stop_words::is_stop_word,
    words::{stands_alone, words},
};

/// Parts of one query that count; what comes behind them does not.
const MOST_CLAUSES: usize = 32;
/// Words of one query that count, in all its parts. A longer phrase is as long as there is room.
const MOST_WORDS: usize = 64;
/// Fewer letters are a word and no beginning: half of all words begin with them.
const PREFIX_CHARS: usize = 2;

/// One thing that a text may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Folded words, one after another; never none.
    pub(crate) words: Vec<String>,
    /// Whether the last one is the beginning of a word.
    pub(crate) is_prefix: bool,
}

impl Clause {
    pub(crate) fn has_digit(&self) -> bool {
        self.words.iter().any(|word| word.contains(char::is_numeric))
    }
}

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) wanted: Vec<Clause>,
    /// What a text must not hold. Without anything wanted it means nothing.
    pub(crate) unwanted: Vec<Clause>,
    /// Whether a text need not hold all that is wanted.
    pub(crate) is_plain: bool,
}

impl Query {
    /// A query in plain language.
    pub(crate) fn plain(text: &str) -> Query {
        let mut query = Query { is_plain: true, ..Query::default() };
        let mut words = words(text).peekable();
        // Where no blanks stand between words, two signs say more than each of them.
        let mut is_paired = false;
        while let Some(word) = words.next() {
            let is_sign = |text: &str| text.chars().next().is_some_and(stands_alone);
            let next = words.peek().filter(|next| {
                next.place.start == word.place.end && is_sign(&word.folded) && is_sign(&next.folded)
            });
            match next {
                Some(next) => query.want(vec![word.folded.into_owned(), next.folded.to_string()], false),
                None if is_paired => {}
                None => query.want(vec![word.folded.into_owned()], false),
            }
            is_paired = next.is_some();
        }
        query
    }

    /// The same without words that stand in any text, unless it has no others.
    pub(crate) fn without_stop_words(mut self) -> Query {
        let says_something = |clause: &Clause| !matches!(&clause.words[..], [word] if is_stop_word(word));
        if self.wanted.iter().any(says_something) {
            self.wanted.retain(says_something);
        }
        self
    }

    /// A query with operators.
    pub(crate) fn with_operators(text: &str) -> Query {
        let mut query = Query::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (is_unwanted, after) = match rest.strip_prefix('-') {
                Some(after) => (true, after),
                None => (false, rest),
            };
            let (part, after) = match after.strip_prefix(is_quote) {
                // A phrase that nobody closes ends with the query.
                Some(phrase) => phrase.split_once(is_quote).unwrap_or((phrase, "")),
                None => after.split_at(
                    after.find(|sign: char| sign.is_whitespace() || is_quote(sign)).unwrap_or(after.len()),
                ),
            };
            let (is_prefix, after) = match after.strip_prefix('*') {
                Some(after) => (true, after),
                None => (part.ends_with('*'), after),
            };
            let words: Vec<String> = words(part).map(|word| word.folded.into_owned()).collect();
            match is_unwanted {
                false => query.want(words, is_prefix),
                true => query.refuse(words, is_prefix),
            }
            rest = after.trim_start();
        }
        query
    }

    fn want(&mut self, words: Vec<String>, is_prefix: bool) {
        let room = self.room();
        add(&mut self.wanted, words, is_prefix, room);
    }

    fn refuse(&mut self, words: Vec<String>, is_prefix: bool) {
        let room = self.room();
        add(&mut self.unwanted, words, is_prefix, room);
    }

    /// How many words may still come.
    fn room(&self) -> usize {
        let words = self.wanted.iter().chain(&self.unwanted).map(|clause| clause.words.len()).sum();
        MOST_WORDS.saturating_sub(words)
    }

    /// Whether it asks for beginnings of words, each of which may stand for very many.
    pub(crate) fn has_prefix(&self) -> bool {
        self.wanted.iter().chain(&self.unwanted).any(|clause| clause.is_prefix)
    }
}

fn add(clauses: &mut Vec<Clause>, mut words: Vec<String>, is_prefix: bool, room: usize) {
    let is_long =
        words.len() <= room && words.last().is_some_and(|last| last.chars().count() >= PREFIX_CHARS);
    words.truncate(room);
    let clause = Clause { is_prefix: is_prefix && is_long, words };
    if !clause.words.is_empty() && clauses.len() < MOST_CLAUSES && !clauses.contains(&clause) {
        clauses.push(clause);
    }
}

fn is_quote(sign: char) -> bool {
    matches!(sign, '"' | '“' | '”' | '„' | '«' | '»')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `-` before what is unwanted, `+` between the words of a phrase.
    fn shown(query: &Query) -> Vec<String> {
        let show = |sign: &'static str| {
            move |clause: &Clause| {
                format!("{sign}{}{}", clause.words.join("+"), if clause.is_prefix { "*" } else { "" })
            }
        };
        query.wanted.iter().map(show("")).chain(query.unwanted.iter().map(show("-"))).collect()
    }

    #[test]
    fn operators_mean_what_they_say() {
        for (text, expected) in [
            ("Two words", &["two", "words"][..]),
            ("\"a Phrase\" word", &["a+phrase", "word"]),
            ("“curly quotes”", &["curly+quotes"]),
            ("begin* \"in a phr\"*", &["begin*", "in+a+phr*"]),
            ("wanted -not -\"nor this\" -pre*", &["wanted", "-not", "-nor+this", "-pre*"]),
            ("e-mail foo_bar don't", &["e+mail", "foo+bar", "don+t"]),
            ("word word WORD", &["word"]),
            ("a* 東*", &["a", "東"]),
            ("東京 大学", &["東+京", "大+学"]),
            ("\"never closed", &["never+closed"]),
            ("x\"y z\"w", &["x", "y+z", "w"]),
            ("- -- * \"\" -\"\" AND OR NOT ( ) : ^ NEAR", &["and", "or", "not", "near"]),
            ("--twice", &["-twice"]),
            ("-alone", &["-alone"]),
            ("", &[]),
        ] {
            assert_eq!(shown(&Query::with_operators(text)), expected, "{text}");
        }
    }

    #[test]
    fn plain_language_has_words_only() {
        for (text, expected) in [
            ("How do I -reset \"my\" e-mail*?", &["how", "do", "i", "reset", "my", "e", "mail"][..]),
            ("東京大学 x 京", &["東+京", "京+大", "大+学", "x", "京"]),
            ("?!", &[]),
        ] {
            assert_eq!(shown(&Query::plain(text)), expected, "{text}");
        }
    }

    #[test]
    fn words_of_any_text_say_nothing_unless_there_are_no_others() {
        for (text, expected) in [
            ("the castle of K", &["castle", "k"][..]),
            ("\"the castle\" and the*", &["the+castle"]),
            ("the of and", &["the", "of", "and"]),
        ] {
            assert_eq!(shown(&Query::with_operators(text).without_stop_words()), expected, "{text}");
        }
    }

    #[test]
    fn a_query_has_so_many_parts() {
        let text: String = (0..100).map(|number| format!("w{number} -n{number} ")).collect();
        let query = Query::with_operators(&text);
        assert_eq!((query.wanted.len(), query.unwanted.len()), (MOST_CLAUSES, MOST_CLAUSES));
        assert_eq!(Query::plain(&text).wanted.len(), MOST_CLAUSES);
    }

    #[test]
    fn a_query_has_so_many_words() {
        let phrase = |length: usize| format!("\"{}\"* ", "word ".repeat(length));
        let query = Query::with_operators(&(phrase(60) + &phrase(10) + "more -more"));
        let lengths: Vec<(usize, bool)> =
            query.wanted.iter().map(|clause| (clause.words.len(), clause.is_prefix)).collect();
        // What is cut off is no beginning of anything.
        assert_eq!((lengths, query.unwanted.len()), (vec![(60, true), (4, false)], 0));
    }

    proptest! {
        #[test]
        fn any_text_is_a_query(text in "(.|\n)*|[\"*a-c -]*") {
            for query in [Query::plain(&text), Query::with_operators(&text)] {
                for clause in query.wanted.iter().chain(&query.unwanted) {
                    prop_assert!(!clause.words.is_empty());
                    prop_assert!(clause.words.iter().all(|word| !word.is_empty()));
                }
            }
        }
    }
}
