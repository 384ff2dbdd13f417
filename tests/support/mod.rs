//! What the tests of the whole product share: starting its binaries and talking to them.

pub(crate) mod api;
pub(crate) mod browser;
#[cfg(feature = "postgres")]
pub(crate) mod database;
pub(crate) mod form;
pub(crate) mod http;
pub(crate) mod model;
pub(crate) mod office;
pub(crate) mod pdf;
pub(crate) mod process;
pub(crate) mod rows;
pub(crate) mod sse;
pub(crate) mod websocket;
