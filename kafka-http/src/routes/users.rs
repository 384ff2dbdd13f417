//! The account that asks.

use kafka_core::Secret;
use serde::Deserialize;

use crate::{error::Failure, reply, request::Call, server::Reply};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PasswordChange {
    current_password: Secret<String>,
    new_password: Secret<String>,
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.kafka().account_of(&actor)?;
    reply::ok(&call.kafka().users(&actor).get(id)?)
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.kafka().account_of(&actor)?;
    let patch = call.json()?;
    reply::ok(&call.kafka().users(&actor).update(id, patch)?)
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = call.kafka().account_of(&actor)?;
    call.kafka().users(&actor).delete(id)?;
    Ok(reply::no_content())
}

pub(super) fn change_password(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let change: PasswordChange = call.json()?;
    call.kafka().change_password(&actor, change.current_password, change.new_password)?;
    Ok(reply::no_content())
}
