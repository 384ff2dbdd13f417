//! Words that stand in any text and any question, so that finding them tells nothing; folded, in English, German, French
//! and Spanish.

const STOP_WORDS: &str = "a about above after again all also am an and any are as at be been being but by can could did do does doing don \
     for from had has have he her here him his how i if in into is it its just let ll me more most my no not now of \
     on or other our out over please re s said say says see she should show so some such t tell than that the their \
     them then there these they this those through to too under up us ve very was we were what when where which while \
     who whom whose why will with would you your aber als am an auch auf aus bei bin bis bitte da damit das dass dem \
     den der des die dies diese diesem diesen dieser dieses du durch ein eine einem einen einer eines er es fur gibt \
     hat ich ihr im in ist ja kann mein mir mit nach nicht noch nur oder ob sein sich sie sind so uber um und uns vom \
     von vor war warum was welche welcher welches wenn wer werden wie wird wo wurde zu zum zur au aux avec c ce ces \
     cette d dans de des du elle en est et il ils je l la le les leur lui mais me n ne nous on ou par pas pour qu que \
     quel quelle quels quelles qui quoi sa se ses son sont sur un une vous y al como con cual cuales cuando del donde \
     el ella ellos es esta este esto hay las lo los mas mi muy ni o para pero por porque que quien se ser si sobre su \
     sus te tiene todo tu unos ya";

/// Whether a folded word is one.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.split_ascii_whitespace().any(|stop| stop == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::search::words::words;

    #[test]
    fn stop_words_are_written_as_words_are_compared() {
        for word in STOP_WORDS.split_ascii_whitespace() {
            assert!(words(word).map(|word| word.folded).eq([word]), "{word}");
        }
        assert!(is_stop_word("the") && !is_stop_word("castle"));
    }
}
