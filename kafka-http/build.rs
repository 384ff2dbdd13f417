//! Packs the document of the API and the page for the binary that serves them.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{BufReader, Write as _},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

const DOCUMENT: &str = "src/openapi/openapi.json";
const ASSETS: &str = "src/assets";
/// The page's script: parts that build on each other.
const SCRIPT: [&str; 27] = [
    "api",
    "markdown",
    "trouble",
    "leaving",
    "chats",
    "chat_menu",
    "sharing",
    "usage",
    "models",
    "composer",
    "view",
    "messages",
    "branches",
    "search",
    "notes",
    "files",
    "documents",
    "citations",
    "uploads",
    "downloads",
    "panel",
    "versions",
    "diff",
    "editor",
    "questions",
    "login",
    "page",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed={ASSETS}");
    let document: Value = serde_json::from_reader(BufReader::new(File::open(DOCUMENT)?))?;
    pack("openapi.json", &serde_json::to_vec(&document)?)?;
    for file in ["page.html", "page.css"] {
        pack(file, &asset(file)?)?;
    }
    let script: Result<Vec<_>, _> = SCRIPT.iter().map(|part| asset(&format!("{part}.js"))).collect();
    pack("page.js", &script?.concat())
}

fn asset(file: &str) -> std::io::Result<Vec<u8>> {
    fs::read(PathBuf::from(ASSETS).join(file))
}

fn pack(file: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let packed = PathBuf::from(env::var("OUT_DIR")?).join(format!("{file}.gz"));
    let mut encoder = GzEncoder::new(File::create(packed)?, Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
