//! Talking to model endpoints. Knows no tables.

pub(crate) mod api;
