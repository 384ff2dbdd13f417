//! The verbs, one file a noun: `Args` is what can be written, `run` does it.

pub(crate) mod completions;
pub(crate) mod config;
