//! What a page says, as Markdown.

use html5gum::{Token, Tokenizer, emitters::default::DefaultEmitter};

use super::markup::{Gap, Markup};

/// What is seen of a page, until there is enough. A page is cut into tags and words; no tree is made, so that it may be as
/// deep as it wants to.
pub(super) fn text(page: &str, enough_bytes: usize) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut markup, mut hidden) = (Markup::new(), None);
    let (mut title, mut has_heading) = (String::new(), false);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        if markup.len() >= enough_bytes {
            break;
        }
        match token {
            Ok(Token::StartTag(tag)) if hidden.is_none() => {
                if HIDDEN.contains(&&**tag.name) && !tag.self_closing {
                    hidden = Some(tag.name.to_vec());
                } else {
                    has_heading |= **tag.name == *b"h1";
                    start(&mut markup, &tag.name);
                }
            }
            Ok(Token::EndTag(tag)) if hidden.is_none() => end(&mut markup, &tag.name),
            Ok(Token::EndTag(tag)) if hidden.as_ref() == Some(&*tag.name) => hidden = None,
            Ok(Token::String(said)) => match hidden.as_deref() {
                None => markup.say(&String::from_utf8_lossy(&said)),
                Some(b"title") if title.is_empty() => title = String::from_utf8_lossy(&said).into_owned(),
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
const HIDDEN: [&[u8]; 6] = [b"script", b"style", b"template", b"svg", b"noscript", b"title"];

/// What stands by itself, among others.
const BLOCKS: [&[u8]; 27] = [
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"caption",
    b"dd",
    b"details",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"head",
    b"header",
    b"hr",
    b"main",
    b"nav",
    b"option",
    b"p",
    b"section",
    b"select",
    b"summary",
    b"tbody",
];

fn start(markup: &mut Markup, name: &[u8]) {
    match name {
        [b'h', digit @ b'1'..=b'6'] => markup.heading(usize::from(digit - b'0')),
        b"br" => markup.gap(Gap::Line),
        b"li" => markup.item(),
        b"ul" | b"ol" | b"menu" => markup.gap(Gap::Paragraph),
        b"table" => markup.end_table(),
        b"tr" => markup.begin_row(),
        b"td" | b"th" => markup.begin_cell(),
        b"pre" => markup.begin_code(),
        _ if BLOCKS.contains(&name) => markup.gap(Gap::Paragraph),
        _ => {}
    }
}

fn end(markup: &mut Markup, name: &[u8]) {
    match name {
        [b'h', b'1'..=b'6'] | b"ul" | b"ol" | b"menu" => markup.end(Gap::Paragraph),
        b"li" => markup.end(Gap::Line),
        b"table" => markup.end_table(),
        b"tr" => markup.end_row(),
        b"pre" => markup.end_code(),
        _ if BLOCKS.contains(&name) => markup.gap(Gap::Paragraph),
        _ => {}
    }
}
