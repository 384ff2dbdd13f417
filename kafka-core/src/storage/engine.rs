//! The handle of an open database, and who may use which connection.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rusqlite::Connection;

#[cfg(feature = "postgres")]
use super::postgres::{self, Beat, Connector, PostgresAddress, PostgresOptions, Replica};
use super::{
    behind::Others,
    blob::Blobs,
    conn::{Conn, Tx},
    fault,
    link::Link,
    lock::Locks,
    pool::{Pool, PoolBounds},
    sqlite,
    writer::{SharedConnection, Writer},
};
use crate::base::{
    error::Result,
    id::NodeId,
    limits::Limits,
    random::{Random, SystemRandom},
    time::{Clock, SystemClock},
};
#[cfg(feature = "postgres")]
use crate::base::{
    error::{Error, ErrorKind},
    warning::OnWarning,
};

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process's memory; gone when the last handle is.
    Memory,
    /// In a file, which is made, with its directory, when it does not exist.
    File(PathBuf),
    /// On a PostgreSQL server, with the bytes of files in a directory that all its nodes share.
    #[cfg(feature = "postgres")]
    Server { address: PostgresAddress, blobs: PathBuf },
}

/// What a commit waits for. PostgreSQL always waits for its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk has it: an acknowledged write survives a power failure.
    #[default]
    Full,
    /// The operating system has it: an acknowledged write survives a crash of this process only.
    Normal,
}

/// How a database is opened. `Default` is what a server uses.
#[derive(Clone, Debug)]
pub(crate) struct StorageOptions {
    /// The bounds of the write queue.
    pub(crate) limits: Limits,
    /// Dates migrations, backups and nodes.
    pub(crate) clock: Arc<dyn Clock>,
    /// Gives nodes their ids.
    pub(crate) random: Arc<dyn Random>,
    /// What a commit waits for. Default `Full`.
    pub(crate) synchronous: Synchronous,
    /// Most connections that read at the same time; one is opened when all others are busy. Default twice
    /// the cores, at least 16: with as few as there are cores, a handful of long reads keep everyone waiting.
    pub(crate) read_connections: usize,
    /// How long a call waits for a lock that another process holds. Default 5 s.
    pub(crate) busy_timeout: Duration,
    /// What concerns a database on a server.
    #[cfg(feature = "postgres")]
    pub(crate) postgres: PostgresOptions,
    /// Who is told of a replica that is lost, and asked again.
    #[cfg(feature = "postgres")]
    pub(crate) on_warning: OnWarning,
}

impl Default for StorageOptions {
    fn default() -> StorageOptions {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        StorageOptions {
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            synchronous: Synchronous::Full,
            read_connections: (2 * cores).max(16),
            busy_timeout: Duration::from_secs(5),
            #[cfg(feature = "postgres")]
            postgres: PostgresOptions::default(),
            #[cfg(feature = "postgres")]
            on_warning: OnWarning::default(),
        }
    }
}

/// An open database. Clones share it; the last one closes it.
#[derive(Clone)]
pub(crate) struct Storage(Arc<Inner>);

struct Inner {
    place: Place,
    options: StorageOptions,
    blobs: Blobs,
    /// The one connection that writes; in memory, the one that does everything.
    connection: SharedConnection,
    /// Not in memory.
    file: Option<File>,
    #[cfg(feature = "postgres")]
    server: Option<Server>,
    /// What this storage is registered as.
    own_node: Mutex<Option<NodeId>>,
    others: Others,
}

/// What only a database on a server has.
#[cfg(feature = "postgres")]
struct Server {
    connector: Arc<Connector>,
    replica: Option<Replica>,
    /// Since this process is a node.
    beat: Mutex<Option<Arc<Beat>>>,
}

/// What a database has that is not in memory.
struct File {
    writer: Writer,
    readers: Pool,
}

impl Storage {
    /// Opens or makes the database at `place`. The schema is left as it is; see
    /// [`Migrator`](super::migrate::Migrator).
    ///
    /// # Errors
    /// `Storage` when the file or its directory cannot be read and written, `Incompatible` when it is
    /// not an SQLite database, `Corrupt` when it is a damaged one, `Busy` when another program keeps it
    /// locked.
    pub(crate) fn open(place: Place, options: StorageOptions) -> Result<Storage> {
        #[cfg(feature = "postgres")]
        if let Place::Server { address, .. } = &place {
            let connector = Connector::new(
                address.clone(),
                options.postgres.clone(),
                options.busy_timeout,
                &*options.random,
            )?;
            return Storage::open_server(place, options, connector);
        }
        let (connection, place) = match place {
            Place::File(path) => {
                let (connection, path) = sqlite::open_file(&path, &options)?;
                (connection, Place::File(path))
            }
            memory => (sqlite::open_memory()?, memory),
        };
        let connection = SharedConnection::new(Link::Sqlite(connection));
        let file = match &place {
            Place::File(path) => {
                let (path, busy_timeout) = (path.clone(), options.busy_timeout);
                let most = options.read_connections;
                let bounds = PoolBounds { kept: most, most, wait: None };
                Some(File {
                    writer: Writer::start(connection.clone(), &options.limits)?,
                    readers: Pool::new(bounds, move || {
                        sqlite::open_reader(&path, busy_timeout).map(Link::Sqlite)
                    }),
                })
            }
            _ => None,
        };
        let blobs = Blobs::of(&place);
        Ok(Storage(Arc::new(Inner {
            place,
            options,
            blobs,
            connection,
            file,
            #[cfg(feature = "postgres")]
            server: None,
            own_node: Mutex::default(),
            others: Others::default(),
        })))
    }

    #[cfg(feature = "postgres")]
    fn open_server(place: Place, options: StorageOptions, connector: Arc<Connector>) -> Result<Storage> {
        let link = |session| Link::Postgres(Box::new(session));
        let connection = SharedConnection::new(link(connector.first_writer()?));
        let replica = Replica::open(&connector, &options)?;
        let readers = Arc::clone(&connector);
        let PostgresOptions { pool_size, pool_wait, .. } = options.postgres;
        let most = options.postgres.most_connections();
        let bounds = PoolBounds { kept: pool_size, most, wait: Some(pool_wait) };
        let file = Some(File {
            writer: Writer::start(connection.clone(), &options.limits)?,
            readers: Pool::new(bounds, move || readers.reader().map(link).map_err(postgres::unavailable)),
        });
        let blobs = Blobs::of(&place);
        let server = Some(Server { connector, replica, beat: Mutex::default() });
        let (own_node, others) = (Mutex::default(), Others::default());
        Ok(Storage(Arc::new(Inner { place, options, blobs, connection, file, server, own_node, others })))
    }

    /// Runs `work` on a connection that cannot write. All it reads is of one moment. It must not call
    /// this storage again.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        let done = match &self.0.file {
            Some(file) => file.readers.read(work),
            None => self.0.connection.with(|connection| work(&Conn::new(connection))),
        };
        done.map_err(|error| fault::locate(error, self.path()))
    }

    /// The same on a replica, if there is one that has all that stood when this began; `work` may then run once more,
    /// on the database itself. For what is shown; what decides who may do what is read by [`read`](Storage::read),
    /// so that it hangs on one server.
    pub(crate) fn read_anywhere<T>(&self, work: impl Fn(&Conn<'_>) -> Result<T>) -> Result<T> {
        self.on_replica(&work).unwrap_or_else(|| self.read(work))
    }

    /// [`read_one`](Storage::read_one) on a replica, as [`read_anywhere`](Storage::read_anywhere).
    pub(crate) fn read_one_anywhere<T>(&self, work: impl Fn(&Conn<'_>) -> Result<T>) -> Result<T> {
        self.on_replica(&work).unwrap_or_else(|| self.read_one(work))
    }

    /// What `work` reads on the replica; none when the database itself is to be asked.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_self, reason = "SQLite has no replicas"))]
    fn on_replica<T>(&self, work: &impl Fn(&Conn<'_>) -> Result<T>) -> Option<Result<T>> {
        #[cfg(feature = "postgres")]
        return self.0.server.as_ref()?.replica.as_ref()?.read(work);
        #[cfg(not(feature = "postgres"))]
        {
            let _ = work;
            None
        }
    }

    /// Runs `work`, which is one statement, on a connection that cannot write. What one statement reads is of
    /// one moment by itself, so there is no transaction around it, which on a server would be two more
    /// journeys there and back. It must not call this storage again.
    ///
    /// # Errors
    /// What `work` returns; `Internal` for a second statement.
    pub(crate) fn read_one<T>(&self, work: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        let done = match &self.0.file {
            Some(file) => file.readers.read_one(work),
            None => self.0.connection.with(|connection| work(&Conn::for_one(connection))),
        };
        done.map_err(|error| fault::locate(error, self.path()))
    }

    /// Runs `work` in a transaction and returns when it is on disk. Calls that come together share a
    /// commit, and a failing one takes back only what it did itself. `work` may run more than once, so
    /// ids and times are made before it. It must not call this storage again.
    ///
    /// # Errors
    /// What `work` returns; `Busy` when the queue is full or another process keeps the database locked;
    /// `Storage` when the disk is full or fails. After an error nothing of `work` is stored.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.others.note();
        let done = match &self.0.file {
            Some(file) => file.writer.write(work),
            None => self.0.connection.write_alone(&work),
        };
        done.map_err(|error| fault::locate(error, self.path()))
    }

    /// The same for a piece of work that [gives way](Storage::give_way) to what others write. It is done by the writer's own
    /// thread: the caller's may have to wait for a processor, and others would wait with it.
    pub(crate) fn write_behind<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = match &self.0.file {
            Some(file) => file.writer.write_there(work),
            None => self.0.connection.write_alone(&work),
        };
        done.map_err(|error| fault::locate(error, self.path()))
    }

    /// Whether the last commit was that of one caller alone: then nobody waits for the database but who came since.
    pub(crate) fn is_calm(&self) -> bool {
        self.0.file.as_ref().is_none_or(|file| file.writer.is_calm())
    }

    /// The bytes of files.
    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// A number that changes when another process has written, unless that is [heard](Storage::listen). In memory
    /// there is none that could.
    pub(crate) fn foreign_version(&self) -> Result<i64> {
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.0.server {
            let beat = server.beat.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(beat.as_ref().map_or(0, |beat| beat.unheard_version()));
        }
        match &self.0.file {
            // Asked of the connection that writes, because it does not count what it wrote itself.
            Some(_) => self.exclusive(sqlite::data_version),
            None => Ok(0),
        }
    }

    /// Finishes the writes that wait and closes the file. Later calls fail as `Busy`.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Where the database lies, without links; none in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.0.place {
            Place::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether the database lies on a server, which knows its own ways for some things.
    pub(crate) fn is_postgres(&self) -> bool {
        #[cfg(feature = "postgres")]
        return self.0.server.is_some();
        #[cfg(not(feature = "postgres"))]
        false
    }

    /// What makes connections to the server that the database lies on.
    #[cfg(feature = "postgres")]
    pub(super) fn connector(&self) -> Option<&Arc<Connector>> {
        self.0.server.as_ref().map(|server| &server.connector)
    }

    /// What keeps this process a node of a database on a server.
    #[cfg(feature = "postgres")]
    pub(super) fn beat(&self) -> Option<Arc<Beat>> {
        let server = self.0.server.as_ref()?;
        server.beat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[cfg(feature = "postgres")]
    pub(super) fn set_beat(&self, beat: Option<Arc<Beat>>) {
        if let Some(server) = &self.0.server {
            *server.beat.lock().unwrap_or_else(PoisonError::into_inner) = beat;
        }
    }

    pub(super) fn options(&self) -> &StorageOptions {
        &self.0.options
    }

    /// The locks that tell processes of one database from each other.
    pub(super) fn locks(&self) -> Locks {
        #[cfg(feature = "postgres")]
        if let Some(connector) = self.connector() {
            return Locks::Server(Arc::clone(connector));
        }
        Locks::of(self.path())
    }

    pub(super) fn others(&self) -> &Others {
        &self.0.others
    }

    pub(super) fn own_node(&self) -> Option<NodeId> {
        *self.0.own_node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_own_node(&self, node: Option<NodeId>) {
        *self.0.own_node.lock().unwrap_or_else(PoisonError::into_inner) = node;
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> &Writer {
        &self.0.file.as_ref().unwrap().writer
    }

    /// Runs `work` on the writing connection, outside a transaction, while nothing else of this process
    /// writes.
    pub(super) fn alone<T>(&self, work: impl FnOnce(&Link) -> Result<T>) -> Result<T> {
        self.0.connection.with(work)
    }

    /// The same for what only SQLite knows.
    pub(super) fn exclusive<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.alone(|link| match link {
            Link::Sqlite(connection) => work(connection),
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Err(Error::new(
                ErrorKind::Conflict,
                "not_sqlite",
                "The database lies on PostgreSQL, whose own tools copy it (pg_dump).",
            )),
        })
    }
}

impl Inner {
    fn close(&self) {
        #[cfg(feature = "postgres")]
        if let Some(replica) = self.server.as_ref().and_then(|server| server.replica.as_ref()) {
            replica.close();
        }
        match &self.file {
            Some(file) => {
                file.readers.close();
                file.writer.stop();
            }
            None => self.connection.close(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(feature = "postgres"))]
    use crate::base::error::ErrorKind;
    use crate::storage::{Migrator, sql::unlisted_statements};

    unlisted_statements! {
        ADD = ["INSERT INTO plans (id, name, created_at, updated_at) VALUES ($1, $2, 0, 0)"];
        NAMES = ["SELECT name FROM plans ORDER BY number"];
    }

    #[test]
    fn what_is_written_is_read_in_memory_and_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        for place in [Place::Memory, Place::File(directory.path().join("new/kafka.db"))] {
            let storage = Storage::open(place, StorageOptions::default()).unwrap();
            Migrator::new(&storage).unwrap().up(None).unwrap();
            let rows = storage.write(|tx| tx.execute(&ADD, &["a".into(), "first".into()])).unwrap();
            assert_eq!(rows, 1);
            let names = storage.read(|c| c.all(&NAMES, &[], |row| row.next::<String>())).unwrap();
            assert_eq!(names, ["free", "first"]);
            storage.close();
            assert_eq!(storage.read(|_| Ok(())).unwrap_err().code(), "storage_closed");
            assert_eq!(storage.write(|_| Ok(())).unwrap_err().code(), "storage_closed");
        }
    }

    #[test]
    fn what_is_said_to_be_one_statement_is_refused_a_second() {
        let directory = tempfile::tempdir().unwrap();
        for place in [Place::Memory, Place::File(directory.path().join("kafka.db"))] {
            let storage = Storage::open(place, StorageOptions::default()).unwrap();
            Migrator::new(&storage).unwrap().up(None).unwrap();
            let names = |c: &Conn<'_>| c.all(&NAMES, &[], |row| row.next::<String>());
            assert_eq!(storage.read_one(names).unwrap(), ["free"]);
            let error = storage.read_one(|c| names(c).and_then(|_| names(c))).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "statements_apart"));
            assert_eq!(storage.read(|c| names(c).and_then(|_| names(c))).unwrap(), ["free"]);
        }
    }

    #[test]
    fn a_full_disk_is_told_with_the_database_that_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kafka.db");
        let storage = Storage::open(Place::File(path.clone()), StorageOptions::default()).unwrap();
        Migrator::new(&storage).unwrap().up(None).unwrap();
        let limit = |connection: &Connection| {
            // No lower than what there is.
            connection.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
            Ok(())
        };
        storage.exclusive(limit).unwrap();
        let name = "x".repeat(1 << 20);
        let write = move |tx: &Tx<'_>| tx.execute(&ADD, &["a".into(), name.as_str().into()]);
        let error = storage.write(write).unwrap_err();
        assert_eq!(error.code(), "disk_full");
        assert!(error.message().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    }
}
