//! The mechanical part of the architecture: what can be seen by reading the tree is checked here.
//!
//! A rule is a function from the tree to what it found wrong, with examples that it has to find and
//! examples that it has to leave alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and says why")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::Command,
};

/// The text files of the project by their path from the top.
type Tree = BTreeMap<String, String>;

struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<String>,
    /// Trees in which the rule has to find something.
    bad: &'static [&'static [(&'static str, &'static str)]],
    /// Trees in which it must not.
    good: &'static [&'static [(&'static str, &'static str)]],
}

const RULES: &[Rule] = &[
    Rule {
        name: "imports of kafka-core go down only",
        check: imports_go_down,
        bad: &[
            &[("kafka-core/src/base/x.rs", "use crate::storage::Tx;")],
            &[("kafka-core/src/repo/chats.rs", "use crate::{base::id::ChatId, service::chats::Chats};")],
            &[("kafka-core/src/repo/chats.rs", "fn f() { crate::provider::api::call() }")],
            &[("kafka-core/src/provider/openai.rs", "use crate::storage::Conn;")],
            &[("kafka-core/src/entity/chat.rs", "use crate::Error;")],
            &[("kafka-core/src/entity/chat.rs", "use super::super::service::chats;")],
            &[("kafka-core/src/base/mod.rs", "use super::repo;")],
            &[("kafka-core/src/base/x.rs", "use crate::{\n    // why\n    entity::chat,\n};")],
            &[("kafka-core/src/elsewhere/x.rs", "")],
        ],
        good: &[
            &[(
                "kafka-core/src/service/chats.rs",
                "use crate::{base::id::ChatId, repo::chats, service::auth};",
            )],
            &[("kafka-core/src/base/x.rs", "//! [`Limits`](crate::Limits)\nuse super::{id, super::x};")],
            &[("kafka-core/src/lib.rs", "pub use service::chats::Chats;")],
            &[("kafka-core/src/service/completion/turn.rs", "mod tests { use super::super::queue; }")],
        ],
    },
    Rule {
        name: "each dependency is named where it belongs, and nowhere else",
        check: dependencies_stay_in_place,
        bad: &[
            &[("kafka-core/src/repo/chats.rs", "use rusqlite::params;")],
            &[("kafka-core/src/service/chats.rs", "fn f(row: &rusqlite::Row) {}")],
            &[("kafka-core/src/repo/chats.rs", "use postgres as pg;")],
            &[("kafka-core/src/service/x.rs", "use ureq::Agent;")],
            &[("kafka-http/src/routes/chats.rs", "use rusqlite::Connection;")],
            &[("kafka-cli/src/commands/model.rs", "use ::ureq::get;")],
            &[("kafka-http/src/x.rs", "bcrypt::hash(p, 12)")],
            &[("kafka-cli/Cargo.toml", "[dependencies]\nureq = { workspace = true }")],
            &[("kafka-http/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nbcrypt = \"1\"")],
        ],
        good: &[
            &[(
                "kafka-core/src/storage/sqlite.rs",
                "use rusqlite::Connection;\nuse crate::storage::postgres::x;",
            )],
            &[("kafka-core/src/repo/chats.rs", "// Not rusqlite::Row.\nconst NAME: &str = \"rusqlite::\";")],
            &[("kafka-core/src/repo/x.rs", "use crate::storage::postgres::Dialect;")],
            &[("kafka-http/Cargo.toml", "[features]\npostgres = []\n[dev-dependencies]\nureq = \"3\"")],
        ],
    },
    Rule {
        name: "SQL stands in repo and storage only",
        check: sql_stays_low,
        bad: &[
            &[("kafka-core/src/service/chats.rs", "f(\"SELECT id FROM chats\")")],
            &[("kafka-http/src/routes/x.rs", "f(r#\"INSERT INTO chats VALUES ($1)\"#)")],
            &[("kafka-cli/src/x.rs", "f(\"\\\n  UPDATE chats SET title = $1\")")],
            &[("kafka-core/src/kafka.rs", "f(\"delete from chats\")")],
        ],
        good: &[
            &[("kafka-core/src/repo/chats.rs", "f(\"SELECT id FROM chats\")")],
            &[("kafka-http/src/router.rs", "[\"GET\", \"DELETE\"]; // SELECT x FROM y")],
            &[("kafka-core/src/service/x.rs", "#[cfg(test)]\nmod tests { f(\"SELECT 1 FROM x\") }")],
            &[("kafka-cli/src/x.rs", "\"Select a model from the list, or update it.\"")],
        ],
    },
    Rule {
        name: "kafka-core assumes no Unix",
        check: core_is_portable,
        bad: &[
            &[("kafka-core/src/storage/lock.rs", "use std::os::unix::fs::MetadataExt;")],
            &[("kafka-core/src/storage/lock.rs", "use std::os::{fd, unix::fs};")],
            &[("kafka-core/src/storage/lock.rs", "rustix::fs::flock(f)")],
            &[("kafka-core/Cargo.toml", "[dependencies]\nsignal-hook = \"0.4\"")],
            &[("kafka-core/src/storage/lock.rs", "#[cfg(unix)]\nmod x { {} }\nuse rustix::fs;")],
            &[("kafka-core/src/storage/lock.rs", "#[cfg(unix)]\nfn f() { rustix::fs::flock(f) }")],
            &[
                ("kafka-core/src/storage/mod.rs", "#[cfg(not(unix))]\nmod lock;"),
                ("kafka-core/src/storage/lock.rs", "use rustix::fs;"),
            ],
        ],
        good: &[
            &[
                ("kafka-core/src/storage/mod.rs", "#[cfg(unix)]\npub(crate) mod lock;"),
                ("kafka-core/src/storage/lock.rs", "use rustix::fs;"),
            ],
            &[(
                "kafka-core/src/storage/lock.rs",
                "#[cfg(unix)]\nmod x {\n    use std::os::unix::fs;\n    fn f() {}\n}",
            )],
            &[("kafka-core/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nrustix = \"1\"")],
            &[("kafka-http/src/server/accept.rs", "use rustix::event;")],
        ],
    },
    Rule {
        name: "kafka-core takes time, randomness and settings from its caller",
        check: core_asks_nobody,
        bad: &[
            &[("kafka-core/src/config.rs", "std::env::var(\"X\")")],
            &[("kafka-core/src/config.rs", "use std::{env, fs};")],
            &[("kafka-core/src/service/x.rs", "let now = SystemTime::now();")],
            &[("kafka-core/src/service/x.rs", "Utc::now()")],
            &[("kafka-core/src/service/x.rs", "Uuid::now_v7()")],
            &[("kafka-core/src/crypto/seal.rs", "getrandom::fill(&mut nonce)")],
        ],
        good: &[
            &[("kafka-core/src/base/time.rs", "SystemTime::now()")],
            &[("kafka-core/src/base/random.rs", "getrandom::fill(b)")],
            &[("kafka-core/src/lib.rs", "env!(\"CARGO_PKG_VERSION\"); clock.now()")],
            &[("kafka-core/src/service/x.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use std::env; }")],
        ],
    },
    Rule { name: "a source file has at most 500 lines", check: files_stay_short, bad: &[], good: &[] },
    Rule {
        name: "a file's name tells its purpose",
        check: names_tell_purpose,
        bad: &[
            &[("kafka-core/src/text/utils.rs", "")],
            &[("kafka-http/src/common/mod.rs", "")],
            &[("kafka-cli/src/session_manager.rs", "")],
            &[("tests/suite/helpers.rs", "")],
        ],
        good: &[&[("kafka-core/src/text/split.rs", ""), ("kafka-core/src/text/commonmark.rs", "")]],
    },
    Rule {
        name: "every source file is declared as a module",
        check: files_are_declared,
        bad: &[
            &[("tests/suite/main.rs", "mod chats;"), ("tests/suite/messages.rs", "")],
            &[("tests/suite/main.rs", "// mod chats;"), ("tests/suite/chats.rs", "")],
            &[
                ("kafka-core/src/lib.rs", "mod repo;"),
                ("kafka-core/src/repo/mod.rs", ""),
                ("kafka-core/src/repo/x.rs", ""),
            ],
            &[("Cargo.toml", "[[bench]]\nname = \"size\"\n"), ("tests/bench/size.rs", "")],
            &[("Cargo.toml", ""), ("tests/bench/load.rs", "")],
        ],
        good: &[
            &[("tests/suite/main.rs", "mod chats;"), ("tests/suite/chats.rs", "")],
            &[
                ("kafka-http/src/lib.rs", ""),
                ("kafka-http/src/main.rs", "mod ws;"),
                ("kafka-http/src/ws.rs", "pub(super) mod frame;"),
                ("kafka-http/src/ws/frame.rs", ""),
            ],
            &[("tests/support/mod.rs", "pub(crate) mod http;"), ("tests/support/http.rs", "")],
            &[("kafka-cli/src/lib.rs", "pub(crate) mod r#move;"), ("kafka-cli/src/move.rs", "")],
            &[
                ("Cargo.toml", "[[bench]]\nname = \"size\"\npath = \"tests/bench/size.rs\"\n"),
                ("tests/bench/size.rs", "mod load;"),
                ("tests/bench/load.rs", ""),
            ],
        ],
    },
    Rule {
        name: "the top level is fixed",
        check: top_level_is_fixed,
        bad: &[&[("docs/guide.md", "")], &[("build.rs", "")], &[("CHANGELOG.md", "")]],
        good: &[&[
            ("README.md", ""),
            (".github/SECURITY.md", ""),
            ("kafka-core/CHANGELOG.md", ""),
            ("Cargo.lock", ""),
        ]],
    },
    Rule {
        name: "words that stay out",
        check: words_stay_out,
        bad: &[
            &[("README.md", concat!("see /wo", "rk/notes"))],
            &[("tests/x.py", concat!("open('/ro", "ot/.cache')"))],
            &[("README.md", concat!("https://crates", ".io/x"))],
            &[("tests/run", concat!("pip -i https://py", "pi.org/simple"))],
            &[("kafka-core/src/x.rs", concat!("// TO", "DO: later"))],
            &[("kafka-core/src/x.rs", concat!("#[ign", "ore]"))],
            &[("kafka-core/src/x.rs", concat!("#[ign", "ore = \"slow\"]"))],
            &[("kafka-core/src/x.rs", concat!("to", "do!()"))],
        ],
        good: &[
            &[("Cargo.lock", concat!("registry+https://github.com/rust-lang/crates", ".io-index"))],
            &[(".cargo/deny.toml", concat!("index.crates", ".io"))],
            &[("README.md", "a network/work/list of MASTODONS, ignore")],
        ],
    },
    Rule {
        name: "every limit is read somewhere",
        check: limits_are_read,
        bad: &[
            &[("kafka-core/src/base/limits.rs", "pub struct Limits { pub name_chars: usize, }")],
            &[
                ("kafka-core/src/base/limits.rs", "pub struct Limits {\n    pub name_chars: usize,\n}"),
                ("kafka-core/src/service/x.rs", "limits.name_chars_max; // limits.name_chars"),
            ],
            &[("kafka-core/src/lib.rs", "")],
        ],
        good: &[&[
            (
                "kafka-core/src/base/limits.rs",
                "pub struct Limits {\n    /// Why.\n    pub name_chars: usize,\n}",
            ),
            ("kafka-core/src/service/x.rs", "check(self.limits.name_chars)"),
        ]],
    },
    Rule {
        name: "each quirk of an endpoint has a test",
        check: quirks_are_tested,
        bad: &[
            &[("kafka-core/tests/quirks/framing.rs", "#[test]\nfn quirk_01_comments() {}")],
            &[("kafka-core/src/lib.rs", "")],
        ],
        good: &[],
    },
    Rule {
        name: "every limit is crossed by a test, which sets it to what it can cross",
        check: limits_are_crossed,
        bad: &[
            &[("kafka-core/src/base/limits.rs", "pub struct Limits { pub name_chars: usize, }")],
            &[
                ("kafka-core/src/base/limits.rs", "pub struct Limits { pub name_chars: usize, }"),
                ("kafka-core/src/service/x.rs", "Limits { name_chars: 4 }"),
                ("tests/suite/x.rs", "limits.name_chars == 4; // name_chars: 4"),
            ],
            &[("kafka-http/src/server/limits.rs", "pub struct ServerLimits { pub head_bytes: usize, }")],
        ],
        good: &[
            &[
                ("kafka-core/src/base/limits.rs", "pub struct Limits { pub name_chars: usize, }"),
                ("kafka-core/tests/service/x.rs", "Limits { name_chars: 4, ..Limits::default() }"),
            ],
            &[
                ("kafka-http/src/server/limits.rs", "pub struct ServerLimits { pub head_bytes: usize, }"),
                ("kafka-http/src/x.rs", "#[cfg(test)]\nmod tests { f(|limits| limits.head_bytes = 4) }"),
            ],
        ],
    },
    Rule {
        name: "the tests that the security policy names exist",
        check: promises_are_held,
        bad: &[
            &[
                (".github/SECURITY.md", "see `tests/suite/x.rs::it_holds`"),
                ("tests/suite/x.rs", "fn it_hold() {}"),
            ],
            &[(".github/SECURITY.md", "see `tests/suite/x.rs::it_holds`")],
            &[(".github/SECURITY.md", "no test")],
        ],
        good: &[&[
            (".github/SECURITY.md", "see `tests/suite/x.rs::it_holds` and `x::y`"),
            ("tests/suite/x.rs", "fn it_holds() {}"),
        ]],
    },
    Rule {
        name: "the example of embedding has at most 25 lines of code",
        check: embedding_is_short,
        bad: &[&[("README.md", "")]],
        good: &[&[("examples/embed.rs", "//! Embeds.\n\n// Why.\nfn main() {}\n")]],
    },
    Rule {
        name: "the README begins with what this is not",
        check: readme_says_what_this_is_not,
        bad: &[&[("README.md", "# Kafka\n\nThis is not Apache Kafka.\n")], &[("x.rs", "")]],
        good: &[&[("README.md", "**This is not Apache Kafka.**\n")]],
    },
    Rule {
        name: "the changelog has a place for what is not released",
        check: changelog_is_open,
        bad: &[&[("kafka-core/CHANGELOG.md", "# Changelog\n\n## 0.1.0\n")], &[("README.md", "")]],
        good: &[&[("kafka-core/CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")]],
    },
];

#[test]
fn the_tree_is_tidy() {
    let tree = project();
    let mut found = Vec::new();
    for rule in RULES {
        found.extend((rule.check)(&tree).into_iter().map(|what| format!("{}: {what}", rule.name)));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_rule_finds_what_is_bad_and_leaves_alone_what_is_good() {
    let long = "\n".repeat(501);
    for rule in RULES {
        let mut bad: Vec<Tree> = rule.bad.iter().map(|files| tree_of(files)).collect();
        let mut good: Vec<Tree> = rule.good.iter().map(|files| tree_of(files)).collect();
        if rule.name.contains("500") {
            bad.push(tree_of(&[("kafka-core/src/x.rs", &long)]));
            bad.push(tree_of(&[("kafka-http/src/assets/x.js", &long)]));
            bad.push(tree_of(&[("kafka-http/src/assets/x.css", &long)]));
            good.push(tree_of(&[("kafka-core/src/x.rs", &long[1..]), ("tests/suite/x.rs", &long)]));
        }
        if rule.name.contains("25") {
            bad.push(tree_of(&[("examples/embed.rs", &"f();\n".repeat(26))]));
            good.push(tree_of(&[("examples/embed.rs", &"f();\n\n".repeat(25))]));
        }
        if rule.name.contains("quirk") {
            let tests = |wanted: fn(&u32) -> bool| -> String {
                let numbers = QUIRKS.filter(|number| !NOT_OF_CHAT.contains(number) && wanted(number));
                numbers.map(|number| format!("#[test]\nfn quirk_{number:02}_x() {{}}\n")).collect()
            };
            let place = "kafka-core/tests/quirks/x.rs";
            let without_33 = tests(|number| *number != 33);
            let no_tests =
                ["// #[test]\n// fn quirk_33_x() {}", "fn quirk_33_x() {}", "#[test]\nfn quirk_3_3() {}"];
            for no_test in no_tests {
                bad.push(tree_of(&[(place, &(without_33.clone() + no_test))]));
            }
            bad.push(tree_of(&[("kafka-core/tests/service/x.rs", &tests(|_| true))]));
            good.push(tree_of(&[(place, &tests(|_| true))]));
        }
        assert!(!bad.is_empty() && !good.is_empty(), "{}: no examples", rule.name);
        for tree in bad {
            assert_ne!((rule.check)(&tree), Vec::<String>::new(), "{}: found nothing in {tree:?}", rule.name);
        }
        for tree in good {
            assert_eq!((rule.check)(&tree), Vec::<String>::new(), "{}: in {tree:?}", rule.name);
        }
    }
}

// ── The rules ───────────────────────────────────────────────────────────────────────────────────

/// The floors of kafka-core, and what a module must not name although it stands no higher.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("base", 0, &["entity", "text", "crypto"]),
    ("entity", 0, &["crypto"]),
    ("text", 0, &["entity", "crypto"]),
    ("crypto", 0, &["entity", "text"]),
    ("storage", 1, &["entity"]),
    ("repo", 2, &["provider"]),
    ("provider", 2, &["repo", "storage"]),
    ("service", 3, &[]),
    ("config", 4, &[]),
    ("schema", 4, &[]),
    ("kafka", 4, &[]),
    ("testing", 4, &[]),
    ("lib", 4, &[]),
];

fn imports_go_down(tree: &Tree) -> Vec<String> {
    let floor = |name: &str| FLOORS.iter().find(|(known, ..)| *known == name);
    let mut found = Vec::new();
    for (path, text) in below(tree, "kafka-core/src/") {
        let module: Vec<&str> = modules(path, "kafka-core/src/");
        let Some((here, height, never)) = floor(module.first().unwrap_or(&"lib")) else {
            found.push(format!("{path}: stands on no floor"));
            continue;
        };
        let code = product_code(text);
        for (line, ups, target) in imported_modules(&code) {
            let from_root = ups.is_none_or(|ups| ups == module.len());
            match floor(&target) {
                _ if !from_root => {}
                Some((target, at, _)) if at > height || never.contains(target) => {
                    found.push(format!("{path}:{line}: {here} must not name {target}"));
                }
                None if *height < 4 && ups.is_none() => found.push(format!(
                    "{path}:{line}: name crate::{target} by its floor, as in crate::base::error"
                )),
                _ => {}
            }
        }
    }
    found
}

/// Every path of `code` that starts at the crate's root or above the file's module: its line, how
/// many `super` it starts with (none for `crate`), and the first segment after that.
fn imported_modules(code: &str) -> Vec<(usize, Option<usize>, String)> {
    let mut found = Vec::new();
    for (start, word) in words(code) {
        let mut rest = &code[start + word.len()..];
        let mut ups = None;
        match word {
            "crate" => {}
            "super" if !code[..start].trim_end().ends_with("super::") => {
                let mut count = 1;
                while let Some(next) = rest.strip_prefix("::super") {
                    rest = next;
                    count += 1;
                }
                ups = Some(count);
            }
            _ => continue,
        }
        let Some(rest) = rest.strip_prefix("::") else { continue };
        let line = line_of(code, start);
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut segment_is_next = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => segment_is_next = true,
                    c if segment_is_next && !c.is_whitespace() => {
                        found.push((line, ups, leading_word(&group[at..]).to_owned()));
                        segment_is_next = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.push((line, ups, leading_word(rest).to_owned()));
        }
    }
    found
}

/// Which crates may be named below which directories of which sources.
const PLACES: &[(&[&str], &str, &[&str])] = &[
    (&["rusqlite", "refinery_core"], "kafka-core/src/", &["kafka-core/src/storage/"]),
    (
        &["tokio", "tokio_postgres", "futures_util"],
        "kafka-core/src/",
        &["kafka-core/src/storage/postgres/", "kafka-core/src/storage/conn.rs"],
    ),
    (&["ureq"], "kafka-core/src/", &["kafka-core/src/provider/"]),
    (&["bcrypt", "chacha20poly1305"], "kafka-core/src/", &["kafka-core/src/crypto/"]),
    (&["similar", "lopdf"], "kafka-core/src/", &["kafka-core/src/text/"]),
    (&["rusqlite", "tokio", "tokio_postgres", "refinery_core", "ureq", "bcrypt"], "kafka-http/src/", &[]),
    (&["rusqlite", "tokio", "tokio_postgres", "refinery_core", "ureq", "bcrypt"], "kafka-cli/src/", &[]),
];

fn dependencies_stay_in_place(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (crates, sources, places) in PLACES {
        for (path, text) in below(tree, sources) {
            if places.iter().any(|place| path.starts_with(place)) {
                continue;
            }
            let code = product_code(text);
            for name in *crates {
                found.extend(crate_named(&code, name).map(|line| format!("{path}:{line}: names {name}")));
            }
        }
        if places.is_empty() {
            let manifest = sources.replace("src/", "Cargo.toml");
            let declared = tree.get(&manifest).map(|text| dependencies(text)).unwrap_or_default();
            let wrong = declared.iter().filter(|(_, name)| crates.contains(&name.as_str()));
            found.extend(wrong.map(|(_, name)| format!("{manifest}: depends on {name}")));
        }
    }
    found
}

/// The lines on which `code` names the crate, as the start of a path or in a `use`.
fn crate_named(code: &str, name: &str) -> impl Iterator<Item = usize> {
    words(code)
        .filter(move |(start, word)| {
            let before = code[..*start].trim_end();
            let starts_a_path = code[start + word.len()..].trim_start().starts_with("::")
                && !(before.ends_with("::")
                    && before.trim_end_matches("::").ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            *word == name && (starts_a_path || before.ends_with("use") || before.ends_with("extern crate"))
        })
        .map(|(start, _)| line_of(code, start))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The sections and names of what a manifest makes part of the product.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(name) = line.trim().strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if section.ends_with("dependencies") && !section.ends_with("dev-dependencies") {
            found.push((section.to_owned(), leading_word(&line.replace('-', "_")).to_owned()));
        }
    }
    found
}

fn sql_stays_low(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in
        ["kafka-core/src/", "kafka-http/src/", "kafka-cli/src/"].iter().flat_map(|place| below(tree, place))
    {
        if path.starts_with("kafka-core/src/repo/") || path.starts_with("kafka-core/src/storage/") {
            continue;
        }
        for (line, literal) in literals(without_tests(text)) {
            let lower = literal.to_lowercase();
            if literal.contains("SELECT ")
                || literal.contains("UPDATE ") && literal.contains(" SET ")
                || lower.contains("insert into ")
                || lower.contains("delete from ")
            {
                found.push(format!("{path}:{line}: SQL"));
            }
        }
    }
    found
}

fn core_is_portable(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in below(tree, "kafka-core/src/") {
        if declared_for_unix(tree, path) {
            continue;
        }
        let code = without_unix_modules(product_code(text));
        for name in ["rustix", "signal_hook", "libc"] {
            found.extend(crate_named(&code, name).map(|line| format!("{path}:{line}: names {name}")));
        }
        let unix = words(&code).filter(|(_, word)| *word == "unix").filter(|(start, _)| {
            code[..*start].rsplit([';', '(', '=']).next().is_some_and(|statement| statement.contains("os::"))
        });
        found.extend(unix.map(|(start, _)| format!("{path}:{}: names std::os::unix", line_of(&code, start))));
    }
    let declared = tree.get("kafka-core/Cargo.toml").map(|text| dependencies(text)).unwrap_or_default();
    for (section, name) in declared {
        if ["rustix", "signal_hook", "libc"].contains(&name.as_str()) && !section.contains("cfg(unix)") {
            found.push(format!("kafka-core/Cargo.toml: depends on {name} on every system"));
        }
    }
    found
}

/// The code with the modules blanked out that are compiled for Unix only.
fn without_unix_modules(mut code: String) -> String {
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(unix)]").map(|at| from + at) {
        from = start + 1;
        let item = &code[start..];
        let Some(opening) = item.find(['{', ';']).filter(|at| item[*at..].starts_with('{')) else { continue };
        if !words(&item[..opening]).any(|(_, word)| word == "mod") {
            continue;
        }
        let mut depth = 0;
        let closing = item[opening..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let end = closing.map_or(code.len(), |at| start + opening + at + 1);
        let blank: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

fn declared_for_unix(tree: &Tree, path: &str) -> bool {
    let Some((parents, name)) = parents(path) else { return false };
    parents.iter().filter_map(|parent| tree.get(parent)).any(|text| {
        let code = code_of(text);
        code.match_indices("#[cfg(unix)]").any(|(at, attribute)| {
            let item = code[at + attribute.len()..].split(';').next().unwrap_or_default();
            item.split_whitespace().collect::<Vec<_>>().ends_with(&["mod", &name])
        })
    })
}

/// What would make kafka-core depend on the machine it runs on, and the one file that may.
const SOURCES_OF_CHANCE: &[(&str, &str)] = &[
    ("SystemTime::now", "kafka-core/src/base/time.rs"),
    ("Utc::now", ""),
    ("Local::now", ""),
    ("getrandom::", "kafka-core/src/base/random.rs"),
    ("now_v7", ""),
    ("new_v4", ""),
    ("OsRng", ""),
];

fn core_asks_nobody(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in below(tree, "kafka-core/src/") {
        let code = product_code(text);
        for (source, place) in SOURCES_OF_CHANCE {
            if path != place {
                let lines = code.match_indices(source).map(|(at, _)| line_of(&code, at));
                found.extend(lines.map(|line| format!("{path}:{line}: {source}")));
            }
        }
        let env = words(&code).filter(|(start, word)| *word == "env" && !code[start + 3..].starts_with('!'));
        found.extend(env.map(|(start, _)| format!("{path}:{}: the environment", line_of(&code, start))));
    }
    found
}

fn files_stay_short(tree: &Tree) -> Vec<String> {
    let is_source = |path: &str| {
        let is_page = path.contains("/assets/") && (path.ends_with(".js") || path.ends_with(".css"));
        is_page || path.ends_with(".rs")
    };
    let sources = tree.iter().filter(|(path, _)| is_source(path) && !is_test(path));
    let long = sources
        .map(|(path, text)| (path, without_tests(text).lines().count()))
        .filter(|(_, lines)| *lines > 500);
    long.map(|(path, lines)| format!("{path}: {lines} lines; split it by noun")).collect()
}

const EMPTY_WORDS: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

fn names_tell_purpose(tree: &Tree) -> Vec<String> {
    let parts =
        |path: &str| path.to_lowercase().split(['/', '.', '_', '-']).map(str::to_owned).collect::<Vec<_>>();
    let empty =
        tree.keys().filter(|path| parts(path).iter().any(|part| EMPTY_WORDS.contains(&part.as_str())));
    empty.cloned().collect()
}

fn files_are_declared(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let inside = |path: &str| {
        ["/src/", "tests/suite/", "tests/support/", "tests/bench/"].iter().any(|place| path.contains(place))
    };
    let is_benchmark = |path: &str| {
        tree.get("Cargo.toml").is_some_and(|manifest| manifest.contains(&format!("path = \"{path}\"")))
    };
    for path in
        tree.keys().filter(|path| path.ends_with(".rs") && inside(path) && !path.contains("/src/bin/"))
    {
        let Some((mut parents, name)) = parents(path).filter(|_| !is_benchmark(path)) else { continue };
        if path.starts_with("tests/bench/") {
            // Each benchmark is a crate that declares what it needs of the files beside it.
            parents = tree.keys().filter(|other| is_benchmark(other)).cloned().collect();
        }
        let declares = |text: &String| {
            let code = code_of(text);
            // A word of the language is a name behind this sign.
            let before = |start: usize| code[..start].trim_end_matches("r#").trim_end();
            words(&code).any(|(start, word)| word == name && before(start).ends_with("mod"))
        };
        if !parents.iter().filter_map(|parent| tree.get(parent)).any(declares) {
            found.push(format!("{path}: no module declares it, so it is never compiled"));
        }
    }
    found
}

const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "examples",
    "kafka-cli",
    "kafka-core",
    "kafka-http",
    "migrations",
    "tests",
];

fn top_level_is_fixed(tree: &Tree) -> Vec<String> {
    let names: BTreeSet<&str> = tree.keys().filter_map(|path| path.split('/').next()).collect();
    let wrong = names.into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name));
    wrong.map(|name| format!("{name} has no place at the top")).collect()
}

/// Text that must not stand in the project, and the files that need it all the same.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (concat!("/wo", "rk/"), &[]),
    (concat!("/ro", "ot/"), &[]),
    (concat!("crates", ".io"), &["Cargo.lock", "kafka-core/fuzz/Cargo.lock", ".cargo/deny.toml"]),
    (concat!("py", "pi.org"), &[]),
    (concat!("registry.npm", "js.org"), &[]),
    (concat!("deb.deb", "ian.org"), &[]),
    (concat!("TO", "DO"), &[]),
    (concat!("FIX", "ME"), &[]),
    (concat!("X", "XX"), &[]),
    (concat!("to", "do!"), &[]),
    (concat!("unimple", "mented!"), &[]),
    (concat!("#[ign", "ore"), &[]),
];

fn words_stay_out(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree {
        for (word, exempt) in FORBIDDEN {
            if exempt.contains(&path.as_str()) {
                continue;
            }
            let inside_a_word = |at: usize| {
                let letter = |c: char| c.is_alphanumeric() || c == '_';
                text[..at].ends_with(letter)
                    || word.ends_with(letter) && text[at + word.len()..].starts_with(letter)
            };
            let places = text.match_indices(word).filter(|(at, _)| !inside_a_word(*at));
            found.extend(places.map(|(at, _)| format!("{path}:{}: {word}", line_of(text, at))));
        }
    }
    found
}

fn limits_are_read(tree: &Tree) -> Vec<String> {
    let home = "kafka-core/src/base/limits.rs";
    let Some(declaration) = tree.get(home) else { return vec![format!("{home} is missing")] };
    let declaration = code_of(declaration);
    let readers: Vec<String> = tree
        .iter()
        .filter(|(path, _)| path.contains("/src/") && *path != home)
        .map(|(_, text)| product_code(text))
        .collect();
    let read = |field: &str| {
        readers
            .iter()
            .any(|code| words(code).any(|(start, word)| word == field && code[..start].ends_with('.')))
    };
    let fields = public_fields(&declaration).filter(|field| !read(field));
    fields.map(|field| format!("{field} bounds nothing")).collect()
}

fn limits_are_crossed(tree: &Tree) -> Vec<String> {
    let rust = tree.iter().filter(|(path, _)| path.ends_with(".rs") && !path.contains("/bench"));
    let tests: Vec<String> = rust
        .map(|(path, text)| if is_test(path) { text.as_str() } else { &text[without_tests(text).len()..] })
        .map(code_of)
        .collect();
    let is_set = |field: &str| {
        tests.iter().any(|code| {
            words(code).filter(|(_, word)| *word == field).any(|(start, _)| {
                let after = code[start + field.len()..].trim_start();
                after.starts_with(':') || after.starts_with('=') && !after.starts_with("==")
            })
        })
    };
    let mut found = Vec::new();
    for home in ["kafka-core/src/base/limits.rs", "kafka-http/src/server/limits.rs"] {
        let declaration = tree.get(home).map(|text| code_of(text)).unwrap_or_default();
        let fields = public_fields(&declaration).filter(|field| !is_set(field));
        found.extend(fields.map(|field| format!("{field} is set by no test")));
    }
    found
}

fn public_fields(declaration: &str) -> impl Iterator<Item = &str> {
    let fields = words(declaration).filter(|(start, word)| {
        let before = declaration[..*start].trim_end();
        before.ends_with("pub") && declaration[start + word.len()..].starts_with(':')
    });
    fields.map(|(_, field)| field)
}

/// What model endpoints are known to do; each has a number, and a test of that number.
const QUIRKS: std::ops::RangeInclusive<u32> = 1..=40;

/// Quirks of other protocols than chat completions; of the first of them only a part is.
const NOT_OF_CHAT: &[u32] = &[36, 37, 38];

fn quirks_are_tested(tree: &Tree) -> Vec<String> {
    let tests = tree.iter().filter(|(path, _)| path.starts_with("kafka-core/tests/quirks/"));
    let code: String = tests.map(|(_, text)| code_of(text)).collect();
    let is_tested = |number: &u32| {
        let name = format!("fn quirk_{number:02}_");
        code.match_indices(&name).any(|(at, _)| code[..at].trim_end().ends_with("#[test]"))
    };
    let missing = QUIRKS.filter(|number| !NOT_OF_CHAT.contains(number) && !is_tested(number));
    missing.map(|number| format!("no test is called quirk_{number:02}_…")).collect()
}

fn promises_are_held(tree: &Tree) -> Vec<String> {
    let policy = tree.get(".github/SECURITY.md").map(String::as_str).unwrap_or_default();
    let named: Vec<(&str, &str)> = policy
        .split('`')
        .filter_map(|span| span.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs"))
        .collect();
    let is_there = |(path, name): &(&str, &str)| {
        tree.get(*path).is_some_and(|text| text.contains(&format!("fn {name}(")))
    };
    if named.is_empty() {
        return vec![".github/SECURITY.md names no test".to_owned()];
    }
    let missing = named.iter().filter(|named| !is_there(named));
    missing.map(|(path, name)| format!("there is no {path}::{name}")).collect()
}

fn embedding_is_short(tree: &Tree) -> Vec<String> {
    let Some(example) = tree.get("examples/embed.rs") else {
        return vec!["there is no examples/embed.rs".to_owned()];
    };
    match code_of(example).lines().filter(|line| !line.trim().is_empty()).count() {
        ..=25 => Vec::new(),
        lines => vec![format!("examples/embed.rs has {lines}")],
    }
}

fn readme_says_what_this_is_not(tree: &Tree) -> Vec<String> {
    match tree.get("README.md").and_then(|text| text.lines().next()) {
        Some(line) if line.contains("not Apache Kafka") => Vec::new(),
        _ => vec!["README.md does not say in its first line that this is not Apache Kafka".to_owned()],
    }
}

fn changelog_is_open(tree: &Tree) -> Vec<String> {
    let open = tree
        .get("kafka-core/CHANGELOG.md")
        .is_some_and(|text| text.lines().any(|line| line == "## [Unreleased]"));
    if open {
        Vec::new()
    } else {
        vec!["kafka-core/CHANGELOG.md lacks the section `## [Unreleased]`".to_owned()]
    }
}

// ── Reading the project ─────────────────────────────────────────────────────────────────────────

fn tree_of(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Every text file: those that git knows or would add, or all of them where there is no git.
fn project() -> Tree {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = tracked(top).unwrap_or_else(|| {
        let mut paths = Vec::new();
        walk(top, top, &mut paths);
        paths
    });
    assert!(paths.iter().any(|path| path == "tests/tidy.rs"), "this is not the project: {paths:?}");
    paths
        .into_iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(top.join(path)).ok()?)))
        .collect()
}

fn tracked(top: &Path) -> Option<Vec<String>> {
    if !top.join(".git").exists() {
        return None;
    }
    let mut git = Command::new("git");
    git.current_dir(top).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let listing = String::from_utf8(output.stdout).unwrap();
    Some(listing.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(top: &Path, directory: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
        if ["target", "kafka-data", "node_modules", ".git", ".env"].contains(&relative.as_str()) {
        } else if path.is_dir() {
            walk(top, &path, paths);
        } else {
            paths.push(relative);
        }
    }
}

fn below<'a>(tree: &'a Tree, place: &'a str) -> impl Iterator<Item = (&'a String, &'a String)> {
    tree.iter().filter(move |(path, _)| path.starts_with(place) && path.ends_with(".rs") && !is_test(path))
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The names of the modules that lead to a file.
fn modules<'a>(path: &'a str, root: &str) -> Vec<&'a str> {
    let mut modules: Vec<&str> = path[root.len()..].trim_end_matches(".rs").split('/').collect();
    modules.pop_if(|last| ["mod", "lib", "main"].contains(last));
    modules
}

/// The files that may declare the module a file holds, and its name; none for the root of a crate.
fn parents(path: &str) -> Option<(Vec<String>, String)> {
    let (directory, file) = path.rsplit_once('/')?;
    let stem = file.trim_end_matches(".rs");
    let is_root = |directory: &str| {
        directory.ends_with("/src") || directory == "tests/suite" || directory == "tests/support"
    };
    if is_root(directory) && ["lib", "main", "mod"].contains(&stem) {
        return None;
    }
    let (home, name) = if stem == "mod" { directory.rsplit_once('/')? } else { (directory, stem) };
    let mut parents: Vec<String> =
        ["mod", "lib", "main"].iter().map(|stem| format!("{home}/{stem}.rs")).collect();
    parents.push(format!("{home}.rs"));
    Some((parents, name.to_owned()))
}

// ── Reading Rust ────────────────────────────────────────────────────────────────────────────────

/// What is compiled into the product: no comments, no text, no unit tests.
fn product_code(source: &str) -> String {
    code_of(without_tests(source))
}

/// The source up to its unit tests, which stand last.
fn without_tests(source: &str) -> &str {
    let tests = source.match_indices("#[cfg(test)]").find(|(at, _)| {
        let item = source[*at..].split('{').next().unwrap_or_default();
        item.trim_end().ends_with("mod tests") && !item.contains(';')
    });
    tests.map_or(source, |(at, _)| &source[..at])
}

/// The source with comments and the text of literals blanked out; lines stay where they are.
fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    for (kind, piece) in pieces(source) {
        match kind {
            Piece::Code => code.push_str(piece),
            Piece::Comment | Piece::Literal => {
                code.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }))
            }
        }
    }
    code
}

/// The string literals with the lines they begin on.
fn literals(source: &str) -> Vec<(usize, &str)> {
    let mut line = 1;
    let mut found = Vec::new();
    for (kind, piece) in pieces(source) {
        if kind == Piece::Literal {
            found.push((line, piece));
        }
        line += piece.matches('\n').count();
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Code,
    Comment,
    Literal,
}

/// Cuts Rust source into code, comments and literals, which together are the source again.
fn pieces(source: &str) -> Vec<(Piece, &str)> {
    let mut pieces = Vec::new();
    let (mut code, mut at) = (0, 0);
    while at < source.len() {
        let rest = &source[at..];
        let in_word = source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let found = if rest.starts_with("//") {
            Some((Piece::Comment, rest.find('\n').unwrap_or(rest.len())))
        } else if rest.starts_with("/*") {
            Some((Piece::Comment, block_comment(rest)))
        } else if let Some(length) = raw_string(rest).filter(|_| !in_word) {
            Some((Piece::Literal, length))
        } else if rest.starts_with('"') {
            Some((Piece::Literal, quoted(rest, '"')))
        } else if rest.starts_with('\'') && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\''))
        {
            Some((Piece::Literal, quoted(rest, '\'')))
        } else {
            None
        };
        if let Some((kind, length)) = found {
            pieces.push((Piece::Code, &source[code..at]));
            pieces.push((kind, &rest[..length]));
            at += length;
            code = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    pieces.push((Piece::Code, &source[code..]));
    pieces
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[..at].ends_with("*/") && at > 2 {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let start = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let text = start[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(rest.len() - text.len() + length)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The words of some code with where they begin.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

fn leading_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())]
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[test]
fn source_is_cut_where_rust_cuts_it() {
    for (source, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"a\\\"b\") + g", "f(      ) + g"),
        ("r#\"a\"b\"# + for\"x\"", "         + for   "),
        ("b\"x\" br\"y\\\" z", "b           z"),
        ("'a' '\\'' '\"' &'a str", "             &'a str"),
        ("r#type", "r#type"),
        ("\"unfinished", "           "),
    ] {
        assert_eq!(code_of(source), code, "{source}");
        assert_eq!(pieces(source).iter().map(|(_, piece)| *piece).collect::<String>(), source);
    }
}
