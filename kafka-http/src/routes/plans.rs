//! Plans.

use serde_json::json;

use crate::{error::Failure, reply, request::Call, server::Reply};

/// There are a handful, so the first page is all of them.
pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let plans = call.kafka().plans(&actor).list()?;
    reply::ok(&json!({"items": plans, "next_cursor": null, "prev_cursor": null}))
}
