//! `kafka chats`.

use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, json, printed, run, stdout},
};

const UNKNOWN: &str = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";

#[test]
fn chats_are_made_listed_shown_and_deleted() {
    let directory = TempDir::new().unwrap();
    let first = ids(&directory, &["chats", "add", "First", "--model", "echo"]).remove(0);
    let second = ids(&directory, &["chats", "add"]).remove(0);
    let made = printed(&directory, &["chats", "add", "Third"]);
    assert!(made.starts_with("Made the chat ") && made.contains("kafka chat --chat "), "{made}");
    let listed = ids(&directory, &["chats", "list"]);
    assert_eq!(listed[1..], [second.clone(), first.clone()]);

    let table = printed(&directory, &["chats", "list"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "TITLE", "MESSAGES", "MODEL", "TAGS", "UPDATED"]);
    assert_eq!(lines[2], [&second, "-", "0", "-", "-", "now"]);
    assert_eq!(lines[3], [&first, "First", "0", "echo", "-", "now"]);

    let shown = printed(&directory, &["chats", "show", &first]);
    assert!(shown.starts_with(&format!("First\nchat {first}, begun ")), "{shown}");

    let deleted = printed(&directory, &["chats", "delete", &first, &second]);
    assert_eq!(deleted, "Deleted 2 chats.\n");
    assert_eq!(ids(&directory, &["chats", "list"]), listed[..1]);
    let last = json(&directory, &["chats", "delete", &listed[0]]);
    assert_eq!(last["deleted"][0], listed[0].as_str());
}

#[test]
fn chats_are_pinned_archived_and_tagged() {
    let directory = TempDir::new().unwrap();
    let [first, second] =
        ["First", "Second"].map(|title| ids(&directory, &["chats", "add", title]).remove(0));
    assert_eq!(printed(&directory, &["chats", "pin", &first, &second]), "Pinned 2 chats.\n");
    assert_eq!(printed(&directory, &["chats", "unpin", &second]), format!("Unpinned the chat {second}.\n"));
    assert_eq!(ids(&directory, &["chats", "list", "--pinned"]), [first.as_str()]);
    assert_eq!(printed(&directory, &["chats", "list"]).matches(" (pinned)").count(), 1);
    fails(&run(&directory, &["chats", "archive", &second, UNKNOWN]), 4, &[UNKNOWN]);
    assert_eq!(ids(&directory, &["chats", "list", "--archived"]).len(), 0, "none is changed");
    let archived = json(&directory, &["chats", "archive", &second]);
    assert!(archived["items"][0]["archived_at"].is_string());
    assert_eq!(ids(&directory, &["chats", "list", "--archived"]), [second.as_str()]);
    ids(&directory, &["chats", "unarchive", &second]);
    let tagged = printed(&directory, &["chats", "tag", &first, "Work", "next week", "work"]);
    assert_eq!(tagged, format!("The chat {first} has the tags Work, next week.\n"));
    assert_eq!(json(&directory, &["chats", "tag", &first, "x"])["tags"].as_array().unwrap().len(), 3);
    assert_eq!(ids(&directory, &["chats", "list", "--tag", "WORK"]), [first.as_str()]);
    let table = printed(&directory, &["chats", "tags"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert_eq!(json(&directory, &["chats", "untag", &first, "WORK", "x"])["tags"][0], "next week");
    let none = printed(&directory, &["chats", "untag", &first]);
    assert_eq!(none, format!("The chat {first} has no tags.\n"));
}

#[test]
fn a_chat_is_exported_to_standard_output_or_into_a_new_file() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "Hello <b>"]).remove(0);
    let markdown = printed(&directory, &["chats", "export", &chat]);
    assert!(
        markdown.starts_with("# Hello \\<b\\>\n") && markdown.contains("\n> Echo: Hello <b>\n"),
        "{markdown}"
    );
    let path = directory.path().join("chat.html");
    let file = path.to_str().unwrap();
    let export = ["chats", "export", &*chat, "--format", "html", "-o", file];
    assert_eq!(json(&directory, &export)["chat_id"], chat.as_str());
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("</html>\n"));
    fails(&run(&directory, &export), 5, &["--force"]);
    let whole = printed(&directory, &["chats", "export", &chat, "--format", "json"]);
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["messages"].as_array().unwrap().len(), 2);
    fails(&run(&directory, &["chats", "export", &chat, "--format", "pdf"]), 2, &["md, json or html"]);
}

#[test]
fn links_to_a_chat_are_made_listed_and_revoked() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chats", "add"]).remove(0);
    let path = printed(&directory, &["chats", "share", &chat]);
    assert!(path.starts_with("/share#share_") && path.lines().count() == 1, "{path}");
    let made = json(&directory, &["chats", "share", &chat, "--expires", "7d"]);
    assert!(made["token"].is_string() && made["expires_at"].is_string(), "{made}");
    let listed = json(&directory, &["chats", "shares", &chat]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("share_"), "{listed}");
    let link = made["id"].as_str().unwrap();
    assert_eq!(ids(&directory, &["chats", "unshare", "--link", link]), [link]);
    assert_eq!(ids(&directory, &["chats", "shares", &chat]).len(), 1);
    let all = printed(&directory, &["chats", "unshare", &chat]);
    assert_eq!(all, format!("Revoked all links to the chat {chat}.\n"));
    assert_eq!(ids(&directory, &["chats", "shares", &chat]).len(), 0);
    fails(&run(&directory, &["chats", "share", &chat, "--expires", "soon"]), 2, &["such as 7d"]);
}

#[test]
fn programs_get_the_api_s_fields() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "Hello"]).remove(0);
    let page = json(&directory, &["chats", "list"]);
    assert_eq!(page["items"][0]["id"], chat.as_str());
    assert_eq!(page["items"][0]["message_count"], 2);
    assert!(page["next_cursor"].is_null() && page["prev_cursor"].is_null());
    let shown = json(&directory, &["chats", "show", &chat]);
    assert_eq!(shown["title"], "Hello");
    assert_eq!(shown["messages"][1]["response"]["model_used"], "echo");
    assert!(shown.get("number").is_none());
    assert_eq!(printed(&directory, &["chats", "show", &chat, "-q"]), format!("{chat}\n"));
}

#[test]
fn a_conversation_is_shown_with_who_spoke_and_at_what_cost() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "--system", "Be kind.", "Hello"]).remove(0);
    let shown = printed(&directory, &["chats", "show", &chat]);
    let spoken: Vec<&str> = shown.split("\n\n").skip(1).collect();
    let starts = |index: usize, role: &str, text: &str| {
        let (head, body) = spoken[index].split_once('\n').unwrap();
        assert!(head.starts_with(role) && head.ends_with(" UTC"), "{head}");
        assert_eq!(body.trim_end(), text);
    };
    starts(0, "system  ", "Be kind.");
    starts(1, "user  ", "Hello");
    starts(2, "assistant  echo · ", "Echo: Hello");
    assert!(spoken[2].contains(" tokens · 0."), "{shown}");
}

#[test]
fn long_conversations_are_shown_whole_and_long_lists_page_by_page() {
    let directory = TempDir::new().unwrap();
    let chats: Vec<String> =
        (0..5).map(|n| ids(&directory, &["chats", "add", &format!("Chat {n}")]).remove(0)).collect();
    let first = json(&directory, &["chats", "list", "--limit", "2"]);
    assert_eq!(first["items"][1]["id"], chats[3].as_str());
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ids(&directory, &["chats", "list", "--limit", "2", "--after", cursor]);
    assert_eq!(second, [chats[2].clone(), chats[1].clone()]);

    // More than a page of messages, written by the library.
    let kafka = home::opened(&directory);
    let chat = chats[0].parse().unwrap();
    for number in 0..450 {
        let new = kafka_core::NewMessage::text(kafka_core::Role::User, format!("Line {number}"));
        kafka.messages(&kafka.operator()).create(chat, new).unwrap();
    }
    kafka.close();
    let shown = json(&directory, &["chats", "show", &chats[0]]);
    let texts: Vec<&str> =
        shown["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 450);
    assert_eq!((texts[0], texts[200], texts[449]), ("Line 0", "Line 200", "Line 449"));
}

#[test]
fn typical_mistakes_are_told() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chats", "add", "Kept"]).remove(0);
    let long = "x".repeat(256);
    let table: [(&[&str], i32, &[&str]); 7] = [
        (&["chats", "show", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka chats list`"]),
        (&["chats", "show", "Kept"], 2, &["an id looks like", "`list` shows them"]),
        (&["chats", "delete", &chat, UNKNOWN], 4, &[UNKNOWN]),
        (&["chats", "delete"], 2, &["<ID>"]),
        (&["chats", "list", "--limit", "0"], 2, &["1 to 200"]),
        (&["chats", "list", "--after", "x"], 2, &["cursor"]),
        (&["chats", "add", &long], 2, &["title"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
    // One id of several was wrong, so nothing was deleted.
    assert_eq!(ids(&directory, &["chats", "list"]), [chat]);
}

#[test]
fn what_a_title_holds_cannot_steer_a_terminal() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chats", "add", "\u{1b}]0;owned\u{7}\nsecond"]).remove(0);
    for arguments in [&["chats", "list"][..], &["chats", "show", &chat]] {
        let shown = stdout(&run(&directory, arguments));
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
        assert!(shown.contains("owned\u{FFFD} second"), "{shown:?}");
    }
}
