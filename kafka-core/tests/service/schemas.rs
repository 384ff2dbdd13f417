//! The schema on both engines: the same but for what is listed here with its reason, whichever version it has. These
//! tests need the server that `tests/postgres.py` starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use kafka_core::{Config, DownTarget, PostgresAddress, Schema, testing::FreshDatabase};
use rusqlite::Connection;
use tempfile::TempDir;

/// What only one engine has, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "column search_chats.number: integer, not null",
        "SQLite indexes words by virtual tables, which keep these",
    ),
    ("column search_chats.words: tsvector, not null", "the same"),
    ("column search_chunks.number: integer, not null", "the same"),
    ("column search_chunks.words: tsvector, not null", "the same"),
    ("constraint search_chunks primarykeynumber", "the same"),
    ("index createindexsearch_chunks_by_wordsonsearch_chunksusingginwords", "the same"),
    ("column search_messages.number: integer, not null", "the same"),
    ("column search_messages.words: tsvector, not null", "the same"),
    ("constraint search_chats primarykeynumber", "the same"),
    ("constraint search_messages primarykeynumber", "the same"),
    ("index createindexsearch_chats_by_wordsonsearch_chatsusingginwords", "the same"),
    ("index createindexsearch_messages_by_wordsonsearch_messagesusingginwords", "the same"),
    ("settings chats", "SQLite has no dead rows to be tidied up"),
    ("settings idempotency_keys", "the same"),
    ("settings messages", "the same"),
    ("settings nodes", "the same"),
    ("settings response_events", "the same"),
    ("settings responses", "the same"),
    ("settings usage_daily", "the same"),
    ("settings users", "the same"),
    ("column embeddings.vector: blob, not null", "bytes have another name on PostgreSQL"),
    ("column embeddings.vector: bytea, not null", "the same"),
];

/// What a schema holds, a line each, in words that belong to neither engine.
type Lines = BTreeSet<String>;

struct Both {
    directory: TempDir,
    server: FreshDatabase,
}

impl Both {
    fn new() -> Both {
        let place = |name: &str| std::env::var(name).expect("tests/postgres.py runs this program");
        Both {
            directory: TempDir::new().unwrap(),
            server: FreshDatabase::on(&place("PGHOST"), &place("PGUSER")),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("kafka.db")
    }

    /// SQLite's first.
    fn schemas(&self) -> [Schema; 2] {
        let address = PostgresAddress::from_url(&self.server.url()).unwrap();
        let configs = [Config::file(self.file()), Config::postgres(address, self.directory.path())];
        configs.map(|config| Schema::open(&config).unwrap())
    }

    fn lines(&self) -> [Lines; 2] {
        [of_sqlite(&self.file()), of_postgres(&self.server)]
    }
}

/// SQL without what the engines write differently and mean alike.
fn plain(sql: &str) -> String {
    let mut plain = sql.to_lowercase();
    for (theirs, ours) in [
        ("::text", ""),
        ("::bigint", ""),
        ("using btree", ""),
        ("public.", ""),
        ("= any (array[", " in "),
        ("]", ""),
    ] {
        plain = plain.replace(theirs, ours);
    }
    plain.retain(|sign| !sign.is_whitespace() && !"()\"".contains(sign));
    plain
}

fn of_sqlite(path: &Path) -> Lines {
    let connection = Connection::open(path).unwrap();
    let rows = |sql: &str| -> Vec<Vec<Option<String>>> {
        let mut prepared = connection.prepare(sql).unwrap();
        let columns = prepared.column_count();
        let rows = prepared.query_map([], |row| {
            (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column).map(as_text)).collect()
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let mut lines = Lines::new();
    for row in rows(
        "SELECT t.name, c.name, lower(c.type), c.\"notnull\" OR c.pk > 0, c.dflt_value, c.type = 'INTEGER' AND c.pk > 0 \
         FROM pragma_table_list t JOIN pragma_table_info(t.name) c \
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE 'refinery%'",
    ) {
        let [table, column, class, required, default, counts] = &row[..] else { panic!("{row:?}") };
        let class = match class.as_deref() {
            Some("integer" | "bigint") => "integer",
            Some("text") => "text by bytes",
            other => other.unwrap(),
        };
        lines.insert(column_line(table, column, class, required, default, counts));
    }
    for row in rows(
        "SELECT t.name, group_concat(c.name, ', ' ORDER BY c.pk) FROM pragma_table_list t \
         JOIN pragma_table_info(t.name) c WHERE t.schema = 'main' AND t.type = 'table' AND c.pk > 0 \
         AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE 'refinery%' GROUP BY t.name",
    ) {
        lines.insert(format!(
            "constraint {} {}",
            text(&row[0]),
            plain(&format!("PRIMARY KEY {}", text(&row[1])))
        ));
    }
    for row in rows(
        "SELECT t.name, group_concat(c.name, ', ' ORDER BY c.seqno) FROM pragma_table_list t \
         JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
         WHERE i.origin = 'u' AND t.name NOT LIKE 'refinery%' GROUP BY t.name, i.name",
    ) {
        lines.insert(format!("constraint {} {}", text(&row[0]), plain(&format!("UNIQUE {}", text(&row[1])))));
    }
    for row in rows(
        "SELECT t.name, f.\"from\", f.\"table\", f.\"to\", f.on_delete FROM pragma_table_list t \
         JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
    ) {
        let [table, from, other, to, deletes] = &row[..] else { panic!("{row:?}") };
        let (from, other, to, deletes) = (text(from), text(other), text(to), text(deletes));
        let key = plain(&format!("FOREIGN KEY ({from}) REFERENCES {other}({to}) ON DELETE {deletes}"));
        lines.insert(format!("constraint {} {key}", text(table)));
    }
    for row in
        rows("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'refinery%'")
    {
        let (name, sql) = (text(&row[1]), text(&row[2]));
        match text(&row[0]) {
            "index" => drop(lines.insert(format!("index {}", plain(sql)))),
            "table" => {
                for check in checks(sql) {
                    lines.insert(format!("constraint {name} check{}", plain(check)));
                }
            }
            "view" => {
                let columns = rows(&format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid"));
                lines.insert(view_line(name, &columns));
            }
            // What they do is written in two languages.
            "trigger" => drop(lines.insert(format!("trigger {name}"))),
            other => panic!("a {other} is compared by nothing yet"),
        }
    }
    lines
}

fn of_postgres(server: &FreshDatabase) -> Lines {
    let mut lines = Lines::new();
    let of_tables =
        "c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'refinery%'";
    for row in server.run_inside(&format!(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::int, \
            pg_get_expr(d.adbin, d.adrelid), (a.attidentity = 'd')::int, l.collname \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
            LEFT JOIN pg_collation l ON l.oid = a.attcollation WHERE {of_tables}"
    )) {
        let [table, column, class, required, default, counts, order] = &row[..] else { panic!("{row:?}") };
        let class = match (class.as_deref(), order.as_deref()) {
            (Some("bigint"), None) => "integer",
            (Some("text"), Some("C")) => "text by bytes",
            (other, _) => other.unwrap(),
        };
        lines.insert(column_line(table, column, class, required, default, counts));
    }
    for row in server.run_inside(&format!(
        "SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid \
         WHERE k.contype IN ('p', 'u', 'f', 'c') AND {of_tables}"
    )) {
        lines.insert(format!("constraint {} {}", text(&row[0]), plain(text(&row[1]))));
    }
    for row in server.run_inside(&format!(
        "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
         WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')) \
            AND {of_tables}"
    )) {
        lines.insert(format!("index {}", plain(text(&row[0]))));
    }
    for view in server.run_inside("SELECT viewname FROM pg_views WHERE schemaname = 'public'") {
        let name = text(&view[0]);
        let columns = server.run_inside(&format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 ORDER BY attnum"
        ));
        lines.insert(view_line(name, &columns));
    }
    for row in server.run_inside(&format!(
        "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND {of_tables}"
    )) {
        lines.insert(format!("trigger {}", text(&row[0])));
    }
    for row in server
        .run_inside(&format!("SELECT relname FROM pg_class c WHERE reloptions IS NOT NULL AND {of_tables}"))
    {
        lines.insert(format!("settings {}", text(&row[0])));
    }
    lines
}

fn column_line(
    table: &Option<String>,
    column: &Option<String>,
    class: &str,
    required: &Option<String>,
    default: &Option<String>,
    counts: &Option<String>,
) -> String {
    let mut line = format!("column {}.{}: {class}", text(table), text(column));
    if required.as_deref() == Some("1") {
        line += ", not null";
    }
    if counts.as_deref() == Some("1") {
        line += ", counts";
    } else if let Some(default) = default {
        line += &format!(", default {}", plain(default));
    }
    line
}

fn view_line(name: &str, columns: &[Vec<Option<String>>]) -> String {
    let columns: Vec<&str> = columns.iter().map(|column| text(&column[0])).collect();
    format!("view {name}: {}", columns.join(", "))
}

/// The conditions of a table's statement.
fn checks(sql: &str) -> Vec<&str> {
    let behind = sql.match_indices("CHECK (").map(|(at, words)| &sql[at + words.len()..]);
    behind
        .map(|rest| {
            let mut depth = 1;
            let end = rest.find(|sign| {
                depth += i32::from(sign == '(') - i32::from(sign == ')');
                depth == 0
            });
            &rest[..end.unwrap()]
        })
        .collect()
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap()
}

fn as_text(value: rusqlite::types::Value) -> Option<String> {
    match value {
        rusqlite::types::Value::Integer(number) => Some(number.to_string()),
        rusqlite::types::Value::Text(text) => Some(text),
        _ => None,
    }
}

#[test]
fn both_engines_have_the_same_schema_but_for_what_is_listed() {
    let both = Both::new();
    both.schemas().iter().for_each(|schema| drop(schema.up(None).unwrap()));
    let [sqlite, postgres] = both.lines();
    for kind in ["column", "constraint", "index", "view"] {
        assert!(sqlite.iter().any(|line| line.starts_with(kind)), "no {kind} was looked at");
    }
    for sign in ["foreignkey", "check", "unique", "primarykey", "where", ", default ", ", counts"] {
        assert!(sqlite.iter().any(|line| line.contains(sign)), "no {sign} was looked at");
    }
    let found: Lines = sqlite.symmetric_difference(&postgres).cloned().collect();
    let known: Lines = DIFFERENCES.iter().map(|(line, _)| (*line).to_owned()).collect();
    let missing = |of: &Lines| of.difference(&known).cloned().collect::<Vec<_>>().join("\n");
    assert_eq!(missing(&found), "", "the engines differ; give the reason if that has to be");
    assert_eq!(known.difference(&found).next(), None, "this is no difference any more");
}

#[test]
fn each_migration_goes_up_and_down_to_the_catalog_that_was_and_leaves_no_copy_on_a_server() {
    let both = Both::new();
    let schemas = both.schemas();
    let newest = schemas[0].status().unwrap().newest;
    let at = |version| {
        for schema in &schemas {
            let current = schema.status().unwrap().current;
            let report = match version >= current {
                true => schema.up(Some(version)).unwrap(),
                false => schema.down(DownTarget::Version(version)).unwrap(),
            };
            assert!(schema.makes_backups() || report.backup.is_none());
        }
        let definitions = both.server.run_inside(
            "SELECT viewname || definition FROM pg_views WHERE schemaname = 'public' UNION ALL \
             SELECT relname || reloptions::text FROM pg_class WHERE reloptions IS NOT NULL \
             AND relnamespace = 'public'::regnamespace ORDER BY 1",
        );
        (both.lines(), definitions)
    };
    let catalogs: Vec<_> = (0..=newest).map(&at).collect();
    for version in (1..=newest).rev() {
        let before = version as usize - 1;
        assert_eq!(at(version - 1), catalogs[before], "down from {version}");
        assert_eq!(at(version), catalogs[before + 1], "up again to {version}");
        at(version - 1);
    }
    let copies = fs::read_dir(both.directory.path()).unwrap();
    let copies =
        copies.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".backup-"));
    assert_eq!(copies.count(), 4 * newest as usize - 2, "SQLite alone is copied, unless it is empty");
}

/// The statements of the release before name its columns and leave out those that it does not know.
#[test]
fn each_migration_leaves_what_the_release_before_reads_and_writes() {
    let both = Both::new();
    let schemas = both.schemas();
    let newest = schemas[0].status().unwrap().newest;
    let mut before = [Lines::new(), Lines::new()];
    for version in 1..=newest {
        schemas.iter().for_each(|schema| drop(schema.up(Some(version)).unwrap()));
        let now = both.lines();
        for (before, now) in before.iter().zip(&now) {
            let (had, has) = (columns(before), columns(now));
            let tables: BTreeSet<&str> = had.keys().map(|name| table_of(name)).collect();
            for (name, was) in &had {
                let is = has.get(name).unwrap_or_else(|| panic!("version {version} takes {name} away"));
                assert_eq!(is.split(',').next(), was.split(',').next(), "{name} in version {version}");
                assert!(!is.contains("not null") || was.contains("not null"), "{name} in version {version}");
            }
            for (name, is) in has.iter().filter(|(name, _)| !had.contains_key(*name)) {
                let is_fillable = !is.contains("not null") || is.contains("default");
                assert!(is_fillable || !tables.contains(table_of(name)), "{name} in version {version}");
            }
            let tightened = now.difference(before).filter_map(|line| line.strip_prefix("constraint "));
            let tightened: Vec<_> =
                tightened.filter(|rule| tables.contains(rule.split(' ').next().unwrap())).collect();
            assert_eq!(tightened, [""; 0], "version {version} asks more than the release before keeps");
        }
        before = now;
    }
}

/// The columns by table and name, with what they are.
fn columns(lines: &Lines) -> BTreeMap<&str, &str> {
    lines.iter().filter_map(|line| line.strip_prefix("column ")?.split_once(": ")).collect()
}

fn table_of(column: &str) -> &str {
    column.split('.').next().unwrap_or_default()
}
