//! Which words of a question say what it is about.

use crate::text::search::query::{Clause, Query};

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
        [word] => EMPTY.split_ascii_whitespace().any(|empty| empty == word),
        _ => false,
    }
}

/// Words that stand in any question, and those by which a document as a whole is asked about; folded, in English,
/// German, French and Spanish.
const EMPTY: &str = "a about above after again all also am an and any are as at be been being but by can could did do \
     does doing don for from had has have he her here him his how i if in into is it its just let ll me more most my \
     no not now of on or other our out over please re s said say says see she should show so some such t tell than \
     that the their them then there these they this those through to too under up us ve very was we were what when \
     where which while who whom whose why will with would you your \
     document documents file files text pdf page paper content contents summarize summarise summary overview describe \
     explain topic main outline gist \
     aber als am an auch auf aus bei bin bis bitte da damit das dass dem den der des die dies diese diesem diesen \
     dieser dieses du durch ein eine einem einen einer eines er es fur geht gibt hat ich ihr im in ist ja kann mein mir \
     mit nach nicht noch nur oder ob sein sich sie sind so steht uber um und uns vom von vor war warum was welche \
     welcher welches wenn wer werden wie wird wo worum wurde zu zum zur \
     dokument dokumente datei dateien inhalt zusammenfassung zusammenfassen fasse zusammen uberblick thema erklare \
     au aux avec c ce ces cette d dans de des du elle en est et il ils je l la le les leur lui mais me n ne nous on ou \
     par pas pour qu que quel quelle quels quelles qui quoi sa se ses son sont sur un une vous y fichier resume resumer \
     sujet \
     al como con cual cuales cuando del donde el ella ellos es esta este esto hay las lo los mas mi muy ni o para pero \
     por porque que quien se ser si sobre su sus te tiene todo tu unos ya documento archivo resumen resumir resume trata";

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
    fn empty_words_are_written_as_words_are_compared() {
        for word in EMPTY.split_ascii_whitespace() {
            assert_eq!(Query::plain(word).wanted[0].words, [word]);
        }
    }
}
