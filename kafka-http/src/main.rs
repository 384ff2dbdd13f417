//! The server alone: `kafka serve` without the rest of the command line.

use std::{
    error::Error as _,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;
use kafka_http::{
    config::{self, DatabaseArgs, Environment, ServeArgs},
    extraction,
};

/// Serves the Kafka chat backend over HTTP. (Not Apache Kafka.)
#[derive(Debug, Parser)]
#[command(
    name = "kafka-http",
    version = kafka_http::VERSION,
    after_help = "Example:\n  kafka-http --listen 127.0.0.1:8000 --data-dir ./kafka-data"
)]
struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

fn main() -> ExitCode {
    if let Some(code) = extraction::run_if_asked() {
        return code;
    }
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("Error: {error}\n");
            let mut cause = error.source();
            while let Some(inner) = cause {
                text.push_str(&format!("  because: {inner}\n"));
                cause = inner.source();
            }
            // When nobody can be told any more, the exit code still tells.
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(kafka_http::error::exit_code_of(error.kind()))
        }
    }
}

fn run(arguments: &Arguments) -> kafka_core::Result<()> {
    let environment = Environment::of_process()?;
    let mut flags = arguments.database.flags();
    arguments.serve.add_to(&mut flags);
    kafka_http::serve(&config::resolve(&flags, &environment)?.settings)
}
