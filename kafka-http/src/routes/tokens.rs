//! API keys of the account that asks.

use kafka_core::NewToken;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().tokens(&actor).list(&call.page()?)?)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let new: NewToken = call.json_for_secret()?;
    reply::secret(201, &call.kafka().tokens(&actor).create(new)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    call.kafka().tokens(&actor).delete(call.id()?)?;
    Ok(reply::no_content())
}
