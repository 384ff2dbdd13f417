use std::fs;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{values::joined, *};

/// The settings as the documentation lists them: key, flag, environment variable, default.
const DOCUMENTED: [(&str, &str, &str, &str); 30] = [
    ("listen", "--listen", "KAFKA_LISTEN", "127.0.0.1:8000"),
    ("database", "--database", "DATABASE_URL", "sqlite://<data-dir>/kafka.db"),
    ("database_pool_size", "--database-pool-size", "KAFKA_DATABASE_POOL_SIZE", "5"),
    ("database_pool_overflow", "--database-pool-overflow", "KAFKA_DATABASE_POOL_OVERFLOW", "10"),
    ("database_pool_wait", "--database-pool-wait", "KAFKA_DATABASE_POOL_WAIT", "5s"),
    ("database_pool_idle", "--database-pool-idle", "KAFKA_DATABASE_POOL_IDLE", "10m"),
    ("database_pool_lifetime", "--database-pool-lifetime", "KAFKA_DATABASE_POOL_LIFETIME", "30m"),
    ("database_statement_cache", "--database-statement-cache", "KAFKA_DATABASE_STATEMENT_CACHE", "256"),
    ("database_statement_timeout", "--database-statement-timeout", "KAFKA_DATABASE_STATEMENT_TIMEOUT", "1m"),
    ("replica_url", "--replica-url", "KAFKA_REPLICA_URL", ""),
    ("data_dir", "--data-dir", "KAFKA_DATA_DIR", "./kafka-data"),
    ("auth", "--auth", "KAFKA_AUTH", "open"),
    ("open_to", "--open-to", "KAFKA_OPEN_TO", ""),
    ("allow_host", "--allow-host", "KAFKA_ALLOW_HOST", ""),
    ("allow_origin", "--allow-origin", "KAFKA_ALLOW_ORIGIN", ""),
    ("allow_model_host", "--allow-model-host", "KAFKA_ALLOW_MODEL_HOST", ""),
    ("based_validator", "--based-validator", "KAFKA_BASED_VALIDATOR", ""),
    ("embedding_url", "", "KAFKA_EMBEDDING_URL", ""),
    ("embedding_model", "", "KAFKA_EMBEDDING_MODEL", ""),
    ("embedding_key", "", "KAFKA_EMBEDDING_KEY", ""),
    ("chunk_tokens", "", "KAFKA_CHUNK_TOKENS", "128-256"),
    ("trusted_proxy", "--trusted-proxy", "KAFKA_TRUSTED_PROXY", ""),
    ("registration", "--registration", "KAFKA_REGISTRATION", "open in open mode, first in password mode"),
    ("anonymous", "--anonymous", "KAFKA_ANONYMOUS", "off"),
    ("quotas", "--quotas", "KAFKA_QUOTAS", "off"),
    ("titles", "--titles", "KAFKA_TITLES", "off"),
    ("dialect", "--dialect", "KAFKA_DIALECT", "kafka,chat-history,open-chat"),
    ("migrate", "--migrate", "KAFKA_MIGRATE", "auto"),
    ("log", "--log", "KAFKA_LOG", "text"),
    ("secret_key", "", "KAFKA_SECRET_KEY", "the file <data-dir>/secret, made at the first start"),
];

/// A key that nobody else has.
const KEY: &str = "9f3c1a7be05d42866fd1b07c2e94a85331d6c8f27a0be5944c17f86e0b3d92ac";

/// The flags of the server's own binary.
#[derive(Clone, Debug, Default, clap::Parser)]
struct Command {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

/// A working directory with what a process started in it would find.
struct Place {
    directory: TempDir,
    variables: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Place {
    fn new() -> Place {
        Place { directory: TempDir::new().unwrap(), variables: vec![], flags: vec!["kafka-http".into()] }
    }

    fn variable(mut self, name: &str, value: &str) -> Place {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn flags(mut self, flags: &[&str]) -> Place {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Place {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn resolve(&self) -> Result<Resolved> {
        let environment = Environment {
            variables: self.variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            current_dir: self.directory.path().to_owned(),
        };
        let matches = Command::command().try_get_matches_from(&self.flags).unwrap();
        let command = Command::from_arg_matches(&matches).unwrap();
        let mut flags = command.database.flags();
        command.serve.add_to(&mut flags);
        resolve(&flags, &environment)
    }

    fn settings(&self) -> Settings {
        self.resolve().unwrap().settings
    }

    fn error(&self) -> Error {
        self.resolve().unwrap_err()
    }
}

impl Resolved {
    fn entry(&self, name: &str) -> &Entry {
        self.entries.iter().find(|entry| entry.key.name == name).unwrap()
    }
}

/// How `kafka.toml` says what the environment says with this text.
fn toml_line(key: &Key, text: &str) -> String {
    format!("{} = \"{text}\"\n", key.name)
}

/// The keys that this build takes values for.
fn usable_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.into_iter().filter(|key| cfg!(feature = "postgres") || key.name != "replica_url")
}

/// Two acceptable texts for each key, neither of them the default.
fn two_values(key: &Key) -> [&'static str; 2] {
    match key.name {
        "listen" => ["127.0.0.2:1", "[::1]:2"],
        "database" => ["sqlite:///tmp/1.db", "sqlite::memory:"],
        "database_pool_size" | "database_pool_overflow" | "database_statement_cache" => ["1", "1000"],
        "database_pool_wait"
        | "database_pool_idle"
        | "database_pool_lifetime"
        | "database_statement_timeout" => ["1500ms", "2h"],
        "replica_url" => ["postgresql://one.example:1/d", "postgresql://two.example:2/d"],
        "data_dir" => ["/tmp/1", "/tmp/2"],
        "auth" => ["password", "open"],
        "open_to" | "trusted_proxy" => ["10.0.0.0/8", "192.168.0.0/16,fd00::/8"],
        "allow_host" => ["one.example", "two.example,three.example"],
        "allow_origin" => ["https://one.example", "https://two.example"],
        "allow_model_host" => ["ollama.lan", "10.0.0.7:11434,[fd00::1]:80"],
        "based_validator" => ["http://127.0.0.1:9000/validate", "https://checker.example.org/v"],
        "embedding_url" => ["http://127.0.0.1:9000/v1", "https://api.example.org/v1"],
        "embedding_model" => ["minilm", "text-embedding-3-small"],
        "embedding_key" => ["sk-one", "sk-two"],
        "chunk_tokens" => ["0-32", "1024-1024"],
        "registration" => ["invite", "closed"],
        "anonymous" | "quotas" | "titles" => ["on", "off"],
        "dialect" => ["none", "kafka"],
        "migrate" => ["require", "auto"],
        "log" => ["json:warn", "text:debug"],
        "secret_key" => [KEY, "03e1f59a7cb24d6880dd17ac4e926bf5c8310e7fa25b944db6e82f16790ac35d"],
        other => panic!("give {other} two values"),
    }
}

#[test]
fn the_table_is_the_documented_one() {
    let table = KEYS.map(|key| {
        let flag = key.flag.map(|flag| format!("--{flag}")).unwrap_or_default();
        (key.name, flag, key.variable, key.default)
    });
    assert_eq!(
        table,
        DOCUMENTED.map(|(name, flag, variable, default)| (name, flag.to_owned(), variable, default))
    );
}

#[test]
fn names_follow_the_rule() {
    for key in KEYS {
        if key.name != "database" {
            assert_eq!(key.variable, format!("KAFKA_{}", key.name.replace('.', "_").to_uppercase()));
        }
        if let Some(flag) = key.flag {
            assert_eq!(flag, key.name.replace(['.', '_'], "-"));
        }
    }
}

#[test]
fn every_flag_of_the_command_line_is_in_the_table_and_explained_by_it() {
    let command = ServeArgs::augment_args(DatabaseArgs::augment_args(clap::Command::new("kafka-http")));
    let flags: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let mut expected: Vec<_> = KEYS.iter().filter_map(|key| key.flag).chain(["config"]).collect();
    let mut sorted = flags.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    for key in KEYS.iter().filter(|key| key.flag.is_some()) {
        let argument = command.get_arguments().find(|argument| argument.get_long() == key.flag).unwrap();
        assert_eq!(argument.get_help().unwrap().to_string(), key.help());
    }
}

/// What stands behind the settings in `.env.example`.
const VARIABLES_OF_POSTGRESQL: &str = "
# The variables of replaced systems name a PostgreSQL database, too, where DATABASE_URL is not set: the host
# or the database selects it, and the others have these defaults.
#POSTGRES_HOST=localhost
#POSTGRES_PORT=5432
#POSTGRES_USER=postgres
#POSTGRES_PASSWORD=postgres
#POSTGRES_DB=ai_chat
";

#[test]
fn env_example_lists_exactly_the_variables_of_the_table() {
    let mut expected = String::from(
        "# Settings of Kafka as environment variables. Copy this file to .env in the directory you start it\n\
         # from, and remove the # in front of what you set. Flags and the environment go before .env.\n",
    );
    for key in KEYS {
        let default = if key.default.is_empty() { "none" } else { key.default };
        expected +=
            &format!("\n# {}.\n# Default: {default}.\n#{}={}\n", key.meaning, key.variable, key.example);
    }
    expected += VARIABLES_OF_POSTGRESQL;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == expected, "{} is out of date; it must be:\n{expected}", file.display());
}

#[test]
fn the_defaults_are_what_the_table_says() {
    let place = Place::new();
    let settings = place.settings();
    let mut expected = Settings::defaults();
    for key in KEYS.iter().filter(|key| key.name.starts_with("database_")) {
        (key.set)(&mut expected, key.default).unwrap();
    }
    for key in [
        &keys::LISTEN,
        &keys::AUTH,
        &keys::QUOTAS,
        &keys::MIGRATE,
        &keys::LOG,
        &keys::DATA_DIR,
        &keys::CHUNK_TOKENS,
    ] {
        (key.set)(&mut expected, key.default).unwrap();
    }
    expected.data_dir = place.path("kafka-data");
    expected.database = Database::File(place.path("kafka-data/kafka.db"));
    assert_eq!(settings, expected);
    assert_eq!(settings.secret_file(), place.path("kafka-data/secret"));
}

#[test]
fn of_two_sources_the_stronger_one_wins_for_every_key() {
    for key in usable_keys() {
        let [weak, strong] = two_values(key);
        // From the weakest to the strongest, each with the way to put a text there.
        type Put = fn(Place, &Key, &str) -> Place;
        let sources: [(&str, Put); 4] = [
            ("kafka.toml:1", |place, key, text| {
                place.file("settings.toml", toml_line(key, text)).flags(&["--config", "settings.toml"])
            }),
            (".env:1", |place, key, text| place.file(".env", format!("{}={text}\n", key.variable))),
            ("environment", |place, key, text| place.variable(key.variable, text)),
            ("flag", |place, key, text| place.flags(&[&format!("--{}", key.flag.unwrap()), text])),
        ];
        let usable = if key.flag.is_some() { 4 } else { 3 };
        for (index, (_, put_weak)) in sources[..usable].iter().enumerate() {
            let alone = put_weak(Place::new(), key, weak).resolve().unwrap();
            let mut expected = alone.settings.clone();
            (key.set)(&mut expected, weak).unwrap();
            assert_eq!(alone.settings, expected, "{} from source {index}", key.name);
            assert_ne!(alone.entry(key.name).source, Source::Default);

            for (name, put_strong) in &sources[index + 1..usable] {
                let place = put_strong(put_weak(Place::new(), key, weak), key, strong);
                let both = place.resolve().unwrap();
                let mut expected = both.settings.clone();
                (key.set)(&mut expected, strong).unwrap();
                assert_eq!(both.settings, expected, "{} from {name}", key.name);
                let source = both.entry(key.name).source.to_string();
                assert!(source.contains(name), "{}: {source} is not {name}", key.name);
            }
        }
    }
}

#[test]
fn every_shown_value_is_read_back_as_the_same() {
    for key in usable_keys() {
        for text in two_values(key) {
            let mut settings = Settings::defaults();
            (key.set)(&mut settings, text).unwrap();
            let shown = (key.show)(&settings);
            if ["secret_key", "embedding_key"].contains(&key.name) {
                assert_eq!(shown, "***");
                continue;
            }
            let mut again = Settings::defaults();
            (key.set)(&mut again, &shown).unwrap();
            assert_eq!(again, settings, "{} as {shown}", key.name);
        }
    }
}

#[test]
fn a_wrong_value_names_key_source_value_and_what_is_accepted() {
    let table = [
        (
            Place::new().flags(&["--listen", "nowhere"]),
            "listen",
            "flag --listen",
            "nowhere",
            "127.0.0.1:8000",
        ),
        (Place::new().flags(&["--listen", ""]), "listen", "flag --listen", "\"\"", "127.0.0.1:8000"),
        (
            Place::new().variable("KAFKA_AUTH", "none"),
            "auth",
            "environment KAFKA_AUTH",
            "none",
            "open or password",
        ),
        (
            Place::new().variable("DATABASE_URL", "x.db"),
            "database",
            "environment DATABASE_URL",
            "x.db",
            "sqlite://",
        ),
        (Place::new().file(".env", "\nKAFKA_QUOTAS=yes\n"), "quotas", "/.env:2)", "yes", "on or off"),
        (
            Place::new().variable("KAFKA_CHUNK_TOKENS", "300-256"),
            "chunk_tokens",
            "environment KAFKA_CHUNK_TOKENS",
            "300-256",
            "such as 128-256",
        ),
        (
            Place::new().file("kafka-data/kafka.toml", "\n\nlog = 'loud'"),
            "log",
            "kafka.toml:3)",
            "loud",
            "text or json",
        ),
        (
            Place::new().flags(&["--open-to", "10.0.0.0/8", "--open-to", "x"]),
            "open_to",
            "--open-to",
            "\"x\" is none",
            "CIDR",
        ),
        (
            Place::new().flags(&["--allow-origin", "*"]),
            "allow_origin",
            "--allow-origin",
            "\"*\"",
            "https://chat.example.org",
        ),
        (
            Place::new().flags(&["--allow-host", "http://x"]),
            "allow_host",
            "--allow-host",
            "http://x",
            "host names",
        ),
        (Place::new().flags(&["--data-dir", ""]), "data_dir", "--data-dir", "\"\"", "path of a directory"),
        (
            Place::new().file("kafka-data/kafka.toml", "database_statement_cache = 0"),
            "database_statement_cache",
            "kafka.toml:1)",
            "\"0\"",
            "from 1 to 10000",
        ),
        (
            Place::new().variable("KAFKA_DATABASE_POOL_WAIT", "5"),
            "database_pool_wait",
            "KAFKA_DATABASE_POOL_WAIT",
            "\"5\"",
            "500ms, 30s",
        ),
        (
            Place::new().variable("KAFKA_REPLICA_URL", "sqlite://x.db"),
            "replica_url",
            "KAFKA_REPLICA_URL",
            "sqlite://x.db",
            if cfg!(feature = "postgres") { "postgresql://" } else { "SQLite only" },
        ),
    ];
    for (place, key, source, value, accepted) in table {
        let error = place.error();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "config_value_invalid"), "{error}");
        assert_eq!(error.fields()[0].field, key);
        for part in [key, source, value, accepted] {
            assert!(error.message().contains(part), "{part:?} is not in: {error}");
        }
    }
}

#[test]
fn neither_secrets_nor_passwords_are_repeated() {
    let short = &KEY[1..];
    let table = [
        Place::new().variable("KAFKA_SECRET_KEY", short),
        Place::new().file(".env", format!("KAFKA_SECRET_KEY=\"{short}\n")),
        Place::new().file("kafka-data/kafka.toml", format!("secret_key = '{short}'")),
        Place::new().file("kafka-data/kafka.toml", format!("secret_key = {short}")),
        Place::new().file("kafka-data/kafka.toml", format!("secret_key = ['{short}', 1]")),
        Place::new().variable("DATABASE_URL", &format!("postgresql://u:{short}@h:port/db")),
        Place::new().variable("KAFKA_REPLICA_URL", &format!("postgresql://u:{short}@h:port/db")),
        Place::new().flags(&["--database", &format!("mysql+pymysql://u:{short}@h/db")]),
    ];
    for place in table {
        let error = place.error();
        assert!(!format!("{error}{error:?}").contains(&short[..8]), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    let resolved = Place::new().variable("KAFKA_SECRET_KEY", KEY).resolve().unwrap();
    assert!(!format!("{resolved:?}").contains(&KEY[..8]));
    assert_eq!(resolved.entry("secret_key").value, "***");
}

#[test]
fn unknown_variables_are_ignored_and_unknown_keys_named_with_the_nearest() {
    let others = Place::new()
        .variable("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092")
        .variable("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092")
        .file(".env", "KAFKA_HEAP_OPTS=\"-Xmx1g\nAPP='open\n");
    assert_eq!(others.settings().listen.port(), 8000);

    for (text, written, nearest) in [
        ("\nlisten_on = 'x'", "listen_on", "listen"),
        ("data-dir = 'x'", "data-dir", "data_dir"),
        ("[allow]\norigins = []", "allow.origins", "allow_origin"),
        ("[registration]", "registration", ""),
    ] {
        let error = Place::new().file("kafka-data/kafka.toml", text).error();
        let code = if nearest.is_empty() { "config_file_invalid" } else { "config_key_unknown" };
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(written), "{error}");
        assert!(error.message().ends_with(&format!("{nearest}.")) || nearest.is_empty(), "{error}");
        assert!(error.message().contains("kafka.toml:"), "{error}");
    }
}

#[test]
fn kafka_toml_speaks_toml() {
    let place = Place::new().file(
        "kafka-data/kafka.toml",
        "quotas = true\nopen_to = ['10.0.0.0/8', 'fd00::/8']\nallow_host = []\nlisten = \"[::1]:9\" # why\n\
         database_pool_size = 7\n",
    );
    let settings = place.settings();
    assert_eq!(settings.connections.pool_size, 7);
    assert!(settings.quotas);
    assert_eq!(joined(&settings.open_to), "10.0.0.0/8,fd00::/8");
    assert_eq!(settings.allow_host, Vec::<String>::new());
    assert_eq!(settings.listen.to_string(), "[::1]:9");

    for text in ["listen = 1.5", "open_to = [1]", "listen", "listen = 'a'\nlisten = 'b'", "listen = '"] {
        let error = Place::new().file("kafka-data/kafka.toml", text).error();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "config_file_invalid"), "{error}");
        assert!(error.message().contains("kafka.toml:"), "{error}");
    }
}

#[test]
fn the_file_of_settings_is_the_named_one_or_that_of_the_data_directory() {
    let in_other = |place: Place| place.file("other/kafka.toml", "log = 'json'").settings().log.format;
    assert_eq!(in_other(Place::new()), LogFormat::Text);
    assert_eq!(in_other(Place::new().flags(&["--data-dir", "other"])), LogFormat::Json);
    assert_eq!(in_other(Place::new().variable("KAFKA_DATA_DIR", "other")), LogFormat::Json);
    assert_eq!(in_other(Place::new().file(".env", "KAFKA_DATA_DIR=other")), LogFormat::Json);
    assert_eq!(in_other(Place::new().flags(&["--config", "other/kafka.toml"])), LogFormat::Json);
    // A named file replaces the other one, and only it may say where the data is.
    let named = Place::new()
        .file("kafka-data/kafka.toml", "quotas = true")
        .file("named.toml", "data_dir = 'there'")
        .flags(&["--config", "named.toml"]);
    assert!(!named.settings().quotas);
    assert_eq!(named.settings().data_dir, named.path("there"));

    let circular = Place::new().file("kafka-data/kafka.toml", "data_dir = 'there'").error();
    assert!(circular.message().contains("--config"), "{circular}");
    let missing = Place::new().flags(&["--config", "none.toml"]).error();
    assert_eq!((missing.kind(), missing.code()), (ErrorKind::Invalid, "config_file_unreadable"));
    assert!(missing.message().contains("none.toml"), "{missing}");
}

#[test]
fn relative_places_are_taken_from_the_working_directory() {
    let place = Place::new().flags(&["--database", "sqlite:///./x.db", "--data-dir", "./d/"]);
    assert_eq!(place.settings().database, Database::File(place.path("x.db")));
    assert_eq!(place.settings().data_dir, place.path("d"));
    let place = Place::new().flags(&["--data-dir", "d"]);
    let resolved = place.resolve().unwrap();
    assert_eq!(resolved.entry("database").value, format!("sqlite://{}", place.path("d/kafka.db").display()));
    assert_eq!(resolved.entry("database").source, Source::Default);
}

#[test]
fn what_is_set_to_nothing_is_not_set() {
    let place = Place::new().variable("KAFKA_LISTEN", "").file(".env", "KAFKA_LISTEN=[::1]:9\nKAFKA_AUTH=\n");
    assert_eq!(place.settings().listen.port(), 9);
    assert_eq!(place.resolve().unwrap().entry("auth").source, Source::Default);
    // As everywhere else, the last of several lines counts.
    assert_eq!(
        Place::new().file(".env", "KAFKA_AUTH=open\nKAFKA_AUTH=password").settings().auth,
        Auth::Password
    );
    // An empty list can be told only by a flag or in kafka.toml.
    let place = Place::new().variable("KAFKA_OPEN_TO", "10.0.0.0/8").flags(&["--open-to", ""]);
    assert_eq!(place.settings().open_to, []);
}

#[test]
fn a_directory_named_env_is_no_file_of_settings() {
    let place = Place::new();
    fs::create_dir(place.path(".env")).unwrap();
    assert_eq!(place.settings().listen.port(), 8000);
}

#[test]
fn registration_follows_the_mode_unless_it_is_set() {
    assert_eq!(Place::new().settings().registration, Registration::Open);
    let password = Place::new().flags(&["--auth", "password"]);
    assert_eq!(password.settings().registration, Registration::First);
    assert_eq!(password.resolve().unwrap().entry("registration").value, "first");
    let set = password.flags(&["--registration", "open"]);
    assert_eq!(set.settings().registration, Registration::Open);
}

#[cfg(feature = "postgres")]
#[test]
fn variables_of_postgresql_select_it_only_without_a_url() {
    let shown = |place: Place| {
        let resolved = place.resolve().unwrap();
        let entry = resolved.entry("database");
        (entry.value.clone(), entry.source.to_string())
    };
    let set = |pairs: &[(&str, &str)]| {
        pairs.iter().fold(Place::new(), |place, (name, value)| place.variable(name, value))
    };
    for (pairs, url, source) in [
        (&[("POSTGRES_HOST", "db")][..], "postgresql://db:5432/ai_chat", "environment POSTGRES_HOST"),
        (&[("POSTGRES_DB", "x")], "postgresql://localhost:5432/x", "environment POSTGRES_DB"),
        (
            &[("POSTGRES_HOST", "db"), ("POSTGRES_PORT", "6000"), ("POSTGRES_PASSWORD", "hush")],
            "postgresql://db:6000/ai_chat",
            "environment POSTGRES_HOST",
        ),
    ] {
        assert_eq!(shown(set(pairs)), (url.to_owned(), source.to_owned()));
        let file = set(pairs).variable("DATABASE_URL", "sqlite:///tmp/x.db");
        assert_eq!(shown(file).0, "sqlite:///tmp/x.db");
    }
    assert!(shown(set(&[("POSTGRES_PASSWORD", "x")])).0.starts_with("sqlite://"));
    let wrong = set(&[("POSTGRES_HOST", "db"), ("POSTGRES_PORT", "many")]).error();
    assert!(wrong.message().contains("\"many\" of POSTGRES_PORT"), "{wrong}");
}

#[cfg(not(feature = "postgres"))]
#[test]
fn variables_of_postgresql_select_it_only_without_a_url() {
    for name in ["POSTGRES_HOST", "POSTGRES_DB"] {
        let error = Place::new().variable(name, "db").error();
        assert!(error.message().contains(name) && error.message().contains("SQLite only"), "{error}");
        assert!(Place::new().file(".env", format!("{name}=db")).resolve().is_err());
        assert!(
            Place::new().variable(name, "db").variable("DATABASE_URL", "sqlite://x.db").resolve().is_ok()
        );
    }
    assert!(Place::new().variable("POSTGRES_PASSWORD", "x").resolve().is_ok());
}

#[test]
fn open_mode_does_not_listen_beyond_loopback_for_nobody() {
    let table: [(&[&str], bool); 6] = [
        (&[], true),
        (&["--listen", "[::1]:0"], true),
        (&["--listen", "[::ffff:127.0.0.1]:0"], true),
        (&["--listen", "0.0.0.0:80"], false),
        (&["--listen", "0.0.0.0:80", "--open-to", "10.0.0.0/8"], true),
        (&["--listen", "0.0.0.0:80", "--auth", "password"], true),
    ];
    for (flags, fine) in table {
        let checked = Place::new().flags(flags).settings().check_server();
        assert_eq!(checked.is_ok(), fine, "{flags:?}");
        if let Err(error) = checked {
            assert!(error.message().contains("--open-to"), "{error}");
        }
    }
}

#[test]
fn password_mode_beyond_loopback_is_warned_of_unless_a_proxy_is_trusted() {
    let table: &[(&[&str], bool)] = &[
        (&[], false),
        (&["--auth", "password"], false),
        (&["--auth", "password", "--listen", "[::1]:80"], false),
        (&["--auth", "password", "--listen", "[::ffff:127.0.0.1]:80"], false),
        (&["--auth", "password", "--listen", "0.0.0.0:80"], true),
        (&["--auth", "password", "--listen", "[::]:80"], true),
        (&["--auth", "password", "--listen", "203.0.113.7:80"], true),
        (&["--auth", "password", "--listen", "0.0.0.0:80", "--trusted-proxy", "10.0.0.1"], false),
        (&["--listen", "0.0.0.0:80", "--open-to", "10.0.0.0/8"], false),
    ];
    for (flags, expected) in table {
        let warning = Place::new().flags(flags).settings().warning();
        assert_eq!(warning.is_some(), *expected, "{flags:?}");
        assert!(warning.is_none_or(|warning| warning.contains("--trusted-proxy")), "{flags:?}");
    }
}

#[test]
fn plans_are_not_enforced_for_some_while_others_need_no_account() {
    let table: [(&[&str], bool); 4] = [
        (&["--auth", "password", "--anonymous", "on", "--quotas", "on"], false),
        (&["--auth", "password", "--quotas", "on"], true),
        (&["--auth", "password", "--anonymous", "on"], true),
        (&["--anonymous", "on", "--quotas", "on"], true),
    ];
    for (flags, fine) in table {
        let checked = Place::new().flags(flags).settings().check_server();
        assert_eq!(checked.is_ok(), fine, "{flags:?}");
        if let Err(error) = checked {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "anonymous_without_quotas"));
            assert!(
                error.message().contains("--anonymous") && error.message().contains("--quotas"),
                "{error}"
            );
        }
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_replica_has_a_primary_on_a_server() {
    let replica = || Place::new().variable("KAFKA_REPLICA_URL", "postgresql://u:hush@h/d");
    let error = replica().settings().check_server().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "replica_without_primary"));
    assert!(error.message().contains("replica_url"), "{error}");
    let settings = replica().variable("DATABASE_URL", "postgresql://u:hush@g/d").settings();
    settings.check_server().unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn every_example_of_the_template_is_accepted() {
    let uncommented: String = template()
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.starts_with([' ', '#']) && !line.starts_with("secret_key"))
        .map(|line| format!("{line}\n"))
        .collect();
    let place = Place::new().file("settings.toml", &uncommented).flags(&["--config", "settings.toml"]);
    let resolved = place.resolve().unwrap();
    for entry in resolved.entries.iter().filter(|entry| entry.key.name != "secret_key") {
        assert!(matches!(entry.source, Source::File(..)), "{}", entry.key.name);
    }
    assert_eq!(Place::new().file("kafka-data/kafka.toml", template()).settings().listen.port(), 8000);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};
    let environment = Environment {
        variables: [("KAFKA_DATA_DIR".into(), OsString::from_vec(vec![b'a', 0xFF]))].into(),
        current_dir: PathBuf::from("/nowhere"),
    };
    let error = resolve(&Flags::default(), &environment).unwrap_err();
    assert!(error.message().contains("KAFKA_DATA_DIR"), "{error}");
}

proptest! {
    #[test]
    fn any_value_is_answered_without_panic(text in "\\PC{0,70}") {
        for key in KEYS {
            let _ = (key.set)(&mut Settings::defaults(), &text);
            let _ = (key.redact)(&text);
        }
    }
}
