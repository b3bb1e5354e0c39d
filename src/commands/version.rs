//! `boundtoken version`: the version and the commit of the build.

use std::io::Write;

use super::stdio::{StreamError, stdout};
use super::{CommandError, Exit};

/// Show the version and the commit of this build
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

/// The version, and the commit that the Makefile passes in `BOUNDTOKEN_COMMIT`.
pub(super) fn version() -> String {
    of_commit(option_env!("BOUNDTOKEN_COMMIT").filter(|commit| !commit.is_empty()))
}

fn of_commit(commit: Option<&str>) -> String {
    format!("{} (commit {})", env!("CARGO_PKG_VERSION"), commit.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_commit() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(of_commit(Some("0123456789ab")), format!("{version} (commit 0123456789ab)"));
        assert_eq!(of_commit(None), format!("{version} (commit unknown)"));
    }
}
