//! Endpoints that many people use, so that nobody needs to look them up.

pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) base_url: &'static str,
    /// The variable that usually holds the key; none where no key is needed.
    pub(super) variable: Option<&'static str>,
}

const PRESETS: &[Preset] = &[
    Preset { name: "openai", base_url: "https://api.openai.com/v1", variable: Some("OPENAI_API_KEY") },
    Preset {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        variable: Some("OPENROUTER_API_KEY"),
    },
    Preset { name: "ollama", base_url: "http://127.0.0.1:11434/v1", variable: None },
];

/// The preset of this name.
pub(super) fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The preset whose endpoint this is, under whatever name it is added.
pub(super) fn at(base_url: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.base_url == base_url.trim_end_matches('/'))
}
