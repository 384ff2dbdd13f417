//! Lists that are read to their end.

use kafka_core::{Kafka, Page, PageRequest, Place, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// The items of all pages, in their order.
pub(super) fn all<T>(kafka: &Kafka, page: impl Fn(&PageRequest) -> Result<Page<T>>) -> Result<Vec<T>> {
    let mut items = Vec::new();
    let mut place = Place::Start;
    loop {
        let found = page(&PageRequest::Cursor { limit: Some(kafka.limits().page_max), place })?;
        items.extend(found.items);
        match found.next_cursor {
            Some(cursor) => place = Place::After(cursor),
            None => return Ok(items),
        }
    }
}

/// A list that has no other pages, as the API would give it.
pub(super) fn whole(items: &[impl Serialize]) -> Value {
    json!({ "items": items, "next_cursor": null, "prev_cursor": null })
}
