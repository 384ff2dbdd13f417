//! Which words of a question say what it is about, and whether it is about documents as wholes.

use crate::text::search::{
    query::{Clause, Query},
    stop_words::is_stop_word,
};

/// Letters that stay of a long word.
const STEM_CHARS: usize = 5;
/// A question with fewer content words is about what was said before, too.
const FEW: usize = 2;

/// What a question asks.
#[derive(Debug)]
pub(super) struct Question {
    /// Its content words, one of which will do; with those of what was said before where it has few.
    pub(super) query: Query,
    /// Whether it asks for a summary, or has no content words.
    pub(super) is_whole: bool,
}

pub(super) fn question(said: &str, before: Option<&str>) -> Question {
    let (mut query, asks_for_summary) = content(said);
    if !asks_for_summary && !query.wanted.is_empty() && query.wanted.len() < FEW {
        let (earlier, _) = before.map(content).unwrap_or_default();
        let new: Vec<Clause> =
            earlier.wanted.into_iter().filter(|clause| !query.wanted.contains(clause)).collect();
        query.wanted.extend(new);
    }
    Question { is_whole: asks_for_summary || query.wanted.is_empty(), query }
}

/// The content words of a text, and whether it asks for a summary.
fn content(text: &str) -> (Query, bool) {
    let mut query = Query::plain(text);
    let asks_for_summary = query.wanted.iter().any(|clause| is_in(SUMMARY, clause));
    query.wanted.retain(|clause| !(is_in(ABOUT, clause) || is_in(SUMMARY, clause) || is_stop(clause)));
    if query.wanted.iter().all(|clause| is_in(VAGUE, clause)) {
        query.wanted.clear();
    }
    query.wanted.iter_mut().for_each(shorten);
    (query, asks_for_summary)
}

/// Questions have words in other forms than texts: long ones count by their beginning. Codes have one form.
fn shorten(clause: &mut Clause) {
    if clause.has_digit() {
        return;
    }
    if let [word] = clause.words.as_mut_slice()
        && let Some((end, _)) = word.char_indices().nth(STEM_CHARS)
    {
        word.truncate(end);
        clause.is_prefix = true;
    }
}

fn is_stop(clause: &Clause) -> bool {
    matches!(clause.words.as_slice(), [word] if is_stop_word(word))
}

fn is_in(list: &str, clause: &Clause) -> bool {
    matches!(clause.words.as_slice(), [word] if list.split_ascii_whitespace().any(|listed| listed == word))
}

// Words by which a document as a whole is asked about; folded, in the languages of the stop words.

/// Words for documents, and for telling of them: they are no content.
const ABOUT: &str = "document documents file files text pdf page paper content contents describe explain geht steht worum dokument \
     dokumente datei dateien inhalt erklare fichier documento archivo trata";
/// Words that ask for a summary: they are no content either.
const SUMMARY: &str = "summary summaries summarize summarise summarized summarised overview outline gist topic topics takeaway \
     takeaways tl tldr zusammenfassung zusammenfassen fasse uberblick thema themen resumer sujet resumen resumir";
/// Words that are no content where a question has no others.
const VAGUE: &str = "main key most important central points point bullet bullets list give short brief attached dr one two three four \
     five ten write wrote written author wichtigste wichtigsten punkt punkte kernaussage kernaussagen hauptpunkte gib kurz \
     kurze kurzen fass zusammen geschrieben verfasser autor resume donne fais moi principal principaux points auteur \
     ecrit dame haz hazme puntos principales escribio escrito";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_its_content_words() {
        let few = Some("How tall is the tower of Pisa?");
        for (said, before, expected, is_whole) in [
            ("What is the boiling point of water?", None, &["boili", "point", "water"][..], false),
            ("Worum geht es in dem Dokument?", None, &[], true),
            ("What is this about?", few, &[], true),
            ("Please summarize the PDF", None, &[], true),
            ("Please summarise the book", few, &["book"], true),
            ("And Siena?", few, &["siena", "tall", "tower", "pisa"], false),
            ("Siena's cathedral", few, &["siena", "cathe"], false),
            ("What is fault XK4711?", None, &["fault", "xk4711"], false),
            ("Who wrote this?", few, &[], true),
            ("Who wrote Hamlet?", None, &["wrote", "hamle"], false),
            ("", few, &[], true),
        ] {
            let question = question(said, before);
            let words: Vec<String> =
                question.query.wanted.iter().map(|clause| clause.words.join("+")).collect();
            assert_eq!(
                (words, question.is_whole),
                (expected.iter().map(ToString::to_string).collect(), is_whole),
                "{said}"
            );
        }
    }

    #[test]
    fn words_about_the_whole_are_written_as_words_are_compared() {
        for word in [ABOUT, SUMMARY, VAGUE].iter().flat_map(|list| list.split_ascii_whitespace()) {
            assert_eq!(Query::plain(word).wanted[0].words, [word]);
        }
    }
}
