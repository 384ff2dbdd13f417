//! Fields that mean something to the endpoint only, which wants them back as it gave them. Pure.

use serde_json::{Map, Value};

/// Adds what a piece has of these fields to what came before.
pub(crate) fn keep(kept: &mut Map<String, Value>, names: &[&str], piece: &Value) {
    for name in names {
        if !piece[*name].is_null() {
            merge(kept.entry(*name).or_insert(Value::Null), &piece[*name]);
        }
    }
}

/// Joins what came in pieces: pieces of one block of a list have its type and index.
fn merge(kept: &mut Value, piece: &Value) {
    match (kept, piece) {
        (Value::Array(kept), Value::Array(pieces)) => {
            for piece in pieces {
                match kept.last_mut().filter(|last| is_same_block(last, piece)) {
                    Some(last) => join(last, piece),
                    None => kept.push(piece.clone()),
                }
            }
        }
        (kept, piece) => *kept = piece.clone(),
    }
}

fn is_same_block(one: &Value, other: &Value) -> bool {
    one["index"].is_number() && one["index"] == other["index"] && one["type"] == other["type"]
}

fn join(block: &mut Value, piece: &Value) {
    let (Value::Object(block), Value::Object(piece)) = (block, piece) else { return };
    for (name, value) in piece {
        let is_text = matches!(name.as_str(), "text" | "summary" | "data" | "thinking");
        match (block.get_mut(name), value) {
            (Some(Value::String(kept)), Value::String(more)) if is_text => kept.push_str(more),
            (_, Value::Null) => {}
            _ => {
                block.insert(name.clone(), value.clone());
            }
        }
    }
}
