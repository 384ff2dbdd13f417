//! The fields of a JSON object, the numbers of a path and the page of a query, as Pydantic takes and refuses them.

use serde_json::{Map, Value, json};

use super::fastapi::{self, Mistake};
use crate::{error::Failure, request::Call};

/// The customary `page_size`, and the greatest.
const PAGE_SIZE: u32 = 20;
const PAGE_SIZE_MAX: u32 = 100;

/// Reads fields, and gathers what is wrong with all of them. What is read of a wrong one is a placeholder, which
/// [`end`](Fields::end) keeps from being used.
pub(super) struct Fields<'o> {
    object: &'o Map<String, Value>,
    mistakes: Vec<Mistake>,
}

impl<'o> Fields<'o> {
    pub(super) fn of(object: &'o Map<String, Value>) -> Fields<'o> {
        Fields { object, mistakes: Vec::new() }
    }

    /// A field that must be there.
    fn required(&mut self, name: &str) -> Option<&'o Value> {
        let value = self.object.get(name);
        if value.is_none() {
            self.mistakes.push(Mistake::missing(json!(["body", name]), self.object.clone().into()));
        }
        value
    }

    fn take<T: Default>(&mut self, taken: Result<T, Box<Mistake>>) -> T {
        taken.unwrap_or_else(|mistake| {
            self.mistakes.push(*mistake);
            T::default()
        })
    }

    /// A text of at least so many characters.
    pub(super) fn text(&mut self, name: &str, least: usize) -> String {
        let Some(value) = self.required(name) else { return String::new() };
        self.take(text(json!(["body", name]), value, least, usize::MAX))
    }

    /// A text that may be left out, or null.
    pub(super) fn optional_text(&mut self, name: &str, least: usize, most: usize) -> Option<Option<String>> {
        match self.object.get(name)? {
            Value::Null => Some(None),
            value => Some(Some(self.take(text(json!(["body", name]), value, least, most)))),
        }
    }

    /// A list of texts that may be left out.
    pub(super) fn optional_texts(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.object.get(name)?;
        let Value::Array(entries) = value else {
            let message = "Input should be a valid list";
            let mistake = Mistake::of_kind("list_type", json!(["body", name]), message, value.clone());
            self.mistakes.push(mistake);
            return None;
        };
        let texts = entries.iter().enumerate();
        Some(
            texts
                .map(|(at, entry)| self.take(text(json!(["body", name, at]), entry, 0, usize::MAX)))
                .collect(),
        )
    }

    /// A whole number.
    pub(super) fn integer(&mut self, name: &str) -> i64 {
        let Some(value) = self.required(name) else { return 0 };
        self.take(integer(json!(["body", name]), value))
    }

    /// One of these words, which must be there.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.required(name)?;
        self.one_of(name, value, words)
    }

    /// The same where it may be left out, or null.
    pub(super) fn optional_word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        self.one_of(name, value, words)
    }

    fn one_of<T: Copy>(&mut self, name: &str, value: &Value, words: &[(&str, T)]) -> Option<T> {
        let known = words.iter().find(|(word, _)| value.as_str() == Some(word));
        if known.is_none() {
            let quoted: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            let expected = match &quoted[..] {
                [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
                _ => quoted.concat(),
            };
            let message = format!("Input should be {expected}");
            let mistake = Mistake::of_kind("enum", json!(["body", name]), message, value.clone());
            self.mistakes.push(mistake.with_context("expected", expected));
        }
        known.map(|(_, meaning)| *meaning)
    }

    /// Refuses all that was wrong.
    pub(super) fn end(self) -> Result<(), Failure> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(fastapi::refused(self.mistakes)) }
    }
}

fn text(loc: Value, value: &Value, least: usize, most: usize) -> Result<String, Box<Mistake>> {
    let Some(text) = value.as_str() else {
        let mistake = Mistake::of_kind("string_type", loc, "Input should be a valid string", value.clone());
        return Err(mistake.into());
    };
    let characters = |count: usize| format!("{count} character{}", if count == 1 { "" } else { "s" });
    let count = text.chars().count();
    if count < least {
        let message = format!("String should have at least {}", characters(least));
        let mistake = Mistake::of_kind("string_too_short", loc, message, value.clone());
        return Err(mistake.with_context("min_length", least).into());
    }
    if count > most {
        let message = format!("String should have at most {}", characters(most));
        let mistake = Mistake::of_kind("string_too_long", loc, message, value.clone());
        return Err(mistake.with_context("max_length", most).into());
    }
    Ok(text.to_owned())
}

const NO_INTEGER: &str = "Input should be a valid integer";

/// A number, or a text that is one. What no row can have, since it is too great, is the greatest there is.
fn integer(loc: Value, value: &Value) -> Result<i64, Box<Mistake>> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole),
            (None, Some(real)) if real.fract() != 0.0 => {
                let message = format!("{NO_INTEGER}, got a number with a fractional part");
                Err(Mistake::of_kind("int_from_float", loc, message, value.clone()).into())
            }
            (None, real) => Ok(real.unwrap_or(f64::MAX) as i64),
        },
        Value::String(text) => parsed(text).ok_or_else(|| unparsed(loc, text).into()),
        _ => Err(Mistake::of_kind("int_type", loc, NO_INTEGER, value.clone()).into()),
    }
}

fn parsed(text: &str) -> Option<i64> {
    let text = text.trim();
    let (digits, greatest) = match text.strip_prefix('-') {
        Some(digits) => (digits, i64::MIN),
        None => (text.strip_prefix('+').unwrap_or(text), i64::MAX),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(greatest))
}

fn unparsed(loc: Value, text: &str) -> Mistake {
    let message = format!("{NO_INTEGER}, unable to parse string as an integer");
    Mistake::of_kind("int_parsing", loc, message, text.into())
}

/// The number at the end of a path.
pub(super) fn number(call: &Call<'_, '_>, name: &str) -> Result<i64, Failure> {
    let segment = call.segments.first().map(String::as_str).unwrap_or_default();
    parsed(segment).ok_or_else(|| fastapi::refused(vec![unparsed(json!(["path", name]), segment)]))
}

/// The page and its size that are asked for; none where neither is.
pub(super) fn page(call: &Call<'_, '_>) -> Result<Option<(u32, u32)>, Failure> {
    let mut mistakes = Vec::new();
    let mut of = |name: &str, most: u32| {
        let text = call.query_as_sent(name)?;
        let loc = json!(["query", name]);
        let (kind, bound, limit) = match parsed(&text).map(|number| (number, u32::try_from(number))) {
            Some((_, Ok(number))) if (1..=most).contains(&number) => return Some(number),
            Some((number, _)) if number < 1 => ("greater_than_equal", "ge", 1),
            Some(_) => ("less_than_equal", "le", most),
            None => {
                mistakes.push(unparsed(loc, &text));
                return None;
            }
        };
        let message = format!(
            "Input should be {} than or equal to {limit}",
            if bound == "ge" { "greater" } else { "less" }
        );
        mistakes.push(Mistake::of_kind(kind, loc, message, text.into()).with_context(bound, limit));
        None
    };
    let (page, page_size) = (of("page", u32::MAX), of("page_size", PAGE_SIZE_MAX));
    if !mistakes.is_empty() {
        return Err(fastapi::refused(mistakes));
    }
    Ok((page.is_some() || page_size.is_some()).then_some((page.unwrap_or(1), page_size.unwrap_or(PAGE_SIZE))))
}
