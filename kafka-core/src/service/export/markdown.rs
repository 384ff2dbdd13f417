//! A chat as Markdown. What was said is quoted line by line, as it is: a quotation contains whatever stands in it, be it
//! a fence that nobody closed, a heading or HTML, and code in it stays code.

use super::{author, ending, minute, one_line, said, sources, titled};
use crate::{
    base::time::Timestamp,
    entity::{chat::Chat, chat_file::ChatFile, message::Message},
};

pub(super) fn head(chat: &Chat, files: &[ChatFile], now: Timestamp) -> String {
    let mut head = format!("# {}\n\n", plain(&titled(chat)));
    let mut about = format!("Begun {}, exported {}.", minute(chat.created_at), minute(now));
    if !chat.tags.is_empty() {
        let tags: Vec<String> = chat.tags.iter().map(|tag| plain(tag)).collect();
        about += &format!(" Tags: {}.", tags.join(", "));
    }
    head += &format!("{about}\n");
    if let Some(description) = chat.description.as_deref().filter(|text| !text.trim().is_empty()) {
        head += &format!("\n{}", quoted(description));
    }
    if !files.is_empty() {
        head += "\nFiles:\n\n";
        for file in files {
            head += &format!("- {}\n", plain(&file.filename));
        }
    }
    head
}

pub(super) fn message(message: &Message) -> String {
    let (note, text) = said(message);
    let mut written = format!("\n## {} · {}\n", plain(&author(message)), minute(message.created_at));
    if let Some(note) = note {
        written += &format!("\n*{}*\n", plain(&note));
    }
    if !text.trim().is_empty() {
        written += &format!("\n{}", quoted(&text));
    }
    let sources: String = sources(message).map(|source| format!("- {}\n", plain(&source))).collect();
    if !sources.is_empty() {
        written += &format!("\nSources:\n\n{sources}");
    }
    if let Some(ending) = ending(message) {
        written += &format!("\n*{ending}*\n");
    }
    written
}

/// A line as text, whatever signs it holds (CommonMark §2.4: any ASCII punctuation can be escaped).
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for sign in one_line(text).chars() {
        if sign.is_ascii_punctuation()
            && !matches!(sign, ',' | '.' | ':' | ';' | '\'' | '/' | '?' | '-' | '(' | ')')
        {
            plain.push('\\');
        }
        plain.push(sign);
    }
    plain
}

/// A text as a quotation. Every line has its mark, so that none can go on what stands before it. Markdown also ends lines at
/// a carriage return by itself.
fn quoted(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.trim_end_matches('\n').split('\n');
    lines.map(|line| if line.is_empty() { ">\n".to_owned() } else { format!("> {line}\n") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_one_line() {
        let table = [
            ("Plans (for 2026): a, b.", "Plans (for 2026): a, b."),
            ("# <b>*x*</b>\n[y](z)", "\\# \\<b\\>\\*x\\*\\</b\\> \\[y\\](z)"),
            ("a\u{202E}b\u{2066}c\0d", "abc d"),
            ("`", "\\`"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn every_line_of_a_quotation_is_marked() {
        let table = [
            ("a", "> a\n"),
            ("a\n\n```\nb\n", "> a\n>\n> ```\n> b\n"),
            ("a\r\nb\rc", "> a\n> b\n> c\n"),
            ("<!--\n# You", "> <!--\n> # You\n"),
        ];
        for (text, expected) in table {
            assert_eq!(quoted(text), expected);
        }
    }
}
