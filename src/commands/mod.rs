//! The command line: one file per command.

pub mod certs;
pub mod cluster;
pub mod completions;
pub mod defaults;
pub mod explain;
pub mod preview;
pub mod serve;
pub mod stdio;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::printable::printable;

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
#[command(name = "boundtoken", version, arg_required_else_help = true)]
pub struct Cli {
    /// When to use colors; `NO_COLOR` is respected as well
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
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
    Certs(certs::Args),
    Completions(completions::Args),
    Explain(explain::Args),
    Preview(preview::Args),
    Serve(Box<serve::Args>),
}

impl Command {
    fn run(self) -> Result<Exit, CommandError> {
        match self {
            Self::Certs(args) => certs::run(args),
            Self::Completions(args) => completions::run(args),
            Self::Explain(args) => explain::run(&args),
            Self::Preview(args) => preview::run(&args),
            Self::Serve(args) => serve::run(*args),
        }
    }
}

/// Parses the command line of this process and runs it.
pub fn main() -> Exit {
    let cli = match parse(std::env::args_os().collect()) {
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
    let _ = writeln!(stdio::stderr(), "error: {}", printable(&crate::telemetry::chain(error)));
    Exit::Failed
}

/// The command line. Every flag `--some-name` can also be set by the variable `BOUNDTOKEN_SOME_NAME`.
pub(super) fn command() -> clap::Command {
    with_variables(Cli::command())
}

fn with_variables(command: clap::Command) -> clap::Command {
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

/// Adds the environment variable of a flag. `--help` does not show its value, which may be a secret.
fn with_variable(flag: clap::Arg) -> clap::Arg {
    match flag.get_long().map(|name| name.replace('-', "_").to_uppercase()) {
        Some(name) => flag.env(format!("BOUNDTOKEN_{name}")).hide_env_values(true),
        None => flag,
    }
}

/// Parses the arguments. As a kubectl plugin, the program calls itself `kubectl boundtoken`.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    if called_as_plugin(arguments.first()) {
        command = command.bin_name("kubectl boundtoken").no_binary_name(true);
        return Cli::from_arg_matches(&command.try_get_matches_from(arguments.into_iter().skip(1))?);
    }
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

fn called_as_plugin(program: Option<&OsString>) -> bool {
    program
        .and_then(|path| std::path::Path::new(path).file_stem()?.to_str())
        .is_some_and(|name| name.starts_with("kubectl-") || name.starts_with("kubectl_"))
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
