//! PostgreSQL as an administrator meets it: what is wrong with a server or its URL is told in one sentence, and
//! TLS is as `sslmode` says. These tests need the server that `tests/postgres.py` starts.

use std::{env, net::TcpListener, path::PathBuf, process::Command};

use kafka_core::testing::{FreshDatabase, ScriptedPostgres};
use tempfile::TempDir;

use crate::{
    home::on_server,
    run::{kafka, printed, stderr, succeeded},
};

/// The password of every account here.
const PASSWORD: &str = "hush";

/// A database whose owner `clerk` may come over the network, as may those that `roles` makes.
fn office(roles: &str) -> FreshDatabase {
    let database = on_server::fresh();
    let name = database.name();
    database.run_inside(&format!(
        "CREATE ROLE clerk_{name} LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE {name} OWNER TO clerk_{name}; {roles}",
    ));
    database
}

/// Where the test's server listens on the network.
fn address() -> String {
    env::var("KAFKA_TEST_TLS_ADDRESS").expect("tests/postgres.py runs this program")
}

/// The certificate of the authority that vouches for it, as `db.test`.
fn authority() -> String {
    env::var("KAFKA_TEST_TLS_ROOT").expect("tests/postgres.py runs this program")
}

/// An authority that vouches for nobody.
fn stranger(directory: &TempDir) -> PathBuf {
    let made = Command::new("openssl")
        .current_dir(directory.path())
        .args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.pem"])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", stderr(&made));
    directory.path().join("stranger.pem")
}

/// The command with this URL in its environment.
fn with_url(directory: &TempDir, url: &str, verb: &[&str]) -> Command {
    let mut command = kafka(directory, verb);
    command.env("DATABASE_URL", url);
    command
}

const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

/// What is told first, and nothing on standard output, by a verb and by the server alike.
fn refusal(mut command: impl FnMut(&[&str]) -> Command) -> (Option<i32>, String) {
    let [first, second] = [&["chats", "list"], SERVE].map(|verb| {
        let output = command(verb).output().unwrap();
        let told = stderr(&output);
        assert!(output.stdout.is_empty() && !told.contains(PASSWORD), "{told}");
        let sentence = told.lines().next().unwrap().strip_prefix("Error: ").unwrap().to_owned();
        assert!(sentence.ends_with('.') && !sentence.contains(". "), "one sentence: {sentence}");
        (output.status.code(), sentence)
    });
    assert_eq!(first, second);
    first
}

#[test]
fn what_is_wrong_is_told_in_one_sentence_without_the_password() {
    let office = office("");
    let (directory, name) = (TempDir::new().unwrap(), office.name());
    office.run_inside(&format!(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;
         CREATE ROLE stranger_{name} LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE guest_{name} LOGIN PASSWORD '{PASSWORD}';
         GRANT USAGE ON SCHEMA public TO guest_{name};
         CREATE ROLE sealed_{name} LOGIN PASSWORD '{PASSWORD}' IN ROLE tls_only"
    ));
    let latin = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    office.run_inside(&format!("CREATE DATABASE latin_{name} OWNER clerk_{name} {latin}"));
    let (here, closed) = (address(), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let clerk = format!("clerk_{name}:{PASSWORD}@");
    let to = |server: &ScriptedPostgres, mode: &str| {
        let port = server.port();
        format!("postgresql://{clerk}127.0.0.1:{port}/{name}?connect_timeout=1&sslmode={mode}")
    };
    let stranger = stranger(&directory).display().to_string();
    let (garbage, none) = (directory.path().join("garbage.pem"), directory.path().join("none.pem"));
    std::fs::write(&garbage, "Dear diary").unwrap();
    let tls = |mode: &str, root: &str, host: &str| {
        format!("postgresql://{clerk}{host}/{name}?hostaddr={here}&sslmode={mode}&sslrootcert={root}")
    };
    let table = [
        (
            format!("postgresql://{clerk}nowhere.invalid/{name}"),
            1,
            "at nowhere.invalid:5432 cannot be reached",
        ),
        (format!("postgresql://{clerk}{closed}/{name}"), 1, "cannot be reached (Connection refused"),
        (to(&ScriptedPostgres::silent(), "prefer"), 1, "does not answer; check host and port"),
        (
            format!("postgresql://clerk_{name}:{PASSWORD}2@{here}/{name}"),
            1,
            "refuses the password of the account clerk_",
        ),
        (
            format!("postgresql://clerk_{name}@{here}/{name}"),
            1,
            "asks for what the URL does not give (password missing)",
        ),
        (
            format!("postgresql://nobody:{PASSWORD}@{here}/{name}"),
            1,
            "refuses the password of the account nobody",
        ),
        (
            format!("postgresql://{clerk}{here}/elsewhere"),
            1,
            "has no database elsewhere; make it with createdb",
        ),
        (
            to(&ScriptedPostgres::of_version("120017"), "disable"),
            11,
            "has version 12, and this program needs 13",
        ),
        (
            format!("postgresql://{clerk}{here}/latin_{name}"),
            11,
            "has the encoding LATIN1, which cannot hold every text",
        ),
        // A password as it is, which has signs that end it.
        (
            format!("postgresql://clerk_{name}:a@{PASSWORD}/b@{here}/{name}"),
            2,
            "signs with a meaning in URLs are written as %",
        ),
        (
            format!("postgresql://stranger_{name}:{PASSWORD}@{here}/{name}"),
            1,
            "(no schema has been selected to create in); make it the owner of the database",
        ),
        (
            format!("postgresql://guest_{name}:{PASSWORD}@{here}/{name}"),
            1,
            "permission denied for schema public",
        ),
        (
            to(&ScriptedPostgres::without_tls(), "require"),
            1,
            "offers no TLS, which the URL's sslmode asks for",
        ),
        (
            format!("postgresql://sealed_{name}:{PASSWORD}@{here}/{name}?sslmode=disable"),
            1,
            "takes no connection without TLS from here",
        ),
        (tls("verify-full", &stranger, "db.test"), 1, "UnknownIssuer"),
        (tls("verify-ca", &stranger, "db.test"), 1, "UnknownIssuer"),
        (tls("require", &stranger, "db.test"), 1, "UnknownIssuer"),
        (tls("verify-full", &authority(), "elsewhere.test"), 1, "elsewhere.test"),
        (
            format!("postgresql://{clerk}db.test/{name}?hostaddr={here}&sslmode=verify-full"),
            1,
            "UnknownIssuer",
        ),
        (
            tls("verify-full", &garbage.display().to_string(), "db.test"),
            2,
            "garbage.pem of sslrootcert holds no certificates",
        ),
        (tls("verify-full", &none.display().to_string(), "db.test"), 2, "none.pem of sslrootcert"),
        (
            format!("postgresql://{clerk}{here}/{name}?sslmode=maybe"),
            2,
            "sslmode is disable, prefer, require, verify-ca",
        ),
        (
            format!("postgresql://{clerk}{here}:many/{name}"),
            2,
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (
            format!("postgresql://{clerk}{here}/{name}?colour=red"),
            2,
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (format!("postgresql:{clerk}{here}/{name}"), 2, "postgresql://"),
        (format!("mysql://{clerk}{here}/{name}"), 2, "the engines are SQLite (sqlite://PATH) and PostgreSQL"),
    ];
    for (url, code, part) in table {
        let (exit, told) = refusal(|verb| with_url(&directory, &url, verb));
        assert_eq!((exit, told.contains(part)), (Some(code), true), "{part:?} of {told:?}");
        // Who looks before the first start is told as well.
        let looked = with_url(&directory, &url, &["doctor"]).output().unwrap();
        let found = String::from_utf8(looked.stdout.clone()).unwrap() + &stderr(&looked);
        assert!(!looked.status.success() && !found.contains(PASSWORD), "{url}: {found}");
    }
    // The old systems' variables lead to the same sentences.
    let variables = [
        ("POSTGRES_HOST", here.clone()),
        ("POSTGRES_USER", format!("clerk_{name}")),
        ("POSTGRES_PASSWORD", format!("{PASSWORD}2")),
        ("POSTGRES_DB", name.to_owned()),
    ];
    let (exit, told) = refusal(|verb| {
        let mut command = kafka(&directory, verb);
        command.env_remove("DATABASE_URL").envs(variables.clone());
        command
    });
    assert!(exit == Some(1) && told.contains("refuses the password of the account clerk_"), "{told}");
}

/// The old systems' URLs and variables are the only change.
#[test]
fn every_spelling_leads_to_the_same_chats() {
    let office = office("");
    let (directory, name, here) = (TempDir::new().unwrap(), office.name(), address());
    let url = |scheme: &str| format!("{scheme}://clerk_{name}:{PASSWORD}@{here}:5432/{name}");
    succeeded(&with_url(&directory, &url("postgresql"), &["chat", "Hello?"]).output().unwrap());
    let list = ["chats", "list", "-q"];
    let chats = succeeded(&with_url(&directory, &url("postgresql"), &list).output().unwrap());
    assert_eq!(chats.lines().count(), 1);
    for scheme in ["postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg", "postgres"] {
        assert_eq!(
            succeeded(&with_url(&directory, &url(scheme), &list).output().unwrap()),
            chats,
            "{scheme}"
        );
    }
    let mut by_variables = kafka(&directory, &list);
    by_variables.env_remove("DATABASE_URL");
    by_variables.env("POSTGRES_HOST", &here).env("POSTGRES_PORT", "5432").env("POSTGRES_DB", name);
    by_variables.env("POSTGRES_USER", format!("clerk_{name}")).env("POSTGRES_PASSWORD", PASSWORD);
    assert_eq!(succeeded(&by_variables.output().unwrap()), chats);
    let mut flag = kafka(&directory, &["chats", "list", "-q", "--database", &url("postgresql")]);
    assert_eq!(succeeded(&flag.output().unwrap()), chats);
    std::fs::write(directory.path().join(".env"), format!("DATABASE_URL={}\n", url("postgresql+psycopg")))
        .unwrap();
    assert_eq!(succeeded(&kafka(&directory, &list).env_remove("DATABASE_URL").output().unwrap()), chats);
}

/// Who is a member of `tls_only` gets in over TLS alone.
#[test]
fn tls_is_spoken_as_the_mode_says() {
    let office = office("");
    let (directory, name, here) = (TempDir::new().unwrap(), office.name(), address());
    office.run_inside(&format!("GRANT tls_only TO clerk_{name}"));
    let options = |host: &str, options: &str| {
        format!("postgresql://clerk_{name}:{PASSWORD}@{host}/{name}?hostaddr={here}{options}")
    };
    let root = format!("&sslrootcert={}", authority());
    for (host, rest) in [
        ("db.test", String::new()),
        ("db.test", "&sslmode=prefer".to_owned()),
        ("db.test", "&sslmode=require".to_owned()),
        ("elsewhere.test", format!("&sslmode=verify-ca{root}")),
        ("elsewhere.test", format!("&sslmode=require{root}")),
        ("db.test", format!("&sslmode=verify-full{root}")),
    ] {
        let output = with_url(&directory, &options(host, &rest), &["chats", "list", "-q"]).output().unwrap();
        assert_eq!(succeeded(&output), "", "{host} {rest}");
    }
    // Without TLS the same account is refused, and let in when it need not have it.
    let plain = options("db.test", "&sslmode=disable");
    assert_eq!(refusal(|verb| with_url(&directory, &plain, verb)).0, Some(1));
    office.run_inside(&format!("REVOKE tls_only FROM clerk_{name}"));
    succeeded(&with_url(&directory, &plain, &["chats", "list"]).output().unwrap());
    assert!(printed(&directory, &["--version"]).contains("PostgreSQL"));
}
