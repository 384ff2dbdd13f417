//! What a page says, as Markdown.

use super::{
    markup::{Gap, Markup},
    tags::{Token, tokens},
};

/// What is seen of a page, until there is enough. No tree is made of it, so that it may be as deep as it wants to.
pub(super) fn text(page: &str, enough_bytes: usize) -> String {
    let (mut markup, mut hidden) = (Markup::new(), None);
    let (mut title, mut has_heading) = (String::new(), false);
    for token in tokens(page) {
        if markup.len() >= enough_bytes {
            break;
        }
        match token {
            Token::Open { name, closes_itself } if hidden.is_none() => {
                has_heading |= name == "h1";
                start(&mut markup, &name);
                hidden = Some(name).filter(|name| HIDDEN.contains(&&**name) && !closes_itself);
            }
            Token::Close(name) if hidden.is_none() => end(&mut markup, &name),
            Token::Close(name) if hidden.as_ref() == Some(&name) => hidden = None,
            Token::Said(said) => match hidden.as_deref() {
                None => markup.say(&said),
                Some("title") if title.is_empty() => title = said.into_owned(),
                Some(_) => {}
            },
            _ => {}
        }
    }
    if has_heading || title.trim().is_empty() {
        return markup.finish();
    }
    // The title is what the page would be found by; most have it as their first heading, too.
    let mut page = Markup::new();
    page.heading(1);
    page.say(&title);
    let body = markup.finish();
    format!("{}\n\n{body}", page.finish()).trim_end().to_owned()
}

/// What stands in no page.
const HIDDEN: [&str; 6] = ["script", "style", "template", "svg", "noscript", "title"];

/// What stands by itself, among others.
const BLOCKS: [&str; 27] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "head",
    "header",
    "hr",
    "main",
    "nav",
    "option",
    "p",
    "section",
    "select",
    "summary",
    "tbody",
];

fn start(markup: &mut Markup, name: &str) {
    match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => markup.heading(usize::from(name.as_bytes()[1] - b'0')),
        "br" => markup.gap(Gap::Line),
        "li" => markup.item(),
        "ul" | "ol" | "menu" => markup.gap(Gap::Paragraph),
        "table" => markup.end_table(),
        "tr" => markup.begin_row(),
        "td" | "th" => markup.begin_cell(),
        "pre" => markup.begin_code(),
        _ if BLOCKS.contains(&name) => markup.gap(Gap::Paragraph),
        _ => {}
    }
}

fn end(markup: &mut Markup, name: &str) {
    match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "menu" => markup.end(Gap::Paragraph),
        "li" => markup.end(Gap::Line),
        "table" => markup.end_table(),
        "tr" => markup.end_row(),
        "pre" => markup.end_code(),
        _ if BLOCKS.contains(&name) => markup.gap(Gap::Paragraph),
        _ => {}
    }
}
