//! Texts and vectors that look thrown, and an installation that is full of them.

use std::{env, fmt::Write as _, path::Path, time::Instant};

use kafka_core::{Kafka, NewChat};
use uuid::Uuid;

use super::{Place, configured};

const PASSAGES: usize = 100_000;

pub(crate) const DIMS: usize = 384;
/// Passages of one document.
pub(crate) const OF_DOCUMENT: usize = 1000;
/// What the vectors' model is called.
pub(crate) const MODEL: &str = "thrown";
const VOCABULARY: u32 = 20_000;
const SYLLABLES: [&str; 32] = [
    "ka", "lo", "mi", "ter", "an", "ves", "ro", "du", "pel", "is", "gan", "fo", "ry", "tu", "bel", "os",
    "cha", "ne", "sil", "qua", "ju", "mor", "eth", "za", "lin", "po", "der", "wy", "xa", "hul", "em", "ga",
];
const SMALL: [&str; 12] = ["the", "of", "and", "a", "is", "to", "in", "what", "for", "that", "with", "which"];

/// Numbers that look thrown; the same ones each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn word(&mut self) -> String {
        // The third power of a fraction is mostly small.
        let number = (self.fraction().powi(3) * f64::from(VOCABULARY)) as usize;
        let mixed = number * 7919 % 32_768;
        [mixed % 32, mixed / 32 % 32, mixed / 1024].map(|syllable| SYLLABLES[syllable]).concat()
    }

    /// So many words, every third of which says nothing.
    fn sentence(&mut self, words: usize) -> String {
        let mut text = String::new();
        for at in 0..words {
            if at % 3 == 0 {
                text.push_str(SMALL[self.next() as usize % SMALL.len()]);
            } else {
                text.push_str(&self.word());
            }
            text.push(' ');
        }
        text
    }

    pub(crate) fn question(&mut self) -> String {
        let words = [self.word(), self.word(), self.word(), self.word()];
        format!("What is the {} of {} in the {} {}?", words[0], words[1], words[2], words[3])
    }

    /// Sections with headings and paragraphs.
    pub(crate) fn markdown(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 1000);
        while text.len() < bytes {
            let heading = self.sentence(4);
            let _ = write!(text, "## {heading}\n\n");
            for _ in 0..4 {
                let paragraph = self.sentence(70);
                let _ = write!(text, "{}.\n\n", paragraph.trim());
            }
        }
        text
    }

    /// A vector of length 1.
    pub(crate) fn direction(&mut self) -> Vec<f32> {
        let vector: Vec<f64> = (0..DIMS).map(|_| self.fraction() - 0.5).collect();
        let length = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
        vector.into_iter().map(|number| (number / length) as f32).collect()
    }
}

/// A document with its passages, which stand one after another.
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) filename: String,
    pub(crate) texts: Vec<String>,
    /// As they are stored.
    pub(crate) vectors: Vec<Vec<u8>>,
}

fn documents(passages: usize) -> impl Iterator<Item = Document> {
    let mut dice = Dice(1);
    (0..passages / OF_DOCUMENT).map(move |number| Document {
        id: Uuid::now_v7().to_string(),
        filename: format!("document{number}.txt"),
        texts: (0..OF_DOCUMENT).map(|_| dice.sentence(130)).collect(),
        vectors: (0..OF_DOCUMENT)
            .map(|_| dice.direction().iter().flat_map(|number| number.to_le_bytes()).collect())
            .collect(),
    })
}

/// Makes an installation whose one chat has all documents.
pub(crate) fn fill<P: Place>(directory: &Path) {
    let passages = env::var("PASSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(PASSAGES);
    let kafka = Kafka::open(configured::<P>(directory, None)).unwrap();
    let chat = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap().id;
    P::fill(directory, &chat.to_string(), documents(passages));
    println!("{passages} passages of {} documents in one chat, {DIMS} dimensions", passages / OF_DOCUMENT);
    let began = Instant::now();
    kafka.search(&kafka.operator()).refresh().unwrap();
    let rate = passages as f64 / began.elapsed().as_secs_f64();
    println!("{:44} {rate:8.0} passages/s", "indexing their words");
    P::settle(directory);
}
