//! Where conversations branch, and forks of them.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().branches(&actor).list(call.id()?, &call.page()?)?)
}

pub(super) fn activate(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().branches(&actor).activate(call.id()?)?)
}

pub(super) fn fork(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = call.id()?;
    let (new, key) = call.json_once()?;
    reply::created(&call.kafka().branches(&actor).idempotent(key).fork(chat, new)?)
}
