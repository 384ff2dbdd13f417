//! A chat for whoever has a link to it. The token comes as every other does, in the header; in the address of the page it
//! stands behind the `#`, which browsers send to nobody.

use kafka_core::{Actor, Error, ErrorKind};

use crate::{error::Failure, page, reply, request::Call, server::Reply};

pub(super) fn page(_call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    Ok(page::shared())
}

pub(super) fn chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = bearer(call)?;
    Ok(unkept(reply::ok(&call.kafka().shared(&actor)?.chat()?)?))
}

pub(super) fn messages(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = bearer(call)?;
    Ok(unkept(reply::ok(&call.kafka().shared(&actor)?.messages(&call.page()?)?)?))
}

/// Whoever has the link. Tokens of accounts are no links, and open nothing here.
fn bearer(call: &Call<'_, '_>) -> Result<Actor, Failure> {
    match call.bearer()? {
        Some(token) => Ok(call.kafka().open_share_link(&token)?),
        None => Err(Error::new(
            ErrorKind::Unauthenticated,
            "credential_missing",
            "This needs the token of a link to a chat; send it as `Authorization: Bearer`.",
        )
        .into()),
    }
}

/// What may be revoked at any moment is kept by nobody on the way, and by no search engine.
fn unkept(reply: Reply) -> Reply {
    reply.with_header("Cache-Control", "no-store").with_header("X-Robots-Tag", "noindex")
}
