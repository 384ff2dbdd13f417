//! Making connections: what is asked of a server before it is trusted with work.

use std::{sync::Arc, time::Duration};

use postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{address::PostgresAddress, fault, session::Session};
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
    /// By this this process knows what it told itself.
    pub(super) origin: String,
}

impl Connector {
    /// `patience` bounds the wait for a lock that another process holds.
    pub(in crate::storage) fn new(
        address: PostgresAddress,
        patience: Duration,
        random: &dyn Random,
    ) -> Result<Arc<Connector>> {
        let tls = address.trust.connector()?;
        let settings = format!(
            "SET statement_timeout = '60s'; SET lock_timeout = '{}ms'; \
             SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning",
            patience.as_millis().max(1)
        );
        let mut origin = [0; 16];
        random.fill(&mut origin);
        Ok(Arc::new(Connector { address, tls, settings, origin: hex::encode(&origin) }))
    }

    pub(in crate::storage) fn session(self: &Arc<Connector>) -> Result<Session> {
        Session::open(Arc::clone(self))
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

/// The first column of the first row.
pub(super) fn first_value(answer: &[SimpleQueryMessage]) -> Option<&str> {
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    })
}
