//! What administrators do with other people's accounts.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().administration(&actor).users(&call.page()?)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.id()?;
    let patch = call.json()?;
    reply::ok(&call.kafka().administration(&actor).update(id, patch)?)
}

pub(super) fn stats(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().administration(&actor).stats()?)
}
