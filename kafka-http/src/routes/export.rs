//! Chats as documents.

use std::io;

use kafka_core::{ErrorKind, ExportFormat};

use crate::{
    download::disposition,
    error::Failure,
    request::Call,
    server::{BodyWriter, Reply},
};

/// Sends a piece when the client has taken the one before it, so that memory holds one, however long the chat is.
pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let format = call.query_as("format", "md, json or html")?.unwrap_or(ExportFormat::Markdown);
    let mut export = call.kafka().chats(&actor).export(call.id()?, format)?;
    let (media_type, filename) = (export.media_type(), export.filename());
    let (log, request_id) = (call.router.log, call.request.id().to_owned());
    let write = move |body: &mut BodyWriter<'_>| {
        export.try_for_each(|piece| {
            let piece = piece.map_err(|error| {
                // Who was logged out meanwhile is cut off; the server has not failed.
                if error.kind() != ErrorKind::Unauthenticated {
                    log.failure(&request_id, &error);
                }
                io::Error::other(error)
            })?;
            body.send(piece.as_bytes())
        })
    };
    Ok(Reply::stream(200, media_type, write)
        .with_header("Content-Disposition", disposition(&filename))
        .with_header("Content-Security-Policy", "sandbox")
        .with_header("Cache-Control", "private, no-cache"))
}
