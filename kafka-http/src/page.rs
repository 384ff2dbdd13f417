//! The chat page, and the page that shows the chat of a link: documents that ask nothing of anyone but the API beside
//! them.

use std::{io::Read as _, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use crate::server::Reply;

/// What `build.rs` packs of `assets`: the frame, the style and the script of the page.
macro_rules! packed {
    ($file:literal) => {
        unpacked(include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz")))
    };
}

static FRAME: LazyLock<String> = LazyLock::new(|| packed!("page.html"));
static STYLE: LazyLock<String> = LazyLock::new(|| packed!("page.css"));
static SCRIPT: LazyLock<String> = LazyLock::new(|| packed!("page.js"));

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    // What a build has packed itself is whole, as a test shows.
    drop(GzDecoder::new(packed).read_to_string(&mut text));
    text
}

/// The document as it is sent, and what a browser may do with it.
struct Page {
    html: String,
    policy: String,
}

/// The page of whoever has a link to a chat.
const SHARED_FRAME: &str = include_str!("assets/shared.html");
const SHARED_SCRIPT: &str = concat!(include_str!("assets/markdown.js"), include_str!("assets/shared.js"));

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::of(&FRAME, &SCRIPT));
/// The page where models give titles to chats, which it then looks for.
static TITLED: LazyLock<Page> =
    LazyLock::new(|| Page::of(&FRAME.replacen("<html ", "<html data-titles ", 1), &SCRIPT));
static SHARED: LazyLock<Page> = LazyLock::new(|| Page::of(SHARED_FRAME, SHARED_SCRIPT));

impl Page {
    fn of(frame: &str, script: &str) -> Page {
        let html = frame.replacen("<style></style>", &format!("<style>{}</style>", *STYLE), 1);
        let scripted = format!("<script type=\"module\">{script}</script>");
        Page {
            html: html.replacen("<script type=\"module\"></script>", &scripted, 1),
            policy: policy(script),
        }
    }

    fn reply(&'static self) -> Reply {
        Reply::bytes(200, "text/html; charset=utf-8", self.html.as_bytes())
            .with_header("Content-Security-Policy", self.policy.as_str())
            .with_header("Cache-Control", "no-cache")
            .with_header("Cross-Origin-Opener-Policy", "same-origin")
            .with_header("Referrer-Policy", "no-referrer")
    }
}

/// Exactly this style and this script run, whatever a chat may hold; the script makes no HTML, and
/// talks to nobody but this server.
fn policy(script: &str) -> String {
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash_source(&STYLE),
        hash_source(script)
    )
}

fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// Whether the client would rather see a page than JSON, which only browsers say.
pub(crate) fn is_wanted(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
            let is_refused = parts.any(|parameter| {
                let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.parse() == Ok(0.0))
            });
            is_html && !is_refused
        })
    })
}

/// The page, as it is where chats get titles from models or do not.
pub(crate) fn reply(has_titles: bool) -> Reply {
    if has_titles { TITLED.reply() } else { PAGE.reply() }
}

/// The page of whoever has a link to a chat, which search engines shall not list.
pub(crate) fn shared() -> Reply {
    SHARED.reply().with_header("X-Robots-Tag", "noindex")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_lies_in_the_sources() {
        assert_eq!(*FRAME, include_str!("assets/page.html"));
        assert_eq!(*STYLE, include_str!("assets/page.css"));
        assert!(SCRIPT.starts_with(include_str!("assets/api.js")));
        assert!(SCRIPT.ends_with(include_str!("assets/page.js")));
    }

    #[test]
    fn the_page_is_small() {
        let [page, shared] = [&PAGE, &SHARED].map(|page| page.html.len());
        assert!(page < 160_000, "{page} bytes");
        assert!(shared < 40_000, "{shared} bytes");
    }

    #[test]
    fn the_parts_stand_in_the_page_once_and_whole() {
        // A closing tag inside a part would end it early, and leave the rest to be shown as text.
        for (page, script) in [(&PAGE, SCRIPT.as_str()), (&SHARED, SHARED_SCRIPT)] {
            for (part, tag) in [(STYLE.as_str(), "style"), (script, "script")] {
                assert!(!part.to_ascii_lowercase().contains(&format!("</{tag}")), "{tag}");
                assert!(!part.contains('\r'), "{tag}: browsers hash line feeds, whatever stands in the file");
                assert_eq!(page.html.matches(&format!("<{tag}")).count(), 1, "{tag}");
                assert!(page.html.contains(&format!(">{part}</{tag}>")), "{tag}");
            }
        }
        for inline in [" style=", " onclick=", " onload=", "javascript:"] {
            assert!(!FRAME.contains(inline) && !SHARED_FRAME.contains(inline), "{inline} would be refused");
        }
        for maker in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            let is_used = SCRIPT.contains(maker) || SHARED_SCRIPT.contains(maker);
            assert!(!is_used, "{maker} makes more than text");
        }
    }

    #[test]
    fn who_names_html_wants_the_page() {
        let table = [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some("text/*"), false),
            (Some("text/html"), true),
            (Some("Text/HTML;q=0.8"), true),
            (Some("text/html;q=0"), false),
            (Some("text/html; q=0.000, application/json"), false),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            (Some("text/html-not"), false),
        ];
        for (accept, expected) in table {
            assert_eq!(is_wanted(accept), expected, "{accept:?}");
        }
    }
}
