//! Tool calls, put together from pieces that name them in many ways or not at all. Pure.
//!
//! A piece belongs to the call with its id; without one, to the latest call at its index; without either,
//! to the latest call. Nothing is taken for whole before the end of the answer, because arguments that
//! can be read may go on: then they are those of several calls.

use std::collections::HashSet;

use serde_json::{Deserializer, Map, Value};

use super::opaque;
use crate::entity::tool_call::ToolCall;

/// Fields of a call that mean something to the endpoint only, which wants them back.
const OPAQUE: [&str; 2] = ["extra_content", "provider_specific_fields"];
/// Some endpoints accept ids of exactly nine letters and digits, and none is known to refuse them.
const ID_LENGTH: u32 = 9;
/// More calls than any model makes in one answer; looking through them takes time.
const MOST_CALLS: usize = 1024;

/// The endpoint names more calls than are told apart.
#[derive(Debug)]
pub(crate) struct TooManyCalls;

/// The calls of one answer as they arrive.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls(Vec<Gathered>);

/// What has come of a call, or of several that share all their names.
#[derive(Debug, Default)]
struct Gathered {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    opaque: Map<String, Value>,
}

impl ToolCalls {
    /// Takes the `tool_calls` of a delta or of a whole message.
    pub(crate) fn take(&mut self, pieces: &Value) -> Result<(), TooManyCalls> {
        let pieces = match pieces {
            Value::Array(pieces) => pieces.as_slice(),
            Value::Object(_) => std::slice::from_ref(pieces),
            _ => return Ok(()),
        };
        for (position, piece) in pieces.iter().enumerate() {
            self.take_piece(piece, position > 0);
            if self.0.len() > MOST_CALLS {
                self.0.truncate(MOST_CALLS);
                return Err(TooManyCalls);
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take_piece(&mut self, piece: &Value, stands_beside_another: bool) {
        let index = piece["index"].as_u64();
        let id = text(&piece["id"]);
        let name = text(&piece["function"]["name"]);
        let arguments = text(&piece["function"]["arguments"]);
        let found = self.find(&id, index, &name, stands_beside_another);
        let call = match found {
            Some(at) => &mut self.0[at],
            None if id.is_empty() && name.is_empty() && arguments.is_empty() => return,
            None => {
                self.0.push(Gathered::default());
                let last = self.0.len() - 1;
                &mut self.0[last]
            }
        };
        call.index = index.or(call.index);
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        opaque::keep(&mut call.opaque, &OPAQUE, piece);
    }

    /// The call that a piece belongs to, or none when it begins a new one.
    fn find(&self, id: &str, index: Option<u64>, name: &str, stands_beside_another: bool) -> Option<usize> {
        // A call has one name, which pieces may repeat.
        let may_be = |call: &Gathered| name.is_empty() || call.name.is_empty() || call.name == name;
        let last = |is_it: &dyn Fn(&Gathered) -> bool| self.0.iter().rposition(is_it);
        if !id.is_empty() {
            // The id may also come late.
            return last(&|call| call.id == id && may_be(call)).or_else(|| {
                let at = last(&|call| index.is_none() || call.index == index)?;
                Some(at).filter(|at| self.0[*at].id.is_empty() && may_be(&self.0[*at]))
            });
        }
        let at = match index {
            Some(_) => last(&|call| call.index == index)
                .or_else(|| last(&|_| true).filter(|at| self.0[*at].index.is_none())),
            None => last(&|_| !stands_beside_another),
        };
        at.filter(|at| may_be(&self.0[*at]))
    }

    /// The calls of the answer, which is over: it is whole, or was cut off. Each has an id of its own; those
    /// that the endpoint does not give are made from `seed`. The second value holds the opaque fields of
    /// each call by its id.
    pub(crate) fn end(&mut self, seed: u64, is_whole: bool) -> (Vec<ToolCall>, Map<String, Value>) {
        let gathered = std::mem::take(&mut self.0);
        let given: Vec<String> = gathered.iter().map(|call| call.id.clone()).collect();
        let made = (0_u64..).map(|count| made_up_id(seed.wrapping_add(count)));
        let mut made = made.filter(|id| !given.contains(id));
        let mut calls = Vec::new();
        let mut opaque = Map::new();
        let mut named = HashSet::new();
        for (at, mut call) in gathered.into_iter().enumerate() {
            let is_anonymous = call.id.is_empty() && call.index.is_none();
            let mut of_this = HashSet::new();
            for Arguments { text, object } in split(&call.arguments) {
                // Some endpoints say a whole call again at the end.
                if let Some(object) = &object {
                    let said = (call.name.clone(), object.clone());
                    if !of_this.insert(object.clone()) || (is_anonymous && named.contains(&said)) {
                        continue;
                    }
                    named.extend((!given[at].is_empty()).then_some(said));
                }
                let id = Some(std::mem::take(&mut call.id));
                let id = id.filter(|id| !id.is_empty() && !given[..at].contains(id)).or_else(|| made.next());
                let id = id.unwrap_or_default();
                let fields = std::mem::take(&mut call.opaque);
                if !fields.is_empty() {
                    opaque.insert(id.clone(), fields.into());
                }
                // Where the end is missing, so may be the arguments.
                let is_empty = text.is_empty() && is_whole;
                calls.push(ToolCall {
                    id,
                    name: call.name.clone(),
                    arguments: if is_empty { "{}" } else { text }.to_owned(),
                    incomplete: call.name.is_empty() || (object.is_none() && !is_empty),
                });
            }
        }
        (calls, opaque)
    }
}

/// The arguments of one call.
struct Arguments<'a> {
    text: &'a str,
    /// The object that they are, in a spelling that does not depend on theirs; none if they are none.
    object: Option<String>,
}

/// One object after another makes the arguments of several calls; the last may be cut off. Anything else
/// is left as it is.
fn split(arguments: &str) -> Vec<Arguments<'_>> {
    let mut objects = Deserializer::from_str(arguments).into_iter::<Map<String, Value>>();
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(Ok(object)) = objects.next() {
        let to = objects.byte_offset();
        let object = Some(Value::Object(object).to_string());
        pieces.push(Arguments { text: arguments[from..to].trim(), object });
        from = to;
    }
    match arguments[from..].trim() {
        "" if !pieces.is_empty() => pieces,
        text if text.starts_with('{') => {
            pieces.push(Arguments { text, object: None });
            pieces
        }
        _ => vec![Arguments { text: arguments.trim(), object: None }],
    }
}

/// A text, or what stands where one should, as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn made_up_id(number: u64) -> String {
    let digits = (0..ID_LENGTH).map(|place| (number / 36_u64.pow(place)) % 36);
    digits.filter_map(|digit| char::from_digit(u32::try_from(digit).ok()?, 36)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The calls that these deltas make, as `id name arguments`, with `?` behind an incomplete one.
    fn gather(deltas: &[Value], is_whole: bool) -> Vec<String> {
        let mut calls = ToolCalls::default();
        deltas.iter().for_each(|delta| calls.take(delta).unwrap());
        let show = |call: ToolCall| {
            let mark = if call.incomplete { "?" } else { "" };
            format!("{} {} {}{mark}", call.id, call.name, call.arguments)
        };
        calls.end(0, is_whole).0.into_iter().map(show).collect()
    }

    #[test]
    fn pieces_find_their_call() {
        let piece = |index: Value, id: Value, name: Value, arguments: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
        let none = Value::Null;
        let rest = |index: Value, arguments: &str| piece(index, Value::Null, Value::Null, arguments);
        let cases = [
            (
                "by index, however they are mixed",
                vec![
                    json!([
                        piece(json!(0), json!("a"), json!("f"), ""),
                        piece(json!(1), json!("b"), json!("g"), "{")
                    ]),
                    json!([rest(json!(0), "{\"x\":"), rest(json!(1), "}")]),
                    json!([rest(json!(0), "1}")]),
                ],
                vec!["a f {\"x\":1}", "b g {}"],
            ),
            (
                "an index that comes late",
                vec![json!([piece(none.clone(), json!("a"), json!("f"), "{")]), json!([rest(json!(0), "}")])],
                vec!["a f {}"],
            ),
            (
                "an id that comes late",
                vec![
                    json!([piece(json!(0), none.clone(), json!("f"), "{")]),
                    json!([piece(json!(0), json!("a"), none.clone(), "}")]),
                ],
                vec!["a f {}"],
            ),
            (
                "one id for two tools",
                vec![json!([
                    piece(json!(0), json!("a"), json!("f"), "{}"),
                    piece(json!(1), json!("a"), json!("g"), "{}")
                ])],
                vec!["a f {}", "000000000 g {}"],
            ),
            (
                "no name for anything, in one delta",
                vec![json!([
                    piece(none.clone(), none.clone(), json!("f"), "{}"),
                    piece(none.clone(), none.clone(), json!("f"), "{}")
                ])],
                vec!["000000000 f {}", "100000000 f {}"],
            ),
            (
                "an id that looks made up",
                vec![json!([
                    piece(json!(0), json!("000000000"), json!("f"), ""),
                    piece(json!(1), json!(""), json!("g"), "")
                ])],
                vec!["000000000 f {}", "100000000 g {}"],
            ),
            (
                "an object where a list belongs",
                vec![piece(none.clone(), json!(7), json!("f"), "{}")],
                vec!["7 f {}"],
            ),
            (
                "nothing",
                vec![json!([]), json!(null), json!("x"), json!([{"index": 0, "type": "function"}, 3])],
                vec![],
            ),
        ];
        for (name, deltas, expected) in cases {
            assert_eq!(gather(&deltas, true), expected, "{name}");
        }
    }

    #[test]
    fn arguments_are_told_apart_and_judged() {
        let cases = [
            ("", true, vec!["a f {}"]),
            (" ", true, vec!["a f {}"]),
            ("", false, vec!["a f ?"]),
            ("{\"x\":1}", false, vec!["a f {\"x\":1}"]),
            ("{\"x\":", true, vec!["a f {\"x\":?"]),
            ("{} {\"x\":1}\n", true, vec!["a f {}", "000000000 f {\"x\":1}"]),
            ("{\"x\":1}{\"x\":", false, vec!["a f {\"x\":1}", "000000000 f {\"x\":?"]),
            ("{\"x\":1, \"y\":2}{\"y\":2,\"x\":1}", true, vec!["a f {\"x\":1, \"y\":2}"]),
            ("{\"x\":1}}", true, vec!["a f {\"x\":1}}?"]),
            ("{} and more", true, vec!["a f {} and more?"]),
            ("12", true, vec!["a f 12?"]),
            ("null", true, vec!["a f null?"]),
        ];
        for (arguments, is_whole, expected) in cases {
            let piece = json!([{"id": "a", "function": {"name": "f", "arguments": arguments}}]);
            assert_eq!(gather(&[piece], is_whole), expected, "{arguments}");
        }
    }

    #[test]
    fn more_calls_than_can_be_are_refused() {
        let pieces = |count: usize| (0..count).map(|id| json!({"id": id})).collect::<Value>();
        assert!(ToolCalls::default().take(&pieces(MOST_CALLS)).is_ok());
        let mut calls = ToolCalls::default();
        assert!(calls.take(&pieces(MOST_CALLS + 1)).is_err());
        assert_eq!(calls.end(0, true).0.len(), MOST_CALLS, "those before are kept");
    }

    /// How an endpoint names the pieces of a call.
    #[derive(Clone, Copy, Debug)]
    enum Naming {
        /// Id and name in the first piece, the index in all.
        ByIndex,
        /// All in all pieces, but the index is always 0.
        ById,
        /// Id and name in the first piece, and no index.
        InOrder,
        /// No id and no index, the name in all pieces.
        ByName,
        /// No id, the index always 0, the name in the first piece of each call.
        Nameless,
    }

    impl Naming {
        fn piece(self, call: usize, name: &str, is_first: bool, text: &str) -> Value {
            let id = format!("call-{call}");
            let mut piece = match self {
                Naming::ByIndex if is_first => json!({"index": call, "id": id, "function": {"name": name}}),
                Naming::ByIndex => json!({"index": call, "function": {}}),
                Naming::ById => json!({"index": 0, "id": id, "function": {"name": name}}),
                Naming::InOrder if is_first => json!({"id": id, "function": {"name": name}}),
                Naming::InOrder => json!({"id": "", "function": {}}),
                Naming::ByName => json!({"function": {"name": name}}),
                Naming::Nameless if is_first => json!({"index": 0, "function": {"name": name}}),
                Naming::Nameless => json!({"index": 0, "id": null, "function": {"name": ""}}),
            };
            piece["function"]["arguments"] = text.into();
            piece
        }
    }

    fn naming() -> impl Strategy<Value = Naming> {
        prop_oneof![
            Just(Naming::ByIndex),
            Just(Naming::ById),
            Just(Naming::InOrder),
            Just(Naming::ByName),
            Just(Naming::Nameless)
        ]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_calls(
            naming in naming(),
            calls in prop::collection::vec(("[fgh]", "[{}a\"\\\\ä😀]{0,12}"), 1..5),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            repeats_last in any::<bool>(),
        ) {
            let mut deltas = Vec::new();
            let mut expected = Vec::new();
            for (at, (name, text)) in calls.iter().enumerate() {
                // The number makes calls of one tool differ, so that none is a repetition.
                let arguments = json!({"at": at, "text": text}).to_string();
                let characters: Vec<char> = arguments.chars().collect();
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(characters.len())).collect();
                cuts.extend([0, characters.len()]);
                cuts.sort_unstable();
                for (number, ends) in cuts.windows(2).enumerate() {
                    let text: String = characters[ends[0]..ends[1]].iter().collect();
                    deltas.push(json!([naming.piece(at, name, number == 0, &text)]));
                }
                if repeats_last && at + 1 == calls.len() {
                    deltas.push(json!([naming.piece(at, name, true, &arguments)]));
                }
                expected.push((name.clone(), arguments));
            }
            let mut gathered = ToolCalls::default();
            deltas.iter().for_each(|delta| gathered.take(delta).unwrap());
            let (told, _) = gathered.end(u64::MAX, true);
            let ids: HashSet<&str> = told.iter().map(|call| call.id.as_str()).collect();
            prop_assert_eq!(ids.len(), told.len(), "each has an id of its own");
            prop_assert!(told.iter().all(|call| !call.id.is_empty() && !call.incomplete));
            if matches!(naming, Naming::ByIndex | Naming::ById | Naming::InOrder) {
                let ids: Vec<String> = (0..told.len()).map(|at| format!("call-{at}")).collect();
                prop_assert_eq!(told.iter().map(|call| call.id.clone()).collect::<Vec<_>>(), ids);
            }
            let told: Vec<_> = told.into_iter().map(|call| (call.name, call.arguments)).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
