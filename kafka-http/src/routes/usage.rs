//! What was used.

use kafka_core::Period;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let day = "a day such as 2026-01-31";
    let period = Period { from: call.query_as("from", day)?, to: call.query_as("to", day)? };
    reply::ok(&call.kafka().usage(&actor).summary(period)?)
}
