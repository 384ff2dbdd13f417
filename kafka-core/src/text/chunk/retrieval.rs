//! How well questions find the chunks that answer them, by their words alone: what sizes are chosen by. Prints the table of
//! ADR 0011 with `cargo test -p kafka-core --lib retrieval -- --nocapture`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use super::{Sizes, chunks};
use crate::text::{extract::extract, search::words::words};

/// How many chunks a model is given.
const GIVEN: usize = 5;
/// How many tokens of chunks it is given, which is what sizes can be compared by.
const BUDGET: usize = 800;

/// Words as they are compared: by their first five letters, which makes most forms of a word one; those of three and fewer
/// tell nothing of what is asked.
fn stems(text: &str) -> impl Iterator<Item = String> {
    let stem = |word: &str| word.chars().take(5).collect::<String>();
    words(text).filter(|word| word.folded.chars().count() > 3).map(move |word| stem(&word.folded))
}

struct Question {
    words: BTreeSet<String>,
    document: usize,
    start: usize,
    end: usize,
}

/// The extracted documents by their names, and the questions on them.
fn set(questions: &str) -> (Vec<(String, crate::text::extract::Extracted)>, Vec<Question>) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/retrieval");
    let mut documents: Vec<_> = fs::read_dir(place.join("documents"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let extracted = extract(&name, &fs::read(path).unwrap()).unwrap();
            (name, extracted)
        })
        .collect();
    documents.sort_by(|one, other| one.0.cmp(&other.0));
    let questions = fs::read_to_string(place.join(questions)).unwrap();
    let questions = questions.lines().map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let [name, question, passage] =
            ["document", "question", "passage"].map(|name| entry[name].as_str().unwrap());
        let document = documents.iter().position(|(other, _)| other == name).unwrap();
        let start = documents[document].1.text.find(passage).unwrap_or_else(|| panic!("{name}: {passage}"));
        let words = stems(question).collect();
        Question { words, document, start, end: start + passage.len() }
    });
    let questions = questions.collect();
    (documents, questions)
}

struct Figures {
    chunks: usize,
    mean_tokens: usize,
    /// In a hundred: questions whose passage is in the first five, and in the first 800 tokens.
    recall: f64,
    within_budget: f64,
    /// The mean of one by the rank of the first chunk that has the passage.
    reciprocal_rank: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { chunks, mean_tokens, recall, within_budget, reciprocal_rank } = self;
        write!(formatter, "{chunks} chunks of {mean_tokens} tokens: first five {recall:.1} %, ")?;
        write!(formatter, "{BUDGET} tokens {within_budget:.1} %, MRR {reciprocal_rank:.3}")
    }
}

fn measure(questions: &str, sizes: &Sizes, with_headings: bool) -> Figures {
    let (documents, questions) = set(questions);
    let mut all = Vec::new();
    for (at, (_, extracted)) in documents.iter().enumerate() {
        let chunks = chunks(&extracted.text, extracted.kind, sizes);
        all.extend(chunks.into_iter().map(|chunk| (at, chunk)));
    }
    let mut postings: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
    let mut lengths = Vec::new();
    for (at, (document, chunk)) in all.iter().enumerate() {
        let said = &documents[*document].1.text[chunk.start..chunk.end];
        let heading = if with_headings { &*chunk.heading } else { "" };
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for word in stems(heading).chain(stems(said)) {
            *counts.entry(word).or_default() += 1.0;
        }
        lengths.push(counts.values().sum::<f64>());
        for (word, count) in counts {
            postings.entry(word).or_default().push((at, count));
        }
    }
    let mean = lengths.iter().sum::<f64>() / all.len() as f64;
    let (mut found, mut within, mut reciprocal) = (0, 0, 0.0);
    for question in &questions {
        let mut scores: BTreeMap<usize, f64> = BTreeMap::new();
        for postings in question.words.iter().filter_map(|word| postings.get(word)) {
            let (chunks, with) = (all.len() as f64, postings.len() as f64);
            let weight = (1.0 + (chunks - with + 0.5) / (with + 0.5)).ln();
            for (at, count) in postings {
                let length = 1.2 * (0.25 + 0.75 * lengths[*at] / mean);
                *scores.entry(*at).or_default() += weight * count * 2.2 / (count + length);
            }
        }
        let mut ranked: Vec<_> = scores.into_iter().collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
        let mut tokens = 0;
        for (rank, (at, _)) in ranked.into_iter().enumerate() {
            let (document, chunk) = &all[at];
            tokens += chunk.tokens;
            let shared = chunk.end.min(question.end).saturating_sub(chunk.start.max(question.start));
            if *document == question.document && shared * 2 > question.end - question.start {
                found += usize::from(rank < GIVEN);
                within += usize::from(tokens <= BUDGET);
                reciprocal += 1.0 / (rank + 1) as f64;
                break;
            }
        }
    }
    let share = |count: usize| 100.0 * count as f64 / questions.len() as f64;
    Figures {
        chunks: all.len(),
        mean_tokens: all.iter().map(|(_, chunk)| chunk.tokens).sum::<usize>() / all.len(),
        recall: share(found),
        within_budget: share(within),
        reciprocal_rank: reciprocal / questions.len() as f64,
    }
}

mod slow {
    use super::*;

    /// Questions that name their subject; of the others nearly none are found by their words.
    const NAMED: &str = "named_questions.jsonl";

    #[expect(clippy::print_stdout, reason = "the table is what the ADR quotes")]
    #[test]
    fn headings_help_and_the_default_sizes_find_about_as_much_as_any() {
        println!("questions that share no word: {}", measure("questions.jsonl", &Sizes::default(), true));
        let default = measure(NAMED, &Sizes::default(), true);
        let bare = measure(NAMED, &Sizes::default(), false);
        println!("default: {default}\nwithout headings: {bare}");
        let mut best: f64 = 0.0;
        for (least_tokens, most_tokens) in [64, 96, 128, 192, 256, 384, 512]
            .into_iter()
            .flat_map(|most| [(0, most), (most / 4, most), (most / 2, most)])
        {
            let figures = measure(NAMED, &Sizes { least_tokens, most_tokens }, true);
            println!("{least_tokens:4} {most_tokens:4} {figures}");
            best = best.max(figures.within_budget);
        }
        assert!(default.within_budget + 2.0 >= best, "{best}: {default}");
        assert!(default.within_budget > bare.within_budget, "{bare}");
    }
}
