//! The `kafka` command.

mod age;
mod cli;
mod commands;
mod context;
mod exit;
mod output;
mod progress;
mod size;

use std::process::ExitCode;

use clap::Parser as _;
use kafka_http::{config::Environment, extraction};

use crate::{cli::Cli, context::Context, output::Output};

fn main() -> ExitCode {
    if let Some(code) = extraction::run_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    let environment = match Environment::of_process() {
        Ok(environment) => environment,
        Err(error) => return exit::report(&error, &Environment::default()),
    };
    let context = Context::new(cli.database, Output::new(&cli.output, &environment), environment);
    match cli.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, &context.environment),
    }
}
