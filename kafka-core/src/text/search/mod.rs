//! Searching texts: how they are cut into words, what a query means, how well a text meets it, and which part of it
//! shows that. The database only finds candidates; everything that can be seen of a hit is decided here, alike for both
//! engines.

pub(crate) mod fusion;
pub(crate) mod matching;
pub(crate) mod query;
pub(crate) mod snippet;
pub(crate) mod stop_words;
pub(crate) mod words;
