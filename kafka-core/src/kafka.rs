//! The handle of an open installation.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::NodeId,
        limits::Limits,
        random::Random,
        time::{Clock, Timestamp},
    },
    config::{Config, Database},
    crypto::seal::Sealer,
    provider::{
        address::AddressPolicy, api::Provider, echo::EchoProvider, openai::OpenAiProvider, registry::Registry,
    },
    repo::{idempotency_keys, responses, users},
    service::{
        chats::Chats,
        completion::{Completions, live::Live, log::EventLog, recover},
        messages::Messages,
        models::Models,
        responses::Responses,
        users::Users,
        workspaces::Workspaces,
    },
    storage::{NodeHandle, NodeKind, Place, Storage, StorageOptions},
};

/// How often it is looked whether another process has ended an answer that runs here.
const LOOK: Duration = Duration::from_millis(500);
/// After so many looks the answers of dead processes are looked for, too: every 2 seconds.
const LOOKS_PER_ROUND: u32 = 4;
/// How long closing waits for the ends of running answers to be stored.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// An open installation: the one entry point. Clones share it; it may be used from any thread. The last
/// clone closes it.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

struct Inner {
    storage: Storage,
    node: Mutex<Option<NodeHandle>>,
    node_id: NodeId,
    live: Live,
    log: EventLog,
    upkeep: Arc<Upkeep>,
    providers: Registry,
    sealer: Option<Sealer>,
    addresses: AddressPolicy,
    open: bool,
    limits: Limits,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Kafka {
    /// Opens an installation: makes the database if there is none, brings its schema up to date, and (but
    /// for the CLI) ends the answers of processes that died.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`, `Incompatible` or `Busy` when the database cannot be used, naming it;
    /// `Conflict` when two providers have one name.
    pub fn open(config: Config) -> Result<Kafka> {
        let storage = open_storage(&config)?;
        let node = storage.start(config.kind, config.migrate)?;
        let live = Live::default();
        let log = EventLog::start(storage.clone(), live.clone(), node.id(), Arc::clone(&config.clock))?;
        let openai =
            OpenAiProvider::new(config.addresses, Arc::clone(&config.clock), Arc::clone(&config.random));
        let built_in: [Arc<dyn Provider>; 2] = [Arc::new(EchoProvider), Arc::new(openai)];
        let kafka = Kafka(Arc::new(Inner {
            node_id: node.id(),
            node: Mutex::new(Some(node)),
            live,
            log,
            upkeep: Arc::default(),
            providers: Registry::new(built_in.into_iter().chain(config.providers))?,
            sealer: config.secret.as_ref().map(Sealer::new),
            addresses: config.addresses,
            open: config.open,
            limits: config.limits,
            clock: config.clock,
            random: config.random,
            storage,
        }));
        if config.kind != NodeKind::Cli {
            recover::run(&kafka)?;
            Upkeep::start(&kafka)?;
        }
        Ok(kafka)
    }

    /// An empty installation in memory, in open mode, for trying things out and for tests.
    ///
    /// # Errors
    /// Those of [`open`](Kafka::open), none of which is to be expected.
    pub fn in_memory() -> Result<Kafka> {
        let mut config = Config::memory();
        let mut key = [0; 32];
        config.random.fill(&mut key);
        config.secret = Some(key.into());
        config.open = true;
        Kafka::open(config)
    }

    /// The actor for whoever opened the database: it sees and may do everything. Not for requests that
    /// come from elsewhere; see [`authenticate`](Kafka::authenticate).
    #[must_use]
    pub fn operator(&self) -> Actor {
        Actor::operator()
    }

    /// Accounts.
    #[must_use]
    pub fn users(&self, actor: &Actor) -> Users<'_> {
        Users::new(self, actor)
    }

    /// Groups of chats and files.
    #[must_use]
    pub fn workspaces(&self, actor: &Actor) -> Workspaces<'_> {
        Workspaces::new(self, actor)
    }

    /// Conversations.
    #[must_use]
    pub fn chats(&self, actor: &Actor) -> Chats<'_> {
        Chats::new(self, actor)
    }

    /// What stands in conversations.
    #[must_use]
    pub fn messages(&self, actor: &Actor) -> Messages<'_> {
        Messages::new(self, actor)
    }

    /// Configured model endpoints.
    #[must_use]
    pub fn models(&self, actor: &Actor) -> Models<'_> {
        Models::new(self, actor)
    }

    /// Asking models.
    #[must_use]
    pub fn completions(&self, actor: &Actor) -> Completions<'_> {
        Completions::new(self, actor)
    }

    /// Following, stopping and reading answers.
    #[must_use]
    pub fn responses(&self, actor: &Actor) -> Responses<'_> {
        Responses::new(self, actor)
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Whether the installation serves the local operator without a credential.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.open
    }

    /// Whether the database answers: what a readiness check asks.
    ///
    /// # Errors
    /// Those of reading.
    pub fn check(&self) -> Result<()> {
        self.0.storage.read(|conn| users::any_admin(conn).map(|_| ()))
    }

    /// Waits at most `patience` until no answer runs. True when none does.
    pub fn wait_until_idle(&self, patience: Duration) -> bool {
        self.0.live.wait_until_idle(patience)
    }

    /// Stops running answers, keeping what came as interrupted, stores everything and closes the
    /// database. Later calls on any clone fail as `Busy`. Dropping the last clone does the same.
    pub fn close(&self) {
        self.0.close();
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.0.storage
    }

    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(crate) fn log(&self) -> &EventLog {
        &self.0.log
    }

    pub(crate) fn node_id(&self) -> NodeId {
        self.0.node_id
    }

    pub(crate) fn providers(&self) -> &Registry {
        &self.0.providers
    }

    pub(crate) fn address_policy(&self) -> AddressPolicy {
        self.0.addresses
    }

    pub(crate) fn sealer(&self) -> Result<&Sealer> {
        self.0.sealer.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Forbidden,
                "secret_missing",
                "This installation has no secret to seal keys with; open it with Config::secret set.",
            )
        })
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn new_id<T>(&self, generate: fn(Timestamp, &dyn Random) -> T) -> T {
        generate(self.now(), self.random())
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("node", &self.0.node_id).finish_non_exhaustive()
    }
}

/// Opens the database of a configuration, with its schema as it is.
pub(crate) fn open_storage(config: &Config) -> Result<Storage> {
    let place = match &config.database {
        Database::Memory => Place::Memory,
        Database::File(path) => Place::File(path.clone()),
    };
    let options = StorageOptions {
        limits: config.limits.clone(),
        clock: Arc::clone(&config.clock),
        random: Arc::clone(&config.random),
        ..StorageOptions::default()
    };
    Storage::open(place, options)
}

impl Inner {
    fn close(&self) {
        self.upkeep.stop();
        self.live.close(CLOSE_PATIENCE);
        self.log.close();
        // The node's row goes before the storage does, or the next start would take it for a crash.
        drop(self.node.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.storage.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// The thread that now and then ends the answers of dead processes and forgets old idempotency keys.
#[derive(Default)]
struct Upkeep {
    stopped: Mutex<bool>,
    wake: Condvar,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Upkeep {
    fn start(kafka: &Kafka) -> Result<()> {
        let upkeep = Arc::clone(&kafka.0.upkeep);
        // Weak, so that this thread does not keep an installation open that nobody uses any more.
        let inner = Arc::downgrade(&kafka.0);
        let work = move || {
            for look in 1_u32.. {
                let Some(inner) = upkeep.wait().then(|| inner.upgrade()).flatten() else { return };
                let kafka = Kafka(inner);
                kafka.let_go();
                if look % LOOKS_PER_ROUND == 0 {
                    kafka.keep_up();
                }
            }
        };
        let thread = thread::Builder::new().name("kafka-upkeep".to_owned()).spawn(work).map_err(|error| {
            Error::new(
                ErrorKind::Busy,
                "thread_unavailable",
                "The system gives no more threads; try again later.",
            )
            .with_source(error)
        })?;
        *kafka.0.upkeep.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Waits for the next time. False when it will not come.
    fn wait(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(stopped, LOOK, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The upkeep itself may hold the last handle; a thread cannot wait for its own end.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            drop(thread.join());
        }
    }
}

impl Kafka {
    /// Stops the answers that another process has ended or deleted: their models may be silent for long,
    /// so that no write of theirs finds out.
    fn let_go(&self) {
        let here = self.0.live.all();
        if here.is_empty() {
            return;
        }
        let stored = self.0.storage.read(|conn| responses::running_of_node(conn, self.0.node_id));
        let Ok(stored) = stored else { return };
        for running in here.iter().filter(|running| !stored.contains(&running.id)) {
            running.cancel.cancel();
        }
    }

    /// One round of upkeep. What fails is tried again in the next one.
    fn keep_up(&self) {
        let _ = recover::run(self);
        let now = self.now();
        let expired = self.0.storage.read(|conn| idempotency_keys::any_expired(conn, now));
        if expired.unwrap_or(false) {
            let _ = self.0.storage.write(move |tx| idempotency_keys::purge(tx, now));
        }
    }
}
