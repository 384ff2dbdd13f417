//! The little Markdown that answers are written in, as HTML: fences, headings, code and bold. All else is text, lists and
//! tables by their lines, and what is not understood is text, too; nothing of the source becomes a tag, an attribute or an address.

use std::collections::BTreeSet;

/// Text that stands for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // HTML has no such characters; browsers would show something else for some.
            '\t' | '\n' => escaped.push(sign),
            sign if sign.is_control() => escaped.push('\u{FFFD}'),
            sign => escaped.push(sign),
        }
    }
    escaped
}

/// A fence that is open.
struct Fence<'t> {
    mark: char,
    length: usize,
    /// What stands before it, which is taken off the lines in it.
    indent: &'t str,
}

/// A whole answer.
pub(super) fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut fence: Option<Fence<'_>> = None;
    let mut paragraph: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(open) = &fence {
            if closes(line, open) {
                html += "</code></pre>\n";
                fence = None;
            } else {
                html += &escaped(line.strip_prefix(open.indent).unwrap_or(line));
                html.push('\n');
            }
        } else if let Some(opened) = opens(line) {
            flush(&mut paragraph, &mut html);
            html += "<pre><code>";
            fence = Some(opened);
        } else if let Some((level, title)) = heading(line) {
            flush(&mut paragraph, &mut html);
            // Above stand the chat's title and the author.
            let level = (level + 2).min(6);
            html += &format!("<h{level}>{}</h{level}>\n", inline(title));
        } else if line.trim().is_empty() {
            flush(&mut paragraph, &mut html);
        } else {
            paragraph.push(line);
        }
    }
    flush(&mut paragraph, &mut html);
    if fence.is_some() {
        html += "</code></pre>\n";
    }
    html
}

/// Ends a paragraph. Its lines stay lines, which also keeps lists and tables readable.
fn flush(paragraph: &mut Vec<&str>, html: &mut String) {
    if paragraph.is_empty() {
        return;
    }
    *html += &format!("<p>{}</p>\n", inline(&paragraph.join("\n")));
    paragraph.clear();
}

fn opens(line: &str) -> Option<Fence<'_>> {
    let text = line.trim_start();
    let mark = text.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let length = text.chars().take_while(|sign| *sign == mark).count();
    let is_fence = length >= 3 && (mark == '~' || !text[length..].contains('`'));
    is_fence.then(|| Fence { mark, length, indent: &line[..line.len() - text.len()] })
}

fn closes(line: &str, open: &Fence<'_>) -> bool {
    let line = line.trim();
    line.chars().count() >= open.length && line.chars().all(|sign| sign == open.mark)
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.chars().take_while(|sign| *sign == '#').count();
    let title = line.get(level..)?.strip_prefix(' ')?;
    (1..=6).contains(&level).then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

/// Code between backticks, bold between pairs of asterisks, and text.
fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut is_bold = false;
    // Lengths of runs of backticks behind which none like them comes: looked for once, however many there are.
    let mut without_end = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        html += &escaped(&rest[..at]);
        rest = &rest[at..];
        let mark = if rest.starts_with('`') { '`' } else { '*' };
        let run = rest.len() - rest.trim_start_matches(mark).len();
        let (marks, tail) = rest.split_at(run);
        let code = if mark == '`' && !without_end.contains(&run) { code(tail, run) } else { None };
        if let Some((code, after)) = code {
            html += &format!("<code>{}</code>", escaped(code));
            rest = after;
        } else if mark == '*' && run == 2 && (is_bold || tail.contains("**")) {
            html += if is_bold { "</strong>" } else { "<strong>" };
            is_bold = !is_bold;
            rest = tail;
        } else {
            if mark == '`' {
                without_end.insert(run);
            }
            html += marks;
            rest = tail;
        }
    }
    html += &escaped(rest);
    if is_bold {
        html += "</strong>";
    }
    html
}

/// What stands before the next run of exactly so many backticks, and what behind it.
fn code(text: &str, length: usize) -> Option<(&str, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('`').map(|at| from + at) {
        let run = text[at..].len() - text[at..].trim_start_matches('`').len();
        if run == length {
            return Some((text[..at].trim(), &text[at + run..]));
        }
        from = at + run;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_answers_are_written_in_is_shown() {
        let table = [
            ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"),
            ("# T\n## U ##", "<h3>T</h3>\n<h4>U</h4>\n"),
            ("#hash", "<p>#hash</p>\n"),
            ("**b** and `c<d`", "<p><strong>b</strong> and <code>c&lt;d</code></p>\n"),
            ("2 ** 3 and `open", "<p>2 ** 3 and `open</p>\n"),
            ("a ** b ** c", "<p>a <strong> b </strong> c</p>\n"),
            ("``a`b``", "<p><code>a`b</code></p>\n"),
            ("`a ``b`` ```c ``d``", "<p>`a <code>b</code> ```c <code>d</code></p>\n"),
            ("```rust\n<x>\n```\nend", "<pre><code>&lt;x&gt;\n</code></pre>\n<p>end</p>\n"),
            ("  ~~~\n  a\n  ~~~", "<pre><code>a\n</code></pre>\n"),
            ("````\n```\n````", "<pre><code>```\n</code></pre>\n"),
            ("```\nunclosed", "<pre><code>unclosed\n</code></pre>\n"),
            (
                "[x](javascript:alert(1)) <img src=x onerror=1>",
                "<p>[x](javascript:alert(1)) &lt;img src=x onerror=1&gt;</p>\n",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(html(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_text_becomes_a_tag(text in "[<>&\"'`*#~a \n]{0,40}") {
            let mut html = html(&text);
            for tag in ["p", "strong", "code", "pre", "h3", "h4", "h5", "h6"] {
                prop_assert_eq!(html.matches(&format!("<{tag}>")).count(), html.matches(&format!("</{tag}>")).count());
                html = html.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
            }
            prop_assert!(!html.contains(['<', '>', '"', '\'']), "{}", html);
        }
    }
}
