//! Asking before something is lost.

use std::io::{self, IsTerminal as _, Write as _};

use kafka_core::{Error, ErrorKind, Result};

/// Asks the person at the terminal. Without one there is nobody to ask: then it fails, saying `warning`.
pub(super) fn confirm(question: &str, warning: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        let sentence = format!("{warning}, and nobody is here to ask; add --yes.");
        return Err(Error::new(ErrorKind::Invalid, "confirmation_missing", sentence));
    }
    let mut answer = String::new();
    let mut stderr = io::stderr();
    stderr
        .write_all(format!("{question} [y/N] ").as_bytes())
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(|error| {
            Error::new(ErrorKind::Invalid, "input_unreadable", "The answer cannot be read.")
                .with_source(error)
        })?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Cancelled, "not_confirmed", "Nothing was changed."))
}
