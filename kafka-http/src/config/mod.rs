//! The settings of the server and of every verb of the command line.
//!
//! A value is taken from the first of these that has it: flags, environment, `.env` in the working
//! directory, `kafka.toml` (`--config FILE`, else `<data-dir>/kafka.toml`), defaults. [`KEYS`] lists the
//! settings; [`resolve`] is the one place that reads them. Variables that it does not know are ignored,
//! because Apache Kafka and Kubernetes use the prefix `KAFKA_` too; an unknown key in `kafka.toml` is an
//! error.

mod args;
mod connections;
mod core;
mod database;
mod dotenv;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod keys;
mod secret;
mod sources;
mod template;
#[cfg(test)]
mod tests;
mod values;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use kafka_core::{Error, ErrorKind, ModelHost, Result, Secret, Sizes};

pub use self::{
    args::{DatabaseArgs, ServeArgs},
    connections::Connections,
    database::{Database, DatabaseUrlError},
    keys::{KEYS, Key},
    secret::{SecretRotation, secret_source},
    sources::{Environment, Flags, Source},
    template::template,
    values::{Auth, Log, LogFormat, LogLevel, Migrate, Registration},
};
use self::{
    keys::DATABASE,
    sources::{Given, Sources},
};
use crate::cidr::Cidr;
use crate::dialects::Dialect;

/// The values in force. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to serve; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the data lives.
    pub database: Database,
    /// The connections to a database on a server.
    pub connections: Connections,
    /// The directory of the database, the stored files and the secret.
    pub data_dir: PathBuf,
    /// Who may call.
    pub auth: Auth,
    /// Whom open mode serves besides loopback.
    pub open_to: Vec<Cidr>,
    /// `Host` values accepted besides loopback, in lower case.
    pub allow_host: Vec<String>,
    /// `Origin` values accepted besides loopback, in lower case.
    pub allow_origin: Vec<String>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxy: Vec<Cidr>,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether password mode serves callers without a credential, too.
    pub anonymous: bool,
    /// Whether plans are enforced.
    pub quotas: bool,
    /// Whether models name chats.
    pub titles: bool,
    /// Wire formats of replaced systems that are served, too.
    pub dialects: Vec<Dialect>,
    /// What happens at start to a database of an older schema.
    pub migrate: Migrate,
    /// How to log.
    pub log: Log,
    /// The secrets that were configured, the one that seals first; [`secret_source`] gives those to use.
    pub secret_key: Vec<Secret<[u8; 32]>>,
    /// Hosts that models of every user may have, private addresses included.
    pub allow_model_host: Vec<ModelHost>,
    /// The service that checks `.based` files in place of the built-in rules.
    pub based_validator: Option<String>,
    /// The endpoint that makes vectors of documents.
    pub embedding_url: Option<String>,
    /// Its model.
    pub embedding_model: Option<String>,
    /// The key for it.
    pub embedding_key: Option<Secret<String>>,
    /// How long the passages are that documents are cut into.
    pub chunk_tokens: Sizes,
}

impl Settings {
    fn defaults() -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            database: Database::File(PathBuf::from("./kafka-data/kafka.db")),
            connections: Connections::defaults(),
            data_dir: PathBuf::from(keys::DATA_DIR.default),
            auth: Auth::Open,
            open_to: Vec::new(),
            allow_host: Vec::new(),
            allow_origin: Vec::new(),
            trusted_proxy: Vec::new(),
            registration: Registration::Open,
            anonymous: false,
            quotas: false,
            titles: false,
            dialects: Dialect::ALL.to_vec(),
            migrate: Migrate::Auto,
            log: Log { format: LogFormat::Text, level: LogLevel::Info },
            secret_key: Vec::new(),
            allow_model_host: Vec::new(),
            based_validator: None,
            embedding_url: None,
            embedding_model: None,
            embedding_key: None,
            chunk_tokens: Sizes::default(),
        }
    }

    /// The file that holds the key when none is configured.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret")
    }

    /// Whether a server may start with these values together.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] `open_mode_exposed`: open mode would listen beyond loopback, and nothing
    /// says for whom. `anonymous_without_quotas`: plans would be enforced, but not for those who leave out
    /// their credential. `replica_without_primary`: a replica is named, and the database lies on no server.
    pub fn check_server(&self) -> Result<()> {
        if self.auth == Auth::Open && self.is_exposed() && self.open_to.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "open_mode_exposed",
                format!(
                    "Open mode does not listen on {}, where others could reach it without a password; name \
                     those it may serve, such as --open-to 192.168.1.0/24, or use --auth password.",
                    self.listen
                ),
            ));
        }
        if self.auth == Auth::Password && self.anonymous && self.quotas {
            return Err(Error::new(
                ErrorKind::Invalid,
                "anonymous_without_quotas",
                "With --anonymous on, chats belong to nobody and no plan bounds them, so --quotas on would hold \
                 nobody back; turn one of the two off.",
            ));
        }
        #[cfg(feature = "postgres")]
        if self.connections.replica.is_some() && !matches!(self.database, Database::Postgres(_)) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "replica_without_primary",
                format!(
                    "replica_url names a replica of PostgreSQL, and the database is {}; name its primary by \
                     --database, or leave the replica out.",
                    self.database
                ),
            ));
        }
        Ok(())
    }

    /// What a server may start with but should not, and what to do about it: password mode beyond
    /// loopback without a proxy to bring the encryption that this server lacks.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let is_bare = self.auth == Auth::Password && self.is_exposed() && self.trusted_proxy.is_empty();
        is_bare.then(|| {
            format!(
                "Password mode listens on {}, where passwords and tokens travel unencrypted; let a proxy with \
                 TLS listen there, name its address by --trusted-proxy, and move this server to loopback by \
                 --listen.",
                self.listen
            )
        })
    }

    /// Whether others than this machine can connect.
    fn is_exposed(&self) -> bool {
        !self.listen.ip().to_canonical().is_loopback()
    }
}

/// A setting with its value and where that came from.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which setting.
    pub key: &'static Key,
    /// Its value as text, without secrets.
    pub value: String,
    /// Where the value came from.
    pub source: Source,
}

/// What [`resolve`] found.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The values.
    pub settings: Settings,
    /// Each of them as text, in the order of [`KEYS`].
    pub entries: Vec<Entry>,
}

/// Finds the value of every setting.
///
/// # Errors
/// [`ErrorKind::Invalid`], so exit code 2: `config_value_invalid` names the key, the source, the value
/// (unless it is secret) and what is accepted; `config_key_unknown` and `config_file_invalid` name file
/// and line; `config_file_unreadable` names the file.
pub fn resolve(flags: &Flags, environment: &Environment) -> Result<Resolved> {
    settle(&Sources::read(flags, environment)?, &environment.current_dir)
}

/// The value of every setting in these sources. Relative paths start at `directory`.
fn settle(sources: &Sources<'_>, directory: &Path) -> Result<Resolved> {
    let mut settings = Settings::defaults();
    let mut found = Vec::with_capacity(KEYS.len());
    for key in KEYS {
        let given = sources.find(key)?;
        if let Some(given) = &given {
            (key.set)(&mut settings, &given.text).map_err(|reason| refused(key, given, &reason))?;
        }
        found.push((key, given.map_or(Source::Default, |given| given.source)));
    }
    let is_default = |wanted: &Key| {
        found.iter().any(|(key, source)| key.name == wanted.name && *source == Source::Default)
    };

    let registration_is_default = is_default(&keys::REGISTRATION);

    settings.data_dir = absolute(directory, &settings.data_dir);
    if is_default(&DATABASE) {
        match variables_of_postgresql(sources)? {
            Some((database, source)) => {
                settings.database = database;
                found.iter_mut().filter(|(key, _)| key.name == DATABASE.name).for_each(|(_, of)| {
                    *of = source.clone();
                });
            }
            None => settings.database = Database::File(settings.data_dir.join("kafka.db")),
        }
    }
    settings.database = settings.database.under(directory);
    if registration_is_default && settings.auth == Auth::Password {
        settings.registration = Registration::First;
    }
    let entries =
        found.into_iter().map(|(key, source)| Entry { key, value: (key.show)(&settings), source }).collect();
    Ok(Resolved { settings, entries })
}

/// The `kafka.toml` that [`resolve`] would read, whether it exists or not.
///
/// # Errors
/// [`ErrorKind::Invalid`] when `.env` cannot be read.
pub fn config_file(flags: &Flags, environment: &Environment) -> Result<PathBuf> {
    Sources::without_file(flags, environment)?.file_path()
}

/// Makes a directory for data, and those above it, for the owner's eyes only where the system knows
/// such a thing. One that exists is left as it is.
///
/// # Errors
/// Those of the file system.
pub fn create_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

fn refused(key: &Key, given: &Given, reason: &str) -> Error {
    let Given { text, source } = given;
    let value = (key.redact)(text).map(|text| format!(" {text:?}")).unwrap_or_default();
    Error::new(
        ErrorKind::Invalid,
        "config_value_invalid",
        format!("The value{value} of {} ({source}) is not accepted: {reason}.", key.name),
    )
    .with_field(key.name, reason)
}

/// Where the replaced systems ran on PostgreSQL, these variables name it. Starting on an empty SQLite
/// file instead would look as if the data were lost.
#[cfg(not(feature = "postgres"))]
fn variables_of_postgresql(sources: &Sources<'_>) -> Result<Option<(Database, Source)>> {
    for name in ["POSTGRES_HOST", "POSTGRES_DB"] {
        if let Some(Given { source, .. }) = sources.variable(name)? {
            return Err(Error::new(
                ErrorKind::Invalid,
                "config_value_invalid",
                format!(
                    "{name} ({source}) selects PostgreSQL, and this build has SQLite only; use the release \
                     kafka-postgres, or unset it, or set DATABASE_URL to a URL such as sqlite://kafka.db."
                ),
            ));
        }
    }
    Ok(None)
}

/// The database that the variables of the replaced systems name, when one of host and name is set.
#[cfg(feature = "postgres")]
fn variables_of_postgresql(sources: &Sources<'_>) -> Result<Option<(Database, Source)>> {
    let (host, name) = (sources.variable("POSTGRES_HOST")?, sources.variable("POSTGRES_DB")?);
    let Some(source) = host.as_ref().or(name.as_ref()).map(|given| given.source.clone()) else {
        return Ok(None);
    };
    let text = |given: Option<Given>, default: &str| given.map_or(default.to_owned(), |given| given.text);
    let port = match sources.variable("POSTGRES_PORT")? {
        None => 5432,
        Some(Given { text, source }) => text.parse().map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "config_value_invalid",
                format!(
                    "The value {text:?} of POSTGRES_PORT ({source}) is not accepted: it takes a port number."
                ),
            )
        })?,
    };
    let address = kafka_core::PostgresAddress::new(
        &text(host, "localhost"),
        port,
        &text(sources.variable("POSTGRES_USER")?, "postgres"),
        &Secret::new(text(sources.variable("POSTGRES_PASSWORD")?, "postgres")),
        &text(name, "ai_chat"),
    );
    Ok(Some((Database::Postgres(address), source)))
}

/// The path seen from the directory, without the `.` in it.
fn absolute(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path).components().collect()
}
