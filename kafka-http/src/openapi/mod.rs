//! The document of the API. Tests make it of the routes, of what `nouns` says of them and of the types, and compare it
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

use std::io::BufReader;

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

#[cfg(feature = "openapi")]
pub use document::document;

use crate::router::Route;

/// `openapi.json`, packed by `build.rs`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// The document of these routes, where `needs_credential` or not.
pub(crate) fn of<'r>(
    served: impl Iterator<Item = &'r Route>,
    needs_credential: bool,
) -> serde_json::Result<Vec<u8>> {
    let served: Vec<&Route> = served.collect();
    let mut document: Value = serde_json::from_reader(BufReader::new(GzDecoder::new(PACKED)))?;
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for (path, methods) in paths.iter_mut() {
            let is_served = |method: &str| {
                served.iter().any(|route| route.path == path && route.method.eq_ignore_ascii_case(method))
            };
            let Some(methods) = methods.as_object_mut() else { continue };
            methods.retain(|method, _| is_served(method));
            for operation in methods.values_mut().filter(|_| !needs_credential) {
                // An empty requirement: none will do, too.
                let security = operation["security"].as_array_mut().filter(|needs| !needs.is_empty());
                security.into_iter().for_each(|needs| needs.insert(0, Map::new().into()));
            }
        }
        paths.retain(|_, methods| methods.as_object().is_some_and(|methods| !Map::is_empty(methods)));
    }
    serde_json::to_vec(&document)
}
