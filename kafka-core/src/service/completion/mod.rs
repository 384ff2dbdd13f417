//! Answers of models.
//!
//! [`start`] stores the question, an empty answer and its record in one commit; [`run`] waits for the
//! chat's turn, sends the [`prompt`] and hands what comes to the [`log`], which stores events in
//! batches and only then shows them; [`passages`] of documents are found before and cited; [`finish`] stores the end. A [`turn`] is one watcher of an answer.
//! Answers are owned by [`live`], not by who asked: a watcher that leaves ends nothing.

mod citations;
pub(crate) mod finish;
pub(crate) mod held;
pub(crate) mod live;
pub(crate) mod log;
mod opaque;
pub(crate) mod passages;
pub(crate) mod prompt;
pub(crate) mod recover;
pub(crate) mod relay;
pub(crate) mod resolve;
pub(super) mod run;
pub(crate) mod start;
pub(crate) mod titles;
pub(crate) mod turn;

use super::{
    installation::Installation,
    once::{IdempotencyKey, Once},
};
use crate::base::actor::Actor;

/// Answers of models, as one actor may ask for them. Made by [`Kafka::completions`](crate::Kafka::completions).
#[derive(Debug)]
pub struct Completions<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

impl<'k> Completions<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Completions<'k> {
        Completions { installation, actor: *actor, once: None }
    }

    /// Makes [`start`](Completions::start) take effect once for this key, if there is one; a twin follows
    /// the answer that the first one started.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Completions<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }
}
