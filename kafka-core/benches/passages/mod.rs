//! What documents cost, whichever engine holds them.

pub(crate) mod filling;
mod finding;
mod reading;
mod sharing;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use filling::Document;
use kafka_core::{
    AddressPolicy, Config, EmbeddingEndpoint, NodeKind,
    testing::{ScriptedAnswer, ScriptedProvider},
};

/// Of a text that is taken in.
const TEXT_BYTES: usize = 10_000_000;
const MODEL: &str = "scripted";

/// Set to what is measured, for the program that does it. Each has a process of its own, since memory counts.
const PART: &str = "KAFKA_BENCH_PART";

/// Which directory belongs to the installation that one part fills and the next one reads.
const PLACE: &str = "KAFKA_BENCH_PLACE";

/// Where an installation lies, and goes from with this.
pub(crate) trait Place {
    /// What is to be known of who works beside the one processor.
    const BESIDE: Option<&str>;

    /// With nothing in it.
    fn new() -> Self;

    /// By which other processes find it.
    fn directory(&self) -> &Path;

    fn config(directory: &Path) -> Config;

    /// Stores documents of a chat as rows, and nothing in the index of words.
    fn fill(directory: &Path, chat: &str, documents: impl Iterator<Item = Document>);

    /// Does what the engine does by itself some time after so much was stored.
    fn settle(directory: &Path);
}

/// Measures all parts. Those that ask have one processor.
pub(crate) fn measure<P: Place>() {
    match env::var(PART).as_deref() {
        Ok("filling") => filling::fill::<P>(&directory()),
        Ok("finding") => finding::measure::<P>(&directory()),
        Ok("reading") => reading::measure::<P>(),
        Ok(_) => sharing::measure::<P>(),
        Err(_) => {
            let (place, itself) = (P::new(), env::current_exe().unwrap());
            for part in ["filling", "finding", "reading", "sharing"] {
                let mut command = match part {
                    "finding" => Command::new("taskset"),
                    _ => Command::new(&itself),
                };
                if part == "finding" {
                    command.args(["--cpu-list", "0"]).arg(&itself);
                }
                command.env(PART, part).env(PLACE, place.directory());
                assert!(command.status().unwrap().success());
            }
        }
    }
}

fn directory() -> PathBuf {
    env::var_os(PLACE).unwrap().into()
}

fn configured<P: Place>(directory: &Path, embedding_url: Option<String>) -> Config {
    let mut config = Config { kind: NodeKind::Cli, ..P::config(directory) };
    config.embedding = embedding_url.map(|base_url| EmbeddingEndpoint {
        base_url,
        model: filling::MODEL.into(),
        api_key: None,
    });
    config.addresses = AddressPolicy::PrivateAllowed;
    config.providers.push(Arc::new(ScriptedProvider::new(MODEL, |_| ScriptedAnswer::of(&["Yes."]))));
    config
}

fn at(times: &[f64], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}
