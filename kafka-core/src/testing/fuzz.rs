//! What the fuzz targets feed with bytes. Each function takes any bytes at all and panics only when a
//! promise of the parser behind it is broken.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;

use super::{ManualClock, SequentialRandom};
use crate::{
    Actor, ChatFilter, ChatId, Config, Cursor, Kafka, ModelHost, NewChat, NewMessage, NewModel, NewWorkspace,
    PageRequest, Place, Result, Role, SearchRequest, Sizes, TextKind, apply_patch, based, chunks, extract,
    provider::{
        endpoint::Endpoint,
        openai::fuzz::deltas,
        sse::{SseEvent, SseParser},
    },
    readable_diff,
    text::{
        json_object::find_object,
        search::{matching::Match, query::Query, snippet::snippet},
    },
    unified_diff,
};

/// The stream of a model endpoint. However the network cuts it, it says the same.
pub fn sse(bytes: &[u8]) {
    const LIMIT: usize = 256;
    let read = |piece: usize| {
        let mut parser = SseParser::new(LIMIT);
        let mut events = VecDeque::new();
        for piece in bytes.chunks(piece) {
            // Where an event is too long depends on the cut; that it ends the stream does not.
            parser.push(piece, &mut events).ok()?;
        }
        parser.end(&mut events);
        Some(Vec::from(events))
    };
    let whole: Option<Vec<SseEvent>> = read(bytes.len().max(1));
    assert_eq!(read(1), whole);
    for event in whole.iter().flatten() {
        assert!(!event.data.is_empty() && event.data.len() <= 3 * LIMIT, "{event:?}");
    }
    deltas(whole.into_iter().flatten().map(|event| event.data));
}

/// A file, whose first byte says what it is called: it has a text or a reason why not, and whatever has a text has chunks,
/// which cover it in their order. PDFs are left out, as their reader is known to panic and runs by itself.
pub fn documents(bytes: &[u8]) {
    const NAMES: [&str; 8] = ["a.md", "a.txt", "a.rs", "a.csv", "a.html", "a.docx", "a.xlsx", "a.xml"];
    let Some((first, bytes)) = bytes.split_first() else { return };
    if bytes.windows(5).any(|word| word == b"%PDF-") {
        return;
    }
    match extract(NAMES[usize::from(*first) % NAMES.len()], bytes) {
        Ok(extracted) => {
            let text = &extracted.text;
            assert!(!text.trim().is_empty() && !text.contains(['\0', '\r']), "{text:?}");
            for kind in [TextKind::Markdown, TextKind::Plain, TextKind::Code, TextKind::Table] {
                let sizes = Sizes { least_tokens: 8, most_tokens: 24 };
                let mut at = 0;
                for chunk in chunks(text, kind, &sizes) {
                    assert!(text[at..chunk.start].trim().is_empty() && chunk.tokens <= sizes.most_tokens);
                    assert!(!text[chunk.start..chunk.end].trim().is_empty() && chunk.heading.len() <= 1000);
                    at = chunk.end;
                }
                assert!(text[at..].trim().is_empty(), "{text:?}");
            }
        }
        Err(error) => assert!(!error.code.is_empty() && error.sentence.ends_with('.')),
    }
}

/// A base URL, and a host of the configuration. What is understood means the same when it is written
/// out again.
pub fn base_url(text: &str) {
    if let Ok(endpoint) = Endpoint::parse(text) {
        for url in [endpoint.url("models"), endpoint.origin()] {
            let again = Endpoint::parse(&url);
            assert_eq!(again.map(|again| again.origin()).ok(), Some(endpoint.origin()), "{text:?} {url:?}");
            assert!(!url.chars().any(|c| c.is_whitespace() || c.is_control()), "{text:?} {url:?}");
        }
        assert!(!endpoint.host().is_empty() && !endpoint.host().contains('@'), "{text:?}");
    }
    if let Ok(host) = text.parse::<ModelHost>() {
        assert_eq!(host.to_string().parse().ok(), Some(host), "{text:?}");
    }
}

/// The host of a URL as whoever calls it understands it.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    Endpoint::parse(url).ok().map(|endpoint| endpoint.host().to_owned())
}

/// What a model answers. An object that is found is one that stands in it, or would, were its control characters
/// written as JSON has them; whole ones are found whatever stands around them.
pub fn answers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(object) = find_object(&text, "text") {
        assert!(text.contains('{') && text.contains('}'), "{text:?}");
        let again = find_object(&Value::Object(object.clone()).to_string(), "text");
        assert_eq!(again, Ok(object));
    }
}

/// A text and a patch, apart by the first NUL. What applies is told by a difference again, and each makes
/// the other as a new text.
pub fn patches(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (base, patch) = text.split_once('\0').unwrap_or((&text, ""));
    let mut new_texts = vec![patch.to_owned()];
    match apply_patch(base, patch) {
        Ok(text) => new_texts.push(text),
        Err(error) => assert!(error.to_string().len() < 4096, "{error}"),
    }
    for new in new_texts {
        for patch in [unified_diff(base, &new), readable_diff(base, &new, patch, "new")] {
            assert_eq!(apply_patch(base, &patch).as_ref(), Ok(&new), "{patch}");
        }
    }
}

/// A text in Based. The findings are few and stand in the text in their order; how its lines end makes no
/// difference to them.
pub fn based(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let findings = based::check(&text);
    assert!(findings.len() <= 20, "{findings:?}");
    assert!(findings.is_sorted_by_key(|finding| (finding.line, finding.column)), "{findings:?}");
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in &findings {
        let length = lines.get(finding.line - 1).map_or(0, |line| line.chars().count());
        assert!((1..=length + 1).contains(&finding.column), "{finding} in {text:?}");
        assert!(finding.sentence.ends_with('.') && finding.sentence.chars().count() < 400, "{finding}");
    }
    if !text.contains('\r') {
        assert_eq!(based::check(&text.replace('\n', "\r\n")), findings, "{text:?}");
    }
}

/// A query and a text, apart by the first NUL. Every query is one for the engine, too; what is found of it in the text is
/// marked in pairs, and nothing else of a snippet is a control character.
pub fn searches(bytes: &[u8]) {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    let text = String::from_utf8_lossy(bytes);
    let (query, text) = text.split_once('\0').unwrap_or((&text, "hello"));
    for query in [Query::plain(query), Query::with_operators(query)] {
        let Some(found) = Match::of(&query, text) else { continue };
        assert!(!found.places.is_empty(), "{query:?} in {text:?}");
        let shown = snippet(text, &found.places);
        let marks: String = shown.chars().filter(|sign| sign.is_control()).collect();
        assert!(!marks.is_empty() && marks.replace("\u{2}\u{3}", "").is_empty(), "{shown:?}");
    }
    let lists = LISTS.get_or_init(|| Lists::new().expect("an installation in memory opens"));
    for request in [SearchRequest::plain(query), SearchRequest::text(query)] {
        if let Err(error) = lists.kafka.search(&lists.actor).find(&request) {
            assert_eq!(error.code(), "query_too_long", "{query:?}: {error}");
        }
    }
}

/// Cursors that no page gave. Each list reads on from there, or says that it cannot.
pub fn cursors(bytes: &[u8]) {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    let lists = LISTS.get_or_init(|| Lists::new().expect("an installation in memory opens"));
    let cursor = Cursor::new(String::from_utf8_lossy(bytes));
    for place in [Place::After(cursor.clone()), Place::Before(cursor)] {
        let request = PageRequest::Cursor { limit: Some(2), place };
        for page in lists.cursors(&request) {
            match page {
                // What a page gives is understood.
                Ok(cursors) => cursors.into_iter().flatten().for_each(|cursor| {
                    let request = PageRequest::Cursor { limit: None, place: Place::After(cursor) };
                    assert!(lists.cursors(&request).iter().any(Result::is_ok), "{request:?}");
                }),
                Err(error) => assert_eq!(error.code(), "cursor_invalid", "{request:?}"),
            }
        }
    }
}

/// An installation with a few rows in each list. Its ids and times are the same in every run.
struct Lists {
    kafka: Kafka,
    actor: Actor,
    chat: ChatId,
}

impl Lists {
    fn new() -> Result<Lists> {
        let clock = ManualClock::default();
        let config = Config {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SequentialRandom::default()),
            ..Config::memory()
        };
        let kafka = Kafka::open(config)?;
        let actor = kafka.operator();
        let mut chat = kafka.chats(&actor).create(NewChat::default())?.id;
        for number in 0..3 {
            clock.advance(Duration::from_millis(1));
            chat = kafka.chats(&actor).create(NewChat::default())?.id;
            kafka.workspaces(&actor).create(NewWorkspace { name: format!("w{number}"), owner_id: None })?;
            kafka.models(&actor).create(NewModel::new(format!("m{number}"), "http://127.0.0.1:1/v1"))?;
        }
        for _ in 0..3 {
            kafka.messages(&actor).create(chat, NewMessage::text(Role::User, "hello"))?;
        }
        kafka.search(&actor).refresh()?;
        Ok(Lists { kafka, actor, chat })
    }

    /// The cursors of the same page of every list.
    fn cursors(&self, request: &PageRequest) -> [Result<[Option<Cursor>; 2]>; 4] {
        let Lists { kafka, actor, chat } = self;
        [
            kafka
                .chats(actor)
                .list(&ChatFilter::default(), request)
                .map(|page| [page.next_cursor, page.prev_cursor]),
            kafka.messages(actor).list(*chat, request).map(|page| [page.next_cursor, page.prev_cursor]),
            kafka.models(actor).list(request).map(|page| [page.next_cursor, page.prev_cursor]),
            kafka.workspaces(actor).list(request).map(|page| [page.next_cursor, page.prev_cursor]),
        ]
    }
}
