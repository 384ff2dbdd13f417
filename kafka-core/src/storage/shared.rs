//! What the nodes of a database share besides it: the secret that seals keys, and the directory with the bytes of
//! files. While one of them lives the database remembers both, in the comment on its table `nodes`, so that
//! one that comes with others can be told.

use std::{fs, io::Write as _, path::Path};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    blob::{Blobs, Store},
    conn::{Conn, Tx},
    engine::Storage,
    snapshot::create_private,
    sql::statements,
};
use crate::base::error::Result;

statements! {
    /// Commands come and go, and keep nothing for others.
    OTHERS = ["SELECT 1 FROM nodes WHERE id <> $1 AND kind <> 'cli' AND heartbeat_at > \
        CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 5000"];
    REMEMBERED = ["SELECT obj_description('nodes'::regclass, 'pg_class')"];
}

/// What a node brings, or what those that live have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// Names the secret without telling it.
    pub(crate) secret: Option<String>,
    /// Names the directory, by a file in it; none when that cannot be read or made.
    pub(crate) blobs: Option<String>,
}

impl Storage {
    /// What this node brings, and what those share that live: the same when there is no other. Nothing on an
    /// engine whose processes are on one machine.
    pub(crate) fn share(&self, secret: Option<String>, new_id: Uuid) -> Result<Option<(Shared, Shared)>> {
        let Some(node) = self.own_node().filter(|_| self.is_postgres()) else { return Ok(None) };
        let blobs = self.blobs().clone();
        let done = self.write(move |tx| {
            let own = Shared { secret: secret.clone(), blobs: blobs.id(tx, new_id) };
            let has_others = tx.first(&OTHERS, &[node.into()], |_| Ok(()))?.is_some();
            match remembered(tx)?.filter(|_| has_others) {
                Some(theirs) => Ok(Some((own, theirs))),
                None => {
                    remember(tx, &own)?;
                    Ok(Some((own.clone(), own)))
                }
            }
        });
        unless_refused(done)
    }

    /// Every key is sealed with this secret now.
    pub(crate) fn share_secret(&self, secret: String) -> Result<()> {
        if !self.is_postgres() {
            return Ok(());
        }
        unless_refused(self.write(move |tx| {
            let theirs = remembered(tx)?.unwrap_or_default();
            remember(tx, &Shared { secret: Some(secret.clone()), ..theirs })
        }))
    }
}

/// Only the owner of a table may comment on it. Who runs with fewer rights does without being told.
fn unless_refused<T: Default>(done: Result<T>) -> Result<T> {
    match done {
        Err(error) if error.code() == "database_rights_missing" => Ok(T::default()),
        done => done,
    }
}

/// A comment that somebody else wrote is none.
fn remembered(conn: &Conn<'_>) -> Result<Option<Shared>> {
    let text = conn.first(&REMEMBERED, &[], |row| row.next::<Option<String>>())?.flatten();
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn remember(tx: &Tx<'_>, shared: &Shared) -> Result<()> {
    let text = serde_json::to_string(shared).unwrap_or_default().replace('\'', "''");
    tx.session().map_or(Ok(()), |session| session.run(&format!("COMMENT ON TABLE nodes IS '{text}'")))
}

impl Blobs {
    /// What names the directory; it is given a name if it has none. `_tx` keeps others from doing the same.
    fn id(&self, _tx: &Tx<'_>, new: Uuid) -> Option<String> {
        let Store::Directory(directory) = &*self.0 else { return None };
        let path = directory.join("id");
        fs::read_to_string(&path).ok().or_else(|| name(directory, &path, new))
    }
}

fn name(directory: &Path, path: &Path, new: Uuid) -> Option<String> {
    fs::create_dir_all(directory).ok()?;
    let mut file = create_private(path).ok()?;
    file.write_all(new.to_string().as_bytes()).and_then(|()| file.sync_all()).ok()?;
    Some(new.to_string())
}
