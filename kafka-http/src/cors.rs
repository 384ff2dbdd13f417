//! What lets pages of other origins read answers.

use crate::{
    guard::Guard,
    server::{Reply, Request},
};

/// The methods that routes use.
const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: &str = "600";
/// What pages may read besides the usual fields.
const EXPOSED: &str = "accept-ranges, content-disposition, content-range, etag, retry-after, x-request-id";

/// The answer to OPTIONS, preflights included. `allowed` is what the path takes; of one that is none, all methods.
pub(crate) fn preflight(request: &Request<'_>, allowed: &str) -> Reply {
    let allowed = if allowed.is_empty() { METHODS } else { allowed };
    let reply = Reply::empty(204).with_header("Allow", allowed.to_owned());
    if request.header("access-control-request-method").is_none() {
        return reply;
    }
    let asked = request.header("access-control-request-headers").unwrap_or("authorization, content-type");
    reply
        .with_header("Access-Control-Allow-Methods", METHODS)
        .with_header("Access-Control-Allow-Headers", asked.to_owned())
        .with_header("Access-Control-Max-Age", MAX_AGE)
}

/// Adds what lets the page that asks read the answer, if it may.
pub(crate) fn allow(reply: Reply, request: &Request<'_>, guard: &Guard) -> Reply {
    let reply = reply.with_header("Vary", "Origin");
    match request.header("origin") {
        Some(origin) if guard.allows_origin(origin) => reply
            .with_header("Access-Control-Allow-Origin", origin.to_owned())
            .with_header("Access-Control-Allow-Credentials", "true")
            .with_header("Access-Control-Expose-Headers", EXPOSED),
        _ => reply,
    }
}
