//! What a verb is given besides its own arguments.

use kafka_core::{Kafka, NodeKind, Result};
use kafka_http::config::{self, DatabaseArgs, Environment, Flags, Resolved, ServeArgs};

use crate::output::Output;

/// Settings and output of one run of the command.
pub(crate) struct Context {
    database: DatabaseArgs,
    pub(crate) output: Output,
    pub(crate) environment: Environment,
}

impl Context {
    pub(crate) fn new(database: DatabaseArgs, output: Output, environment: Environment) -> Context {
        Context { database, output, environment }
    }

    /// The flags that every verb takes.
    pub(crate) fn flags(&self) -> Flags {
        self.database.flags()
    }

    /// The settings in force, with the server's flags where the verb takes them.
    pub(crate) fn resolve(&self, serve: Option<&ServeArgs>) -> Result<Resolved> {
        let mut flags = self.flags();
        if let Some(serve) = serve {
            serve.add_to(&mut flags);
        }
        config::resolve(&flags, &self.environment)
    }

    /// Opens the installation that the settings name. Verbs act as its operator.
    pub(crate) fn kafka(&self) -> Result<Kafka> {
        Kafka::open(self.resolve(None)?.settings.core_config(NodeKind::Cli)?)
    }
}
