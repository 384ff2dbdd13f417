//! Where a PostgreSQL database is, and as whom it is asked.

use std::{
    fmt::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use tokio_postgres::config::{Host, SslMode};

use super::tls::Trust;
use crate::base::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

const ACCEPTED: &str = "it takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE, where signs with a meaning in \
     URLs are written as % and two digits";

/// A PostgreSQL database: server, account, name and how the connection is secured. It is shown without
/// account and password.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(super) config: Box<tokio_postgres::Config>,
    pub(super) trust: Trust,
}

impl PostgresAddress {
    /// Reads a URL: `postgresql://user:password@host:port/database?sslmode=require`. The scheme may be
    /// `postgres`, and may name a driver of Python behind a `+`, which has no meaning here.
    ///
    /// Of the options behind `?`, `sslmode` is `disable`, `prefer` (the default), `require`, `verify-ca` or
    /// `verify-full`, with `sslrootcert` naming a file of certificates; without one `verify-full` trusts the
    /// authorities of the web. Those of the driver are taken, too, `connect_timeout` and `options` among
    /// them. `host=/directory` names a Unix socket.
    ///
    /// # Errors
    /// `Invalid` (`database_url_invalid`). The message is a clause that tells what is accepted and repeats
    /// nothing of the URL.
    pub fn from_url(url: &str) -> Result<PostgresAddress> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(ACCEPTED))?;
        let engine = scheme.split('+').next().unwrap_or_default();
        if !engine.eq_ignore_ascii_case("postgresql") && !engine.eq_ignore_ascii_case("postgres") {
            return Err(invalid(ACCEPTED));
        }
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        // A `/` of a password would end the account, and what follows be shown as the server's name.
        if place.split_once('/').is_some_and(|(_, database)| database.contains('@')) {
            return Err(invalid(ACCEPTED));
        }
        let mut plain = format!("postgresql://{}", with_one_at(place));
        let (mut mode, mut roots, mut mark) = ("prefer", None, '?');
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(decoded(value))),
                _ => {
                    let _ = write!(plain, "{mark}{option}");
                    mark = '&';
                }
            }
        }
        let mut config = plain.parse::<tokio_postgres::Config>().map_err(|_| invalid(ACCEPTED))?;
        let (wanted, trust) = match (mode, roots) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("prefer" | "allow", _) => (SslMode::Prefer, Trust::Anyone),
            ("require", None) => (SslMode::Require, Trust::Anyone),
            // As libpq does it: who names authorities wants them asked.
            ("require" | "verify-ca", roots) => (SslMode::Require, Trust::Authority(roots)),
            ("verify-full", roots) => (SslMode::Require, Trust::Host(roots)),
            _ => {
                return Err(invalid("its sslmode is disable, prefer, require, verify-ca or verify-full"));
            }
        };
        config.ssl_mode(wanted);
        Ok(PostgresAddress::of(config, trust))
    }

    /// The database of this name on a server, as this account.
    #[must_use]
    pub fn new(
        host: &str,
        port: u16,
        user: &str,
        password: &Secret<String>,
        database: &str,
    ) -> PostgresAddress {
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(port).user(user).password(password.expose()).dbname(database);
        PostgresAddress::of(config, Trust::Anyone)
    }

    fn of(mut config: tokio_postgres::Config, trust: Trust) -> PostgresAddress {
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("kafka");
        }
        // A server that vanished without a word is noticed within half a minute.
        config.keepalives_idle(Duration::from_secs(15)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3).tcp_user_timeout(Duration::from_secs(30));
        PostgresAddress { config: Box::new(config), trust }
    }

    /// The same, for a server without which one can do: that it vanished is noticed in seconds.
    pub(super) fn impatient(&self) -> PostgresAddress {
        let mut address = self.clone();
        address.config.connect_timeout(Duration::from_secs(2)).tcp_user_timeout(Duration::from_secs(5));
        address
    }

    /// `host:port`, or the directory of the socket.
    pub(super) fn server(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) if name.contains(':') => format!("[{name}]:{port}"),
            Some(Host::Tcp(name)) => format!("{name}:{port}"),
            #[cfg(unix)]
            Some(Host::Unix(directory)) => directory.display().to_string(),
            None => match self.config.get_hostaddrs().first() {
                Some(address) => std::net::SocketAddr::new(*address, port).to_string(),
                None => format!("localhost:{port}"),
            },
        }
    }

    /// The database's name; the account's when none was given.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("of this process")
    }
}

/// Two addresses are the same when they lead to the same place as the same account.
impl PartialEq for PostgresAddress {
    fn eq(&self, other: &PostgresAddress) -> bool {
        let parts = |address: &PostgresAddress| {
            let config = &address.config;
            (
                (address.server(), config.get_hosts().to_vec(), config.get_ports().to_vec()),
                (config.get_user().map(str::to_owned), config.get_password().map(<[u8]>::to_vec)),
                (config.get_dbname().map(str::to_owned), config.get_options().map(str::to_owned)),
                (config.get_ssl_mode(), address.trust.clone()),
            )
        };
        parts(self) == parts(other)
    }
}

impl Eq for PostgresAddress {}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgresql://{}/{}", self.server(), self.database())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

/// The last `@` before the path ends the account: those before it belong to the password.
fn with_one_at(place: &str) -> String {
    let end = place.find('/').unwrap_or(place.len());
    let (authority, path) = place.split_at(end);
    match authority.rsplit_once('@') {
        Some((account, host)) => format!("{}@{host}{path}", account.replace('@', "%40")),
        None => place.to_owned(),
    }
}

/// Text whose `%` and two digits are bytes; what is none stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn invalid(clause: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, "database_url_invalid", clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_leads_to_its_place() {
        for (url, shown, user, password) in [
            ("postgresql://u:p@h/d", "postgresql://h:5432/d", "u", "p"),
            ("postgres://u:p@h:6000/d", "postgresql://h:6000/d", "u", "p"),
            ("postgresql+psycopg://u:p@h/d", "postgresql://h:5432/d", "u", "p"),
            ("postgresql+asyncpg://u:p%40ss@h/d", "postgresql://h:5432/d", "u", "p@ss"),
            ("PostgreSQL+psycopg2://u:p@ss@h/d", "postgresql://h:5432/d", "u", "p@ss"),
            ("postgresql://u:p@[::1]:5433/d", "postgresql://[::1]:5433/d", "u", "p"),
            ("postgresql://u:p@/d", "postgresql://localhost:5432/d", "u", "p"),
            ("postgresql://u:p@h", "postgresql://h:5432/u", "u", "p"),
            ("postgresql:///d?host=/tmp/x&user=u&password=p", "postgresql:///tmp/x/d", "u", "p"),
        ] {
            let address = PostgresAddress::from_url(url).unwrap();
            assert_eq!(address.to_string(), shown, "{url}");
            assert_eq!(address.user(), user, "{url}");
            assert_eq!(address.config.get_password(), Some(password.as_bytes()), "{url}");
            assert!(!format!("{address:?}").contains(&format!("{user}:")), "{address:?}");
        }
    }

    #[test]
    fn the_modes_of_tls_are_those_of_libpq() {
        let roots = || Some(PathBuf::from("/a b.pem"));
        for (options, mode, trust) in [
            ("", SslMode::Prefer, Trust::Anyone),
            ("?sslmode=disable", SslMode::Disable, Trust::Anyone),
            ("?sslmode=require", SslMode::Require, Trust::Anyone),
            ("?sslmode=require&sslrootcert=/a%20b.pem", SslMode::Require, Trust::Authority(roots())),
            ("?connect_timeout=3&sslmode=verify-ca", SslMode::Require, Trust::Authority(None)),
            ("?sslrootcert=/a b.pem&sslmode=verify-full", SslMode::Require, Trust::Host(roots())),
        ] {
            let address = PostgresAddress::from_url(&format!("postgresql://h/d{options}")).unwrap();
            assert_eq!((address.config.get_ssl_mode(), address.trust), (mode, trust), "{options}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_it() {
        for url in [
            "mysql://u:hush@h/d",
            "postgresql://u:hush@h:port/d",
            "postgresql://u:hush@h/d?sslmode=maybe",
            "postgresql://u:hush@h/d?colour=red",
            "u:hush@h",
            "postgresql://u:a@hush/b@h/d",
            "postgresql://u:1/hush@h/d",
        ] {
            let error = PostgresAddress::from_url(url).unwrap_err();
            assert_eq!((error.code(), error.kind()), ("database_url_invalid", ErrorKind::Invalid), "{url}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
