//! What was recorded beside what is answered: keys, kinds of values, and values where they mean something.

use std::collections::{BTreeMap, BTreeSet};

use kafka_core::Timestamp;
use serde_json::Value;

/// Members whose text is for people, who may be told the same in other words.
const PROSE: [&str; 6] = ["msg", "detail", "reason", "error", "message", "revert_notice"];
/// The length of an id.
const ID: usize = 36;

/// What stands for the placeholders of a recording, and what was found to differ.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Each id by its placeholder, such as `<id:7>`.
    ids: BTreeMap<String, String>,
    /// The endpoint of the recorded model.
    mock: String,
    /// A sentence for each difference.
    pub(super) found: BTreeSet<String>,
}

impl Comparison {
    pub(super) fn with_mock(mock: &str) -> Comparison {
        Comparison { mock: mock.to_owned(), ..Comparison::default() }
    }

    pub(super) fn bind(&mut self, number: u32, id: &str) {
        self.ids.insert(format!("<id:{number}>"), id.to_owned());
    }

    /// The text with what its placeholders stand for, as far as that is known.
    pub(super) fn filled(&self, recorded: &str) -> String {
        let text = recorded.replace("RUN", "run").replace("<mock>", &self.mock);
        self.ids.iter().fold(text, |text, (name, id)| text.replace(name, id))
    }

    /// The text with placeholders for ids, so that it is the same in every run.
    pub(super) fn named(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(id, name))
    }

    pub(super) fn differs(&mut self, at: &str, recorded: impl ToString, ours: impl ToString) {
        let sentence = format!("{at}: {}, and here {}", recorded.to_string(), ours.to_string());
        let sentence = self.named(&sentence);
        self.found.insert(sentence);
    }

    /// Compares two values. Ours may have members that were not recorded.
    pub(super) fn values(&mut self, at: &str, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (name, value) in recorded {
                    let at = format!("{at}.{name}");
                    match ours.get(name) {
                        Some(own) if is_prose(name, value) && own.is_string() => {}
                        Some(own) => self.values(&at, value, own),
                        None => self.differs(&at, value, "nothing"),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(ours)) => {
                if recorded.len() != ours.len() {
                    self.differs(at, format!("{} entries", recorded.len()), ours.len());
                }
                for (number, (recorded, own)) in recorded.iter().zip(ours).enumerate() {
                    self.values(&format!("{at}[{number}]"), recorded, own);
                }
            }
            (Value::String(recorded), Value::String(ours)) => self.texts(at, recorded, ours),
            _ if recorded == ours => {}
            _ => self.differs(at, recorded, ours),
        }
    }

    pub(super) fn texts(&mut self, at: &str, recorded: &str, ours: &str) {
        let object = |text: &str| serde_json::from_str(text).ok().filter(Value::is_object);
        if let (Some(recorded), Some(ours)) = (object(recorded), object(ours)) {
            return self.values(at, &recorded, &ours);
        }
        if !self.fits(recorded, ours) {
            self.differs(at, format!("{recorded:?}"), format!("{ours:?}"));
        }
    }

    /// Whether the text is what was recorded. A placeholder that is met for the first time stands from then
    /// on for the id in its place, which no other may stand for.
    fn fits(&mut self, recorded: &str, ours: &str) -> bool {
        if recorded == "<ts>" {
            return ours.parse::<Timestamp>().is_ok();
        }
        let recorded = self.filled(recorded);
        let Some((before, rest)) = recorded.split_once("<id:") else { return recorded == ours };
        let (number, _) = rest.split_once('>').expect("a placeholder is closed");
        let id = ours.strip_prefix(before).and_then(|rest| rest.get(..ID)).filter(|text| is_id(text));
        match id {
            Some(id) if self.ids.values().all(|known| known != id) => {
                self.bind(number.parse().unwrap(), id);
                self.fits(&recorded, ours)
            }
            _ => false,
        }
    }
}

fn is_prose(name: &str, value: &Value) -> bool {
    value.is_string() && PROSE.contains(&name)
}

fn is_id(text: &str) -> bool {
    let is_hyphen = |at| [8, 13, 18, 23].contains(&at);
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == ID
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if is_hyphen(at) { byte == b'-' } else { is_digit(byte) })
}

#[test]
fn what_differs_is_found_and_what_may_differ_is_not() {
    let id = |last: char| format!("01890000-0000-7000-8000-00000000000{last}");
    let compare = |recorded: Value, ours: Value| {
        let mut comparison = Comparison::default();
        comparison.values("body", &recorded, &ours);
        comparison.found.into_iter().collect::<Vec<_>>()
    };
    use serde_json::json;
    let same = [
        (json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!(["<id:1>", "x/<id:1>_y"]), json!([id('1'), format!("x/{}_y", id('1'))])),
        (
            json!({"detail": "Gone.", "t": "<ts>"}),
            json!({"detail": "No more.", "t": "2025-03-20T11:00:00.123Z"}),
        ),
        (json!("{\"a\": \"<id:1>\"}"), json!(format!("{{\"b\":1,\"a\":\"{}\"}}", id('1')))),
    ];
    for (recorded, ours) in same {
        assert_eq!(compare(recorded, ours), Vec::<String>::new());
    }
    for (recorded, ours, found) in [
        (json!({"a": 1}), json!({}), "body.a: 1, and here nothing"),
        (json!({"a": null}), json!({"a": ""}), "body.a: null, and here \"\""),
        (json!({"a": [1]}), json!({"a": []}), "body.a: 1 entries, and here 0"),
        (json!({"detail": "Gone."}), json!({"detail": []}), "body.detail: \"Gone.\", and here []"),
        (json!(["<id:1>", "<id:2>"]), json!([id('1'), id('1')]), "body[1]: \"<id:2>\", and here \"<id:1>\""),
        (
            json!("<id:1>"),
            json!("ABCDEF00-0000-7000-8000-000000000000"),
            "body: \"<id:1>\", and here \"ABCDEF00-0000-7000-8000-000000000000\"",
        ),
        (json!("<ts>"), json!("yesterday"), "body: \"<ts>\", and here \"yesterday\""),
        (json!("a"), json!("b"), "body: \"a\", and here \"b\""),
    ] {
        assert_eq!(compare(recorded, ours), [found]);
    }
}
