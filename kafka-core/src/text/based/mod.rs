//! Based: a small language like Python, in which a conversation is written down. The check finds what is wrong
//! with a text, and says it so that whoever wrote the text, mostly a language model, can write it better.
//!
//! The rules, by their codes:
//!
//! - B1: at least one `loop:` stands at the top level; other statements may stand around it.
//! - B2: one `until` or more follow each `loop:` at the same indentation. B3: `until` stands only there.
//! - B4: the body of a loop is one statement, `x = talk(…)` or `talk(…)`.
//! - B5: an `until` is `until "condition":`, whose condition is a plain string literal that is not blank.
//! - B6: no block is empty.
//! - B7: `talk` is called as the body of a loop only, with a prompt.
//! - B8: there is no `while`.
//! - B9: what remains is written as in Python.
//!
//! For B9 strings, brackets, indentation, the heads of blocks, and what may follow what in a line are checked.
//! Expressions are not parsed, so a text without findings is not proven to be Python; but what Python accepts,
//! apart from the rules B1 to B8, has no finding.

mod cursor;
mod finding;
mod flaw;
mod frame;
mod indent;
mod lexer;
mod line;
mod literal;
mod outline;
mod report;
mod talk;
mod token;
mod word;

pub use finding::{Finding, Rule};

use line::Lines;
use outline::Outline;
use report::Report;

/// Everything that is wrong with a text in Based, by its place in the text; nothing if it is in order.
///
/// At most 20 findings are given, the first ones of the text. One statement is told one thing about how it is
/// written, because what follows a mistake is often taken for another.
///
/// Never fails and never panics. Time is linear in the length of the text, however much is left open in it or
/// nested, and memory is at most some 30 times its length; callers set a limit on that.
#[must_use]
pub fn check(text: &str) -> Vec<Finding> {
    let mut report = Report::default();
    let mut outline = Outline::new();
    let mut lines = Lines::new(text);
    while let Some(line) = lines.next(&mut report) {
        outline.add(&line, &mut report);
    }
    outline.finish(&mut report);
    report.findings(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts with their names and what is told of them: `LINE:COLUMN RULE`, apart by commas.
    fn examples() -> Vec<[&'static str; 3]> {
        let example = |example: &'static str| {
            let (head, text) = example.split_once('\n').unwrap_or((example, ""));
            let (name, told) = head.rsplit_once(" =").unwrap();
            [name, told.trim(), text]
        };
        include_str!("../../../tests/data/based_examples.txt").split("\n=== ").skip(1).map(example).collect()
    }

    fn told(text: &str) -> String {
        let finding =
            |finding: &Finding| format!("{}:{} {}", finding.line, finding.column, finding.rule.code());
        check(text).iter().map(finding).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_examples_have_the_findings_that_they_name() {
        let examples = examples();
        let valid = examples.iter().filter(|[_, expected, _]| expected.is_empty()).count();
        assert_eq!((valid, examples.len()), (30, 107));
        let wrong: Vec<String> = examples
            .iter()
            .filter(|[_, expected, text]| told(text) != *expected)
            .map(|[name, expected, text]| format!("{name}: {expected}\n{:#?}", check(text)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
