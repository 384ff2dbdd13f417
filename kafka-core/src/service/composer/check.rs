//! Whether a text that a model wrote can be kept.

use super::Composing;
use crate::{base::error::Result, provider::validation, text::based};

/// How much of what is wrong is told at once.
const FINDINGS: usize = 10;

/// What is wrong with a text of a `.based` file, as many findings as help; none for other files.
pub(super) fn rules(name: &str, text: &str) -> Result<(), String> {
    let findings = if is_based(name) { based::check(text) } else { Vec::new() };
    if findings.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = findings.iter().take(FINDINGS).map(ToString::to_string).collect();
    Err(format!("the text is no Based. By line and column: {}", told.join(" ")))
}

/// Whether a text can be a version.
pub(super) fn size(text: &str, most: usize) -> Result<(), String> {
    if text.contains('\0') {
        return Err("the text holds the character U+0000; leave it out".to_owned());
    }
    if text.len() > most {
        return Err(format!("the text has {} bytes; at most {most} are kept", text.len()));
    }
    Ok(())
}

pub(super) fn is_based(name: &str) -> bool {
    name.ends_with(".based")
}

impl Composing<'_> {
    /// What is wrong with the text of a file, if it is one of a kind that is checked: by the service that
    /// the configuration names, else by the rules that are built in.
    pub(super) fn check(&self, name: &str, text: &str) -> Result<Result<(), String>> {
        match self.installation().based_validator() {
            Some(service) if is_based(name) => {
                let network = self.installation().network();
                let cancel = &self.answering.running.cancel;
                validation::validate(service, network, cancel, text).map_err(Into::into)
            }
            _ => Ok(rules(name, text)),
        }
    }
}
