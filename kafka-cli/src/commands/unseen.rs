//! Secrets typed at the terminal, where they are not shown.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::SIGINT;

/// Asks for a line that is not shown. Ctrl-C fails as `Interrupted`.
pub(super) fn ask(prompt: &str) -> io::Result<String> {
    // A Ctrl-C that ended the process here would leave the terminal without echo.
    let may_end = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&may_end))?;
    let asked = rpassword::prompt_password(prompt);
    may_end.store(true, Ordering::SeqCst);
    asked
}
