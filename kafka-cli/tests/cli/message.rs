//! `kafka message`, `kafka chats branches` and `kafka chats fork`.

use tempfile::TempDir;

use crate::run::{fails, ids, json, printed, run};

/// The texts of a chat's active branch.
fn texts(directory: &TempDir, chat: &str) -> Vec<String> {
    let page = json(directory, &["message", "list", chat]);
    page["items"].as_array().unwrap().iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_message_is_edited_answered_and_the_old_text_found_again() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "--model", "echo", "old"]).remove(0);
    let listed = ids(&directory, &["message", "list", &chat]);
    let [question, answer] = &listed[..] else { panic!("{listed:?}") };
    let new = ids(&directory, &["message", "edit", question, "new", "text"]).remove(0);
    assert_eq!(texts(&directory, &chat), ["new text"]);
    assert_eq!(printed(&directory, &["message", "answer", &new]), "Echo: new text\n");
    let shown = printed(&directory, &["message", "show", answer]);
    assert!(
        shown.contains(&format!("follows  {question}\n")) && shown.ends_with("\n\nEcho: old\n"),
        "{shown}"
    );

    let table = printed(&directory, &["chats", "branches", &chat]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "AFTER", "ACTIVE", "ROLE", "TEXT"]);
    assert_eq!(rows[1], [question.as_str(), "(the", "beginning)", "no", "user", "old"]);
    assert_eq!(rows[2], [new.as_str(), "(the", "beginning)", "yes", "user", "new", "text"]);
    assert_eq!(ids(&directory, &["chats", "branches", &chat]), [question.clone(), new.clone()]);
    assert_eq!(json(&directory, &["chats", "branches", &chat])["items"][0]["active_id"], new.as_str());

    assert_eq!(ids(&directory, &["message", "activate", question]), [chat.as_str()]);
    assert_eq!(texts(&directory, &chat), ["old", "Echo: old"]);
    // Named an answer, its question is answered once more.
    let again = json(&directory, &["message", "answer", answer]);
    assert_eq!(again["message"]["parent_id"], question.as_str());
    assert_eq!(ids(&directory, &["message", "list", &chat]).len(), 2);
    let changed = json(&directory, &["message", "edit", question, "--in-place", "older"]);
    assert_eq!((&changed["id"], &changed["content"]), (&question.as_str().into(), &"older".into()));
    assert_eq!(texts(&directory, &chat), ["older", "Echo: old"]);
}

#[test]
fn messages_are_stored_listed_and_deleted() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chats", "add"]).remove(0);
    let add =
        |arguments: &[&str]| ids(&directory, &[&["message", "add", &chat], arguments].concat()).remove(0);
    let first = add(&["--role", "system", "Be kind."]);
    let second = add(&["one"]);
    let other = add(&["two", "--under", &first]);
    assert_eq!(texts(&directory, &chat), ["Be kind.", "two"]);
    let table = printed(&directory, &["message", "list", &chat, "--limit", "1"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [&["ID", "ROLE", "STATUS", "SAID", "TEXT"][..], &[&other, "user", "complete", "now", "two"]]
    );
    let page = json(&directory, &["message", "list", &chat, "--limit", "1"]);
    let before = page["prev_cursor"].as_str().unwrap();
    assert_eq!(ids(&directory, &["message", "list", &chat, "--before", before]), [first]);
    assert_eq!(
        printed(&directory, &["message", "delete", &other]),
        format!("Deleted the message {other}.\n")
    );
    assert_eq!(texts(&directory, &chat), ["Be kind."]);
    ids(&directory, &["message", "activate", &second]);
    assert_eq!(texts(&directory, &chat), ["Be kind.", "one"]);
}

#[test]
fn a_chat_is_forked() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "--model", "echo", "Hello"]).remove(0);
    let question = ids(&directory, &["message", "list", &chat]).remove(0);
    let whole = ids(&directory, &["chats", "fork", &chat]).remove(0);
    assert_eq!(texts(&directory, &whole), ["Hello", "Echo: Hello"]);
    let part = json(&directory, &["chats", "fork", &chat, "--at", &question, "--title", "Part"]);
    assert_eq!((&part["title"], &part["message_count"]), (&"Part".into(), &1.into()));
    ids(&directory, &["chat", "--chat", &whole, "And?"]);
    assert_eq!(texts(&directory, &whole).len(), 4);
    assert_eq!(texts(&directory, &chat).len(), 2);
}

#[test]
fn typical_mistakes_are_told() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "--model", "echo", "Hello"]).remove(0);
    let unknown = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";
    for (arguments, code, contains) in [
        (&["message", "show", unknown][..], 4, "no message"),
        (&["message", "list", unknown], 4, "no chat"),
        (&["message", "edit", unknown, "x"], 4, "no message"),
        (&["message", "answer", unknown], 4, "no message"),
        (&["message", "activate", unknown], 4, "no message"),
        (&["message", "add", &chat, "x", "--role", "tool"], 2, "system, user or assistant"),
        (&["message", "add", &chat, "x", "--under", unknown], 2, "name a message of this chat"),
        (&["chats", "fork", &chat, "--at", unknown], 2, "name a message of this chat"),
        (&["chats", "fork", unknown], 4, "no chat"),
        (&["chats", "branches", unknown], 4, "no chat"),
    ] {
        fails(&run(&directory, arguments), code, &[contains]);
    }
}
