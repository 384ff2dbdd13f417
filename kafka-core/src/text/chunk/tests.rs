use proptest::prelude::*;

use super::*;

const KINDS: [TextKind; 4] = [TextKind::Markdown, TextKind::Plain, TextKind::Code, TextKind::Table];

/// Each chunk as its heading and what it says.
fn cut(text: &str, kind: TextKind, least_tokens: usize, most_tokens: usize) -> Vec<(String, &str)> {
    let chunks = chunks(text, kind, &Sizes { least_tokens, most_tokens });
    chunks.into_iter().map(|chunk| (chunk.heading, &text[chunk.start..chunk.end])).collect()
}

fn pairs<'t>(pairs: &[(&str, &'t str)]) -> Vec<(String, &'t str)> {
    pairs.iter().map(|(heading, text)| ((*heading).to_owned(), *text)).collect()
}

#[test]
fn sections_of_markdown_know_the_headings_above_them() {
    let text = "intro\n\n# A #\n\n## B\nfirst\n\nsecond paragraph here\n\nTitle\n-----\nthird\n\n# C\n```sh\n# no heading\n\nx\n```\n";
    let expected = pairs(&[
        ("", "intro"),
        ("", "# A #\n\n## B\nfirst"),
        ("A > B", "second paragraph here"),
        ("A", "Title\n-----\nthird"),
        ("", "# C\n```sh\n# no heading\n\nx\n```"),
    ]);
    assert_eq!(cut(text, TextKind::Markdown, 0, 10), expected);
    // Together they are short.
    assert_eq!(cut(text, TextKind::Markdown, 100, 100), pairs(&[("", text.trim_end())]));
}

#[test]
fn rows_know_the_head_of_their_table() {
    let text = "# Tools\n\n| name | price |\n|---|---|\n| saw | 12 |\n| axe | 17 |\n| rasp | 8 |\n\nafter the table there are many other words, and more\n";
    let expected = pairs(&[
        ("", "# Tools\n\n| name | price |\n|---|---|\n| saw | 12 |"),
        ("Tools > | name | price |", "| axe | 17 |\n| rasp | 8 |"),
        ("Tools", "after the table there are many other words, and more"),
    ]);
    assert_eq!(cut(text, TextKind::Markdown, 0, 17), expected);
    let text = "\nname,price\nsaw,12\n\"two\nlines, \"\"quoted\"\"\",17\n8\" pipe,1\n";
    let expected = pairs(&[
        ("", "name,price\nsaw,12"),
        ("name,price", "\"two\nlines, \"\"quoted\"\"\",17"),
        ("name,price", "8\" pipe,1"),
    ]);
    assert_eq!(cut(text, TextKind::Table, 0, 12), expected);
}

#[test]
fn code_is_cut_between_definitions_and_knows_what_it_stands_in() {
    let text = "use x;\n\nimpl A {\n    fn f() {\n        1\n    }\n\n    fn g() {\n        let y;\n\n        2\n    }\n}\n";
    let expected = pairs(&[
        ("", "use x;"),
        ("", "impl A {\n    fn f() {\n        1\n    }"),
        ("impl A {", "    fn g() {\n        let y;"),
        ("impl A { > fn g() {", "        2\n    }\n}"),
    ]);
    assert_eq!(cut(text, TextKind::Code, 0, 11), expected);
}

#[test]
fn paragraphs_of_plain_text_stand_below_lines_that_look_like_headings() {
    let text = "FIRST PART\n\none\n\ntwo and more words\n\nSecond\n======\n\nthree\n";
    let expected = pairs(&[
        ("", "FIRST PART\n\none"),
        ("FIRST PART", "two and more words"),
        ("", "Second\n======\n\nthree"),
    ]);
    assert_eq!(cut(text, TextKind::Plain, 0, 8), expected);
}

#[test]
fn what_is_too_long_is_cut_between_lines_or_sentences_or_words() {
    for (text, expected) in [
        ("aaaa aaaa aaaa aaaa\nbbbb bbbb bbbb", &["aaaa aaaa aaaa aaaa", "bbbb bbbb bbbb"][..]),
        ("A first sentence here. And then a second.", &["A first sentence here.", "And then a second."]),
        ("aaaa bbbb cccc dddd eeee ffff gggg", &["aaaa bbbb cccc dddd eeee ffff", "gggg"]),
        ("東京都東京都東京都東京", &["東京都東京都東京", "都東京"]),
    ] {
        let parts: Vec<&str> = cut(text, TextKind::Plain, 0, 8).into_iter().map(|(_, part)| part).collect();
        assert_eq!(parts, expected);
    }
}

#[test]
fn headings_stay_short_whatever_the_text_is() {
    let long = "x".repeat(5000);
    let text = format!("# {long}\n\n{long}\n\n## {long}\n| {long} |\n|-|\n|a|\n|b|\n|{long}|\n");
    let table = format!("{long},{long}\n1,2\n{long}\n");
    for (text, kind) in [(&text, TextKind::Markdown), (&table, TextKind::Table), (&text, TextKind::Code)] {
        let chunks = chunks(text, kind, &Sizes::default());
        assert!(chunks.iter().all(|chunk| chunk.heading.len() <= 1000));
        assert!(chunks.iter().any(|chunk| !chunk.heading.is_empty()) || kind == TextKind::Code);
    }
}

#[test]
fn default_sizes_fit_together() {
    let sizes = Sizes::default();
    assert!(sizes.least_tokens < sizes.most_tokens);
    let text = "Some words of a paragraph.\n\n".repeat(400);
    for chunk in chunks(&text, TextKind::Plain, &sizes) {
        assert!(chunk.tokens <= sizes.most_tokens);
    }
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,9}[ .,]",
        "\n{1,3}",
        "#{1,7} ?[a-z]{0,5}\n",
        "```|~~~~|\\| a \\| b \\|\n|\\|-\\|\n|---\n|===\n",
        "\"|\"\"|,|;|\t|  {0,9}|[{}]\n",
        "[A-Z ]{3,9}\n",
        "\\PC{0,20}",
        "[\u{0}-\u{20}東é\u{85}\u{a0}\u{2028}🙂]{1,9}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunks_stand_in_order_and_cover_all_that_is_not_blank(
        text in text(), least in 0_usize..40, most in 0_usize..60,
    ) {
        for kind in KINDS {
            let sizes = Sizes { least_tokens: least, most_tokens: most };
            let all = chunks(&text, kind, &sizes);
            let mut at = 0;
            for chunk in &all {
                prop_assert!(chunk.start >= at && chunk.end > chunk.start, "{:?}", all);
                prop_assert!(text[at..chunk.start].trim().is_empty(), "{:?}", &text[at..chunk.start]);
                let part = &text[chunk.start..chunk.end];
                prop_assert!(!part.trim().is_empty() && part == part.trim_end());
                let quarters: usize = part.chars().map(tokens::quarters_of).sum();
                prop_assert_eq!(chunk.tokens, quarters.div_ceil(4));
                prop_assert!(chunk.tokens <= most.max(LEAST_MOST), "{:?}", chunk);
                at = chunk.end;
            }
            prop_assert!(text[at..].trim().is_empty(), "{:?}", &text[at..]);
            prop_assert_eq!(chunks(&text, kind, &sizes), all);
        }
    }

    #[test]
    fn a_chunk_of_paragraphs_is_one_chunk_by_itself(
        text in "([a-z]{1,12}[ .\n]){0,200}", least in 0_usize..20, most in 8_usize..60,
    ) {
        let sizes = Sizes { least_tokens: least, most_tokens: most };
        for chunk in chunks(&text, TextKind::Plain, &sizes) {
            let part = &text[chunk.start..chunk.end];
            let again = chunks(part, TextKind::Plain, &sizes);
            prop_assert_eq!(again, vec![Chunk { start: 0, end: part.len(), ..chunk.clone() }]);
        }
    }
}

mod slow {
    use std::time::{Duration, Instant};

    use super::*;

    fn seconds(text: &str, kind: TextKind) -> Duration {
        let began = Instant::now();
        assert!(!chunks(text, kind, &Sizes::default()).is_empty());
        began.elapsed()
    }

    /// Time is compared with the time of a tenth, so that it tells of growth and not of the machine.
    #[test]
    fn time_grows_as_the_text_does() {
        let unit = 200 << 10;
        for (part, kind) in [
            ("# A\n\nSome words, and more. ", TextKind::Markdown),
            ("a", TextKind::Plain),
            ("| a |\n", TextKind::Markdown),
            ("a\n", TextKind::Table),
            ("\"a\n", TextKind::Table),
            (" a\n\n", TextKind::Code),
            ("```\n", TextKind::Markdown),
            ("\n", TextKind::Code),
            ("AAA\n\n", TextKind::Plain),
        ] {
            let text = |bytes: usize| format!("{}x", part.repeat(bytes / part.len()));
            let (short, long) = (text(unit), text(unit * 10));
            let growth = (0..4).map(|_| {
                let base = seconds(&short, kind).as_secs_f64();
                seconds(&long, kind).as_secs_f64() / base
            });
            let least = growth.fold(f64::INFINITY, f64::min);
            assert!(least < 30.0, "{part:?}: ten times the text takes {least} times as long");
        }
    }
}
