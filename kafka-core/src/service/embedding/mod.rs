//! Vectors of passages, made by an endpoint that the configuration names, and the passages nearest to a question.
//!
//! Without an endpoint there are none, and documents are found by their words alone.

pub(super) mod background;
mod cost;
pub(crate) mod failure;
mod in_use;
mod length;
mod making;
mod nearest;
pub(super) mod question;
mod rest;
mod told;

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use length::Length;
pub(super) use nearest::Vectors;
use rest::PAUSE;

use super::searches::Searches;

use crate::{
    base::{
        cancel::CancelToken,
        error::{Error, Result},
        id::DocumentId,
        limits::Limits,
        secret::Secret,
        shares::Whose,
    },
    entity::params::{Params, Timeouts},
    provider::{
        api::CallOptions,
        endpoint::Endpoint,
        network::Network,
        openai::{Embedded, OpenAiProvider},
    },
    repo::embeddings::{self, Embedded as Document},
    service::installation::Installation,
    storage::Storage,
};

/// Passages of one request, unless the endpoint takes fewer.
const BATCH: u32 = 64;
/// How long whoever searches or asks waits for it; then words have to do.
const QUESTION_PATIENCE: Duration = Duration::from_secs(5);

/// Where vectors of passages come from: any endpoint with OpenAI's `/embeddings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingEndpoint {
    /// Its base URL, for example `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name there. Vectors of different models do not compare: with another name, those that there are
    /// are made anew in the background, and meanwhile documents are found by their words.
    pub model: String,
    /// The key for it.
    pub api_key: Option<Secret<String>>,
}

/// What vectors say about a question.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// The nearest passages, by their numbers, the nearest first.
    pub(super) passages: Vec<i64>,
    /// All documents that have vectors of the question's length; what is not among them is found by its words alone.
    pub(super) documents: HashSet<DocumentId>,
}

/// What this process knows of the endpoint.
#[derive(Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Unknown,
    Works,
    /// It gives no vectors, for this reason.
    Fails(String),
}

/// The vectors of one installation.
pub(crate) struct Embedding {
    provider: OpenAiProvider,
    endpoint: Option<(EmbeddingEndpoint, Network)>,
    /// The thread that makes those of documents.
    pub(super) thread: background::VectorThread,
    vectors: Vectors,
    length: Length,
    batch: AtomicU32,
    standing: Mutex<Standing>,
    /// How long the endpoint may take for a batch.
    patience: Duration,
    away_since: Mutex<Option<Instant>>,
}

impl Embedding {
    pub(crate) fn new(
        provider: OpenAiProvider,
        endpoint: Option<EmbeddingEndpoint>,
        network: Network,
        limits: &Limits,
    ) -> Result<Embedding> {
        if let Some(endpoint) = &endpoint {
            Endpoint::parse(&endpoint.base_url).map_err(|_| {
                let message = "write a URL such as https://api.openai.com/v1";
                Error::invalid("embedding_url_invalid", "embedding_url", message)
            })?;
        }
        let endpoint = endpoint.map(|endpoint| (endpoint, network));
        let patience = Duration::from_millis(limits.embedding_ms.into());
        let vectors = Vectors::new(limits.vector_bytes);
        Ok(Embedding {
            provider,
            endpoint,
            thread: background::VectorThread::default(),
            vectors,
            length: Length::default(),
            batch: AtomicU32::new(BATCH),
            standing: Mutex::default(),
            patience,
            away_since: Mutex::default(),
        })
    }

    /// Notes that the endpoint gives nobody any vectors, and is not asked for those of passages for a while.
    fn note_away(&self, now: Instant) {
        *self.away_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether it gave none a while ago.
    fn is_away(&self, now: Instant) -> bool {
        let since = *self.away_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_duration_since(since) < PAUSE)
    }

    /// The model in use, if there is one.
    pub(super) fn model(&self) -> Option<&str> {
        self.endpoint.as_ref().map(|(endpoint, _)| endpoint.model.as_str())
    }

    /// The length of the endpoint's vectors, once it has answered.
    fn length(&self) -> Option<usize> {
        self.length.known()
    }

    /// How many passages it is sent at a time.
    fn batch(&self) -> u32 {
        self.batch.load(Ordering::Relaxed)
    }

    /// Notes that it takes no more at a time.
    fn limit_batch(&self, most: usize) {
        self.batch.fetch_min(u32::try_from(most).unwrap_or(BATCH), Ordering::Relaxed);
    }

    /// Tells the operator, once until the endpoint works again, that it gives no vectors, and notes the reason where it can be
    /// asked for.
    fn complain(&self, installation: &Installation, error: &Error) {
        let now = Standing::Fails(error.message().to_owned());
        let before = std::mem::replace(&mut *self.standing(), now);
        if !matches!(before, Standing::Fails(_)) {
            installation.warn(&format!(
                "The embedding endpoint gives no vectors; meanwhile documents are found by their words, and get theirs when \
                 it does (see embedding_url, embedding_model and embedding_key). {}",
                error.message()
            ));
        }
        if !matches!(before, Standing::Fails(said) if said == error.message()) {
            failure::note(installation, error.message());
        }
    }

    fn note_success(&self, installation: &Installation) {
        *self.away_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // Another process may have noted that it fails.
        if std::mem::replace(&mut *self.standing(), Standing::Works) != Standing::Works {
            failure::forget(installation);
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vectors of a batch of passages.
    fn of_passages(&self, texts: &[&str], cancel: &CancelToken) -> Result<Embedded> {
        self.ask(texts, self.patience, cancel)
    }

    /// The vector of a question.
    fn of_question(&self, text: &str, cancel: &CancelToken) -> Result<Embedded> {
        self.ask(&[text], QUESTION_PATIENCE, cancel)
    }

    /// The passages of these documents that are nearest to a vector. What is not in memory is read when the caller's turn comes.
    ///
    /// # Errors
    /// `Busy` or `RateLimited` when it does not come in time.
    pub(super) fn nearest(
        &self,
        storage: &Storage,
        (searches, whose): (&Searches, Whose),
        documents: &[Document],
        vector: &[f32],
        most: usize,
    ) -> Result<Near> {
        let Some(model) = self.model() else { return Ok(Near::default()) };
        let mut turn = None;
        let (passages, documents) = self.vectors.nearest(documents, vector, most, |document, visit| {
            if turn.is_none() {
                turn = Some(searches.begin(whose)?);
            }
            // One statement a document: others read in between.
            storage.read_one(|conn| embeddings::each_of_document(conn, document, model, visit))
        })?;
        Ok(Near { passages, documents })
    }

    fn ask(&self, texts: &[&str], patience: Duration, cancel: &CancelToken) -> Result<Embedded> {
        let Some((endpoint, network)) = &self.endpoint else { return Err(missing()) };
        let timeouts = Timeouts { first_token: patience, total: patience, ..Timeouts::default() };
        let options = CallOptions {
            model: endpoint.model.clone(),
            base_url: endpoint.base_url.clone(),
            api_key: endpoint.api_key.clone(),
            params: Params::default(),
            network: network.clone(),
            timeouts,
            cancel: cancel.clone(),
        };
        self.provider.embed(texts, &options).map_err(Error::from)
    }
}

/// How many passages of completed documents have no vectors of this model.
pub(crate) fn lacking(storage: &Storage, model: &str) -> Result<u64> {
    storage.read_one(|conn| embeddings::lacking(conn, model))
}

/// The refusal of a search by vectors alone.
pub(super) fn missing() -> Error {
    let message = "there are no vectors to search by; ask for hybrid or text";
    Error::invalid("vectors_missing", "mode", message)
}
