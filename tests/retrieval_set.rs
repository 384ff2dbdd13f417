//! What retrieval is measured with: questions whose words are mostly not those of the passage that answers them.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Words that say nothing of what is asked.
const STOP_WORDS: &str = "a about after again all also am an and any are as at be because been before being between both but \
    by can could did do does doing done down each either else ever every few for from get gets had has have he her here him \
    his how i if in into is it its itself just like made make many may me might more most much must my no nor not now of off \
    on once one only or other our out over own quite rather same she should since so some somebody someone something still \
    such than that the their them then there these they this those through to too under until up us use used very was we \
    were what when where whether which while who whom whose why will with without would you your";
/// Ends of words that are taken off, the first that fits, where three letters are left.
const ENDS: [&str; 15] = [
    "ations", "ation", "ingly", "edly", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "ly", "s", "e",
];

fn content_words(text: &str) -> BTreeSet<String> {
    let stop: BTreeSet<&str> = STOP_WORDS.split_whitespace().collect();
    let text = text.to_lowercase();
    let words = text.split(|sign: char| !sign.is_alphanumeric());
    words.filter(|word| !word.is_empty() && !stop.contains(word)).map(stem).collect()
}

fn stem(word: &str) -> String {
    let cut = ENDS.iter().find_map(|end| word.strip_suffix(end).filter(|stem| stem.chars().count() >= 3));
    cut.unwrap_or(word).to_owned()
}

/// Whether a question is asked in the words of its passage.
fn is_quoted(question: &str, passage: &str) -> bool {
    let (asked, told) = (content_words(question), content_words(passage));
    asked.intersection(&told).count() * 2 > asked.len()
}

#[test]
fn a_question_shares_at_most_half_of_its_words_with_its_passage() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/retrieval");
    let documents: BTreeMap<String, String> = fs::read_dir(place.join("documents"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    let kinds: BTreeSet<&str> = documents.keys().filter_map(|name| Some(name.rsplit_once('.')?.1)).collect();
    assert!(documents.len() >= 40 && kinds.len() >= 5, "{} documents, {kinds:?}", documents.len());
    assert!(documents.values().map(String::len).sum::<usize>() >= 270_000);
    let (mut asked, mut answering) = (BTreeSet::new(), BTreeSet::new());
    let files = ["questions.jsonl", "named_questions.jsonl", "code_questions.jsonl"];
    let lines = files.map(|file| fs::read_to_string(place.join(file)).unwrap()).concat();
    for line in lines.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let [document, question, passage] =
            ["document", "question", "passage"].map(|name| entry[name].as_str().unwrap());
        assert!(asked.insert(question.to_owned()), "asked twice: {question}");
        answering.insert(document.to_owned());
        assert_eq!(documents[document].matches(passage).count(), 1, "{document}: {passage}");
        assert!(!content_words(question).is_empty() && passage.trim() == passage, "{question}");
        assert!(!is_quoted(question, passage), "{document}: {question}");
    }
    assert!(asked.len() >= 300, "{} questions", asked.len());
    assert!(answering.len() >= 40, "{} documents answer", answering.len());
}

#[test]
fn questions_in_the_words_of_their_passage_are_seen() {
    for (question, passage, quoted) in [
        ("When is the museum open?", "The museum opens at nine.", true),
        ("At what hour do doors unlock?", "The museum opens at nine.", false),
        ("Which birds nest early?", "Birds nested in March.", true),
        ("Which birds breed early, and where?", "Birds nested in March.", false),
    ] {
        assert_eq!(is_quoted(question, passage), quoted, "{question}");
    }
}
