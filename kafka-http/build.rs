//! Packs the document of the API for the binary that serves it.

use std::{env, error::Error, fs::File, io::BufReader, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

const DOCUMENT: &str = "src/openapi/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    let document: Value = serde_json::from_reader(BufReader::new(File::open(DOCUMENT)?))?;
    let packed = PathBuf::from(env::var("OUT_DIR")?).join("openapi.json.gz");
    let mut encoder = GzEncoder::new(File::create(packed)?, Compression::best());
    serde_json::to_writer(&mut encoder, &document)?;
    encoder.finish()?;
    Ok(())
}
