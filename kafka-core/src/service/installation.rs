//! What every service works with: the open database, the running answers, the providers.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use uuid::Uuid;

#[cfg(feature = "postgres")]
use super::neighbours::Neighbours;
use super::{
    belonging,
    blob_sweep::{self, BlobSweep},
    catalogue::Catalogue,
    completion::{
        live::Live,
        log::EventLog,
        recover,
        titles::{Titles, Titling},
    },
    composer::json_mode::JsonModes,
    doorman::Doorman,
    embedding::Embedding,
    extraction::{Extraction, Extractor},
    feed::Feed,
    ingest::Ingesting,
    keyring::{self, Keyring, SecretSource},
    passwords::Passwords,
    quotas::Quotas,
    registration::Registration,
    removal::Removing,
    search_index::Indexing,
    searches::Searches,
    throttle::Throttle,
    tickets::Tickets,
    tokens::Uses,
    upkeep::Upkeep,
};
use crate::{
    base::{
        error::Result,
        id::{Ids, NodeId, ResponseId},
        limits::Limits,
        random::Random,
        time::{Clock, Timestamp},
        warning::OnWarning,
    },
    entity::response::ResponseStatus,
    provider::{
        endpoint::{Endpoint, ModelHost},
        network::Network,
        registry::Registry,
    },
    repo::{access_tokens, idempotency_keys, invitations, responses},
    storage::{MigrateMode, NodeHandle, NodeKind, Storage},
    text::chunk::Sizes,
};

/// How soon it is noticed that another process has ended an answer of this one.
const LOOK: Duration = Duration::from_millis(100);
/// After so many looks the answers of this process are looked at whether or not another one wrote, and
/// uses of tokens are stored: every half second.
const LOOKS_PER_CHECK: u32 = 5;
/// After so many looks the answers of dead processes are looked for, too: every 2 seconds.
const LOOKS_PER_ROUND: u32 = 20;
/// Looks between two sweeps, an hour. A sweep reads every credential.
const LOOKS_PER_SWEEP: u32 = 36_000;
/// Looks between two sweeps of bytes after something was deleted, a minute. A sweep reads the names of all files.
const LOOKS_PER_BLOB_SWEEP: u32 = 600;
/// How long closing waits for the ends of running answers to be stored.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// An open installation. Clones share it; the last one closes it.
#[derive(Clone)]
pub(crate) struct Installation(Arc<Inner>);

struct Inner {
    storage: Storage,
    node: Mutex<Option<NodeHandle>>,
    node_id: NodeId,
    kind: NodeKind,
    live: Live,
    log: EventLog,
    feed: Feed,
    tickets: Tickets,
    uses: Uses,
    throttle: Throttle,
    passwords: Passwords,
    searches: Searches,
    doorman: Doorman,
    upkeep: Upkeep,
    indexing: Indexing,
    ingesting: Ingesting,
    removing: Removing,
    keyring: Option<Keyring>,
    ids: Ids,
    blob_sweep: BlobSweep,
    extraction: Extraction,
    json_modes: JsonModes,
    titling: Titling,
    catalogue: Catalogue,
    parts: Parts,
}

/// A handle that does not keep an installation open.
pub(crate) struct WeakInstallation(Weak<Inner>);

impl WeakInstallation {
    pub(crate) fn upgrade(&self) -> Option<Installation> {
        self.0.upgrade().map(Installation)
    }
}

/// What an installation is made of besides its database.
pub(crate) struct Parts {
    pub(crate) providers: Registry,
    pub(crate) network: Network,
    pub(crate) embedding: Embedding,
    pub(crate) chunks: Sizes,
    pub(crate) model_hosts: Vec<ModelHost>,
    pub(crate) based_validator: Option<Endpoint>,
    pub(crate) secret: Option<Arc<dyn SecretSource>>,
    pub(crate) password_cost: u32,
    pub(crate) open: bool,
    pub(crate) anonymous: bool,
    pub(crate) registration: Registration,
    pub(crate) quotas: bool,
    pub(crate) extractor: Option<Extractor>,
    pub(crate) on_warning: OnWarning,
    pub(crate) titles: Option<Titles>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Installation {
    /// Makes this process a node of the database and starts its threads.
    pub(crate) fn start(
        storage: Storage,
        kind: NodeKind,
        migrate: MigrateMode,
        parts: Parts,
    ) -> Result<Installation> {
        let node = storage.start(kind, migrate)?;
        let (live, feed) = (Live::default(), Feed::default());
        let log = EventLog::start(
            storage.clone(),
            live.clone(),
            feed.clone(),
            node.id(),
            Arc::clone(&parts.clock),
        )?;
        let installation = Installation(Arc::new(Inner {
            node_id: node.id(),
            kind,
            node: Mutex::new(Some(node)),
            live,
            log,
            feed,
            tickets: Tickets::new(&*parts.random),
            ids: Ids::new(Arc::clone(&parts.random)),
            blob_sweep: BlobSweep::default(),
            extraction: Extraction::new(parts.extractor.clone(), &parts.limits),
            json_modes: JsonModes::default(),
            // A command ends before a title has come.
            titling: Titling::new(parts.titles.clone().filter(|_| kind != NodeKind::Cli)),
            catalogue: Catalogue::default(),
            uses: Uses::default(),
            throttle: Throttle::new(&parts.limits),
            passwords: Passwords::new(parts.password_cost, &parts.limits),
            searches: Searches::new(&parts.limits),
            doorman: Doorman::default(),
            upkeep: Upkeep::default(),
            indexing: Indexing::default(),
            ingesting: Ingesting::default(),
            removing: Removing::default(),
            keyring: parts.secret.clone().map(Keyring::new).transpose()?,
            storage,
            parts,
        }));
        #[cfg(feature = "postgres")]
        installation.listen();
        // A command ends soon: what is not about its own answers it leaves to those that stay.
        let stays = kind != NodeKind::Cli;
        if stays {
            belonging::check(&installation, &installation.0.parts.on_warning)?;
            recover::run(&installation)?;
            installation.doorman().start(&installation)?;
            installation.indexing().start(&installation)?;
            installation.ingesting().start(&installation)?;
            installation.embedding().thread.start(&installation)?;
            installation.0.removing.start(&installation)?;
        }
        // Weak, so that the thread does not keep an installation open that nobody uses any more.
        let itself = installation.downgrade();
        let (mut last_version, mut stranded) = (None, Vec::new());
        installation.0.upkeep.start("kafka-upkeep", LOOK, move |look| {
            let Some(installation) = itself.upgrade() else { return false };
            installation.let_go(look.is_multiple_of(LOOKS_PER_CHECK), &mut last_version);
            if stays {
                installation.keep_house(look, &mut stranded);
            }
            true
        })?;
        Ok(installation)
    }

    /// Hears from now on what other nodes tell.
    #[cfg(feature = "postgres")]
    fn listen(&self) {
        let (feed, live, doorman) = (self.feed().clone(), self.live().clone(), self.doorman().clone());
        let neighbours = Neighbours { feed, live, doorman };
        self.storage().listen(move |heard| neighbours.hear(heard));
    }

    /// Stops the answers that another process has ended or deleted: their models may be silent for long,
    /// so that no write of theirs finds out. Asks the rows only when another process wrote, or for a check.
    fn let_go(&self, is_check: bool, last_version: &mut Option<i64>) {
        let here = self.live().all();
        if here.is_empty() {
            return;
        }
        let version = self.storage().foreign_version().ok();
        let others_wrote = version.is_none() || version != *last_version;
        *last_version = version;
        if !is_check && !others_wrote {
            return;
        }
        let stored = self.storage().read_one(|conn| responses::running_of_node(conn, self.node_id()));
        let Ok(stored) = stored else { return };
        for running in here.iter().filter(|running| !stored.contains(&running.id)) {
            running.cancel.cancel();
        }
    }

    /// What is due at this look besides.
    fn keep_house(&self, look: u32, stranded: &mut Vec<ResponseId>) {
        if look.is_multiple_of(LOOKS_PER_CHECK) {
            self.uses().store(self.storage());
        }
        if look.is_multiple_of(LOOKS_PER_ROUND) {
            *stranded = self.end_stranded(stranded);
            self.keep_up();
        }
        let is_sweep = look % LOOKS_PER_SWEEP == LOOKS_PER_ROUND;
        if is_sweep {
            self.sweep();
        }
        if is_sweep || (look.is_multiple_of(LOOKS_PER_BLOB_SWEEP) && self.blob_sweep().is_asked()) {
            self.sweep_blobs();
        }
    }

    /// Ends the answers that are this process's by their rows, but that it does not run: how they ended
    /// could not be stored. Those that `before` names were seen like this in the round before; one that is
    /// new may have been accepted just now. Returns what this round saw.
    fn end_stranded(&self, before: &[ResponseId]) -> Vec<ResponseId> {
        let stored = self.storage().read_one(|conn| responses::running_of_node(conn, self.node_id()));
        // The last of a chat first: it must not count as one that was asked.
        let mut seen: Vec<_> = stored.unwrap_or_default().into_iter().rev().collect();
        seen.retain(|id| self.live().get(*id).is_none());
        // What cannot be ended now is seen again.
        seen.retain(|id| {
            !before.contains(id) || recover::end(self, *id, ResponseStatus::Interrupted).is_err()
        });
        seen
    }

    /// One round of upkeep. What fails is tried again in the next one.
    fn keep_up(&self) {
        let _ = recover::run(self);
        let now = self.now();
        let expired = self.storage().read_one(|conn| idempotency_keys::any_expired(conn, now));
        if expired.unwrap_or(false) {
            let _ = self.storage().write(move |tx| idempotency_keys::purge(tx, now));
        }
    }

    /// Forgets the sessions and invitations that nobody can use any more. Expired API keys stay until they
    /// are deleted, so that their owner sees why they stopped working.
    fn sweep(&self) {
        let now = self.now();
        let expired = self.storage().read(|conn| {
            Ok(access_tokens::any_expired_session(conn, now)? || invitations::any_expired(conn, now)?)
        });
        if expired.unwrap_or(false) {
            let _ = self.storage().write(move |tx| {
                access_tokens::purge_sessions(tx, now)?;
                invitations::purge(tx, now)
            });
        }
    }

    /// Removes the bytes that no file names. What fails is tried again the next time.
    fn sweep_blobs(&self) {
        let _ = blob_sweep::sweep(self.storage());
    }

    /// Whether the database answers.
    pub(crate) fn check(&self) -> Result<()> {
        // One step of an index, however much is stored.
        let now = self.now();
        self.storage().read_one(|conn| idempotency_keys::any_expired(conn, now).map(|_| ()))
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// What this process is.
    pub(crate) fn kind(&self) -> NodeKind {
        self.0.kind
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

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) fn blob_sweep(&self) -> &BlobSweep {
        &self.0.blob_sweep
    }

    pub(crate) fn extraction(&self) -> &Extraction {
        &self.0.extraction
    }

    /// How titles are made.
    pub(crate) fn titling(&self) -> &Titling {
        &self.0.titling
    }

    pub(crate) fn json_modes(&self) -> &JsonModes {
        &self.0.json_modes
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.0.uses
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn searches(&self) -> &Searches {
        &self.0.searches
    }

    pub(crate) fn indexing(&self) -> &Indexing {
        &self.0.indexing
    }

    pub(crate) fn ingesting(&self) -> &Ingesting {
        &self.0.ingesting
    }

    pub(crate) fn doorman(&self) -> &Doorman {
        &self.0.doorman
    }

    pub(crate) fn downgrade(&self) -> WeakInstallation {
        WeakInstallation(Arc::downgrade(&self.0))
    }

    pub(crate) fn node_id(&self) -> NodeId {
        self.0.node_id
    }

    pub(crate) fn providers(&self) -> &Registry {
        &self.0.parts.providers
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0.parts.network
    }

    pub(crate) fn embedding(&self) -> &Embedding {
        &self.0.parts.embedding
    }

    /// How long passages are.
    pub(crate) fn chunks(&self) -> &Sizes {
        &self.0.parts.chunks
    }

    pub(crate) fn model_hosts(&self) -> &[ModelHost] {
        &self.0.parts.model_hosts
    }

    /// The service that checks `.based` files, if that is not done here.
    pub(crate) fn based_validator(&self) -> Option<&Endpoint> {
        self.0.parts.based_validator.as_ref()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.parts.open
    }

    pub(crate) fn admits_anonymous(&self) -> bool {
        self.0.parts.anonymous
    }

    pub(crate) fn registration(&self) -> Registration {
        self.0.parts.registration
    }

    /// Whether plans are enforced. Those who reach an open installation are its operators.
    pub(crate) fn quotas(&self) -> Quotas {
        let parts = &self.0.parts;
        Quotas::new(parts.quotas && !parts.open, parts.limits.reserved_answer_tokens)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.parts.limits
    }

    pub(crate) fn keyring(&self) -> Result<&Keyring> {
        self.0.keyring.as_ref().ok_or_else(keyring::missing)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.0.parts.random
    }

    /// Tells whoever runs the installation.
    pub(crate) fn warn(&self, sentence: &str) {
        self.0.parts.on_warning.tell(sentence);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn new_id<T: From<Uuid>>(&self) -> T {
        self.0.ids.next(self.now())
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation").field("node", &self.0.node_id).finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        self.upkeep.stop();
        self.removing.stop();
        self.ingesting.stop();
        self.parts.embedding.thread.stop();
        self.indexing.stop();
        self.doorman.stop();
        self.uses.store(&self.storage);
        self.live.close(CLOSE_PATIENCE);
        self.extraction.close();
        self.log.close();
        self.feed.close();
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
