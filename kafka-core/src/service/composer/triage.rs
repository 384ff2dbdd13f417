//! The first step: what a prompt is about.

use serde_json::{Map, Value};

use super::{Composing, json, prompt::Task};
use crate::{base::error::Result, entity::attempt::Step};

/// Characters of a summary that are passed on.
const SUMMARY_CHARS: usize = 1000;

/// What the model says that a prompt is about.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Triage {
    pub(super) wants_new_file: bool,
    pub(super) is_plain_response: bool,
    pub(super) summary: String,
    /// Files that matter, by their names.
    pub(super) files: Vec<String>,
    /// Numbers of earlier messages that matter, from and to, both included.
    pub(super) messages: Vec<(u64, u64)>,
}

impl Triage {
    pub(super) fn chose(&self, number: usize) -> bool {
        self.messages.iter().any(|(from, to)| (*from..=*to).contains(&(number as u64)))
    }

    /// The two answers that decide have to be there; what only helps may be missing or of any form.
    fn of(object: &Map<String, Value>) -> Result<Triage, String> {
        let summary = object.get("summary").and_then(Value::as_str).unwrap_or_default();
        let list = |key| object.get(key).and_then(Value::as_array).into_iter().flatten();
        let range = |range: &Value| Some((range.get(0)?.as_u64()?, range.get(1)?.as_u64()?));
        Ok(Triage {
            wants_new_file: json::boolean(object, "genNewFile")?,
            is_plain_response: json::boolean(object, "plain_response")?,
            summary: summary.chars().take(SUMMARY_CHARS).collect(),
            files: list("files_list").filter_map(Value::as_str).map(str::to_owned).collect(),
            messages: list("extraction_indices").filter_map(range).collect(),
        })
    }
}

impl Composing<'_> {
    pub(super) fn triage(&mut self) -> Result<Triage> {
        self.attempt(Step::Triage, |composing, reasons| {
            let task = Task { step: Step::Triage, current: None, triage: &Triage::default(), reasons };
            let said = composing.ask(&task)?;
            Ok(json::object(&said, "genNewFile").and_then(|object| Triage::of(&object)))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_decides_has_to_be_there_and_what_helps_may_be_anything() {
        let of = |value: Value| Triage::of(value.as_object().unwrap());
        let all = of(json!({
            "summary": "s", "genNewFile": true, "plain_response": false, "files_list": ["a", 5, "b"],
            "extraction_indices": [[1, 2], [4], "x", [7, 9], [-1, 2]],
        }));
        let all = all.unwrap();
        assert_eq!((&*all.summary, all.wants_new_file, all.is_plain_response), ("s", true, false));
        assert_eq!(
            (all.files.clone(), all.messages.clone()),
            (vec!["a".into(), "b".into()], vec![(1, 2), (7, 9)])
        );
        assert!(all.chose(1) && all.chose(9) && !all.chose(3));
        assert!(
            of(json!({"genNewFile": false, "plain_response": true, "summary": [], "files_list": 3})).is_ok()
        );
        for (value, key) in [
            (json!({"plain_response": true}), "genNewFile"),
            (json!({"genNewFile": true}), "plain_response"),
            (json!({"genNewFile": "yes", "plain_response": true}), "genNewFile"),
            (json!({"genNewFile": true, "plain_response": 1}), "plain_response"),
        ] {
            assert!(of(value).unwrap_err().contains(key));
        }
    }
}
