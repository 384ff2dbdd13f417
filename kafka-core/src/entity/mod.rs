//! The nouns: plain data, one noun a file. Serialised, they are what clients see.

pub(crate) mod attempt;
pub(crate) mod block;
pub(crate) mod branch;
pub(crate) mod change;
pub(crate) mod chat;
pub(crate) mod chat_file;
pub(crate) mod document;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod file_note;
pub(crate) mod message;
pub(crate) mod model;
pub(crate) mod overview;
pub(crate) mod params;
pub(crate) mod plan;
pub(crate) mod response;
pub(crate) mod search;
pub(crate) mod share_link;
pub(crate) mod stats;
pub(crate) mod token;
pub(crate) mod tool_call;
pub(crate) mod usage;
pub(crate) mod user;
pub(crate) mod word;
pub(crate) mod workspace;
