//! A chat as one page that needs nothing else and runs nothing.

use super::{author, ending, minute, one_line, rich_text, said, sources, titled};
use crate::{
    base::time::Timestamp,
    entity::{
        chat::Chat,
        chat_file::ChatFile,
        message::{Message, Role},
    },
};

const STYLE: &str = include_str!("page.css");

pub(super) const TAIL: &str = "</main>\n</body>\n</html>\n";

pub(super) fn head(chat: &Chat, files: &[ChatFile], now: Timestamp) -> String {
    let title = escaped_line(&titled(chat));
    let mut about = format!("Begun {}, exported {}", minute(chat.created_at), minute(now));
    if !chat.tags.is_empty() {
        let tags: Vec<String> =
            chat.tags.iter().map(|tag| format!("<bdi>{}</bdi>", escaped_line(tag))).collect();
        about += &format!(" · {}", tags.join(", "));
    }
    let mut head = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1 dir=\"auto\">{title}</h1>\n<p>{about}</p>\n"
    );
    if let Some(description) = chat.description.as_deref().filter(|text| !text.trim().is_empty()) {
        head += &format!("<p class=\"said\" dir=\"auto\">{}</p>\n", rich_text::escaped(description));
    }
    if !files.is_empty() {
        let names: Vec<String> = files
            .iter()
            .map(|file| format!("<li><bdi>{}</bdi></li>", escaped_line(&file.filename)))
            .collect();
        head += &format!("<p>Files, which are not in this document:</p>\n<ul>{}</ul>\n", names.join(""));
    }
    head + "</header>\n<main>\n"
}

pub(super) fn message(message: &Message) -> String {
    let (note, text) = said(message);
    let mut html = format!(
        "<article class=\"{}\">\n<h2><bdi>{}</bdi> <time datetime=\"{}\">{}</time></h2>\n",
        message.role.as_str(),
        escaped_line(&author(message)),
        message.created_at,
        minute(message.created_at)
    );
    if let Some(note) = note {
        html += &format!("<p class=\"note\"><bdi>{}</bdi></p>\n", escaped_line(&note));
        if !text.is_empty() {
            html += &format!("<pre><code>{}</code></pre>\n", rich_text::escaped(&text));
        }
    } else if message.role == Role::Assistant {
        html += &format!("<div dir=\"auto\">\n{}</div>\n", rich_text::html(&text));
    } else if !text.is_empty() {
        // People and tools write text; it is shown as they wrote it.
        html += &format!("<p class=\"said\" dir=\"auto\">{}</p>\n", rich_text::escaped(&text));
    }
    let sources: String = sources(message)
        .map(|source| format!("<li><bdi>{}</bdi></li>", rich_text::escaped(&source)))
        .collect();
    if !sources.is_empty() {
        html += &format!("<p class=\"note\">Sources:</p>\n<ul class=\"note\">{sources}</ul>\n");
    }
    if let Some(ending) = ending(message) {
        html += &format!("<p class=\"note\">{ending}</p>\n");
    }
    html + "</article>\n"
}

fn escaped_line(text: &str) -> String {
    rich_text::escaped(&one_line(text))
}
