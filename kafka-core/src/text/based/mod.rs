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
/// nested, and memory is at most some 50 times its length; callers set a limit on that.
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
    use proptest::prelude::*;

    use super::*;
    use crate::testing::fuzz;

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
        assert_eq!((valid, examples.len()), (31, 113));
        let wrong: Vec<String> = examples
            .iter()
            .filter(|[_, expected, text]| told(text) != *expected)
            .map(|[name, expected, text]| format!("{name}: {expected}\n{:#?}", check(text)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_make_no_difference() {
        for [name, expected, text] in examples() {
            assert_eq!(told(&text.replace('\n', "\r\n")), expected, "{name}");
            assert_eq!(told(&format!("\u{feff}{text}\n\n")), expected, "{name}");
        }
        assert_eq!(told("loop:\r    r = 1"), "1:1 B2, 1:6 B9");
    }

    #[test]
    fn a_finding_says_where_what_and_what_to_write() {
        let around = |line: &str| format!("loop:\n    r = talk(\"Hi\", True)\nuntil \"done\":\n    {line}\n");
        for (text, expected) in [
            (
                "say(1)\n".to_owned(),
                "1:1: There is no `loop:` at the top level; write `loop:` without indentation, `r = talk(\"…\", \
                 True)` in it, and `until \"…\":` after it.",
            ),
            (
                "loop:\n  talk(\"Hi\")\n  until \"a\":\n    pass\n".to_owned(),
                "3:3: This `until` stands in the body of the loop of line 1; write it at the same indentation as \
                 that `loop:`.",
            ),
            (around("say([1, 2)"), "4:14: `)` cannot close the `[` of line 4, column 9; write `]` first."),
            (around("say({)"), "4:10: `)` cannot close the `{` of line 4, column 9; write `}` first."),
            (around("x = (1"), "4:9: This `(` is never closed; write `)` where it ends."),
            (
                around("say(\"a \"quoted\" word\")"),
                "4:13: `quoted` cannot follow what is before it; write a comma or an operator between them, close \
                 what is open, or write a backslash before a quote that belongs to a string.",
            ),
            (
                around("if x:\n        pass\n      say(1)"),
                "6:7: This line is indented as no block around it; indent it as line 4 or as line 5.",
            ),
            (
                around("print \"hi\""),
                "4:11: `\"hi\"` cannot follow the name before it; write `until \"…\":` if it is a condition, and \
                 brackets around it if it is given to a function.",
            ),
            (
                around("if x = 1:\n        pass"),
                "4:10: `=` assigns and compares nothing; write `==` in a condition.",
            ),
            (
                around("x = 1\u{200b}+ 2"),
                "4:10: The character U+200B cannot stand here; write it inside a string, or remove it.",
            ),
            (around("x = 1\u{a0}+ 2"), "4:10: The character U+00A0 cannot stand here; write a plain space."),
            (
                around("x = 1\u{7}"),
                "4:10: The character U+0007 cannot stand here; write it inside a string, or remove it.",
            ),
            (
                around(&format!("x {}", "é".repeat(100_000))),
                "4:7: `éééééééééééééééééééééééééééééééééééééééé…` cannot follow what is before it; write a comma or \
                 an operator between them, close what is open, or write a backslash before a quote that belongs \
                 to a string.",
            ),
        ] {
            let findings: Vec<String> = check(&text).iter().map(ToString::to_string).collect();
            assert_eq!(findings, [expected]);
        }
        for [name, _, text] in examples() {
            for Finding { sentence, .. } in check(text) {
                let advice = ["write ", "move ", "remove ", "indent "].map(|verb| format!("; {verb}"));
                assert!(advice.iter().any(|advice| sentence.contains(advice)), "{name}: {sentence}");
            }
        }
    }

    #[test]
    fn as_json_a_finding_has_its_place_its_rule_and_its_sentence() {
        let json = serde_json::to_value(check("while x: pass")).unwrap();
        let sentence = "Based has no `while`; write `loop:` with `until \"…\":` after it, or `for`.";
        assert_eq!(json, serde_json::json!([{ "line": 1, "column": 1, "rule": "B8", "sentence": sentence }]));
    }

    #[test]
    fn the_first_findings_are_told_whatever_is_found_first() {
        // That the loop has no until is found at the end, after more flaws than are kept at any time.
        let text = format!("loop:\n    x = talk(\"a\")\n{}", "    ?\n".repeat(1000));
        let findings = check(&text);
        assert_eq!(findings.len(), 20);
        assert_eq!((findings[0].line, findings[0].rule), (1, Rule::UntilMissing));
        assert_eq!((findings[19].line, findings[19].rule), (21, Rule::Syntax));
    }

    #[test]
    fn each_byte_is_read_a_few_times_at_most_whatever_is_left_open() {
        for part in [
            "(",
            "[{",
            "(\n",
            "f(\n\n",
            "\"",
            "'''",
            "\"\n",
            "f\"{",
            "f\"{x:",
            "f'{x:{y",
            "f\"\\N{A",
            "f'''{\n",
            "(\nreturn\n",
            "(a\n    a\n",
            "(a\na\n",
            "        until \"",
            "loop    ",
            "(\nloop    \n",
            "until:\n",
            "\\\n",
            "\\",
            "#",
            "(#\n",
            " ",
            "\t\n",
            "x.",
            "1e",
            "0x",
            "a=talk(",
            ";",
            ":",
            "lambda ",
            "é",
            "?",
            "\r",
            "\u{feff}",
            "(\n            \n",
            "f\"{a\" ",
            "if x:",
            "if x:\n ",
            ")",
            "(]",
            "{)",
        ] {
            let text = part.repeat(20_000 / part.len());
            let mut report = Report::default();
            let mut lines = Lines::new(&text);
            while lines.next(&mut report).is_some() {}
            assert!(lines.steps() <= 3 * text.len(), "{part:?}: {} of {}", lines.steps(), text.len());
            assert!(check(&text).len() <= 20, "{part:?}");
        }
    }

    /// Parts of texts, so that much of what is put together nearly is one.
    const PARTS: &[&str] = &[
        "loop:",
        "loop",
        "until \"a\":",
        "until",
        "r = talk(\"Hi\", True)",
        "talk(",
        "\n",
        "\n",
        "\n    ",
        "\n    ",
        "\n        ",
        "\n\t",
        "\n  ",
        "if x:",
        "else:",
        "for x in y:",
        "while x:",
        "say(\"x\")",
        "pass",
        "return x",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "\"\"\"",
        "f\"",
        "f'''",
        "\\",
        "\\\n",
        "#",
        ",",
        ":",
        ";",
        "=",
        "+",
        "not ",
        "in",
        "lambda",
        "x",
        "1.5e3",
        "é",
        "“",
        "\r\n",
        "\r",
        "\u{feff}",
        "\0",
        "!",
        " ",
    ];

    proptest! {
        #[test]
        fn any_text_is_checked_and_every_place_is_in_it(
            parts in prop::collection::vec(prop::sample::select(PARTS), 0..40),
            other in "(.|\n)*",
        ) {
            fuzz::based(parts.concat().as_bytes());
            fuzz::based(other.as_bytes());
        }

        #[test]
        fn a_text_in_order_stays_so_in_an_until(at in 0_usize..31, depth in 1_usize..9) {
            let [name, expected, text] = examples().into_iter().filter(|example| example[1].is_empty()).nth(at).unwrap();
            prop_assert_eq!(expected, "", "{}", name);
            let at_depth = |depth: usize, lines: &str| -> String {
                lines.split_inclusive('\n').map(|line| "\t".repeat(depth) + line).collect()
            };
            let around = |depth| at_depth(depth, "loop:\n\ttalk(\"Hi\")\nuntil \"a\":\n");
            let outer: String = (0..depth).map(around).collect();
            prop_assert_eq!(told(&(outer + &at_depth(depth, text))), "", "{}", name);
        }
    }

    mod slow {
        use super::*;

        #[test]
        fn no_depth_is_too_much() {
            const DEPTH: usize = 100_000;
            let body = "loop:\n    r = talk(\"Hi\")\nuntil \"a\":\n    x = ";
            let nested =
                |open: &str, close: &str| format!("{body}{}1{}\n", open.repeat(DEPTH), close.repeat(DEPTH));
            assert_eq!(told(&nested("(", ")")), "");
            assert_eq!(told(&nested("[{(", ")}]")), "");
            assert_eq!(told(&nested("f(x, a=[", "])")), "");
            assert_eq!(told(&nested("f\"{", "}\"")), "");
            assert_eq!(told(&nested("f'''{x:{", "}}'''")), "");
            assert_eq!(told(&nested("(", "")), "4:100008 B9");
            assert_eq!(told(&nested("", ")")), "4:10 B9");
            assert_eq!(told(&nested("f\"{", "")), "4:300008 B9");

            // Deeper blocks would be longer than a text may be: each line is longer than the one before.
            let lines = 1400;
            let blocks: String = (0..lines).map(|depth| " ".repeat(depth) + "if x:\n").collect();
            let text = blocks + &" ".repeat(lines) + "pass\nloop: talk(\"a\")\nuntil \"b\": pass";
            assert_eq!((told(&text).as_str(), text.len() < 1 << 20), ("", true));
        }
    }
}
