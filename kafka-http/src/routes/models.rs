//! Configured model endpoints.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().models(&actor).list(&call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (new, key) = call.json_once()?;
    reply::created(&call.kafka().models(&actor).idempotent(key).create(new)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().models(&actor).get(call.id()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().models(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().models(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}

pub(super) fn probe(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().models(&actor).probe(call.id()?)?)
}
