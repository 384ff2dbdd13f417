//! Where the key of a model comes from. Never from an argument: the list of processes shows those.

use std::io::{self, IsTerminal as _, Read as _};

use kafka_core::{Error, ErrorKind, Result, Secret};

use super::preset::Preset;
use crate::{commands::unseen, context::Context};

/// A key, and where it was found.
pub(super) struct Key {
    pub(super) secret: Secret<String>,
    pub(super) source: String,
}

/// Asks, in this order: standard input if `from_stdin`, the usual variable of the endpoint, the person at
/// the terminal, standard input. None when there is none and the endpoint may do without.
pub(super) fn find(
    name: &str,
    preset: Option<&Preset>,
    from_stdin: bool,
    context: &Context,
) -> Result<Option<Key>> {
    let variable = preset.and_then(|preset| preset.variable);
    let needs_none = preset.is_some() && variable.is_none();
    let found = match variable.map(|name| context.environment.variable(name)).transpose()?.flatten() {
        Some(value) if !from_stdin => Some((value.to_owned(), variable.unwrap_or_default().to_owned())),
        _ if needs_none && !from_stdin => None,
        _ if io::stdin().is_terminal() => Some((ask(name, variable)?, "the terminal".to_owned())),
        _ => Some((read()?, "standard input".to_owned())),
    };
    let key = found
        .map(|(text, source)| (text.trim().to_owned(), source))
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, source)| Key { secret: Secret::new(text), source });
    match (&key, variable) {
        (None, Some(variable)) => Err(missing(name, variable)),
        (None, None) if from_stdin => Err(Error::new(
            ErrorKind::Invalid,
            "key_missing",
            "Standard input holds no key; pipe it into the command, or leave --key-stdin out.",
        )),
        _ => Ok(key),
    }
}

fn ask(name: &str, variable: Option<&str>) -> Result<String> {
    let prompt = match variable {
        Some(variable) => format!("Key for {name} (not shown; {variable} is not set): "),
        None => format!("Key for {name} (not shown; Enter for none): "),
    };
    unseen::ask(&prompt).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => {
            Error::new(ErrorKind::Cancelled, "key_not_given", "No key was given, so nothing was added.")
        }
        _ => unreadable(error),
    })
}

fn read() -> Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, "input_unreadable", "The key cannot be read as text; give it again.")
        .with_source(error)
}

fn missing(name: &str, variable: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "key_missing",
        format!(
            "The endpoint of {name} needs a key; set {variable}, pipe the key into the command, or run it at \
             a terminal, which asks for it."
        ),
    )
}
