//! Finding the JSON object in what a model says: alone, in a Markdown fence, or with prose around it.

use serde_json::{Deserializer, Map, Value};

/// Why there is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoObject {
    /// Nothing in the text begins one.
    Absent,
    /// It begins and does not end.
    Unfinished,
    /// What begins like one is none: what the parser says.
    Broken(String),
}

/// The first object of a text that has the key `wanted`, else the first one that is whole.
///
/// Line ends and other control characters inside strings, which JSON forbids and models write, are taken as
/// what they are, where there is nothing better. Time is linear in the length of the text: no byte is read
/// twice, whatever braces there are. What is nested deeper than 128 times counts as broken.
///
/// # Errors
/// There is none.
pub(crate) fn find_object(text: &str, wanted: &str) -> Result<Map<String, Value>, NoObject> {
    let strict = search(text, wanted);
    let is_found = |found: &Result<Map<String, Value>, NoObject>| {
        found.as_ref().is_ok_and(|object| object.contains_key(wanted))
    };
    if is_found(&strict) || !text.contains(char::is_control) {
        return strict;
    }
    let kind = search(&with_escaped_controls(text), wanted);
    if is_found(&kind) { kind } else { strict.or_else(|why| kind.map_err(|_| why)) }
}

fn search(text: &str, wanted: &str) -> Result<Map<String, Value>, NoObject> {
    let mut found = None;
    let mut why = NoObject::Absent;
    let mut at = 0;
    while let Some(next) = text.as_bytes()[at..].iter().position(|byte| *byte == b'{') {
        let start = at + next;
        let mut values = Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) => {
                if object.contains_key(wanted) {
                    return Ok(object);
                }
                at = start + values.byte_offset();
                found.get_or_insert(object);
            }
            Some(Err(error)) if error.is_eof() => {
                // All that follows is inside it.
                why = NoObject::Unfinished;
                break;
            }
            Some(Err(error)) => {
                // What is whole before the mistake is a part of what is broken.
                at = start + place(&text.as_bytes()[start..], error.line(), error.column()).max(1);
                let broken = error.to_string();
                // The parser reads no deeper than 128; what stands there is a part of the whole, too.
                let is_too_deep = broken.starts_with("recursion limit");
                if why == NoObject::Absent {
                    why = NoObject::Broken(broken);
                }
                if is_too_deep {
                    break;
                }
            }
            Some(Ok(_)) | None => at = start + 1,
        }
    }
    found.ok_or(why)
}

/// The byte that stands at a line and column, both counted from 1.
fn place(text: &[u8], line: usize, column: usize) -> usize {
    let breaks = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let begin = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or(text.len());
    // The mistake itself may begin an object.
    (begin + column.saturating_sub(1)).min(text.len())
}

/// The text with control characters inside of strings as JSON writes them.
fn with_escaped_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 16);
    let (mut is_begun, mut is_string, mut is_escape) = (false, false, false);
    for sign in text.chars() {
        match sign {
            '{' => is_begun = true,
            '"' if is_begun && !is_escape => is_string = !is_string,
            _ => {}
        }
        is_escape = sign == '\\' && is_string && !is_escape;
        match sign {
            _ if !is_string || !sign.is_ascii_control() => escaped.push(sign),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // DEL is allowed as it is.
            '\u{7f}' => escaped.push(sign),
            _ => escaped.push_str(&format!("\\u{:04x}", u32::from(sign))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_found_where_models_put_them() {
        let x = json!({"text": "x"});
        for (text, object) in [
            (r#"{"text": "x"}"#, &x),
            (" \n\n{\"text\": \"x\"}\n", &x),
            ("```json\n{\"text\": \"x\"}\n```", &x),
            ("Sure! Here it is:\n{\"text\": \"x\"}\nAnything else?", &x),
            (r#"Use { to begin. {"text": "x"} and } to end."#, &x),
            (r#"For example {"a": 1}, so: {"text": "x"}"#, &x),
            (r#"{"a": {"text": "y"}, "b": oops} {"text": "x"}"#, &x),
            (r#"{{"text": "x"}}"#, &x),
            (r#"[{"text": "x"}, {"text": "y"}]"#, &x),
            (r#"{"type": "based"}"#, &json!({"type": "based"})),
            ("{\"text\": \"a\nb\tc \\\" d\n\"}", &json!({"text": "a\nb\tc \" d\n"})),
            ("{\"text\": \"a\\\\\", \"b\": \"\u{1}\"}", &json!({"text": "a\\", "b": "\u{1}"})),
            ("{\"text\": \"{\\\"}\"}", &json!({"text": "{\"}"})),
        ] {
            assert_eq!(find_object(text, "text").map(Value::Object).as_ref(), Ok(object), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_apart() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
        for (text, why) in [
            ("", "Absent"),
            ("I would rather not.", "Absent"),
            ("[1, 2]", "Absent"),
            (r#"{"text": "x"#, "Unfinished"),
            (r#"{"a": {"text": "x"}"#, "Unfinished"),
            ("{text: 'x'}", "Broken"),
            (&deep, "Broken"),
        ] {
            let found = find_object(text, "text").unwrap_err();
            assert!(format!("{found:?}").starts_with(why), "{text:.40}: {found:?}");
        }
    }

    /// The rest of a broken object is not parsed again for each brace in it.
    #[test]
    fn braces_without_number_cost_no_more_than_their_bytes() {
        for part in ["{", "{\"a\":", "{\"a\":[", "{\"", "{ \"x{ ", "}{", "[{\"a\":1},", "{\"a\":1}x"] {
            let (short, long) = (part.repeat(1 << 12), part.repeat(1 << 16));
            let timed = |text: &str| {
                let begun = std::time::Instant::now();
                let _ = find_object(text, "text");
                begun.elapsed()
            };
            let (short, long) = (timed(&short), timed(&long));
            // 16 times as long; quadratic would be 256 times.
            assert!(
                long < short * 100 + std::time::Duration::from_millis(200),
                "{part}: {short:?}, {long:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_is_answered_with_a_panic(
            text in prop_oneof![
                any::<String>(),
                prop::collection::vec(prop::sample::select(
                    &["{", "}", "\"", "\\", ":", ",", "[", "]", "text", "1", " ", "\n", "é", "\u{0}", "```"][..]
                ), 0..40).prop_map(|parts| parts.concat()),
            ],
        ) {
            let _ = find_object(&text, "text");
        }

        #[test]
        fn an_object_is_found_whatever_it_says(
            text: String, other: String,
            before in prop::sample::select(&["", "Here: ", "```json\n", "{ a } ", "{\"a\": 1}\n"][..]),
            after in prop::sample::select(&["", "\n```", " Done.", "}", "{"][..]),
        ) {
            let object = json!({"other": other, "text": text});
            let found = find_object(&format!("{before}{object}{after}"), "text");
            prop_assert_eq!(found.map(Value::Object), Ok(object));
        }
    }
}
