//! From settings to the library's own configuration.

use std::path::Path;

use kafka_core::{Config, EmbeddingEndpoint, MigrateMode, NodeKind, OnWarning, Result, SystemRandom, Titles};

use crate::{extraction, log::Logger};

use super::{Auth, Database, Migrate, Registration, Settings, create_directory, secret_source};

impl Settings {
    /// Where the bytes of files lie that belong to a database on a server. All its nodes share it.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn blob_directory(&self) -> std::path::PathBuf {
        self.data_dir.join("blobs")
    }

    /// How the library is opened with these settings. Makes the directory of the database and the
    /// secret when they do not exist.
    ///
    /// # Errors
    /// Those of [`secret_source`], and `Storage` (`directory_unusable`) when the database's directory
    /// cannot be made.
    pub fn core_config(&self, kind: NodeKind) -> Result<Config> {
        let mut config = match &self.database {
            Database::Memory => Config::memory(),
            Database::File(path) => {
                if let Some(directory) = path.parent() {
                    make(directory)?;
                }
                Config::file(path)
            }
            #[cfg(feature = "postgres")]
            Database::Postgres(address) => {
                make(&self.data_dir)?;
                Config::postgres(address.clone(), self.blob_directory())
            }
        };
        #[cfg(feature = "postgres")]
        {
            config.postgres = self.connections.options();
            if kind != NodeKind::Server {
                // A command ends before a replica has spared the primary anything.
                config.postgres.replica = None;
            }
        }
        let log = Logger(self.log);
        config.on_warning = OnWarning::new(move |sentence| log.warn(sentence));
        config.kind = kind;
        config.open = self.auth == Auth::Open;
        config.anonymous = self.anonymous;
        config.registration = match self.registration {
            Registration::Open => kafka_core::Registration::Open,
            Registration::First => kafka_core::Registration::First,
            Registration::Invite => kafka_core::Registration::Invite,
            Registration::Closed => kafka_core::Registration::Closed,
        };
        config.model_hosts.clone_from(&self.allow_model_host);
        config.based_validator.clone_from(&self.based_validator);
        config.embedding = self.embedding()?;
        config.chunks = self.chunk_tokens;
        config.quotas = self.quotas;
        if self.titles {
            let log = Logger(self.log);
            config.titles = Some(Titles::telling(move |error| {
                log.warn(format!("A chat got no title from its model: {}", error.message()));
            }));
        }
        config.migrate = match self.migrate {
            Migrate::Auto => MigrateMode::Auto,
            Migrate::Require => MigrateMode::Require,
        };
        config.extractor = extraction::extractor();
        config.secret = Some(secret_source(self, &SystemRandom)?);
        Ok(config)
    }
}

impl Settings {
    /// The endpoint that makes vectors, if one is named.
    fn embedding(&self) -> Result<Option<EmbeddingEndpoint>> {
        match (&self.embedding_url, &self.embedding_model) {
            (None, _) => Ok(None),
            (Some(base_url), Some(model)) => Ok(Some(EmbeddingEndpoint {
                base_url: base_url.clone(),
                model: model.clone(),
                api_key: self.embedding_key.clone(),
            })),
            (Some(_), None) => {
                let message = "embedding_url names an endpoint; name its model, too";
                Err(kafka_core::Error::invalid("embedding_model_missing", "embedding_model", message))
            }
        }
    }
}

fn make(directory: &Path) -> Result<()> {
    create_directory(directory).map_err(|error| {
        kafka_core::Error::new(
            kafka_core::ErrorKind::Storage,
            "directory_unusable",
            format!(
                "The directory {} cannot be made; check its parent's permissions, or name another with \
                 --data-dir.",
                directory.display()
            ),
        )
        .with_source(error)
    })
}
