//! What was used.

use kafka_core::{AccountUsage, Period};
use serde::Serialize;

use crate::{error::Failure, reply, request::Call, server::Reply};

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let period = period(call)?;
    let usage = call.kafka().usage(&actor);
    reply::ok(&match call.query_as("user_id", "the id of an account")? {
        Some(user) => usage.summary_of(user, period)?,
        None => usage.summary(period)?,
    })
}

pub(super) fn by_account(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    #[derive(Serialize)]
    struct Accounts {
        items: Vec<AccountUsage>,
    }
    let actor = call.authenticate()?;
    let items = call.kafka().usage(&actor).by_account(period(call)?)?;
    reply::ok(&Accounts { items })
}

fn period(call: &Call<'_, '_>) -> Result<Period, Failure> {
    let day = "a day such as 2026-01-31";
    Ok(Period { from: call.query_as("from", day)?, to: call.query_as("to", day)? })
}
