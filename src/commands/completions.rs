//! `boundtoken completions`: scripts for shells, and the one that kubectl looks for.

use std::io::{self, Write};

use clap::{CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use super::{Cli, CommandError, Exit};

/// Prints a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell; `kubectl` prints the script kubectl_complete-boundtoken for the plugin
    shell: Target,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Bash,
    Fish,
    Kubectl,
    Powershell,
    Zsh,
}

impl Target {
    fn shell(self) -> Option<Shell> {
        match self {
            Self::Bash => Some(Shell::Bash),
            Self::Fish => Some(Shell::Fish),
            Self::Kubectl => None,
            Self::Powershell => Some(Shell::PowerShell),
            Self::Zsh => Some(Shell::Zsh),
        }
    }
}

/// Prints the script.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(Args { shell }: Args) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    match shell.shell() {
        Some(shell) => generate(shell, &mut Cli::command(), "boundtoken", &mut script),
        None => script = kubectl().into_bytes(),
    }
    io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}

/// kubectl runs this file, found on the PATH, with the words typed so far, and expects one
/// candidate per line and a directive at the end (`:4`: no file names).
fn kubectl() -> String {
    let cli = Cli::command();
    let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let flags: String = cli.get_subcommands().map(|command| flags(&cli, command)).collect();
    format!(
        r#"#!/bin/sh
# Save as kubectl_complete-boundtoken on your PATH, executable.
command=""
for word in "$@"; do
  case "$word" in
    {}) command="$word"; break ;;
  esac
done
case "$command" in
{flags}  *) printf '%s\n' {} ;;
esac
echo :4
"#,
        names.join("|"),
        names.join(" "),
    )
}

/// The branch of the script that lists the flags of one command.
fn flags(cli: &clap::Command, command: &clap::Command) -> String {
    let flags = command.get_arguments().chain(cli.get_arguments());
    let flags: Vec<String> =
        flags.filter_map(|flag| flag.get_long()).map(|flag| format!("--{flag}")).collect();
    format!("  {}) printf '%s\\n' {} ;;\n", command.get_name(), flags.join(" "))
}
