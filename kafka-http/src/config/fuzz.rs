//! For the fuzz targets: settings from whatever stands in flags, environment and files.

use std::{collections::HashMap, path::PathBuf};

use clap::Parser;
use kafka_core::ErrorKind;

use super::{
    DatabaseArgs, Environment, ServeArgs, Settings,
    keys::{DATABASE, KEYS, SECRET_KEY},
    settle,
    sources::Sources,
};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Flags and variables one a line, `.env`, and `kafka.toml`, with a NUL between them. Whatever is
/// accepted is shown in a form that is accepted again.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut texts = text.splitn(3, '\0');
    let mut next = || texts.next().unwrap_or_default();
    let (given, dotenv, file) = (next(), next(), next());
    let (arguments, variables): (Vec<&str>, Vec<&str>) =
        given.lines().partition(|line| line.starts_with('-'));
    let Ok(arguments) = Arguments::try_parse_from(["kafka"].into_iter().chain(arguments)) else { return };
    let mut flags = arguments.database.flags();
    arguments.serve.add_to(&mut flags);
    let variables = variables.iter().filter_map(|line| line.split_once('='));
    let variables: HashMap<_, _> = variables.map(|(name, value)| (name.into(), value.into())).collect();
    let environment = Environment { variables, current_dir: PathBuf::from("/srv") };
    let resolved = Sources::of_texts(&flags, &environment, dotenv, file)
        .and_then(|sources| settle(&sources, &environment.current_dir));
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
    };
    let _ = resolved.settings.check_server();
    let mut again = Settings::defaults();
    // A database is shown without its password, and a key not at all.
    for key in KEYS.into_iter().filter(|key| ![DATABASE.name, SECRET_KEY.name].contains(&key.name)) {
        let shown = (key.show)(&resolved.settings);
        assert_eq!((key.set)(&mut again, &shown), Ok(()), "{}: {shown:?}", key.name);
        assert_eq!((key.show)(&again), shown, "{}", key.name);
    }
}
