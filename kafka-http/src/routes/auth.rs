//! Registering, logging in and out.

use kafka_core::{Error, NewUser, Secret};
use serde::Deserialize;

use crate::{error::Failure, reply, request::Call, server::Reply};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Registration {
    email: String,
    password: Secret<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    full_name: Option<String>,
    #[serde(default)]
    invite: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Credentials {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    username: Option<String>,
    password: Secret<String>,
}

pub(super) fn register(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let Registration { email, password, username, full_name, invite } = call.json_for_secret()?;
    let new = NewUser { email, username, full_name };
    let from = call.request.client();
    reply::secret(201, &call.kafka().register_from(from, new, password, invite.as_ref())?)
}

pub(super) fn login(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let Credentials { email, username, password } = call.json()?;
    let missing = || Error::invalid("field_missing", "email", "give email or username");
    let name = email.or(username).ok_or_else(missing)?;
    reply::secret(200, &call.kafka().login_from(call.request.client(), &name, password)?)
}

pub(super) fn logout(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    match call.bearer()? {
        Some(token) => call.kafka().logout(&token)?,
        // Without a token there is no session that could end.
        None => call.kafka().account_of(&call.authenticate()?).map(|_| ())?,
    }
    Ok(reply::no_content())
}
