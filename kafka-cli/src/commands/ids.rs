//! Ids on the command line.

use std::str::FromStr;

/// Reads an id, or says what one looks like.
pub(super) fn parse<I: FromStr>(text: &str) -> Result<I, String> {
    text.parse()
        .map_err(|_| "an id looks like 019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71; `list` shows them".to_owned())
}
