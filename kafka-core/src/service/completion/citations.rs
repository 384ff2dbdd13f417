//! The numbers that an answer cites its sources by. They are those of its own prompt, and mean other documents in the next.

/// A text without them; what stands in code, and what is no number of a source, stays.
pub(super) fn without_numbers(text: &str, sources: usize) -> String {
    let mut said = String::with_capacity(text.len());
    for (at, piece) in text.split('`').enumerate() {
        if at > 0 {
            said.push('`');
        }
        if at % 2 == 0 { prose(piece, sources, &mut said) } else { said.push_str(piece) }
    }
    said
}

fn prose(mut rest: &str, sources: usize, said: &mut String) {
    while let Some((before, from)) = rest.split_once('[') {
        said.push_str(before);
        let length = from.find(|sign: char| !matches!(sign, '0'..='9' | ',' | ' ')).unwrap_or(from.len());
        let (inside, behind) = from.split_at(length);
        let is_source =
            |number: &str| number.trim().parse().is_ok_and(|number| (1..=sources).contains(&number));
        rest = match behind.strip_prefix(']') {
            Some(behind) if inside.split(',').all(is_source) => {
                said.truncate(said.trim_end_matches(' ').len());
                behind
            }
            _ => {
                said.push('[');
                from
            }
        };
    }
    said.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sources_go_and_everything_else_stays() {
        for (text, expected) in [
            ("So it is [1].", "So it is."),
            ("So[1][2] it [2, 1] is [1] .", "So it is ."),
            ("[1] first", " first"),
            (
                "[3] [0] [] [1 [a] [1a] [1,] [99999999999999999999] [",
                "[3] [0] [] [1 [a] [1a] [1,] [99999999999999999999] [",
            ),
            ("`a[1]` [1] ```\nb[1]\n``` c [1]", "`a[1]` ```\nb[1]\n``` c"),
            ("Später [1] auch", "Später auch"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(text, 2), expected);
        }
    }
}
