//! Deleting by id: all that are named, or none if one of them does not exist.

use std::fmt::Display;

use kafka_core::Result;
use serde_json::json;

use crate::context::Context;

/// Looks for all before the first is deleted. `noun` is the one thing and several of it.
pub(super) fn delete<I: Copy + Display>(
    ids: &[I],
    noun: [&str; 2],
    find: impl Fn(I) -> Result<()>,
    delete: impl Fn(I) -> Result<()>,
    context: &Context,
) -> Result<()> {
    ids.iter().try_for_each(|id| find(*id))?;
    ids.iter().try_for_each(|id| delete(*id))?;
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sentence = match ids.as_slice() {
        [id] => format!("Deleted the {} {id}.", noun[0]),
        ids => format!("Deleted {} {}.", ids.len(), noun[1]),
    };
    context.output.done(&json!({ "deleted": ids }), &ids, &sentence)
}
