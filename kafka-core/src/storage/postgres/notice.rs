//! What a commit tells other nodes: lines of text on the channel of writes. They are sent inside the
//! transaction, so nobody hears of what was not committed, and all hear it in the order of the commits.
//!
//! The server takes less than 8000 bytes at once, so a text goes in pieces, which it delivers one after
//! another. Each begins with a line of its own: who tells, the number of the piece (equal ones of a
//! transaction would be delivered once), and whether more follow.

use std::fmt::Write as _;

/// Where each commit says that it was made.
pub(super) const CHANNEL: &str = "kafka_writes";
/// Most of a text in a piece; the rest is for its first line.
const PIECE_BYTES: usize = 7_900;
/// Longer texts are not told: whoever listens reads anew what matters.
const MOST_BYTES: usize = 256 << 10;

const MORE: &str = "more";
const END: &str = "end";
const TOO_MUCH: &str = "too-much";

/// The statements that tell these lines, also when there are none: one refuses a transaction that has failed, whose
/// COMMIT would undo it without a word.
pub(super) fn telling(origin: &str, lines: &[String]) -> String {
    let mut text = lines.join("\n");
    let mut last = END;
    if text.len() > MOST_BYTES {
        text.clear();
        last = TOO_MUCH;
    }
    let (mut sql, mut rest, mut number) = (String::new(), text.as_str(), 1);
    loop {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        let state = if after.is_empty() { last } else { MORE };
        let piece = piece.replace('\'', "''");
        // Writing to a string cannot fail.
        let _ = write!(sql, "NOTIFY {CHANNEL}, '{origin} {number} {state}\n{piece}'; ");
        if after.is_empty() {
            return sql;
        }
        (rest, number) = (after, number + 1);
    }
}

/// What the pieces say so far.
#[derive(Default)]
pub(super) struct Hearing {
    /// Who tells, and the number of the next piece, while one is awaited.
    awaited: Option<(String, u64)>,
    text: String,
}

/// What a piece makes known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Nothing yet, or what this node told itself.
    Nothing,
    Text(String),
    /// Something was told that is not known.
    Unknown,
}

impl Hearing {
    /// Takes the next piece; `own` is who listens.
    pub(super) fn take(&mut self, own: &str, payload: &str) -> Whole {
        let (head, piece) = payload.split_once('\n').unwrap_or((payload, ""));
        let mut words = head.split(' ');
        let (origin, number, state) = (words.next(), words.next(), words.next());
        if origin == Some(own) {
            return Whole::Nothing;
        }
        let number = number.and_then(|number| number.parse().ok());
        let (Some(origin), Some(number)) = (origin, number) else { return self.lose() };
        let expected = self.awaited.take().unwrap_or_else(|| (origin.to_owned(), 1));
        if expected != (origin.to_owned(), number) {
            return self.lose();
        }
        self.text.push_str(piece);
        match state {
            Some(MORE) => {
                self.awaited = Some((origin.to_owned(), number + 1));
                Whole::Nothing
            }
            Some(END) => Whole::Text(std::mem::take(&mut self.text)),
            _ => self.lose(),
        }
    }

    fn lose(&mut self) -> Whole {
        *self = Hearing::default();
        Whole::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payloads of the statements.
    fn payloads(sql: &str) -> Vec<String> {
        let parts = sql.split("NOTIFY kafka_writes, '").skip(1);
        parts.map(|part| part.strip_suffix("'; ").unwrap().replace("''", "'")).collect()
    }

    fn heard(hearing: &mut Hearing, payloads: &[String]) -> Vec<Whole> {
        payloads.iter().map(|payload| hearing.take("me", payload)).collect()
    }

    #[test]
    fn what_is_told_is_heard_whole_whatever_its_length() {
        let mut hearing = Hearing::default();
        for letters in [0, 1, PIECE_BYTES / 2 - 1, PIECE_BYTES / 2, 2 * PIECE_BYTES, MOST_BYTES / 2 - 2] {
            // Of two bytes each, so that a piece would end within one.
            let lines = ["x".to_owned(), "ä".repeat(letters)];
            let told = payloads(&telling("other", &lines));
            assert!(told.iter().all(|payload| payload.len() < 8000));
            let mut wholes = heard(&mut hearing, &told);
            assert_eq!(wholes.pop().unwrap(), Whole::Text(lines.join("\n")));
            assert!(wholes.iter().all(|whole| *whole == Whole::Nothing));
        }
    }

    #[test]
    fn quotes_stay_text_and_own_words_are_not_heard() {
        let told = payloads(&telling("other", &["it's".to_owned()]));
        assert_eq!(heard(&mut Hearing::default(), &told), [Whole::Text("it's".to_owned())]);
        let own = payloads(&telling("me", &["mine".to_owned()]));
        assert_eq!(heard(&mut Hearing::default(), &own), [Whole::Nothing]);
    }

    #[test]
    fn what_is_too_much_or_incomplete_is_known_to_be_unknown() {
        let mut hearing = Hearing::default();
        let told = payloads(&telling("other", &["x".repeat(MOST_BYTES + 1)]));
        assert_eq!(heard(&mut hearing, &told), [Whole::Unknown]);
        let long = payloads(&telling("other", &["y".repeat(2 * PIECE_BYTES)]));
        assert_eq!(heard(&mut hearing, &long[1..]), [Whole::Unknown], "its beginning is missing");
        assert_eq!(heard(&mut hearing, &long[..1]), [Whole::Nothing]);
        let short = payloads(&telling("third", &["z".to_owned()]));
        assert_eq!(heard(&mut hearing, &short), [Whole::Unknown], "its end is missing");
        assert_eq!(heard(&mut hearing, &short), [Whole::Text("z".to_owned())], "and it goes on");
        assert_eq!(
            heard(&mut hearing, &[String::new(), "garbage".to_owned()]),
            [Whole::Unknown, Whole::Unknown]
        );
    }
}
