//! Making connections: what is asked of a server before it is trusted with work.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::PostgresAddress,
    driver::Driver,
    fault,
    options::PostgresOptions,
    session::{Role, Session},
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        random::Random,
    },
    crypto::hex,
};

/// The oldest version whose statements are all used here.
const OLDEST: u32 = 13;

/// Makes connections to one database.
pub(in crate::storage) struct Connector {
    pub(super) address: PostgresAddress,
    tls: MakeRustlsConnect,
    settings: String,
    pub(super) options: PostgresOptions,
    /// By this this process knows what it told itself.
    pub(super) origin: String,
}

impl Connector {
    /// `patience` bounds the wait for a lock that another process holds.
    pub(in crate::storage) fn new(
        address: PostgresAddress,
        options: PostgresOptions,
        patience: Duration,
        random: &dyn Random,
    ) -> Result<Arc<Connector>> {
        let tls = address.trust.connector()?;
        // A server that answers before its disk has a commit is told to wait: what was acknowledged is kept.
        let settings = format!(
            "SET statement_timeout = '{}ms'; SET lock_timeout = '{}ms'; \
             SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            milliseconds(options.statement_timeout),
            milliseconds(patience).max(1)
        );
        let mut origin = [0; 16];
        random.fill(&mut origin);
        Ok(Arc::new(Connector { address, tls, settings, options, origin: hex::encode(&origin) }))
    }

    /// Which database it is, without account and password.
    pub(in crate::storage) fn place(&self) -> String {
        self.address.to_string()
    }

    pub(in crate::storage) fn reader(self: &Arc<Connector>) -> Result<Session> {
        Session::open(Arc::clone(self), Role::Reader)
    }

    pub(in crate::storage) fn writer(self: &Arc<Connector>) -> Result<Session> {
        Session::open(Arc::clone(self), Role::Writer)
    }

    /// The first connection of an opening: where something else than PostgreSQL listens, which never answers,
    /// the driver would wait for ever. What it waits for is left to it.
    ///
    /// # Errors
    /// Those of [`Connector::connect`]; `Storage` (`database_unreachable`) after twice the time that connecting
    /// may take.
    pub(in crate::storage) fn first_writer(self: &Arc<Connector>) -> Result<Session> {
        let (done, connected) = mpsc::channel();
        let connector = Arc::clone(self);
        thread::Builder::new()
            .name("kafka-connect".to_owned())
            .spawn(move || drop(done.send(connector.writer())))
            .map_err(fault::unavailable)?;
        let patience = 2 * self.address.config.get_connect_timeout().copied().unwrap_or_default();
        connected.recv_timeout(patience).unwrap_or_else(|_| Err(fault::silent(&self.address)))
    }

    /// A new connection, to a server that is new enough and a database that holds every letter.
    ///
    /// # Errors
    /// `Storage` with what is wrong and where, never with the password; `Incompatible`
    /// (`database_too_old`, `database_encoding_unfit`).
    pub(super) fn connect(&self) -> Result<Driver> {
        let connecting = |fault| fault::connecting(fault, &self.address);
        let mut client = Driver::connect(&self.address.config, self.tls.clone(), connecting)?;
        let answer =
            client.simple_query("SHOW server_version_num; SHOW server_encoding").map_err(connecting)?;
        let mut values = first_values(&answer);
        let version = values.next().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
        if version / 10_000 < OLDEST {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "database_too_old",
                format!(
                    "PostgreSQL at {} has version {}, and this program needs {OLDEST} or newer; upgrade it.",
                    self.address.server(),
                    version / 10_000,
                ),
            ));
        }
        let encoding = values.next().unwrap_or_default();
        if encoding != "UTF8" {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "database_encoding_unfit",
                format!(
                    "The database {} at {} has the encoding {encoding}, which cannot hold every text; name one that was \
                     made with ENCODING 'UTF8' TEMPLATE template0.",
                    self.address.database(),
                    self.address.server(),
                ),
            ));
        }
        client.simple_query(&self.settings).map_err(connecting)?;
        Ok(client)
    }
}

/// As many as the server can count. A part of one is one, because none means no bound.
fn milliseconds(time: Duration) -> u128 {
    time.as_micros().div_ceil(1000).min(i32::MAX as u128)
}

/// The first column of the first row.
pub(super) fn first_value(answer: &[SimpleQueryMessage]) -> Option<&str> {
    first_values(answer).next()
}

/// The first column of each row.
fn first_values(answer: &[SimpleQueryMessage]) -> impl Iterator<Item = &str> {
    answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    })
}
