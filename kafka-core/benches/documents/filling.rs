//! Texts and vectors that look thrown, and an installation that is full of them.

use std::{fmt::Write as _, path::Path};

use kafka_core::{Kafka, NewChat};
use rusqlite::{Connection, params};
use uuid::Uuid;

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

/// Makes an installation whose one chat has documents with so many passages together.
pub(crate) fn fill(path: &Path, passages: usize, open: &dyn Fn(&Path) -> Kafka) {
    let kafka = open(path);
    let chat = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap().id;
    kafka.close();
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").unwrap();
    let tx = connection.transaction().unwrap();
    let mut dice = Dice(1);
    {
        let mut document = tx
            .prepare(
                "INSERT INTO documents (id, chat_id, filename, processing_status, embedding_model, created_at, \
                 updated_at) VALUES (?1, ?2, ?3, 'completed', ?4, 0, 0)",
            )
            .unwrap();
        let mut text = tx
            .prepare("INSERT INTO document_texts (document_number, start_byte, content) VALUES (?1, 0, ?2)")
            .unwrap();
        let mut chunk = tx
            .prepare(
                "INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, content) \
                 VALUES (?1, ?2, ?3, ?4, 200, ?5)",
            )
            .unwrap();
        let mut embedding = tx
            .prepare("INSERT INTO embeddings (chunk_number, model, dims, vector) VALUES (?1, ?2, ?3, ?4)")
            .unwrap();
        for number in 0..passages / OF_DOCUMENT {
            let texts: Vec<String> = (0..OF_DOCUMENT).map(|_| dice.sentence(130)).collect();
            let id = Uuid::now_v7().to_string();
            let name = format!("document{number}.txt");
            document.execute(params![id, chat.to_string(), name, MODEL]).unwrap();
            let document = tx.last_insert_rowid();
            text.execute(params![document, texts.concat()]).unwrap();
            let mut start = 0;
            for (idx, text) in texts.iter().enumerate() {
                let end = start + text.len();
                chunk.execute(params![document, idx as i64, start as i64, end as i64, text]).unwrap();
                start = end;
                let vector: Vec<u8> =
                    dice.direction().iter().flat_map(|number| number.to_le_bytes()).collect();
                embedding.execute(params![tx.last_insert_rowid(), MODEL, DIMS as i64, vector]).unwrap();
            }
        }
    }
    tx.commit().unwrap();
}
