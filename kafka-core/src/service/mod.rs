//! What can be done: the rules, one noun a file. Each service is borrowed from a
//! [`Kafka`](crate::Kafka) for one actor.

pub(crate) mod administration;
pub(crate) mod auth;
pub(crate) mod blob_sweep;
pub(crate) mod chat_files;
pub(crate) mod chats;
pub(crate) mod completion;
pub(crate) mod composer;
mod contents;
mod doorman;
pub(crate) mod events;
pub(crate) mod extraction;
pub(crate) mod feed;
pub(crate) mod files;
pub(crate) mod input;
pub(crate) mod installation;
pub(crate) mod keyring;
pub(crate) mod listing;
pub(crate) mod login;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod once;
pub(crate) mod overviews;
mod passwords;
pub(crate) mod plans;
pub(crate) mod quotas;
pub(crate) mod registration;
pub(crate) mod responses;
mod searches;
mod throttle;
pub(crate) mod tickets;
pub(crate) mod tokens;
mod upkeep;
pub(crate) mod usage;
pub(crate) mod users;
mod versions;
pub(crate) mod workspaces;
