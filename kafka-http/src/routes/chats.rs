//! Conversations.

use kafka_core::ChatFilter;
use serde_json::json;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let filter = ChatFilter {
        workspace_id: call.query_as("workspace_id", "the id of a workspace")?,
        archived: call.query_as("archived", "true or false")?,
        pinned: call.query_as("pinned", "true or false")?,
        tag: call.query("tag"),
        title_contains: call.query("q"),
    };
    reply::ok(&call.kafka().chats(&actor).list(&filter, &call.page()?)?)
}

pub(super) fn tags(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&json!({"items": call.kafka().chats(&actor).tags()?}))
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (new, key) = call.json_once()?;
    reply::created(&call.kafka().chats(&actor).idempotent(key).create(new)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().chats(&actor).get(call.id()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().chats(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().chats(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
