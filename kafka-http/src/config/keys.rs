//! The table of settings. Resolution, help texts, `config show`, the commented `kafka.toml` and the
//! check of `.env.example` all read it.

use kafka_core::Secret;

use super::{
    Settings, connections,
    database::{self, Database},
    secret,
    values::{
        Auth, Migrate, Registration, Words as _, address, directory, host, joined, list, origin, url,
        without_query,
    },
};
use crate::{cidr::Cidr, dialects::Dialect};

/// One setting. The environment variable is `KAFKA_` and the name in capitals with dots as underscores
/// (`DATABASE_URL` is the exception), the flag is the name with dashes.
#[derive(Debug)]
pub struct Key {
    /// The name in `kafka.toml`, dotted where it stands in a table.
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// The long flag without its dashes; none for what must not stand in a list of processes.
    pub flag: Option<&'static str>,
    /// What holds when nothing is set, as the documentation writes it; empty for nothing at all.
    pub default: &'static str,
    /// A value to start from when setting it by hand; empty where every installation needs its own.
    pub example: &'static str,
    /// What it is for and what it accepts, in one line.
    pub meaning: &'static str,
    /// Reads a text into the settings, or answers with a clause that says what is accepted.
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
    /// The value in force as text that may be shown to anyone.
    pub(super) show: fn(&Settings) -> String,
    /// A text that was not accepted, without what must not be shown.
    pub(super) redact: fn(&str) -> Option<String>,
}

impl Key {
    /// The help text of the flag.
    #[must_use]
    pub fn help(&self) -> String {
        let default = if self.default.is_empty() { "none" } else { self.default };
        format!("{} [default: {default}] [environment: {}]", self.meaning, self.variable)
    }
}

/// Every setting, in the order in which they are shown.
pub static KEYS: [&Key; 30] = [
    &LISTEN,
    &DATABASE,
    &connections::POOL_SIZE,
    &connections::POOL_OVERFLOW,
    &connections::POOL_WAIT,
    &connections::POOL_IDLE,
    &connections::POOL_LIFETIME,
    &connections::STATEMENT_CACHE,
    &connections::STATEMENT_TIMEOUT,
    &connections::REPLICA_URL,
    &DATA_DIR,
    &AUTH,
    &OPEN_TO,
    &ALLOW_HOST,
    &ALLOW_ORIGIN,
    &ALLOW_MODEL_HOST,
    &BASED_VALIDATOR,
    &EMBEDDING_URL,
    &EMBEDDING_MODEL,
    &EMBEDDING_KEY,
    &CHUNK_TOKENS,
    &TRUSTED_PROXY,
    &REGISTRATION,
    &ANONYMOUS,
    &QUOTAS,
    &TITLES,
    &DIALECT,
    &MIGRATE,
    &LOG,
    &SECRET_KEY,
];

pub(super) static LISTEN: Key = Key {
    name: "listen",
    variable: "KAFKA_LISTEN",
    flag: Some("listen"),
    default: "127.0.0.1:8000",
    example: "127.0.0.1:8000",
    meaning: "Address and port to serve on; port 0 picks a free one",
    set: |settings, text| {
        settings.listen = address(text)?;
        Ok(())
    },
    show: |settings| settings.listen.to_string(),
    redact: in_full,
};

pub(super) static DATABASE: Key = Key {
    name: "database",
    variable: "DATABASE_URL",
    flag: Some("database"),
    default: "sqlite://<data-dir>/kafka.db",
    example: "sqlite://kafka-data/kafka.db",
    meaning: "URL of the database: sqlite://PATH, sqlite::memory:, or with the release kafka-postgres \
              postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    set: |settings, text| {
        settings.database = Database::from_url(text).map_err(|error| error.to_string())?;
        Ok(())
    },
    show: |settings| settings.database.to_string(),
    redact: |text| Some(database::without_password(text)),
};

pub(super) static DATA_DIR: Key = Key {
    name: "data_dir",
    variable: "KAFKA_DATA_DIR",
    flag: Some("data-dir"),
    default: "./kafka-data",
    example: "./kafka-data",
    meaning: "Directory of the database, the stored files and the secret",
    set: |settings, text| {
        settings.data_dir = directory(text)?;
        Ok(())
    },
    show: |settings| settings.data_dir.display().to_string(),
    redact: in_full,
};

pub(super) static AUTH: Key = Key {
    name: "auth",
    variable: "KAFKA_AUTH",
    flag: Some("auth"),
    default: "open",
    example: "password",
    meaning: "Who may call: `open` (everyone who reaches the server) or `password` (who has a token)",
    set: |settings, text| {
        settings.auth = Auth::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.auth.word().to_owned(),
    redact: in_full,
};

pub(super) static OPEN_TO: Key = Key {
    name: "open_to",
    variable: "KAFKA_OPEN_TO",
    flag: Some("open-to"),
    default: "",
    example: "192.168.1.0/24",
    meaning: "Addresses or CIDR blocks that open mode serves besides loopback, such as 192.168.1.0/24",
    set: |settings, text| {
        settings.open_to = cidrs(text)?;
        Ok(())
    },
    show: |settings| joined(&settings.open_to),
    redact: in_full,
};

pub(super) static ALLOW_HOST: Key = Key {
    name: "allow_host",
    variable: "KAFKA_ALLOW_HOST",
    flag: Some("allow-host"),
    default: "",
    example: "chat.example.org",
    meaning: "Host values that open mode accepts besides loopback, such as chat.example.org",
    set: |settings, text| {
        settings.allow_host =
            list(text, host, "host names such as chat.example.org or chat.example.org:8000")?;
        Ok(())
    },
    show: |settings| joined(&settings.allow_host),
    redact: in_full,
};

pub(super) static ALLOW_ORIGIN: Key = Key {
    name: "allow_origin",
    variable: "KAFKA_ALLOW_ORIGIN",
    flag: Some("allow-origin"),
    default: "",
    example: "https://chat.example.org",
    meaning: "Origins of pages that may call from a browser, such as https://chat.example.org",
    set: |settings, text| {
        settings.allow_origin =
            list(text, origin, "origins, scheme and host without a path, such as https://chat.example.org")?;
        Ok(())
    },
    show: |settings| joined(&settings.allow_origin),
    redact: in_full,
};

pub(super) static ALLOW_MODEL_HOST: Key = Key {
    name: "allow_model_host",
    variable: "KAFKA_ALLOW_MODEL_HOST",
    flag: Some("allow-model-host"),
    default: "",
    example: "ollama.lan:11434",
    meaning: "Hosts at private addresses, perhaps with a port, where models of every user may be",
    set: |settings, text| {
        let accepted = "hosts, perhaps with a port, such as ollama.lan or 10.0.0.7:11434";
        settings.allow_model_host = list(text, |part| part.parse().ok(), accepted)?;
        Ok(())
    },
    show: |settings| joined(&settings.allow_model_host),
    redact: in_full,
};

pub(super) static BASED_VALIDATOR: Key = Key {
    name: "based_validator",
    variable: "KAFKA_BASED_VALIDATOR",
    flag: Some("based-validator"),
    default: "",
    example: "http://127.0.0.1:9000/validate",
    meaning: "URL of a service that checks the `.based` files which models write, in place of the built-in rules",
    set: |settings, text| {
        settings.based_validator = match text.trim() {
            "" => None,
            text => Some(url(text)?),
        };
        Ok(())
    },
    show: |settings| settings.based_validator.as_deref().map(without_query).unwrap_or_default().to_owned(),
    redact: |text| Some(without_query(text).to_owned()),
};

pub(super) static EMBEDDING_URL: Key = Key {
    name: "embedding_url",
    variable: "KAFKA_EMBEDDING_URL",
    flag: None,
    default: "",
    example: "https://api.openai.com/v1",
    meaning: "Base URL of an OpenAI-compatible endpoint whose /embeddings makes vectors of documents; without one they are \
              found by their words alone",
    set: |settings, text| {
        settings.embedding_url = match text.trim() {
            "" => None,
            text => Some(url(text)?),
        };
        Ok(())
    },
    show: |settings| settings.embedding_url.as_deref().map(without_query).unwrap_or_default().to_owned(),
    redact: |text| Some(without_query(text).to_owned()),
};

pub(super) static EMBEDDING_MODEL: Key = Key {
    name: "embedding_model",
    variable: "KAFKA_EMBEDDING_MODEL",
    flag: None,
    default: "",
    example: "text-embedding-3-small",
    meaning: "Name of the model that makes them; with another name all are made anew in the background",
    set: |settings, text| {
        settings.embedding_model = Some(text.trim().to_owned()).filter(|name| !name.is_empty());
        Ok(())
    },
    show: |settings| settings.embedding_model.clone().unwrap_or_default(),
    redact: in_full,
};

pub(super) static EMBEDDING_KEY: Key = Key {
    name: "embedding_key",
    variable: "KAFKA_EMBEDDING_KEY",
    flag: None,
    default: "",
    example: "",
    meaning: "Key for that endpoint",
    set: |settings, text| {
        let key = Some(text.trim().to_owned()).filter(|key| !key.is_empty());
        settings.embedding_key = key.map(Secret::new);
        Ok(())
    },
    show: |settings| settings.embedding_key.as_ref().map(Secret::to_string).unwrap_or_default(),
    redact: |_| None,
};

pub(super) static CHUNK_TOKENS: Key = Key {
    name: "chunk_tokens",
    variable: "KAFKA_CHUNK_TOKENS",
    flag: None,
    default: "128-256",
    example: "192-384",
    meaning: "Tokens of the passages that documents are cut into: a section below the first number is joined with the next, \
              none is above the second (1024 at most); what was read before stays as it is",
    set: |settings, text| {
        settings.chunk_tokens = text.parse().map_err(str::to_owned)?;
        Ok(())
    },
    show: |settings| settings.chunk_tokens.to_string(),
    redact: in_full,
};

pub(super) static TRUSTED_PROXY: Key = Key {
    name: "trusted_proxy",
    variable: "KAFKA_TRUSTED_PROXY",
    flag: Some("trusted-proxy"),
    default: "",
    example: "10.0.0.1",
    meaning: "Addresses or CIDR blocks of proxies whose X-Forwarded-* headers are believed",
    set: |settings, text| {
        settings.trusted_proxy = cidrs(text)?;
        Ok(())
    },
    show: |settings| joined(&settings.trusted_proxy),
    redact: in_full,
};

pub(super) static REGISTRATION: Key = Key {
    name: "registration",
    variable: "KAFKA_REGISTRATION",
    flag: Some("registration"),
    default: "open in open mode, first in password mode",
    example: "invite",
    meaning: "Who may make an account: `open`, `first` (until the first admin exists), `invite` or `closed`",
    set: |settings, text| {
        settings.registration = Registration::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.registration.word().to_owned(),
    redact: in_full,
};

pub(super) static ANONYMOUS: Key = Key {
    name: "anonymous",
    variable: "KAFKA_ANONYMOUS",
    flag: Some("anonymous"),
    default: "off",
    example: "on",
    meaning: "Whether password mode lets callers without a credential make chats, and use those whose id they know",
    set: |settings, text| {
        settings.anonymous = bool::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.anonymous.word().to_owned(),
    redact: in_full,
};

pub(super) static QUOTAS: Key = Key {
    name: "quotas",
    variable: "KAFKA_QUOTAS",
    flag: Some("quotas"),
    default: "off",
    example: "on",
    meaning: "Whether plans are enforced, `on` or `off`; never in open mode, never for admins",
    set: |settings, text| {
        settings.quotas = bool::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.quotas.word().to_owned(),
    redact: in_full,
};

pub(super) static TITLES: Key = Key {
    name: "titles",
    variable: "KAFKA_TITLES",
    flag: Some("titles"),
    default: "off",
    example: "on",
    meaning: "Whether the model that answers in a chat names it after the first answer, `on` or `off`; a call more, counted for the chat's owner",
    set: |settings, text| {
        settings.titles = bool::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.titles.word().to_owned(),
    redact: in_full,
};

pub(super) static DIALECT: Key = Key {
    name: "dialect",
    variable: "KAFKA_DIALECT",
    flag: Some("dialect"),
    default: "kafka,chat-history,open-chat",
    example: "none",
    meaning: "Wire formats of replaced systems that are served beside the API: `kafka`, `chat-history` and `open-chat`, or `none`",
    set: |settings, text| {
        let dialect = |name: &str| Dialect::ALL.into_iter().find(|dialect| dialect.as_str() == name);
        settings.dialects = match text.trim() {
            "none" => Vec::new(),
            text => list(text, dialect, "kafka, chat-history and open-chat, or none")?,
        };
        Ok(())
    },
    show: |settings| match settings.dialects.is_empty() {
        true => "none".to_owned(),
        false => settings.dialects.iter().map(|dialect| dialect.as_str()).collect::<Vec<_>>().join(","),
    },
    redact: in_full,
};

pub(super) static MIGRATE: Key = Key {
    name: "migrate",
    variable: "KAFKA_MIGRATE",
    flag: Some("migrate"),
    default: "auto",
    example: "require",
    meaning: "A database of an older schema: `auto` brings it up to date, `require` refuses to start",
    set: |settings, text| {
        settings.migrate = Migrate::from_word(text)?;
        Ok(())
    },
    show: |settings| settings.migrate.word().to_owned(),
    redact: in_full,
};

pub(super) static LOG: Key = Key {
    name: "log",
    variable: "KAFKA_LOG",
    flag: Some("log"),
    default: "text",
    example: "json:warn",
    meaning: "Log on stderr: `text` or `json`, perhaps with :error, :warn, :info (the default) or :debug",
    set: |settings, text| {
        settings.log = text.parse()?;
        Ok(())
    },
    show: |settings| settings.log.to_string(),
    redact: in_full,
};

pub(super) static SECRET_KEY: Key = Key {
    name: "secret_key",
    variable: "KAFKA_SECRET_KEY",
    flag: None,
    default: "the file <data-dir>/secret, made at the first start",
    example: "",
    meaning: "Key that seals the keys of models: 32 bytes as 64 hex digits, as `openssl rand -hex 32` makes them; \
              while it is replaced the new key, a comma and the old one",
    set: |settings, text| {
        settings.secret_key = secret::parse_keys(text.split(',').map(str::trim))?;
        Ok(())
    },
    show: |settings| match settings.secret_key.first() {
        Some(key) => Secret::to_string(key),
        None => format!("file {}", settings.secret_file().display()),
    },
    redact: |_| None,
};

fn cidrs(text: &str) -> Result<Vec<Cidr>, String> {
    list(text, |part| part.parse().ok(), "addresses and CIDR blocks such as 10.0.0.0/8")
}

pub(super) fn in_full(text: &str) -> Option<String> {
    Some(text.to_owned())
}
