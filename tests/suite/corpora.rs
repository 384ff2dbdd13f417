//! What the fuzz targets start from, and what they once found, runs through them in every test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kafka_http::testing::TARGETS;

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn stems(directory: &Path) -> BTreeSet<String> {
    entries(directory).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_survives_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka-core/fuzz");
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(&fuzz.join("fuzz_targets")), known, "programs");
    assert_eq!(stems(&fuzz.join("corpus")), known, "corpora");
    for (name, target) in TARGETS {
        let inputs = entries(&fuzz.join("corpus").join(name));
        assert!(inputs.len() >= 5, "{name}: {} inputs", inputs.len());
        for input in inputs {
            eprintln!("{name}: {}", input.display());
            target(&fs::read(&input).unwrap());
        }
    }
}
