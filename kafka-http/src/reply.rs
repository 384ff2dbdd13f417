//! Encoding: from entities to replies.

use kafka_core::{Error, ErrorKind};
use serde::Serialize;

use crate::{error::Failure, server::Reply};

/// 200 with this as JSON.
pub(crate) fn ok(body: &impl Serialize) -> Result<Reply, Failure> {
    json(200, body)
}

/// 201 with what was made as JSON.
pub(crate) fn created(body: &impl Serialize) -> Result<Reply, Failure> {
    json(201, body)
}

/// The same with a secret in it, which nobody between here and the client may keep.
pub(crate) fn secret(status: u16, body: &impl Serialize) -> Result<Reply, Failure> {
    Ok(json(status, body)?.with_header("Cache-Control", "no-store"))
}

/// 204.
pub(crate) fn no_content() -> Reply {
    Reply::empty(204)
}

fn json(status: u16, body: &impl Serialize) -> Result<Reply, Failure> {
    let body = serde_json::to_vec(body).map_err(unwritable)?;
    Ok(Reply::bytes(status, "application/json", body))
}

/// What is said of an entity that has no JSON.
pub(crate) fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "answer_unwritable", "The answer cannot be written as JSON.")
        .with_source(error)
}
