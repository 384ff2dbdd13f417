//! `kafka config` and `kafka completions`.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{self, stderr, stdout};

/// The command where no database is named.
fn kafka(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = run::kafka(directory, arguments);
    command.env_remove("DATABASE_URL");
    command
}

fn run(directory: &TempDir, arguments: &[&str]) -> Output {
    kafka(directory, arguments).output().unwrap()
}

/// Value and source of a setting, from `config show --json`.
fn shown(command: &mut Command, key: &str) -> (String, String) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = json["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["key"] == key).unwrap();
    (item["value"].as_str().unwrap().to_owned(), item["source"].as_str().unwrap().to_owned())
}

#[test]
fn the_five_sources_go_in_their_order() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("kafka-data");
    fs::create_dir(&data).unwrap();
    let show = ["config", "show", "--json"];
    let expect = |command: &mut Command, value: &str, source: &str| {
        let (found, from) = shown(command, "listen");
        assert_eq!(found, value);
        assert!(from.ends_with(source), "{from} is not {source}");
    };
    expect(&mut kafka(&directory, &show), "127.0.0.1:8000", "default");
    fs::write(data.join("kafka.toml"), "# mine\nlisten = \"127.0.0.1:1\"\n").unwrap();
    expect(&mut kafka(&directory, &show), "127.0.0.1:1", "kafka-data/kafka.toml:2");
    fs::write(directory.path().join(".env"), "KAFKA_LISTEN=127.0.0.1:2\n").unwrap();
    expect(&mut kafka(&directory, &show), "127.0.0.1:2", ".env:1");
    let variable = ("KAFKA_LISTEN", "127.0.0.1:3");
    expect(kafka(&directory, &show).env(variable.0, variable.1), "127.0.0.1:3", "environment KAFKA_LISTEN");
    let mut flag = kafka(&directory, &["config", "show", "--json", "--listen", "127.0.0.1:4"]);
    expect(flag.env(variable.0, variable.1), "127.0.0.1:4", "flag --listen");
}

#[test]
fn global_flags_stand_before_or_after_the_verb() {
    let directory = TempDir::new().unwrap();
    for arguments in [
        ["--json", "--data-dir", "/d", "config", "show"],
        ["config", "--data-dir", "/d", "show", "--json"],
        ["config", "show", "--json", "--data-dir", "/d"],
    ] {
        let (value, source) = shown(&mut kafka(&directory, &arguments), "database");
        assert_eq!((value.as_str(), source.as_str()), ("sqlite:///d/kafka.db", "default"));
    }
}

#[test]
fn results_have_three_forms() {
    let directory = TempDir::new().unwrap();
    let table = stdout(&run(&directory, &["config", "show"]));
    assert!(table.starts_with("KEY ") && table.contains("\nauth "), "{table}");
    assert!(table.contains("limits.message_bytes") && !table.contains('\u{1b}'), "{table}");
    let ids = stdout(&run(&directory, &["config", "show", "-q"]));
    assert!(ids.starts_with("listen\ndatabase\n") && ids.contains("\ndata_dir\n"), "{ids}");
    let json: Value = serde_json::from_slice(&run(&directory, &["config", "show", "--json"]).stdout).unwrap();
    assert_eq!(json["limits"]["message_bytes"], 1 << 20);
    assert_eq!(run(&directory, &["config", "show", "-q", "--json"]).status.code(), Some(2));
}

#[test]
fn a_wrong_value_ends_with_2_and_an_explanation_on_stderr() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("bad.toml"), "\nquotes = true\n").unwrap();
    let table: &[(&[&str], &[&str])] = &[
        (&["--listen", "x"], &["listen", "flag --listen", "\"x\"", "127.0.0.1:8000", "\nHint: "]),
        (
            &["--database", "mysql://u:hush@h/d"],
            &[
                "database",
                "mysql://***",
                "SQLite (sqlite://PATH)",
                "PostgreSQL (postgresql://",
                "export the data",
            ],
        ),
        #[cfg(not(feature = "postgres"))]
        (
            &["--database", "postgresql://u:hush@h/d"],
            &["database", "postgresql://***", "SQLite only", "kafka-postgres"],
        ),
        (&["--config", "bad.toml"], &["bad.toml:2", "quotes", "quotas"]),
        (&["--config", "none.toml"], &["none.toml", "cannot be read"]),
        (&["--nonsense"], &["--nonsense"]),
    ];
    for &(flags, parts) in table {
        for verb in ["show", "check"] {
            let output = run(&directory, &[&["config", verb], flags].concat());
            assert_eq!(output.status.code(), Some(2), "{flags:?}");
            assert_eq!(stdout(&output), "");
            let error = stderr(&output);
            for part in parts {
                assert!(error.contains(part), "{part:?} is not in {error}");
            }
            assert!(error.to_lowercase().starts_with("error:") && !error.contains("hush"), "{error}");
        }
    }
}

#[test]
fn secrets_are_shown_as_stars() {
    let directory = TempDir::new().unwrap();
    let key = "9f3c1a7be05d42866fd1b07c2e94a85331d6c8f27a0be5944c17f86e0b3d92ac";
    let (value, source) =
        shown(kafka(&directory, &["config", "show", "--json"]).env("KAFKA_SECRET_KEY", key), "secret_key");
    assert_eq!((value.as_str(), source.as_str()), ("***", "environment KAFKA_SECRET_KEY"));
}

#[test]
fn init_writes_a_file_once_and_it_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let before = stdout(&run(&directory, &["config", "show", "--json"]));
    let output = run(&directory, &["config", "init", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = directory.path().join("kafka-data/kafka.toml");
    assert_eq!(json["file"], file.to_str().unwrap());
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("#listen = "), "{written}");
    assert_eq!(stdout(&run(&directory, &["config", "show", "--json"])), before);

    fs::write(&file, "log = \"json\"\n").unwrap();
    let again = run(&directory, &["config", "init"]);
    assert_eq!(again.status.code(), Some(5), "{}", stderr(&again));
    assert_eq!(fs::read_to_string(&file).unwrap(), "log = \"json\"\n");
    let elsewhere = run(&directory, &["config", "init", "-q", "--config", "etc/mine.toml"]);
    assert!(stdout(&elsewhere).ends_with("etc/mine.toml\n"), "{}", stderr(&elsewhere));
    assert!(directory.path().join("etc/mine.toml").exists());
}

#[test]
fn check_looks_at_the_values_together() {
    let directory = TempDir::new().unwrap();
    let fine = run(&directory, &["config", "check", "--log", "json"]);
    assert!(fine.status.success() && stdout(&fine).contains("set are log"), "{}", stdout(&fine));
    let exposed = run(&directory, &["config", "check", "--listen", "0.0.0.0:8000"]);
    assert_eq!(exposed.status.code(), Some(2));
    assert!(stderr(&exposed).contains("--open-to"), "{}", stderr(&exposed));
    let opened = ["config", "check", "--listen", "0.0.0.0:8000", "--open-to", "10.0.0.0/8", "-q"];
    assert_eq!(stdout(&run(&directory, &opened)), "listen\nopen_to\n");
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let directory = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&run(&directory, &["completions", shell]));
        for word in ["completions", "data-dir", "workspace", "chat-file"] {
            assert!(script.contains(word), "{word:?} is not in the script for {shell}: {script}");
        }
    }
    let script = run(&directory, &["completions", "bash"]).stdout;
    let mut bash =
        Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(&script).unwrap();
    let parsed = bash.wait_with_output().unwrap();
    assert!(parsed.status.success(), "{}", stderr(&parsed));
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let directory = TempDir::new().unwrap();
    for arguments in [["config", "show"], ["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = kafka(&directory, &arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let directory = TempDir::new().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = kafka(&directory, &["config", "show"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("Error: The result cannot be written"), "{}", stderr(&output));
}
