//! The flags of the settings. Clap reads neither environment nor files: resolution does, for every
//! source alike.

use std::path::PathBuf;

use super::{connections, keys, sources::Flags};

/// The file of settings is no setting itself, so its help stands here.
const CONFIG: &str = "File of settings; must exist when given [default: <data-dir>/kafka.toml, if it exists]";

/// Flags that every verb takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DatabaseArgs {
    #[arg(long, global = true, value_name = "URL", help = keys::DATABASE.help(), help_heading = "Data")]
    database: Option<String>,
    #[arg(long, global = true, value_name = "DIR", help = keys::DATA_DIR.help(), help_heading = "Data")]
    data_dir: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = CONFIG, help_heading = "Data")]
    config: Option<PathBuf>,
}

impl DatabaseArgs {
    /// What was given on the command line.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let mut flags = Flags { config: self.config.clone(), ..Flags::default() };
        flags.set(&keys::DATABASE, self.database.clone());
        flags.set(&keys::DATA_DIR, self.data_dir.clone());
        flags
    }
}

/// Flags of the server. Those that name a list can be repeated.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    #[arg(long, value_name = "ADDRESS", help = keys::LISTEN.help(), help_heading = "Server")]
    listen: Option<String>,
    #[arg(long, value_name = "MODE", help = keys::AUTH.help(), help_heading = "Server")]
    auth: Option<String>,
    #[arg(long, value_name = "CIDR", help = keys::OPEN_TO.help(), help_heading = "Server")]
    open_to: Vec<String>,
    #[arg(long, value_name = "HOST", help = keys::ALLOW_HOST.help(), help_heading = "Server")]
    allow_host: Vec<String>,
    #[arg(long, value_name = "ORIGIN", help = keys::ALLOW_ORIGIN.help(), help_heading = "Server")]
    allow_origin: Vec<String>,
    #[arg(long, value_name = "HOST", help = keys::ALLOW_MODEL_HOST.help(), help_heading = "Server")]
    allow_model_host: Vec<String>,
    #[arg(long, value_name = "URL", help = keys::BASED_VALIDATOR.help(), help_heading = "Server")]
    based_validator: Option<String>,
    #[arg(long, value_name = "CIDR", help = keys::TRUSTED_PROXY.help(), help_heading = "Server")]
    trusted_proxy: Vec<String>,
    #[arg(long, value_name = "WHO", help = keys::REGISTRATION.help(), help_heading = "Server")]
    registration: Option<String>,
    #[arg(long, value_name = "on|off", help = keys::ANONYMOUS.help(), help_heading = "Server")]
    anonymous: Option<String>,
    #[arg(long, value_name = "on|off", help = keys::QUOTAS.help(), help_heading = "Server")]
    quotas: Option<String>,
    #[arg(long, value_name = "on|off", help = keys::TITLES.help(), help_heading = "Server")]
    titles: Option<String>,
    #[arg(long, value_name = "NAME|none", help = keys::DIALECT.help(), help_heading = "Server")]
    dialect: Option<String>,
    #[arg(long, value_name = "auto|require", help = keys::MIGRATE.help(), help_heading = "Server")]
    migrate: Option<String>,
    #[arg(long, value_name = "FORMAT[:LEVEL]", help = keys::LOG.help(), help_heading = "Server")]
    log: Option<String>,
    #[arg(long, value_name = "COUNT", help = connections::POOL_SIZE.help(), help_heading = "PostgreSQL")]
    database_pool_size: Option<String>,
    #[arg(long, value_name = "COUNT", help = connections::POOL_OVERFLOW.help(), help_heading = "PostgreSQL")]
    database_pool_overflow: Option<String>,
    #[arg(long, value_name = "TIME", help = connections::POOL_WAIT.help(), help_heading = "PostgreSQL")]
    database_pool_wait: Option<String>,
    #[arg(long, value_name = "TIME", help = connections::POOL_IDLE.help(), help_heading = "PostgreSQL")]
    database_pool_idle: Option<String>,
    #[arg(long, value_name = "TIME", help = connections::POOL_LIFETIME.help(), help_heading = "PostgreSQL")]
    database_pool_lifetime: Option<String>,
    #[arg(long, value_name = "COUNT", help = connections::STATEMENT_CACHE.help(), help_heading = "PostgreSQL")]
    database_statement_cache: Option<String>,
    #[arg(long, value_name = "TIME", help = connections::STATEMENT_TIMEOUT.help(), help_heading = "PostgreSQL")]
    database_statement_timeout: Option<String>,
    #[arg(long, value_name = "URL", help = connections::REPLICA_URL.help(), help_heading = "PostgreSQL")]
    replica_url: Option<String>,
}

impl ServeArgs {
    /// Adds what was given on the command line.
    pub fn add_to(&self, flags: &mut Flags) {
        flags.set(&keys::LISTEN, self.listen.clone());
        flags.set(&keys::AUTH, self.auth.clone());
        flags.set_list(&keys::OPEN_TO, &self.open_to);
        flags.set_list(&keys::ALLOW_HOST, &self.allow_host);
        flags.set_list(&keys::ALLOW_ORIGIN, &self.allow_origin);
        flags.set_list(&keys::ALLOW_MODEL_HOST, &self.allow_model_host);
        flags.set(&keys::BASED_VALIDATOR, self.based_validator.clone());
        flags.set_list(&keys::TRUSTED_PROXY, &self.trusted_proxy);
        flags.set(&keys::REGISTRATION, self.registration.clone());
        flags.set(&keys::ANONYMOUS, self.anonymous.clone());
        flags.set(&keys::QUOTAS, self.quotas.clone());
        flags.set(&keys::TITLES, self.titles.clone());
        flags.set(&keys::DIALECT, self.dialect.clone());
        flags.set(&keys::MIGRATE, self.migrate.clone());
        flags.set(&keys::LOG, self.log.clone());
        flags.set(&connections::POOL_SIZE, self.database_pool_size.clone());
        flags.set(&connections::POOL_OVERFLOW, self.database_pool_overflow.clone());
        flags.set(&connections::POOL_WAIT, self.database_pool_wait.clone());
        flags.set(&connections::POOL_IDLE, self.database_pool_idle.clone());
        flags.set(&connections::POOL_LIFETIME, self.database_pool_lifetime.clone());
        flags.set(&connections::STATEMENT_CACHE, self.database_statement_cache.clone());
        flags.set(&connections::STATEMENT_TIMEOUT, self.database_statement_timeout.clone());
        flags.set(&connections::REPLICA_URL, self.replica_url.clone());
    }
}
