//! Entries of a chat.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().messages(&actor).list(call.id()?, &call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = call.id()?;
    let (new, key) = call.json_once()?;
    reply::created(&call.kafka().messages(&actor).idempotent(key).create(chat, new)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().messages(&actor).get(call.id()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().messages(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().messages(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
