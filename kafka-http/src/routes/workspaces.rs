//! Groups of chats and files.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().workspaces(&actor).list(&call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (new, key) = call.json_once()?;
    reply::created(&call.kafka().workspaces(&actor).idempotent(key).create(new)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().workspaces(&actor).get(call.id()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().workspaces(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().workspaces(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
