//! Reading the JSON that a model answers with.

use serde_json::{Map, Value};

use super::ask::Said;
use crate::text::json_object::{NoObject, find_object};

/// The object in an answer, or why there is none, said to the model.
pub(super) fn object(said: &Said, wanted: &str) -> Result<Map<String, Value>, String> {
    if let Some(reason) = said.unusable {
        return Err(reason.to_owned());
    }
    if said.text.trim().is_empty() {
        return Err("it was empty".to_owned());
    }
    find_object(&said.text, wanted).map_err(|why| match why {
        NoObject::Absent => "it held no JSON object; give one JSON object and nothing else".to_owned(),
        NoObject::Unfinished if said.is_at_length => {
            "it was cut off where an answer has to end, in the middle of its JSON object; write less"
                .to_owned()
        }
        NoObject::Unfinished => "its JSON object does not end".to_owned(),
        NoObject::Broken(why) => format!("its JSON object is broken: {why}"),
    })
}

/// A member that is true or false.
pub(super) fn boolean(object: &Map<String, Value>, key: &str) -> Result<bool, String> {
    match object.get(key) {
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(format!("the key \"{key}\" has to be true or false")),
        None => Err(format!("the key \"{key}\" is missing; give true or false")),
    }
}

/// A member that is a text with something in it.
pub(super) fn text<'o>(object: &'o Map<String, Value>, key: &str) -> Result<&'o str, String> {
    match object.get(key) {
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("the key \"{key}\" is empty")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("the key \"{key}\" has to be a text")),
        None => Err(format!("the key \"{key}\" is missing")),
    }
}
