//! Where a password comes from. Never from an argument: the list of processes shows those.

use std::io::{self, IsTerminal as _, Read as _};

use kafka_core::{Error, ErrorKind, Result, Secret};

use crate::commands::unseen;

/// Asks the person at the terminal, twice, or reads standard input up to the end of its line.
pub(super) fn read(whose: &str) -> Result<Secret<String>> {
    let password = match io::stdin().is_terminal() {
        true => ask(whose)?,
        false => piped()?,
    };
    if password.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "password_missing",
            "There is no password; pipe one into the command, or run it at a terminal, which asks for it.",
        ));
    }
    Ok(Secret::new(password))
}

fn ask(whose: &str) -> Result<String> {
    let password = unseen::ask(&format!("Password for {whose} (not shown): ")).map_err(unreadable)?;
    if unseen::ask("The same again: ").map_err(unreadable)? == password {
        return Ok(password);
    }
    Err(Error::new(
        ErrorKind::Invalid,
        "passwords_differ",
        "The two passwords differ, so nothing was changed; try again.",
    ))
}

fn piped() -> Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn unreadable(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::Interrupted {
        let sentence = "No password was given, so nothing was changed.";
        return Error::new(ErrorKind::Cancelled, "password_not_given", sentence);
    }
    let sentence = "The password cannot be read as text; give it again.";
    Error::new(ErrorKind::Invalid, "input_unreadable", sentence).with_source(error)
}
