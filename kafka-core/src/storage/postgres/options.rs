//! What may be chosen about the connections to a server.

use std::time::Duration;

use super::address::PostgresAddress;

/// How connections to a PostgreSQL server are made, kept and bounded, and which replica takes reads off it.
/// Of no effect on SQLite.
///
/// A process holds `pool_size + pool_overflow` connections for reading at most, and two more: one that writes, and
/// one on which it tells that it lives and hears what others write. A third is open for a moment while it starts,
/// and stays with a replica. So the server's `max_connections` has to be at least 18 a process by default, and what
/// administrators and backups need; the replica's at least 15.
///
/// That a connection still stands is found out by the statement that begins a transaction, at no cost: one that was
/// lost while nobody used it is made again before any work is tried on it.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Connections for reading that stay open while nobody needs them. Default 5.
    pub pool_size: usize,
    /// Further ones that are opened while those are in use, and closed afterwards. Default 10.
    pub pool_overflow: usize,
    /// How long a read waits for a connection while all are in use; then it fails as `Busy`
    /// (`database_connections_busy`). Default 5 s.
    pub pool_wait: Duration,
    /// Connections that nobody used for so long are closed. Default 10 minutes.
    pub pool_idle: Duration,
    /// No connection for reading is used for longer, so that what the server keeps for it cannot grow for ever, and
    /// a server that came back is found. Default 30 minutes.
    pub pool_lifetime: Duration,
    /// Statements that each connection keeps prepared; beyond them the one that was not used for longest is
    /// given up. At least 1. Default 256.
    pub cached_statements: usize,
    /// How long one statement may take; then the server ends it, and the call fails as `Busy` (`database_slow`).
    /// Zero for as long as it wants. Migrations take as long as they take. Default 60 s.
    pub statement_timeout: Duration,
    /// A streaming replica of the database. Reads of chats, messages, files and what else is shown go there when it
    /// has all that was stored when they began, which is asked of the primary (one small question for all reads
    /// that begin meanwhile) and waited for up to 10 ms; else they go to the primary. So nobody reads anything
    /// older than with one server, through whatever process it was written. Who calls, what they may do and may
    /// spend, and all that is written is asked of the primary only. A replica that cannot be asked fails no
    /// call: it is left alone until it answers again.
    ///
    /// It is worth its machine when reads keep the primary's processors busy. It shortens no single read, makes no
    /// write cheaper, and where most calls write it is seldom asked. Default none.
    pub replica: Option<PostgresAddress>,
}

impl Default for PostgresOptions {
    fn default() -> PostgresOptions {
        PostgresOptions {
            pool_size: 5,
            pool_overflow: 10,
            pool_wait: Duration::from_secs(5),
            pool_idle: Duration::from_secs(10 * 60),
            pool_lifetime: Duration::from_secs(30 * 60),
            cached_statements: 256,
            statement_timeout: Duration::from_secs(60),
            replica: None,
        }
    }
}

impl PostgresOptions {
    /// Most connections for reading.
    pub(in crate::storage) fn most_connections(&self) -> usize {
        self.pool_size.saturating_add(self.pool_overflow).max(1)
    }
}
