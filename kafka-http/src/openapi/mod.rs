//! The document of the API. Tests make it of the routes, of what [`nouns`] says of them and of the types, and compare it
//! with `openapi.json`; a release has that file embedded, and nothing that makes it.

#[cfg(feature = "openapi")]
mod bounds;
#[cfg(feature = "openapi")]
mod codes;
#[cfg(feature = "openapi")]
mod document;
#[cfg(feature = "openapi")]
mod nouns;
#[cfg(feature = "openapi")]
mod operation;
#[cfg(feature = "openapi")]
mod refusals;
#[cfg(feature = "openapi")]
mod samples;

use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

#[cfg(feature = "openapi")]
pub use document::document;

use crate::router::{ROUTES, Route};

/// `openapi.json`, packed by `build.rs`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// The document of these routes.
pub(crate) fn of<'r>(served: impl Iterator<Item = &'r Route>) -> io::Result<Vec<u8>> {
    let served: Vec<&Route> = served.collect();
    let mut whole = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut whole)?;
    if served.len() == ROUTES.len() {
        return Ok(whole);
    }
    let mut document: Value = serde_json::from_slice(&whole)?;
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for (path, methods) in paths.iter_mut() {
            let is_served = |method: &str| {
                served.iter().any(|route| route.path == path && route.method.eq_ignore_ascii_case(method))
            };
            methods.as_object_mut().into_iter().for_each(|methods| methods.retain(|method, _| is_served(method)));
        }
        paths.retain(|_, methods| methods.as_object().is_some_and(|methods| !Map::is_empty(methods)));
    }
    Ok(serde_json::to_vec(&document)?)
}
