//! Links by which a chat can be read.

use kafka_core::NewShareLink;
use serde_json::json;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&json!({"items": call.kafka().share_links(&actor).list(call.id()?)?}))
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = call.id()?;
    let new: NewShareLink = call.json_for_secret()?;
    reply::secret(201, &call.kafka().share_links(&actor).create(chat, new)?)
}

pub(super) fn revoke_all(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().share_links(&actor).revoke_all(call.id()?)?;
    Ok(reply::no_content())
}

pub(super) fn revoke(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().share_links(&actor).revoke(call.id()?)?;
    Ok(reply::no_content())
}
