//! Nodes: the processes that have the database open for writing.
//!
//! Each is a row and, for a database in a file, a lock that the operating system frees when the process
//! ends in whatever way. A row whose lock is free belongs to a dead node. What a dead node left
//! unfinished is not this floor's matter.

use std::{fmt, process};

use serde::Serialize;

use super::{
    Row,
    engine::Storage,
    lock::{MigrationLock, NodeLock},
    migrate::{MigrateMode, Migrator},
    sql::statements,
    value::Column,
};
use crate::base::{error::Result, id::NodeId, time::Timestamp};

statements! {
    INSERT = ["INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ($1, $2, $3, $4, $4)"];
    HAS_NODES = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'nodes'"];
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
        let with_row: Vec<NodeId> = self.nodes()?.iter().map(|node| node.id).collect();
        self.locks().sweep(&with_row, migrations)?;
        let now = self.options().clock.now();
        let id = NodeId::generate(now, &*self.options().random);
        let lock = self.locks().claim(id, migrations)?;
        self.write(move |tx| {
            tx.execute(&INSERT, &[id.into(), kind.as_str().into(), process::id().into(), now.into()])
        })?;
        self.set_own_node(Some(id));
        Ok(NodeHandle { storage: self.clone(), id, lock: Some(lock) })
    }

    /// The nodes whose process lives, this one included.
    pub(crate) fn live_nodes(&self) -> Result<Vec<Node>> {
        self.nodes_where(true)
    }

    /// The nodes whose process ended without a word.
    pub(crate) fn dead_nodes(&self) -> Result<Vec<Node>> {
        self.nodes_where(false)
    }

    /// Removes the row of a dead node. False when it lives, or was removed before.
    pub(crate) fn remove_node(&self, node: NodeId) -> Result<bool> {
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
        Ok(self.own_node() == Some(node) || self.locks().is_held(node)?)
    }
}
