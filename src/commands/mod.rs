//! The command line: one file per command.

pub mod audit;
pub mod certs;
pub mod check;
pub mod cluster;
mod complete;
pub mod completions;
pub mod defaults;
mod examples;
pub mod explain;
mod leading;
pub mod preview;
pub mod program;
pub mod serve;
pub mod stdio;
mod values;
pub mod version;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::printable::printable;
use crate::telemetry::chain;

/// The error of a failed command, printed once, with its sources.
pub type CommandError = Box<dyn Error + Send + Sync>;

/// The result of the program, which determines its exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Success.
    Done,
    /// There is a difference or a finding.
    Found,
    /// Wrong usage, or a failure.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Found => 1,
            Exit::Failed => 2,
        })
    }
}

/// Bounds the lifetime and the audience of the service account tokens in Pods.
#[derive(Debug, Parser)]
#[command(name = program::NAME, version = version::version(), arg_required_else_help = true)]
pub struct Cli {
    /// When to use colors: always, never, or auto for terminals unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true,
        display_order = 900
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Color {
    /// Always.
    Always,
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(Box<audit::Args>),
    Certs(certs::Args),
    Check(check::Args),
    Completions(completions::Args),
    Explain(explain::Args),
    Preview(preview::Args),
    Serve(Box<serve::Args>),
    Version(version::Args),
}

impl Command {
    fn run(self) -> Result<Exit, CommandError> {
        match self {
            Self::Audit(args) => audit::run(&args),
            Self::Certs(args) => certs::run(args),
            Self::Check(args) => check::run(&args),
            Self::Completions(args) => completions::run(args),
            Self::Explain(args) => explain::run(&args),
            Self::Preview(args) => preview::run(&args),
            Self::Serve(args) => serve::run(*args),
            Self::Version(args) => version::run(&args),
        }
    }
}

/// Parses the command line of this process and runs it.
pub fn main() -> Exit {
    if let Some(answer) = completions::answer(command) {
        return answer.map_or_else(|error| print(&error), |()| Exit::Done);
    }
    let cli = match parse(env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => return print(&error),
    };
    cli.color.apply();
    match cli.command.run().and_then(|exit| Ok(stdio::flush().map(|()| exit)?)) {
        Ok(exit) => exit,
        Err(error) => failed(error.as_ref()),
    }
}

/// Prints a mistake in the command line, or what `--help` and `--version` ask for.
fn print(message: &clap::Error) -> Exit {
    match message.print().and_then(|()| io::stdout().flush()) {
        _ if message.use_stderr() => Exit::Failed,
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&stdio::StreamError::from(error)),
        _ => Exit::Done,
    }
}

/// Prints an error, once, with its sources. If even this cannot be written, the exit code is all that is left.
fn failed(error: &(dyn Error + 'static)) -> Exit {
    let _ = writeln!(stdio::stderr(), "error: {}", printable(&program::as_typed(&chain(error))));
    Exit::Failed
}

/// The command line. Every flag `--some-name` can also be set by the variable `BOUNDTOKEN_SOME_NAME`.
pub fn command() -> clap::Command {
    prepared(Cli::command())
}

/// Adds to a command and those below it what follows from names: variables, values for shells, and examples.
fn prepared(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|flag| complete::with_values(with_variable(flag)));
    examples::with_examples(command).mut_subcommands(prepared)
}

/// Adds the environment variable of a flag, unless it is empty: as for kubectl, that means not set. `--help` does not
/// show its value, which may be a secret.
fn with_variable(flag: clap::Arg) -> clap::Arg {
    let Some(name) = flag.get_long().map(|name| name.replace('-', "_").to_uppercase()) else { return flag };
    let name = format!("BOUNDTOKEN_{name}");
    if env::var_os(&name).is_some_and(|value| value.is_empty()) {
        return flag;
    }
    flag.env(name).hide_env_values(true)
}

/// Leaves the environment variables out of the help of a command and those below it: the short one is easier to read.
fn without_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|flag| flag.hide_env(true)).mut_subcommands(without_variables)
}

/// Parses the arguments. As a kubectl plugin, the program calls itself `kubectl boundtoken`.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    if arguments.iter().any(|argument| argument == "-h") {
        command = without_variables(command);
    }
    let arguments = leading::moved(arguments);
    if program::is_plugin(arguments.first()) {
        command = command.bin_name(program::PLUGIN_NAME).no_binary_name(true);
        return Cli::from_arg_matches(&command.try_get_matches_from(arguments.into_iter().skip(1))?);
    }
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

impl Color {
    fn apply(self) {
        match self {
            Self::Always => ColorChoice::Always.write_global(),
            Self::Auto => ColorChoice::Auto.write_global(),
            Self::Never => ColorChoice::Never.write_global(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Cli, clap::Error> {
        parse(words.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_command_line_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_is_also_an_environment_variable() {
        let command = command();
        let serve = command.find_subcommand("serve").unwrap();
        for (command, flag, variable) in [
            (&command, "color", "BOUNDTOKEN_COLOR"),
            (serve, "max_connections", "BOUNDTOKEN_MAX_CONNECTIONS"),
        ] {
            let flag = command.get_arguments().find(|argument| argument.get_id() == flag).unwrap();
            assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(variable));
            assert!(flag.is_hide_env_values_set());
        }
    }

    #[test]
    fn a_plugin_shows_its_usage_as_kubectl_would() {
        for (program, usage) in [
            ("/usr/bin/kubectl-boundtoken", "Usage: kubectl boundtoken serve"),
            ("boundtoken", "Usage: boundtoken serve"),
        ] {
            let help = parse_words(&format!("{program} serve --help")).unwrap_err().to_string();
            assert!(help.contains(usage), "{help}");
        }
    }
}
