//! `boundtoken completions`: completion scripts for shells, and for kubectl.

use std::io::Write;

use clap::{Arg, Command, ValueEnum, ValueHint};
use clap_complete::{Shell, generate};

use super::stdio::{StreamError, stdout};
use super::{CommandError, Exit};

/// Write a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell, or kubectl for the script kubectl_complete-boundtoken of the plugin
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

/// Writes the script.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(Args { shell }: Args) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    match shell.shell() {
        Some(shell) => generate(shell, &mut super::command(), "boundtoken", &mut script),
        None => script = kubectl().into_bytes(),
    }
    stdout().write_all(&script).map_err(StreamError::from)?;
    Ok(Exit::Done)
}

/// The script for kubectl, which finds it on the PATH and passes the words typed so far, the last of them
/// being the one to complete. It expects one candidate per line and a cobra directive at the end: `:0` offers
/// file names, `:4` does not.
fn kubectl() -> String {
    let cli = super::command();
    let commands: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
    let values: String = cli.get_subcommands().map(|command| values(&cli, command)).collect();
    let words: String = cli.get_subcommands().map(|command| words(&cli, command)).collect();
    format!(
        r#"#!/bin/sh
# Save as kubectl_complete-boundtoken on your PATH, executable.
offer() {{
  [ $# -eq 0 ] || printf '%s\n' "$@"
  echo :4
}}
command=""
previous=""
last=""
for word in "$@"; do
  previous="$last"
  last="$word"
  [ -n "$command" ] || case "$previous" in {}) command="$previous" ;; esac
done
case "$command $previous" in
{values}  *)
    case "$command" in
{words}    *) offer {} ;;
    esac
    ;;
esac
"#,
        commands.join("|"),
        commands.join(" "),
    )
}

/// The branches of the script for the values of one command's flags.
fn values(cli: &Command, command: &Command) -> String {
    let flags = command.get_opts().chain(cli.get_opts()).filter(|flag| flag.get_action().takes_values());
    let branch = |flag: &Arg| {
        let long = flag.get_long().map(|long| format!("--{long}"));
        let short = flag.get_short().map(|short| format!("-{short}"));
        let names = short.into_iter().chain(long).map(|name| format!("\"{} {name}\"", command.get_name()));
        format!("  {}) {} ;;\n", names.collect::<Vec<_>>().join("|"), offer(flag))
    };
    flags.map(branch).collect()
}

fn offer(flag: &Arg) -> String {
    let is_path =
        matches!(flag.get_value_hint(), ValueHint::AnyPath | ValueHint::DirPath | ValueHint::FilePath);
    if is_path { "echo :0".to_owned() } else { format!("offer {}", possible_values(flag).join(" ")) }
}

fn possible_values(argument: &Arg) -> Vec<String> {
    argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
}

/// The branch of the script that lists the arguments and the flags of one command.
fn words(cli: &Command, command: &Command) -> String {
    let arguments = command.get_positionals().flat_map(possible_values);
    let flags = command.get_arguments().chain(cli.get_arguments()).filter_map(Arg::get_long);
    let words = arguments.chain(flags.map(|flag| format!("--{flag}")));
    format!("    {}) offer {} ;;\n", command.get_name(), words.collect::<Vec<_>>().join(" "))
}
