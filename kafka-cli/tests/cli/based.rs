//! `kafka based`.

use std::fs;

use tempfile::TempDir;

use crate::run::{fails, fed, ids, kafka, printed, run, stderr, stdout};

const GOOD: &str =
    "loop:\n    r = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n    pass\n";
const BAD: &str = "loop:\n    say(\"Hi\")\nuntil \"\":\n    pass\n";

const BODY: &str = "The body of a loop is a call of talk and nothing else; write `r = talk(\"…\", True)`, and move other \
                    statements before the `loop:` or into the block of an `until`.";
const CONDITION: &str = "The condition of this `until` says nothing; write in words what has to be true, as in \
                         `until \"a colour is named\":`.";

/// A directory with such texts.
fn place(texts: &[(&str, &[u8])]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in texts {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

#[test]
fn a_text_in_order_is_told_by_nothing_but_the_exit_code() {
    let directory = place(&[("good.based", GOOD.as_bytes())]);
    assert_eq!(printed(&directory, &["based", "check", "good.based"]), "");
    assert_eq!(ids(&directory, &["based", "check", "good.based"]), Vec::<String>::new());
    let json = printed(&directory, &["based", "check", "good.based", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["items"], serde_json::json!([]));
    // It needs no installation and makes none.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn each_finding_is_a_line_that_begins_with_its_place() {
    let directory = place(&[("good.based", GOOD.as_bytes()), ("bad.based", BAD.as_bytes())]);
    let output = run(&directory, &["based", "check", "good.based", "bad.based"]);
    assert_eq!(stdout(&output), format!("bad.based:2:5: {BODY}\nbad.based:3:7: {CONDITION}\n"));
    assert_eq!(stderr(&output), "Error: 2 findings in 1 of 2 texts; correct them as is written above.\n");
    assert_eq!(output.status.code(), Some(2));

    let output = fed(kafka(&directory, &["based", "check", "-"]), BAD);
    assert_eq!(stdout(&output), format!("-:2:5: {BODY}\n-:3:7: {CONDITION}\n"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn programs_get_objects_or_the_names_of_what_to_correct() {
    let directory = place(&[("good.based", GOOD.as_bytes()), ("bad.based", BAD.as_bytes())]);
    let check = ["based", "check", "bad.based", "good.based"];
    let output = run(&directory, &[&check[..], &["--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        found["items"],
        serde_json::json!([
            { "file": "bad.based", "line": 2, "column": 5, "rule": "B4", "sentence": BODY },
            { "file": "bad.based", "line": 3, "column": 7, "rule": "B5", "sentence": CONDITION },
        ])
    );
    assert_eq!(output.status.code(), Some(2));
    let output = run(&directory, &[&check[..], &["-q"]].concat());
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("bad.based\n", Some(2)));
}

#[test]
fn what_is_no_text_of_this_size_is_told() {
    let long = "x".repeat((1 << 20) + 1);
    let directory = place(&[
        ("bad.based", BAD.as_bytes()),
        ("latin.based", b"say(\"\xe9\")\n"),
        ("long.based", long.as_bytes()),
    ]);
    fs::create_dir(directory.path().join("texts")).unwrap();
    let table: [(&[&str], i32, &[&str]); 5] = [
        (&["bad.based", "none.based"], 4, &["none.based cannot be read", "nothing was checked"]),
        (&["texts"], 2, &["texts cannot be read"]),
        (&["bad.based", "latin.based"], 2, &["latin.based is no text in UTF-8", "save it as one"]),
        (&["long.based"], 7, &["long.based has more than 1048576 bytes"]),
        (&[], 2, &["<FILE>"]),
    ];
    for (files, code, parts) in table {
        fails(&run(&directory, &[&["based", "check"], files].concat()), code, parts);
    }
}
