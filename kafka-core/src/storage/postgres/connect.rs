//! Making connections: what is asked of a server before it is trusted with work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::PostgresAddress,
    fault,
    session::{Role, Session},
};
use crate::base::error::{Error, ErrorKind, Result};

/// The oldest version whose statements are all used here.
const OLDEST: u32 = 13;

/// Makes connections to one database.
pub(in crate::storage) struct Connector {
    pub(super) address: PostgresAddress,
    tls: MakeRustlsConnect,
    settings: String,
    /// The server's number for the connection that writes, so that what it announces is known as ours.
    writer: AtomicI32,
}

impl Connector {
    /// `patience` bounds the wait for a lock that another process holds.
    pub(in crate::storage) fn new(address: PostgresAddress, patience: Duration) -> Result<Arc<Connector>> {
        let tls = address.trust.connector()?;
        let settings = format!(
            "SET statement_timeout = '60s'; SET lock_timeout = '{}ms'; \
             SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning",
            patience.as_millis().max(1)
        );
        Ok(Arc::new(Connector { address, tls, settings, writer: AtomicI32::default() }))
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
            .spawn(move || done.send(connector.writer()))
            .map_err(fault::unavailable)?;
        let patience = 2 * self.address.config.get_connect_timeout().copied().unwrap_or_default();
        connected.recv_timeout(patience).unwrap_or_else(|_| Err(fault::silent(&self.address)))
    }

    /// A new connection, to a server that is new enough.
    ///
    /// # Errors
    /// `Storage` with what is wrong and where, never with the password; `Incompatible`
    /// (`database_too_old`).
    pub(super) fn connect(&self) -> Result<Client> {
        let connecting = |fault| fault::connecting(fault, &self.address);
        let mut client = self.address.config.connect(self.tls.clone()).map_err(connecting)?;
        let answer = client.simple_query("SHOW server_version_num").map_err(connecting)?;
        let version = first_value(&answer).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
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
        client.batch_execute(&self.settings).map_err(connecting)?;
        Ok(client)
    }
}

impl Connector {
    pub(super) fn set_writer(&self, number: i32) {
        self.writer.store(number, Ordering::Relaxed);
    }

    pub(super) fn is_writer(&self, number: i32) -> bool {
        self.writer.load(Ordering::Relaxed) == number
    }
}

/// The first column of the first row.
pub(super) fn first_value(answer: &[SimpleQueryMessage]) -> Option<&str> {
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    })
}
