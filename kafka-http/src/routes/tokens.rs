//! API keys of the account that asks.

use kafka_core::NewToken;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().tokens(&actor).list(&call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let new: NewToken = call.json()?;
    let issued = call.kafka().tokens(&actor).create(new)?;
    Ok(reply::created(&issued)?.with_header("Cache-Control", "no-store"))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().tokens(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
