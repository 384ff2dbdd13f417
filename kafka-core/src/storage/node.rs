//! Nodes: the processes that have the database open for writing.
//!
//! Each is a row and, for a database in a file, a lock that the operating system frees when the process
//! ends in whatever way. A row whose lock is free belongs to a dead node. What a dead node left
//! unfinished is not this floor's matter.

use std::{fmt, process, sync::Arc};

use serde::Serialize;

use super::{
    Row,
    engine::Storage,
    lock::{MigrationLock, NodeLock},
    migrate::{MigrateMode, Migrator},
    sql::statements,
    value::Column,
};
#[cfg(feature = "postgres")]
use super::{heard::Heard, postgres};
use crate::base::{
    error::Result,
    id::{Ids, NodeId},
    time::Timestamp,
};

statements! {
    INSERT = ["INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ($1, $2, $3, $4, $4)"]
        or ["INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ($1, $2, $3, $4, \
            CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT))"];
    HAS_NODES = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'nodes'"]
        or ["SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'nodes'"];
    LIST = ["SELECT id, kind, pid, started_at FROM nodes ORDER BY number"];
    DELETE = ["DELETE FROM nodes WHERE id = $1"];
}

/// What sort of process has the database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The HTTP server.
    Server,
    /// A command of the CLI.
    Cli,
    /// An application that embeds the library.
    Embedded,
}

impl NodeKind {
    fn as_str(self) -> &'static str {
        match self {
            NodeKind::Server => "server",
            NodeKind::Cli => "cli",
            NodeKind::Embedded => "embedded",
        }
    }
}

impl Column for NodeKind {
    fn read(value: rusqlite::types::ValueRef<'_>) -> Option<NodeKind> {
        let text = value.as_str().ok()?;
        [NodeKind::Server, NodeKind::Cli, NodeKind::Embedded].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A process that has, or had, the database open for writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its id, new at every start.
    pub id: NodeId,
    /// What sort of process it is.
    pub kind: NodeKind,
    /// Its process number on its machine.
    pub pid: u32,
    /// When it opened the database.
    pub started_at: Timestamp,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with pid {}, started {}", self.kind.as_str(), self.pid, self.started_at)
    }
}

fn read(row: &mut Row<'_>) -> Result<Node> {
    Ok(Node { id: row.next()?, kind: row.next()?, pid: row.next()?, started_at: row.next()? })
}

/// This process as a node. It is gone from the database when this is dropped; drop it before the
/// storage is closed.
pub(crate) struct NodeHandle {
    storage: Storage,
    id: NodeId,
    lock: Option<NodeLock>,
}

impl NodeHandle {
    pub(crate) fn id(&self) -> NodeId {
        self.id
    }
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        let id = self.id;
        self.storage.end_beat();
        // A row that stays is a dead node's as soon as the lock is free, and is removed as such.
        let _ = self.storage.write(move |tx| tx.execute(&DELETE, &[id.into()]));
        self.lock = None;
        self.storage.locks().clear(id);
        self.storage.set_own_node(None);
    }
}

impl Storage {
    /// Brings the schema up to date, or makes sure that it is, and makes this process a node. Every
    /// process that writes calls this once, after `open`.
    ///
    /// # Errors
    /// Those of [`Migrator::up`] or [`Migrator::require`].
    pub(crate) fn start(&self, kind: NodeKind, mode: MigrateMode) -> Result<NodeHandle> {
        // Held until the row is written: nobody migrates between our look at the schema and our start.
        let lock = self.locks().migration()?;
        let migrator = Migrator::new(self)?;
        match mode {
            MigrateMode::Auto => drop(migrator.up_locked(None, &lock)?),
            MigrateMode::Require => migrator.require()?,
        }
        self.register(kind, &lock)
    }

    fn register(&self, kind: NodeKind, migrations: &MigrationLock) -> Result<NodeHandle> {
        self.locks().sweep(migrations)?;
        let now = self.options().clock.now();
        let id: NodeId = Ids::new(Arc::clone(&self.options().random)).next(now);
        let lock = self.locks().claim(id, migrations)?;
        self.write(move |tx| {
            tx.execute(&INSERT, &[id.into(), kind.as_str().into(), process::id().into(), now.into()])
        })?;
        self.set_own_node(Some(id));
        self.start_beat(id, kind)?;
        Ok(NodeHandle { storage: self.clone(), id, lock: Some(lock) })
    }

    /// The nodes whose process lives, this one included.
    pub(crate) fn live_nodes(&self) -> Result<Vec<Node>> {
        self.nodes_where(true)
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as it is with PostgreSQL")]
    fn start_beat(&self, _node: NodeId, _kind: NodeKind) -> Result<()> {
        Ok(())
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "as it is with PostgreSQL")]
    fn end_beat(&self) {}

    /// On a server nodes hold no lock, but tell again and again that they live.
    #[cfg(feature = "postgres")]
    fn start_beat(&self, node: NodeId, kind: NodeKind) -> Result<()> {
        let Some(connector) = self.connector() else { return Ok(()) };
        let beat = postgres::Beat::start(Arc::clone(connector), node, kind.as_str(), process::id())?;
        self.set_beat(Some(Arc::new(beat)));
        Ok(())
    }

    /// Has someone hear from now on what other nodes tell with their commits ([`Tx::tell`](super::Tx::tell)).
    /// `ear` is called on the thread that keeps this process a node: it must be quick, and not call the storage.
    #[cfg(feature = "postgres")]
    pub(crate) fn listen(&self, ear: impl Fn(Heard<'_>) + Send + Sync + 'static) {
        if let Some(beat) = self.beat() {
            beat.listen(Box::new(ear));
        }
    }

    #[cfg(feature = "postgres")]
    fn end_beat(&self) {
        let Some(beat) = self.beat() else { return };
        self.set_beat(None);
        beat.stop();
        // Any commit wakes the thread that beats; without one it ends within a second.
        let _ = self.write(|_| Ok(()));
        beat.join();
    }

    /// The nodes whose process ended without a word.
    pub(crate) fn dead_nodes(&self) -> Result<Vec<Node>> {
        #[cfg(feature = "postgres")]
        if self.beat().is_some_and(|beat| !beat.may_judge()) {
            return Ok(Vec::new());
        }
        self.nodes_where(false)
    }

    /// Removes the row of a dead node. False when it lives, or was removed before.
    pub(crate) fn remove_node(&self, node: NodeId) -> Result<bool> {
        #[cfg(feature = "postgres")]
        if self.is_postgres() {
            return self.write(move |tx| postgres::remove(tx, node));
        }
        if self.lives(node)? {
            return Ok(false);
        }
        let removed = self.write(move |tx| tx.execute(&DELETE, &[node.into()]))?;
        self.locks().clear(node);
        Ok(removed > 0)
    }

    fn nodes_where(&self, alive: bool) -> Result<Vec<Node>> {
        let mut found = Vec::new();
        for node in self.nodes()? {
            if self.lives(node.id)? == alive {
                found.push(node);
            }
        }
        Ok(found)
    }

    fn nodes(&self) -> Result<Vec<Node>> {
        self.read(|c| match c.first(&HAS_NODES, &[], |_| Ok(()))? {
            Some(()) => c.all(&LIST, &[], read),
            // An older schema, or none yet.
            None => Ok(Vec::new()),
        })
    }

    /// Ids are never used twice, so a free lock stays free.
    fn lives(&self, node: NodeId) -> Result<bool> {
        #[cfg(feature = "postgres")]
        if self.is_postgres() && self.own_node() != Some(node) {
            return self.read(|conn| postgres::lives(conn, node));
        }
        Ok(self.own_node() == Some(node) || self.locks().is_held(node)?)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::storage::{Place, StorageOptions};

    fn open(directory: &Path) -> Storage {
        Storage::open(Place::File(directory.join("kafka.db")), StorageOptions::default()).unwrap()
    }

    fn locks(directory: &Path) -> usize {
        fs::read_dir(directory.join("kafka.db.lock.d")).unwrap().count() - 1 // `migrate` is always there
    }

    fn ids(nodes: Vec<Node>) -> Vec<NodeId> {
        nodes.into_iter().map(|node| node.id).collect()
    }

    /// What a killed process leaves: the row and the file, without the lock.
    fn kill(mut handle: NodeHandle) -> NodeId {
        handle.lock = None;
        let id = handle.id;
        std::mem::forget(handle);
        id
    }

    #[test]
    fn a_node_lives_until_its_handle_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(directory.path());
        let server = storage.start(NodeKind::Server, MigrateMode::Auto).unwrap();
        let cli = open(directory.path()).start(NodeKind::Cli, MigrateMode::Auto).unwrap();
        let live = storage.live_nodes().unwrap();
        assert_eq!(live.iter().map(|node| node.kind).collect::<Vec<_>>(), [NodeKind::Server, NodeKind::Cli]);
        assert!(live.iter().all(|node| node.pid == process::id()));
        assert_eq!(ids(live), [server.id(), cli.id()]);
        assert_eq!(locks(directory.path()), 2);
        drop(cli);
        assert_eq!(ids(storage.live_nodes().unwrap()), [server.id()]);
        assert_eq!(locks(directory.path()), 1);
        drop(server);
        assert_eq!(storage.nodes().unwrap(), []);
        assert_eq!(locks(directory.path()), 0);
    }

    #[test]
    fn a_row_without_its_lock_is_a_dead_node() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(directory.path());
        let server = storage.start(NodeKind::Server, MigrateMode::Auto).unwrap();
        let killed = kill(open(directory.path()).start(NodeKind::Embedded, MigrateMode::Auto).unwrap());
        assert_eq!(ids(storage.dead_nodes().unwrap()), [killed]);
        assert_eq!(ids(storage.live_nodes().unwrap()), [server.id()]);
        fs::remove_file(directory.path().join("kafka.db.lock.d").join(killed.to_string())).unwrap();
        assert_eq!(ids(storage.dead_nodes().unwrap()), [killed], "without the file too");

        assert!(storage.remove_node(killed).unwrap());
        assert!(!storage.remove_node(killed).unwrap());
        assert!(!storage.remove_node(server.id()).unwrap(), "a living node stays");
        let other = open(directory.path());
        assert!(!other.remove_node(server.id()).unwrap(), "for others too");
        assert_eq!(ids(other.live_nodes().unwrap()), [server.id()]);
    }

    #[test]
    fn a_start_sweeps_the_locks_of_the_dead() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(directory.path());
        let server = storage.start(NodeKind::Server, MigrateMode::Auto).unwrap();
        let folder = directory.path().join("kafka.db.lock.d");
        fs::write(folder.join("01890000-0000-7000-8000-000000000000"), "").unwrap();
        fs::write(folder.join("somebody's"), "").unwrap();
        let killed = kill(open(directory.path()).start(NodeKind::Cli, MigrateMode::Auto).unwrap());
        let cli = open(directory.path()).start(NodeKind::Cli, MigrateMode::Auto).unwrap();
        let mut found: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let mut expected =
            [server.id().to_string(), cli.id().to_string(), "migrate".into(), "somebody's".into()];
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(ids(storage.dead_nodes().unwrap()), [killed]);
        assert_eq!(ids(storage.live_nodes().unwrap()), [server.id(), cli.id()]);
    }

    #[test]
    fn in_memory_there_is_only_this_process() {
        let storage = Storage::open(Place::Memory, StorageOptions::default()).unwrap();
        let node = storage.start(NodeKind::Embedded, MigrateMode::Auto).unwrap();
        assert_eq!(ids(storage.live_nodes().unwrap()), [node.id()]);
        assert_eq!(storage.dead_nodes().unwrap(), []);
        drop(node);
        assert_eq!(storage.nodes().unwrap(), []);
    }

    #[test]
    fn a_handle_that_outlives_the_storage_leaves_a_dead_node() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(directory.path());
        let node = storage.start(NodeKind::Embedded, MigrateMode::Auto).unwrap();
        let id = node.id();
        storage.close();
        drop(node);
        assert_eq!(ids(open(directory.path()).dead_nodes().unwrap()), [id]);
    }
}
