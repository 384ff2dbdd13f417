//! Which words of a question say what it is about.

use crate::text::search::{
    query::{Clause, Query},
    stop_words::is_stop_word,
};

/// Letters that stay of a long word.
const STEM_CHARS: usize = 5;
/// A question with fewer content words is about what was said before, too.
const FEW: usize = 2;

/// The content words of a question, one of which will do; with those of what was said before where it has few.
pub(super) fn query(question: &str, before: Option<&str>) -> Query {
    let mut query = content(question);
    if !query.wanted.is_empty() && query.wanted.len() < FEW {
        let earlier = before.map(content).unwrap_or_default().wanted;
        query
            .wanted
            .extend(earlier.into_iter().filter(|clause| !query.wanted.contains(clause)).collect::<Vec<_>>());
    }
    query
}

fn content(text: &str) -> Query {
    let mut query = Query::plain(text);
    query.wanted.retain(|clause| !says_nothing(clause));
    query.wanted.iter_mut().for_each(shorten);
    query
}

/// Questions have words in other forms than texts: long ones count by their beginning.
fn shorten(clause: &mut Clause) {
    if let [word] = clause.words.as_mut_slice()
        && let Some((end, _)) = word.char_indices().nth(STEM_CHARS)
    {
        word.truncate(end);
        clause.is_prefix = true;
    }
}

fn says_nothing(clause: &Clause) -> bool {
    match clause.words.as_slice() {
        [word] => is_stop_word(word) || ABOUT.split_ascii_whitespace().any(|about| about == word),
        _ => false,
    }
}

/// Words by which a document as a whole is asked about; folded, in the languages of the stop words.
const ABOUT: &str = "document documents file files text pdf page paper content contents summarize summarise summary overview describe \
     explain topic main outline gist geht steht worum dokument dokumente datei dateien inhalt zusammenfassung \
     zusammenfassen fasse zusammen uberblick thema erklare fichier resume resumer sujet documento archivo resumen \
     resumir trata";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_its_content_words() {
        let few = Some("How tall is the tower of Pisa?");
        for (question, before, expected) in [
            ("What is the boiling point of water?", None, &["boili", "point", "water"][..]),
            ("Worum geht es in dem Dokument?", None, &[]),
            ("What is this about?", few, &[]),
            ("Please summarize the PDF", None, &[]),
            ("And Siena?", few, &["siena", "tall", "tower", "pisa"]),
            ("Siena's cathedral", few, &["siena", "cathe"]),
            ("", few, &[]),
        ] {
            let words: Vec<String> =
                query(question, before).wanted.iter().map(|clause| clause.words.join("+")).collect();
            assert_eq!(words, expected, "{question}");
        }
    }

    #[test]
    fn words_about_the_whole_are_written_as_words_are_compared() {
        for word in ABOUT.split_ascii_whitespace() {
            assert_eq!(Query::plain(word).wanted[0].words, [word]);
        }
    }
}
