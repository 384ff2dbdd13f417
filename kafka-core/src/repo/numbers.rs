//! The table `deleted_numbers`: what keeps SQLite from giving the number of a deleted row to a later one.
//!
//! SQLite counts on from the highest number that is there. These give the number for a row that is stored where the highest
//! was deleted, and null, for SQLite to count by itself, everywhere else. PostgreSQL's counters need no help; the triggers
//! that keep the table are on both engines, because it is what a move takes along.

/// On SQLite, for a row of `messages`.
pub(super) const OF_MESSAGE: &str = "(SELECT d.messages + 1 FROM deleted_numbers d WHERE d.number = 1 \
     AND d.messages >= (SELECT COALESCE(MAX(n.number), 0) FROM messages n))";

/// On SQLite, for a row of `chats`.
pub(super) const OF_CHAT: &str = "(SELECT d.chats + 1 FROM deleted_numbers d WHERE d.number = 1 \
     AND d.chats >= (SELECT COALESCE(MAX(n.number), 0) FROM chats n))";
