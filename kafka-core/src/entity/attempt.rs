//! What was tried to compose a file, or an answer.

use serde::{Deserialize, Serialize};

use super::word::words;

words! {
    /// What a model is asked for on the way to a file.
    Step {
        /// What the prompt is about: a new file, a change, or words.
        Triage = "triage",
        /// A whole file.
        Write = "write",
        /// A change of a file.
        Edit = "edit",
        /// Words.
        Reply = "reply",
    }
}

words! {
    /// What came of asking.
    Outcome {
        /// It was used.
        Accepted = "accepted",
        /// The model answered, and that could not be used; it was told why, and asked again.
        Refused = "refused",
        /// There was no answer.
        Failed = "failed",
    }
}

/// One call of a model on the way to a file. It holds nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// What was asked for.
    pub step: Step,
    /// Which attempt of the step it was, from 1.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not used, as one sentence of at most 500 characters.
    pub reason: Option<String>,
    /// Tokens sent, by estimate where the endpoint counts none.
    pub tokens_prompt: u64,
    /// Tokens answered, likewise.
    pub tokens_completion: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
}
