//! `boundtoken version`: the version and the commit that was built.

use std::io::Write;

use super::stdio::{StreamError, stdout};
use super::{CommandError, Exit};

/// Show the version, and the commit of this build with its date
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Writes the version.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(_: &Args) -> Result<Exit, CommandError> {
    writeln!(stdout(), "boundtoken {}", version()).map_err(StreamError::from)?;
    Ok(Exit::Done)
}

/// The version, and the commit that the Makefile passes in `BOUNDTOKEN_COMMIT` and `BOUNDTOKEN_COMMIT_DATE`.
pub(super) fn version() -> String {
    let commit = option_env!("BOUNDTOKEN_COMMIT").zip(option_env!("BOUNDTOKEN_COMMIT_DATE"));
    of_commit(commit.filter(|(commit, date)| !commit.is_empty() && !date.is_empty()))
}

// The date is that of the commit, not of the build, so that builds of one commit are equal.
fn of_commit(commit: Option<(&str, &str)>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match commit {
        Some((commit, date)) => format!("{version} (commit {commit}, {date})"),
        None => format!("{version} (commit unknown: the build did not name one)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_commit_and_its_date() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            of_commit(Some(("0123456789ab-dirty", "2026-02-28"))),
            format!("{version} (commit 0123456789ab-dirty, 2026-02-28)")
        );
        assert_eq!(of_commit(None), format!("{version} (commit unknown: the build did not name one)"));
    }
}
