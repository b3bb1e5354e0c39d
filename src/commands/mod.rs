//! The command line: one file per command.

pub mod defaults;
pub mod explain;
pub mod preview;

use std::error::Error;
use std::process::ExitCode;

use anstream::{ColorChoice, eprintln};
use clap::{Parser, Subcommand, ValueEnum};

/// Why a command failed: printed once, with its sources.
pub type CommandError = Box<dyn Error + Send + Sync>;

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// Something was found: a difference, a finding.
    Found,
    /// Wrong usage, or something failed.
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
    /// When to use colour; `NO_COLOR` is respected as well
    #[arg(long, global = true, value_name = "WHEN", env = "BOUNDTOKEN_COLOR", default_value = "auto")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

/// When to use colour.
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
    Explain(explain::Args),
    Preview(preview::Args),
}

impl Command {
    fn run(self) -> Result<Exit, CommandError> {
        match self {
            Self::Explain(args) => explain::run(&args),
            Self::Preview(args) => preview::run(&args),
        }
    }
}

/// Parses the command line of this process and runs it.
#[must_use]
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to be done if even this cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed } else { Exit::Done };
        }
    };
    cli.color.apply();
    cli.command.run().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        Exit::Failed
    })
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
