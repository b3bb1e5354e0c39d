//! `boundtoken completions`: completion scripts for shells, and for kubectl.
//!
//! The scripts ask the program itself for candidates, in the variable `BOUNDTOKEN_COMPLETE`.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::complete;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

use super::stdio::{StreamError, stdout};
use super::{CommandError, Exit, program};

/// The variable in which a script names its shell.
const VARIABLE: &str = "BOUNDTOKEN_COMPLETE";

/// bash, which splits words at `=`.
const BASH: OwnScript = OwnScript { shell: &Bash, script: include_str!("completions.bash") };

/// zsh, which adds a space after `KEY=`.
const ZSH: OwnScript = OwnScript { shell: &Zsh, script: include_str!("completions.zsh") };

/// The shells, kubectl among them.
const SHELLS: Shells<'_> = Shells(&[&BASH, &Elvish, &Fish, &Kubectl, &Powershell, &ZSH]);

/// Write a completion script for a shell
///
/// The script asks the program for candidates, so load it again after an upgrade. For --namespace, the program lists
/// the Namespaces of the current context.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell, or kubectl for the script kubectl_complete-boundtoken of the plugin
    shell: Target,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Bash,
    Elvish,
    Fish,
    Kubectl,
    Powershell,
    Zsh,
}

/// Writes the script.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(Args { shell }: Args) -> Result<Exit, CommandError> {
    let shell: &dyn EnvCompleter = match shell {
        Target::Bash => &BASH,
        Target::Elvish => &Elvish,
        Target::Fish => &Fish,
        Target::Kubectl => &Kubectl,
        Target::Powershell => &Powershell,
        Target::Zsh => &ZSH,
    };
    let mut script = Vec::new();
    let write = shell.write_registration(VARIABLE, program::NAME, program::NAME, program::NAME, &mut script);
    write.and_then(|()| stdout().write_all(&script)).map_err(StreamError::from)?;
    Ok(Exit::Done)
}

/// Writes candidates if a script asks for them; otherwise returns `None`.
pub(super) fn answer(command: fn() -> Command) -> Option<clap::error::Result<()>> {
    env::var_os(VARIABLE)?;
    let directory = env::current_dir().ok();
    let completions = CompleteEnv::with_factory(command).var(VARIABLE).shells(SHELLS);
    match completions.try_complete(env::args_os(), directory.as_deref()) {
        Ok(false) => None,
        answered => Some(answered.map(|_| ())),
    }
}

/// A shell whose script by clap does not complete `KEY=VALUE`, with a script that does.
struct OwnScript {
    shell: &'static (dyn EnvCompleter + Sync),
    script: &'static str,
}

impl EnvCompleter for OwnScript {
    fn name(&self) -> &'static str {
        self.shell.name()
    }

    fn is(&self, name: &str) -> bool {
        self.shell.is(name)
    }

    fn write_registration(&self, _: &str, _: &str, _: &str, _: &str, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.shell.write_complete(command, words, directory, out)
    }
}

/// kubectl, which runs `kubectl_complete-boundtoken` with the words after `kubectl boundtoken`, the last of them being
/// the one to complete. It expects a candidate per line, with its help after a tab, and at the end a directive of
/// cobra.
#[derive(Clone, Copy, Debug)]
struct Kubectl;

/// The directive that offers no file names besides.
const NO_FILES: u8 = 4;

/// The directive that adds no space after a candidate.
const NO_SPACE: u8 = 2;

impl EnvCompleter for Kubectl {
    fn name(&self) -> &'static str {
        "kubectl"
    }

    fn is(&self, name: &str) -> bool {
        name == self.name()
    }

    fn write_registration(
        &self,
        variable: &str,
        _: &str,
        name: &str,
        _: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(out, "#!/bin/sh")?;
        writeln!(out, "# Save as kubectl_complete-{name} on your PATH, executable.")?;
        writeln!(out, "{variable}=kubectl exec kubectl-{name} -- {name} \"$@\"")
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let last = words.len().saturating_sub(1);
        let candidates = complete(command, words, last, directory)?;
        let mut directive = NO_FILES;
        for candidate in candidates {
            let value = candidate.get_value().to_string_lossy();
            let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
            match help.lines().next() {
                Some(help) => writeln!(out, "{value}\t{help}")?,
                None => writeln!(out, "{value}")?,
            }
            if value.ends_with(['=', '/']) {
                directive |= NO_SPACE;
            }
        }
        writeln!(out, ":{directive}")
    }
}
