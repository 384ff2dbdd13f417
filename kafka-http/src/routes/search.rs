//! Searching over everything.

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn find(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let request = call.json()?;
    reply::ok(&call.kafka().search(&actor).find(&request)?)
}
