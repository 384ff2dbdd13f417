//! Files of chats, and the versions of those that are texts.

use kafka_core::{FileId, NewVersion};
use serde::Deserialize;
use serde_json::json;

use crate::{error::Failure, reply, request::Call, server::Reply, upload};

/// A file that lies in the chat's workspace.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Link {
    #[serde(default)]
    file_id: Option<FileId>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Revert {
    number: u64,
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().chat_files(&actor).list(call.id()?, &call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (files, chat) = (call.kafka().chat_files(&actor), call.id()?);
    if call.has_files() {
        let kafka = call.kafka();
        return upload::each(call, |new, bytes, key| {
            kafka.chat_files(&actor).idempotent(key).upload(chat, new, bytes)
        });
    }
    let body = call.body()?;
    let files = files.idempotent(call.idempotency_key(&body)?);
    match body.decode()? {
        Link { file_id: Some(file) } => reply::created(&files.link(chat, file)?),
        Link { file_id: None } => reply::created(&files.create(chat, body.decode()?)?),
    }
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().chat_files(&actor).get(call.id()?)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().chat_files(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}

pub(super) fn versions(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().chat_files(&actor).versions(call.id()?, &call.page()?)?)
}

pub(super) fn add_version(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let (new, key): (NewVersion, _) = call.json_once()?;
    reply::created(&call.kafka().chat_files(&actor).idempotent(key).add_version(id, new)?)
}

pub(super) fn version(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().chat_files(&actor).version(call.id()?, call.version()?)?)
}

pub(super) fn revert(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let (Revert { number }, key) = call.json_once()?;
    reply::created(&call.kafka().chat_files(&actor).idempotent(key).revert(id, number)?)
}

pub(super) fn diff(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let number = "the number of a version";
    let (from, to) = (call.query_required("from", number)?, call.query_required("to", number)?);
    let diff = call.kafka().chat_files(&actor).diff(id, from, to)?;
    reply::ok(&json!({"diff": diff}))
}
