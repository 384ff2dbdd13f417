//! `kafka user`.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{fails, fed, ids, json, kafka, printed, run, stderr, succeeded};

/// Adds someone with this password; their id.
pub(crate) fn add(directory: &TempDir, arguments: &[&str], password: &str) -> String {
    let arguments = [&["user", "add", "-q"], arguments].concat();
    succeeded(&fed(kafka(directory, &arguments), &format!("{password}\n"))).trim().to_owned()
}

#[test]
fn someone_is_added_listed_shown_changed_and_deleted() {
    let directory = TempDir::new().unwrap();
    let added = fed(
        kafka(
            &directory,
            &["user", "add", "k@example.org", "--username", "k", "--name", "Josef K.", "--admin"],
        ),
        "the castle\n",
    );
    assert_eq!(succeeded(&added), "Added k@example.org, who administers the installation.\n");
    assert!(!stderr(&added).contains("the castle"));
    let id = add(&directory, &["frieda@example.org"], "the bridge inn");

    let table = printed(&directory, &["user", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("EMAIL") && lines[0].ends_with("ID"), "{table}");
    assert!(lines[1].starts_with("k@example.org") && lines[1].contains("free  admin"), "{table}");
    assert!(lines[2].starts_with("frieda@example.org  -") && lines[2].ends_with(&id), "{table}");
    assert_eq!(ids(&directory, &["user", "list"])[1], id);

    let shown = json(&directory, &["user", "show", "K"]);
    assert_eq!((&shown["full_name"], &shown["is_admin"]), (&json!("Josef K."), &json!(true)));
    assert!(shown.get("hashed_password").is_none());
    assert_eq!(json(&directory, &["user", "show", &id])["email"], "frieda@example.org");
    assert!(printed(&directory, &["user", "show", "k@example.org"]).contains("admin     yes"));

    for (verb, sentence, field, value) in [
        ("disable", "frieda@example.org may not log in any more.\n", "is_active", false),
        ("enable", "frieda@example.org may log in.\n", "is_active", true),
        ("promote", "frieda@example.org administers the installation.\n", "is_admin", true),
        ("demote", "frieda@example.org administers the installation no more.\n", "is_admin", false),
    ] {
        assert_eq!(printed(&directory, &["user", verb, "Frieda@example.org"]), sentence);
        assert_eq!(json(&directory, &["user", "show", &id])[field], value, "{verb}");
    }
    let passwd = fed(kafka(&directory, &["user", "passwd", &id]), "another inn\n");
    assert!(succeeded(&passwd).contains("has a new password"));
    let reset = ids(&directory, &["user", "reset", &id]);
    assert_eq!(reset[0].len(), 20);
    assert!(printed(&directory, &["user", "reset", &id]).contains("is now "));
    assert_eq!(
        printed(&directory, &["user", "delete", &id]),
        "Deleted frieda@example.org with all that they owned.\n"
    );
    assert_eq!(ids(&directory, &["user", "list"]).len(), 1);
}

#[test]
fn an_invitation_is_printed_once() {
    let directory = TempDir::new().unwrap();
    let sentence = printed(&directory, &["user", "invite", "k@example.org"]);
    assert!(sentence.starts_with("Invitation for k@example.org, good once until "), "{sentence}");
    let code = ids(&directory, &["user", "invite", "--days", "1"]).remove(0);
    assert!(code.starts_with("invite_"), "{code}");
    let shown: Value = json(&directory, &["user", "invite"]);
    assert_eq!(shown["email"], Value::Null);
    assert_ne!(shown["code"], code.as_str());
}

#[test]
fn invitations_are_listed_and_withdrawn() {
    let directory = TempDir::new().unwrap();
    let made = json(&directory, &["user", "invite", "k@example.org"]);
    let kept = json(&directory, &["user", "invite"]);
    let id = made["id"].as_str().unwrap();
    let table = printed(&directory, &["user", "invite", "--list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID") && lines[1].contains("k@example.org"), "{table}");
    assert!(lines[2].contains("anyone") && !table.contains("invite_"), "{table}");
    let sentence = printed(&directory, &["user", "invite", "--revoke", id]);
    assert_eq!(sentence, format!("Withdrew the invitation {id}.\n"));
    assert_eq!(ids(&directory, &["user", "invite", "--list"]), [kept["id"].as_str().unwrap()]);
    fails(&run(&directory, &["user", "invite", "--revoke", id]), 4, &["no invitation"]);
    fails(&run(&directory, &["user", "invite", "k@example.org", "--list"]), 2, &["--list"]);
}

#[test]
fn typical_mistakes_are_told() {
    let directory = TempDir::new().unwrap();
    add(&directory, &["k@example.org", "--admin"], "the castle");
    let table: [(&[&str], &str, i32, &[&str]); 15] = [
        (&["user", "add", "x@example.org"], "", 2, &["There is no password"]),
        (&["user", "add", "x@example.org"], "short\n", 2, &["at least 8"]),
        (&["user", "add", "x"], "long enough\n", 2, &["name@example.org"]),
        (&["user", "add", "K@example.org"], "long enough\n", 5, &["already an account"]),
        (&["user", "add"], "", 2, &["<EMAIL>"]),
        (&["user", "show", "nobody"], "", 4, &["no user nobody", "kafka user list"]),
        (&["user", "passwd", "nobody"], "long enough\n", 4, &["no user nobody"]),
        (&["user", "disable", "k@example.org"], "", 5, &["only administrator", "kafka user promote"]),
        (&["user", "demote", "k@example.org"], "", 5, &["only administrator"]),
        (&["user", "delete", "k@example.org"], "", 5, &["only administrator"]),
        (&["user", "delete", "k@example.org", "nobody"], "", 4, &["no user nobody"]),
        (&["user", "invite", "nobody"], "", 2, &["name@example.org"]),
        (&["user", "invite", "--days", "0"], "", 2, &["1 to 365"]),
        (&["token", "list"], "", 2, &["--user"]),
        (&["token", "list", "--user", "nobody"], "", 4, &["no user nobody"]),
    ];
    for (arguments, input, code, parts) in table {
        fails(&fed(kafka(&directory, arguments), input), code, parts);
    }
    assert_eq!(ids(&directory, &["user", "list"]).len(), 1);
}

#[test]
fn api_keys_are_made_listed_and_revoked() {
    let directory = TempDir::new().unwrap();
    add(&directory, &["k@example.org", "--username", "k"], "the castle");
    let arguments =
        ["token", "add", "backup", "--user", "k", "--scope", "chats:write", "--scope", "usage:read"];
    let made = json(&directory, &[&arguments[..], &["--days", "90"]].concat());
    assert_eq!(made["scopes"], json!(["chats:write", "usage:read"]));
    assert!(made["token"].as_str().unwrap().starts_with("kafka_") && made["expires_at"].is_string());
    let sentence = printed(&directory, &["token", "add", "bot", "--user", "k"]);
    assert!(sentence.starts_with("API key bot for k@example.org, shown this once: kafka_"), "{sentence}");
    let secret = ids(&directory, &["token", "add", "pipe", "--user", "k"]).remove(0);
    assert!(secret.starts_with("kafka_"), "{secret}");

    let table = printed(&directory, &["token", "list", "--user", "k"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].contains("backup  chats:write, usage:read  20"), "{table}");
    assert!(lines[2].contains("bot     all  ") && lines[2].ends_with("  never"), "{table}");
    assert!(!table.contains("kafka_"), "{table}");
    let keys = ids(&directory, &["token", "list", "--user", "k"]);
    assert_eq!(keys[0], made["id"].as_str().unwrap());
    assert_eq!(
        printed(&directory, &["token", "delete", &keys[0]]),
        format!("Revoked the API key {}.\n", keys[0])
    );
    fails(&run(&directory, &["token", "delete", &keys[1], &keys[0]]), 4, &["no API key", "kafka token list"]);
    assert_eq!(printed(&directory, &["token", "delete", &keys[1], &keys[2]]), "Revoked 2 API keys.\n");
    fails(
        &run(&directory, &["token", "add", "x", "--user", "k", "--scope", "chats"]),
        2,
        &["chats, files, models"],
    );
}
