//! How an installation is opened. Plain data: nothing is read from the environment.

use std::{fmt, path::PathBuf, sync::Arc};

#[cfg(feature = "postgres")]
use crate::storage::{PostgresAddress, PostgresOptions};
use crate::{
    base::{
        limits::Limits,
        random::{Random, SystemRandom},
        time::{Clock, SystemClock},
        warning::OnWarning,
    },
    provider::{
        address::AddressPolicy,
        api::Provider,
        endpoint::ModelHost,
        network::{Resolver, SystemResolver},
    },
    service::{
        completion::titles::Titles, embedding::EmbeddingEndpoint, extraction::Extractor,
        keyring::SecretSource, registration::Registration,
    },
    storage::{MigrateMode, NodeKind, Synchronous},
    text::chunk::Sizes,
};

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In this process's memory; gone when the last handle is.
    Memory,
    /// In an SQLite file, which is made when it does not exist.
    File(PathBuf),
    /// On a PostgreSQL server. The bytes of files lie in the directory `blobs`, which all processes that
    /// open the database share.
    #[cfg(feature = "postgres")]
    Postgres {
        /// Which database.
        address: PostgresAddress,
        /// Where the bytes of files lie.
        blobs: PathBuf,
    },
}

/// How to open an installation: [`Config::file`] or [`Config::memory`], then the fields that shall
/// differ.
#[derive(Clone)]
pub struct Config {
    /// Where the database lies.
    pub database: Database,
    /// What opens it. Default embedded.
    pub kind: NodeKind,
    /// Pending migrations. Default auto.
    pub migrate: MigrateMode,
    /// What a commit waits for before a write is acknowledged. Default full.
    pub synchronous: Synchronous,
    /// How connections to a PostgreSQL server are made and kept, and which replica takes reads off it. Of no
    /// effect on SQLite.
    #[cfg(feature = "postgres")]
    pub postgres: PostgresOptions,
    /// Who is told, a sentence each, of what those who run the installation should know while it serves all the same:
    /// at the opening, of stored keys of models that the secret does not open, and on PostgreSQL of a secret, or a
    /// directory for the bytes of files, that is not that of the other nodes; later, of a replica that is lost, and
    /// asked again, and of an embedding endpoint that gives no vectors, or other ones than before. Commands do not look. Default nobody.
    pub on_warning: OnWarning,
    /// Open mode: [`Kafka::local_actor`](crate::Kafka::local_actor) works without a credential.
    /// Default false.
    pub open: bool,
    /// Outside open mode: [`Kafka::local_actor`](crate::Kafka::local_actor) gives an actor who may make chats
    /// and use those whose id it knows. Default false.
    pub anonymous: bool,
    /// Who may make an account with [`Kafka::register`](crate::Kafka::register). Default open.
    pub registration: Registration,
    /// Where the secret comes from that seals model keys at rest; a [`Secret`](crate::Secret) of 32 bytes
    /// is such a source. Without one models with keys cannot be added or used. Default none.
    pub secret: Option<Arc<dyn SecretSource>>,
    /// Whether plans are enforced: tokens a day and chats an account. Never in open mode, and never for
    /// administrators. Default false; usage is counted in any case.
    pub quotas: bool,
    /// The work factor of password hashes (bcrypt), 4 to 31; one more doubles the time. Default 12, about
    /// 0.4 s on a core of 2026; tests use 4.
    pub password_cost: u32,
    /// Which addresses model endpoints may have. Default: private ones are allowed. Outside open mode
    /// models of users other than administrators may have public ones only, whatever this says.
    pub addresses: AddressPolicy,
    /// Hosts that every user's models may have, private addresses included. Default none.
    pub model_hosts: Vec<ModelHost>,
    /// The URL of a service that checks the texts of `.based` files which models write, in place of the rules
    /// that are built in: it is sent `{"code"}` and answers `{"status": "success"}` or `{"status": "error",
    /// "error"}` within 10 s. It may have the addresses that `addresses` allows. Default none.
    pub based_validator: Option<String>,
    /// Where vectors of passages come from. Default none: documents are found by their words alone. It may have the
    /// addresses that `addresses` allows.
    pub embedding: Option<EmbeddingEndpoint>,
    /// How long the passages are that documents are cut into. Documents that were read before stay as they are.
    pub chunks: Sizes,
    /// Who knows the addresses of model endpoints. Default the operating system.
    pub resolver: Arc<dyn Resolver>,
    /// Providers besides the built-in `openai` and `echo`.
    pub providers: Vec<Arc<dyn Provider>>,
    /// The program that makes text of PDFs and office files, which models are then sent. Default none: they are kept,
    /// without text.
    pub extractor: Option<Extractor>,
    /// Has models give chats that nobody has named a title after the first answer, for which they are called once more.
    /// Not for chats that `echo` answers in, nor in commands, which end before. Default none: models only answer.
    pub titles: Option<Titles>,
    /// Sizes, counts and times.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
}

impl Config {
    /// An installation in this file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Config {
        Config::of(Database::File(path.into()))
    }

    /// An installation on a PostgreSQL server, with the bytes of files in the directory `blobs`.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres(address: PostgresAddress, blobs: impl Into<PathBuf>) -> Config {
        Config::of(Database::Postgres { address, blobs: blobs.into() })
    }

    /// An installation in memory.
    #[must_use]
    pub fn memory() -> Config {
        Config::of(Database::Memory)
    }

    fn of(database: Database) -> Config {
        Config {
            database,
            kind: NodeKind::Embedded,
            migrate: MigrateMode::Auto,
            synchronous: Synchronous::Full,
            #[cfg(feature = "postgres")]
            postgres: PostgresOptions::default(),
            on_warning: OnWarning::default(),
            open: false,
            anonymous: false,
            registration: Registration::Open,
            quotas: false,
            secret: None,
            password_cost: 12,
            addresses: AddressPolicy::PrivateAllowed,
            model_hosts: Vec::new(),
            based_validator: None,
            embedding: None,
            chunks: Sizes::default(),
            resolver: Arc::new(SystemResolver),
            providers: Vec::new(),
            extractor: None,
            titles: None,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database", &self.database)
            .field("kind", &self.kind)
            .field("migrate", &self.migrate)
            .field("open", &self.open)
            .field("quotas", &self.quotas)
            .field("secret", &self.secret)
            .field("addresses", &self.addresses)
            .field("providers", &self.providers)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
