//! `kafka plan` and `kafka usage`.

use kafka_core::{NewChat, NewUser};
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, json, kafka, printed, run},
};

/// An account that exists, and the id of a chat of its own.
fn account(directory: &TempDir) -> String {
    ids(directory, &["chats", "list"]);
    let kafka = home::opened(directory);
    let operator = kafka.operator();
    let new = NewUser { email: "ada@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&operator).create(new).unwrap();
    let chat = NewChat { user_id: Some(user.id), ..NewChat::default() };
    let chat = kafka.chats(&operator).create(chat).unwrap();
    kafka.close();
    chat.id.to_string()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn plans_are_made_listed_changed_given_and_deleted() {
    let directory = TempDir::new().unwrap();
    account(&directory);
    let made = printed(&directory, &["plan", "add", "team", "--tokens-daily", "500", "--chats", "unlimited"]);
    assert_eq!(made, "Made the plan team. Give it: kafka plan assign USER team\n");
    let table = printed(&directory, &["plan", "list"]);
    let lines: Vec<Vec<&str>> = table.lines().map(words).collect();
    assert_eq!(lines[1][..4], ["free", "unlimited", "unlimited", "unlimited"]);
    assert_eq!(lines[2][..4], ["team", "500", "unlimited", "unlimited"]);
    let set =
        printed(&directory, &["plan", "set", "team", "--documents", "5", "--tokens-daily", "unlimited"]);
    assert!(set.contains("documents a chat  5") && set.contains("tokens a day      unlimited"), "{set}");
    assert_eq!(json(&directory, &["plan", "show", "team"])["document_limit"], 5);

    let given = printed(&directory, &["plan", "assign", "ada@example.org", "team"]);
    assert_eq!(given, "ada@example.org has the plan team now.\n");
    fails(&run(&directory, &["plan", "delete", "team"]), 5, &["team"]);
    let preset = json(&directory, &["plan", "preset", "docuchat"]);
    let names: Vec<_> =
        preset["items"].as_array().unwrap().iter().map(|plan| plan["name"].as_str()).collect();
    assert_eq!(names, [Some("free"), Some("team"), Some("pro"), Some("enterprise")]);
    printed(&directory, &["plan", "assign", "ADA@example.org", "pro"]);
    assert_eq!(printed(&directory, &["plan", "delete", "team", "enterprise"]), "Deleted 2 plans.\n");
    assert_eq!(json(&directory, &["plan", "list"])["items"].as_array().unwrap().len(), 2);

    let refusals: [(&[&str], i32, &str); 5] = [
        (&["plan", "show", "team"], 4, "no plan called team"),
        (&["plan", "add", "pro"], 5, "pro already"),
        (&["plan", "assign", "bob@example.org", "pro"], 4, "no user bob@example.org"),
        (&["plan", "set", "pro", "--chats", "few"], 2, "a whole number or `unlimited`"),
        (&["plan", "delete", "free"], 5, "free"),
    ];
    for (arguments, code, part) in refusals {
        fails(&run(&directory, arguments), code, &[part]);
    }
}

#[test]
fn what_was_used_is_shown_by_day_and_by_model() {
    let directory = TempDir::new().unwrap();
    let chat = account(&directory);
    printed(&directory, &["plan", "preset", "docuchat"]);
    printed(&directory, &["chat", "--chat", &chat, "Hello"]);
    printed(&directory, &["chat", "Hello"]);

    let usage = json(&directory, &["usage", "--user", "ada@example.org"]);
    let spent = usage["total_tokens_used"].as_u64().unwrap();
    assert_eq!(usage["limits"]["plan"], "free");
    assert_eq!(json(&directory, &["usage"])["total_tokens_used"], 2 * spent);
    let shown = printed(&directory, &["usage", "--user", "ada@example.org"]);
    assert!(shown.contains("used by        ada@example.org\n"), "{shown}");
    assert!(shown.contains(" of 10000\n"), "{shown}");
    assert!(shown.contains(&format!("tokens in all  {spent}\n")), "{shown}");
    assert!(shown.contains("chats          1 of 3\n"), "{shown}");
    let lines: Vec<Vec<&str>> = shown.lines().map(words).collect();
    let days = ["DAY", "TOKENS", "PROMPT", "COMPLETION", "MESSAGES", "CHATS", "DOCUMENTS"];
    let at = lines.iter().position(|line| *line == days).unwrap();
    // The chat was made, and the question asked, on the day of the first line, or midnight came between.
    assert_eq!(lines[at + 1].len(), 7, "{shown}");
    let [.., models, echo] = lines.as_slice() else { panic!("{shown}") };
    assert_eq!(*models, ["MODEL", "ANSWERS", "TOKENS", "PROMPT", "COMPLETION"]);
    assert_eq!(echo[..3], ["echo", "1", &*spent.to_string()], "{shown}");
    assert!(!shown.contains('█'), "bars are for terminals: {shown}");

    let past = json(&directory, &["usage", "--from", "2025-12-30", "--to", "2026-01-02"]);
    assert_eq!(past["days"].as_array().unwrap().len(), 4);
    fails(&run(&directory, &["usage", "--from", "soon"]), 2, &["a day looks like 2026-01-31"]);
    fails(&run(&directory, &["usage", "--user", "bob@example.org"]), 4, &["no user bob@example.org"]);
}

/// Whoever asks on the command line, the chat's owner pays.
#[test]
fn a_plan_that_is_used_up_ends_with_the_code_of_quotas() {
    let directory = TempDir::new().unwrap();
    let chat = account(&directory);
    printed(&directory, &["plan", "set", "free", "--tokens-daily", "3"]);
    let enforced = |mode: &str| {
        let mut command = kafka(&directory, &["chat", "--chat", &chat, "Hello"]);
        command.env("KAFKA_QUOTAS", "on").env("KAFKA_AUTH", mode).output().unwrap()
    };
    fails(&enforced("password"), 6, &["The plan free allows 3 tokens a day, of which 3 are left"]);
    assert!(enforced("open").status.success());
}
