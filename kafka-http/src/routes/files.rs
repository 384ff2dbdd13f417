//! Files of workspaces.

use crate::{download, error::Failure, reply, request::Call, server::Reply, upload};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().files(&actor).list(call.id()?, &call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (kafka, workspace) = (call.kafka(), call.id()?);
    upload::each(call, |new, bytes, key| kafka.files(&actor).idempotent(key).upload(workspace, new, bytes))
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().files(&actor).get(call.id()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().files(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().files(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}

pub(super) fn content(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    download::reply(call.kafka().files(&actor).open(call.id()?)?, call.request)
}

pub(super) fn text(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().files(&actor).text(call.id()?)?)
}
