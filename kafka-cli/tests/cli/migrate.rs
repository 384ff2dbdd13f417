//! `kafka migrate`.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, json, kafka, printed, run, succeeded},
};

fn newest(directory: &TempDir) -> u64 {
    json(directory, &["migrate", "status"])["newest"].as_u64().unwrap()
}

#[test]
fn up_down_and_up_again_keep_what_was_said() {
    let directory = TempDir::new().unwrap();
    let empty = json(&directory, &["migrate", "current"]);
    assert_eq!((&empty["current"], &empty["applied"]), (&json!(0), &json!([])));
    let newest = newest(&directory);
    let said = printed(&directory, &["migrate", "upgrade", "head"]);
    assert!(said.starts_with("Applied 1 (users), ") && !said.contains("as it was"), "{said}");
    let chat = ids(&directory, &["chat", "Kept"]).remove(0);

    let down = json(&directory, &["migrate", "down", "--yes"]);
    assert_eq!((&down["from"], &down["to"]), (&json!(newest), &json!(newest - 1)));
    // PostgreSQL's own tools make copies.
    let backup = down["backup"].as_str();
    assert!(if home::is_on_postgres() { backup.is_none() } else { Path::new(backup.unwrap()).is_file() });
    // What comes next would undo it, which is said, and can be prevented.
    printed(&directory, &["migrate", "up"]);
    let again = printed(&directory, &["migrate", "down", "--yes"]);
    assert!(again.contains("--migrate require"), "{again}");
    let required = kafka(&directory, &["migrate", "down", "--yes"]).env("KAFKA_MIGRATE", "require").output();
    assert!(!succeeded(&required.unwrap()).contains("--migrate require"));
    printed(&directory, &["migrate", "up"]);
    printed(&directory, &["migrate", "down", "--yes"]);
    let said = printed(&directory, &["migrate", "status"]);
    assert!(said.contains("pending: ") && said.contains("kafka migrate up"), "{said}");
    let up = printed(&directory, &["migrate", "up"]);
    let copy = if home::is_on_postgres() { "" } else { " The database as it was: " };
    assert!(up.contains(&format!("version {newest} now.{copy}")), "{up}");
    assert_eq!(json(&directory, &["chats", "show", &chat])["messages"][0]["content"], "Kept");
    assert_eq!(
        printed(&directory, &["migrate", "up"]),
        format!("Nothing to do: the schema has version {newest}.\n")
    );
}

#[test]
fn targets_are_written_as_alembic_has_them_or_plainly() {
    let directory = TempDir::new().unwrap();
    let newest = newest(&directory);
    let table: [(&[&str], u64); 9] = [
        (&["up", "2"], 2),
        (&["upgrade", "+1"], 3),
        (&["up", "+1"], 4),
        (&["down", "-1", "--yes"], 3),
        (&["downgrade", "--yes", "-2"], 1),
        (&["up", "head"], newest),
        (&["down", "4", "-y"], 4),
        (&["downgrade", "base", "--yes"], 0),
        (&["up"], newest),
    ];
    for (arguments, version) in table {
        let report = json(&directory, &[&["migrate"], arguments].concat());
        assert_eq!(report["to"], version, "{arguments:?}");
        assert_eq!(json(&directory, &["migrate", "status"])["current"], version, "{arguments:?}");
    }
    let history = json(&directory, &["migrate", "history"]);
    assert_eq!(history["items"].as_array().unwrap().len() as u64, newest);
    assert_eq!(history["items"][0]["name"], "users");
    assert!(history["items"][0]["applied_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(ids(&directory, &["migrate", "history"])[..2], ["1", "2"]);
    assert_eq!(json(&directory, &["migrate", "stamp", "head"])["to"], newest);
}

#[test]
fn typical_mistakes_are_told_and_change_nothing() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["migrate", "up"]);
    let newest = newest(&directory);
    let table: [(&[&str], i32, &[&str]); 9] = [
        (&["down"], 2, &["--yes"]),
        (&["down", "-1"], 2, &["--yes"]),
        (&["down", "x", "--yes"], 2, &["\"x\"", "base"]),
        (&["down", "99", "--yes"], 2, &["99", "knows 1 to"]),
        (&["up", "99"], 2, &["99", "knows 1 to"]),
        (&["up", "x"], 2, &["\"x\"", "head"]),
        (&["up", "1"], 2, &["kafka migrate down 1"]),
        (&["stamp", "1"], 5, &["does not have the shape"]),
        (&["new", "tags"], 4, &["checkout"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, &[&["migrate"], arguments].concat()), code, parts);
    }
    assert_eq!(json(&directory, &["migrate", "status"])["current"], newest);
}

#[test]
fn pending_migrations_stop_a_command_that_may_not_apply_them() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["migrate", "up", "3"]);
    let mut command = kafka(&directory, &["chats", "list"]);
    fails(&command.env("KAFKA_MIGRATE", "require").output().unwrap(), 11, &["kafka migrate up"]);
    assert_eq!(printed(&directory, &["chat", "Hi"]), "Echo: Hi\n");
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hi"]);
    home::run_sql(
        &directory,
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (99, 'flying', '2030-01-01T00:00:00Z', '1')",
    );
    for verb in [&["chats", "list"][..], &["chat", "More"], &["model", "list"], &["migrate", "up"]] {
        fails(&run(&directory, verb), 11, &["version 99", "flying", "newer"]);
    }
    assert_eq!(run(&directory, &["doctor"]).status.code(), Some(11));
    let status = printed(&directory, &["migrate", "status"]);
    assert!(status.contains("version 99") && status.contains("newer"), "{status}");
}

#[test]
fn the_next_pair_of_files_is_written_into_a_checkout() {
    let checkout = TempDir::new().unwrap();
    let sql = checkout.path().join("migrations/sql");
    fs::create_dir_all(&sql).unwrap();
    fs::create_dir_all(checkout.path().join("migrations/src")).unwrap();
    fs::write(checkout.path().join("migrations/src/lib.rs"), "").unwrap();
    fs::write(sql.join("V0006__before.sql"), "").unwrap();
    let made = json(&checkout, &["migrate", "new", "tags"]);
    assert_eq!((&made["version"], &made["name"]), (&json!(7), &json!("tags")));
    let mut below = kafka(&checkout, &["migrate", "revision", "-m", "Add more-tags"]);
    let said = succeeded(&below.current_dir(&sql).output().unwrap());
    assert!(said.contains("V0008__add_more_tags.sql and "), "{said}");
    for file in ["V0007__tags.sql", "V0007__tags.down.sql", "V0008__add_more_tags.down.sql"] {
        assert!(fs::read_to_string(sql.join(file)).unwrap().starts_with("-- "), "{file}");
    }
    for name in ["", "7up", "über", "a__b", "../x"] {
        fails(&run(&checkout, &["migrate", "new", name]), 2, &["add_tags"]);
    }
}
