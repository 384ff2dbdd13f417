//! The `kafka.toml` to start from.

use super::keys::KEYS;

/// A `kafka.toml` in which every setting stands as a comment with its meaning and its default.
#[must_use]
pub fn template() -> String {
    let mut text = String::from(
        "# Settings of Kafka. Flags, environment variables and .env go before this file.\n\
         # Remove the # in front of a line to set it; lists are written [\"a\", \"b\"].\n",
    );
    for key in KEYS {
        let default = if key.default.is_empty() { "none" } else { key.default };
        text.push_str(&format!(
            "\n# {}.\n# Default: {default}. Environment: {}.\n#{} = \"{}\"\n",
            key.meaning, key.variable, key.name, key.example
        ));
    }
    text
}
