//! Texts in Based checked a second: the library against a program by hand that splits the same bytes into
//! lines, measures their indentation and matches their brackets outside of strings, and checks nothing else.
//!
//! `cargo bench -p kafka-core --bench based`. Programs alternate, and the medians count.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use kafka_core::{Limits, based};

const RUNS: usize = 51;
const GOAL: f64 = 5.0;

/// What people write, as often as a text has room for it.
const PART: &str = r#"# Takes an order.
state = {"city": "Oslo", "sizes": [1, 2, 3]}
say("Hi!", exact=True)
loop:
    r = talk(
        "Greet, and ask which pizza it is to be. Don't offer more than three.",
        True,
        {"city": state["city"]},
    )
until "the guest wants pizza":
    n = r.ask(question="How many, and which?", example={"count": 2, "name": "Margherita"})
    if n["count"] > 10 and not state.get("late"):
        say(f"That is {n['count']:>3} of {n['name']!r}, which takes a while.")
        for size in state["sizes"]:
            q = api.get_req(url="https://example.com/q", params={"s": size}, headers={})
            print(q["response"])
    else:
        return n
until "the guest wants to leave":
    break
"#;

fn main() {
    let most = Limits::default().version_bytes;
    let usual = PART.repeat(most / PART.len());
    assert_eq!(based::check(&usual), []);
    let open = "f(x, [\n".repeat(most / 7);
    println!("{RUNS} alternating runs, medians");
    let (library, by_hand) = rates(&usual);
    println!("usual text, library            {library:8.1} MB/s");
    println!("usual text, by hand            {by_hand:8.1} MB/s");
    println!("library / by hand              {:8.2}", library / by_hand);
    let (worst, _) = rates(&open);
    println!("brackets never closed, library {worst:8.1} MB/s");
    let verdict = if library.min(worst) >= GOAL { "" } else { "  below the goal" };
    println!("goal: at least {GOAL} MB/s{verdict}");
}

/// Megabytes a second.
fn rates(text: &str) -> (f64, f64) {
    let (mut library, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        library.push(timed(|| black_box(based::check(black_box(text))).len()));
        by_hand.push(timed(|| black_box(scan(black_box(text))).0));
    }
    let [library, by_hand] = [library, by_hand].map(|mut times| {
        times.sort_unstable();
        text.len() as f64 / 1e6 / times[RUNS / 2].as_secs_f64()
    });
    (library, by_hand)
}

fn timed(program: impl FnOnce() -> usize) -> Duration {
    let began = Instant::now();
    black_box(program());
    began.elapsed()
}

/// How deep the deepest line is indented, and which brackets do not match.
fn scan(text: &str) -> (usize, Vec<usize>) {
    let (mut deepest, mut open, mut wrong, mut start) = (0, Vec::new(), Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        deepest = deepest.max(line.len() - line.trim_start().len());
        let mut quote = None;
        let mut bytes = line.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match (quote, byte) {
                (Some(_), b'\\') => drop(bytes.next()),
                (Some(end), byte) if byte == end => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'#') => break,
                (None, b'(' | b'[' | b'{') => open.push((byte, start + at)),
                (None, b')' | b']' | b'}') => {
                    let matches = open.pop().is_some_and(|(open, _)| u8::abs_diff(open, byte) <= 2);
                    if !matches {
                        wrong.push(start + at);
                    }
                }
                (None, _) => {}
            }
        }
        start += line.len();
    }
    wrong.extend(open.into_iter().map(|(_, at)| at));
    (deepest, wrong)
}
