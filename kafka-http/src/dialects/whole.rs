//! Lists that are given as a whole, in bounded memory: a short one in one piece, a long one as it is read.
//!
//! A batch is read when the client has taken the one before it, so that a client which reads slowly keeps one batch
//! and its connection's thread, and neither a connection to the database nor a transaction.

use std::io;

use kafka_core::{Error, ErrorKind, Walk};

use crate::{
    error::Failure,
    reply::unwritable,
    request::Call,
    server::{BodyWriter, Reply},
};

/// The entries of a walk, separated by commas, between `head` and what `tail` makes of their number. An entry that
/// `is_shown` says no to is left out, and not counted.
pub(super) fn reply<T, W>(
    call: &Call<'_, '_>,
    mut walk: W,
    head: String,
    is_shown: impl Fn(&T) -> bool + Send + 'static,
    encode: impl Fn(&T, &mut Vec<u8>) -> serde_json::Result<()> + Send + 'static,
    tail: impl FnOnce(u64) -> String + Send + 'static,
) -> Result<Reply, Failure>
where
    W: Walk<Item = kafka_core::Result<Vec<T>>> + Send + 'static,
{
    let mut count = 0;
    let mut begun = head.into_bytes();
    let mut add = move |batch: Vec<T>, bytes: &mut Vec<u8>| {
        for entry in batch.iter().filter(|entry| is_shown(entry)) {
            if count > 0 {
                bytes.push(b',');
            }
            count += 1;
            encode(entry, bytes).map_err(unwritable)?;
        }
        Ok::<u64, Error>(count)
    };
    let mut total = 0;
    if let Some(batch) = walk.next() {
        total = add(batch?, &mut begun)?;
    }
    if walk.is_over() {
        begun.extend(tail(total).into_bytes());
        return Ok(Reply::bytes(200, "application/json", begun));
    }
    let (log, request_id) = (call.router.log, call.request.id().to_owned());
    let write = move |body: &mut BodyWriter<'_>| {
        body.send(&begun)?;
        drop(begun);
        loop {
            let mut bytes = Vec::new();
            let read = walk.next().map(|batch| batch.and_then(|batch| add(batch, &mut bytes))).transpose();
            let read = read.map_err(|error| {
                // Who was logged out meanwhile is cut off; the server has not failed.
                if error.kind() != ErrorKind::Unauthenticated {
                    log.failure(&request_id, &error);
                }
                io::Error::other(error)
            });
            match read? {
                Some(so_far) => total = so_far,
                None => return body.send(tail(total).as_bytes()),
            }
            body.send(&bytes)?;
        }
    };
    Ok(Reply::stream(200, "application/json", write))
}
