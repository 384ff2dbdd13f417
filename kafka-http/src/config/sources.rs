//! Where values are looked for: flags, environment, `.env`, `kafka.toml`.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use kafka_core::{Error, ErrorKind, Result};
use toml::de::{DeTable, DeValue};

use super::{
    absolute,
    dotenv::DotEnv,
    keys::{DATA_DIR, KEYS, Key},
};

/// What a process is given by whoever started it. Passed in, so that nothing below reads it on its own.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The environment variables.
    pub variables: HashMap<OsString, OsString>,
    /// The working directory: relative paths start there, and `.env` is read there.
    pub current_dir: PathBuf,
}

impl Environment {
    /// That of this process.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] `current_dir_failed` when the working directory is gone or may not be read.
    pub fn of_process() -> Result<Environment> {
        let current_dir = std::env::current_dir().map_err(|error| {
            Error::new(
                ErrorKind::Storage,
                "current_dir_failed",
                format!("The working directory cannot be found ({error}); change to one that exists."),
            )
        })?;
        Ok(Environment { variables: std::env::vars_os().collect(), current_dir })
    }

    /// The value of a variable. One that is set to nothing counts as not set, as shells and Compose
    /// files leave many behind.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] `config_value_invalid` when it is not UTF-8.
    pub fn variable(&self, name: &str) -> Result<Option<&str>> {
        let Some(value) = self.variables.get(&OsString::from(name)) else { return Ok(None) };
        match value.to_str() {
            Some("") => Ok(None),
            Some(text) => Ok(Some(text)),
            None => Err(Error::new(
                ErrorKind::Invalid,
                "config_value_invalid",
                format!("The environment variable {name} is not UTF-8 text; set it to text or unset it."),
            )),
        }
    }
}

/// The values that were given by flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The file of `--config`.
    pub(super) config: Option<PathBuf>,
    pub(super) values: BTreeMap<&'static str, String>,
}

impl Flags {
    pub(super) fn set(&mut self, key: &'static Key, value: Option<String>) {
        if let Some(value) = value {
            self.values.insert(key.name, value);
        }
    }

    /// For a flag that may be repeated.
    pub(super) fn set_list(&mut self, key: &'static Key, values: &[String]) {
        self.set(key, (!values.is_empty()).then(|| values.join(",")));
    }
}

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A line of `.env` or `kafka.toml`, counted from 1.
    File(PathBuf, usize),
    /// Nothing was set.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(flag) => write!(f, "flag --{flag}"),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::File(path, line) => write!(f, "{}:{line}", path.display()),
            Source::Default => f.write_str("default"),
        }
    }
}

/// A text that was set somewhere.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: Source,
}

/// All places, in the order in which they are asked.
pub(super) struct Sources<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
    dotenv: DotEnv,
    file: BTreeMap<&'static str, Given>,
}

impl<'a> Sources<'a> {
    /// Reads `.env` and `kafka.toml`.
    pub(super) fn read(flags: &'a Flags, environment: &'a Environment) -> Result<Sources<'a>> {
        let mut sources = Sources::without_file(flags, environment)?;
        let path = sources.file_path()?;
        sources.file = read_file(&path, flags.config.is_some())?;
        Ok(sources)
    }

    pub(super) fn without_file(flags: &'a Flags, environment: &'a Environment) -> Result<Sources<'a>> {
        let dotenv = DotEnv::read(&environment.current_dir)?;
        Ok(Sources { flags, environment, dotenv, file: BTreeMap::new() })
    }

    /// The texts that the two files would hold.
    #[cfg(feature = "testing")]
    pub(super) fn of_texts(
        flags: &'a Flags,
        environment: &'a Environment,
        dotenv: &str,
        file: &str,
    ) -> Result<Sources<'a>> {
        let dotenv = DotEnv::of_text(environment.current_dir.join(".env"), dotenv);
        let mut sources = Sources { flags, environment, dotenv, file: BTreeMap::new() };
        let path = sources.file_path()?;
        sources.file = keys_of(file, &path, flags.config.is_some())?;
        Ok(sources)
    }

    /// The `kafka.toml` that counts, whether it exists or not.
    pub(super) fn file_path(&self) -> Result<PathBuf> {
        let path = match &self.flags.config {
            Some(path) => path.clone(),
            None => {
                let data_dir = self.find(&DATA_DIR)?;
                let data_dir = data_dir.map_or_else(|| DATA_DIR.default.to_owned(), |given| given.text);
                Path::new(&data_dir).join("kafka.toml")
            }
        };
        Ok(absolute(&self.environment.current_dir, &path))
    }

    /// What the first place that knows the key says.
    pub(super) fn find(&self, key: &'static Key) -> Result<Option<Given>> {
        if let (Some(flag), Some(text)) = (key.flag, self.flags.values.get(key.name)) {
            return Ok(Some(Given { text: text.clone(), source: Source::Flag(flag) }));
        }
        let variable = self.variable(key.variable)?;
        Ok(variable.or_else(|| self.file.get(key.name).cloned()))
    }

    /// A variable of the environment or of `.env`.
    pub(super) fn variable(&self, name: &'static str) -> Result<Option<Given>> {
        match self.environment.variable(name)? {
            Some(text) => Ok(Some(Given { text: text.to_owned(), source: Source::Environment(name) })),
            None => self.dotenv.variable(name),
        }
    }
}

/// The keys that a `kafka.toml` sets. Only a file that was asked for must exist.
fn read_file(path: &Path, asked_for: bool) -> Result<BTreeMap<&'static str, Given>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error)
            if !asked_for
                && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    keys_of(&text, path, asked_for)
}

/// The keys that the text of a `kafka.toml` sets.
fn keys_of(text: &str, path: &Path, asked_for: bool) -> Result<BTreeMap<&'static str, Given>> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let at = |offset: usize| Source::File(path.to_owned(), line_of(offset));
    let document = DeTable::parse(text).map_err(|error| {
        // The whole text of the error quotes the line, which may hold a secret.
        let place = at(error.span().map_or(0, |span| span.start));
        invalid_file(&place, format!("is not TOML: {}", error.message()))
    })?;
    let mut given = BTreeMap::new();
    for (name, offset, value) in entries("", document.get_ref()) {
        let source = at(offset);
        let key = known(&name, &source)?;
        if key.name == DATA_DIR.name && !asked_for {
            return Err(invalid_file(
                &source,
                "sets data_dir, but this file was found in the data directory; \
                 set it by --data-dir or KAFKA_DATA_DIR, or name the file by --config"
                    .to_owned(),
            ));
        }
        let text = text_of(value).ok_or_else(|| {
            invalid_file(&source, format!("sets {name} to a {}; write a text in quotes", value.type_str()))
        })?;
        given.insert(key.name, Given { text, source });
    }
    Ok(given)
}

/// The dotted names of a table with where they stand and what they are set to.
fn entries<'d>(prefix: &str, table: &'d DeTable<'_>) -> Vec<(String, usize, &'d DeValue<'d>)> {
    let mut found = Vec::new();
    for (name, value) in table {
        let dotted = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => found.extend(entries(&format!("{dotted}."), inner)),
            plain => found.push((dotted, name.span().start, plain)),
        }
    }
    found
}

/// Lists become what the environment would say; other shapes than these have no meaning here.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        DeValue::Array(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(|part| part.get_ref().as_str()).collect();
            parts.map(|parts| parts.join(","))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn known(name: &str, source: &Source) -> Result<&'static Key> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let nearest = KEYS.iter().max_by(|one, other| {
        let likeness = |key: &Key| strsim::jaro_winkler(key.name, name);
        likeness(one).total_cmp(&likeness(other))
    });
    let nearest = nearest.map_or("", |key| key.name);
    Err(Error::new(
        ErrorKind::Invalid,
        "config_key_unknown",
        format!("{source} sets {name:?}, which is no setting; the nearest one is {nearest}."),
    ))
}

fn invalid_file(place: &Source, what: String) -> Error {
    Error::new(ErrorKind::Invalid, "config_file_invalid", format!("{place} {what}."))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "config_file_unreadable",
        format!(
            "The file {} cannot be read ({error}); make it readable or name another one.",
            path.display()
        ),
    )
}
