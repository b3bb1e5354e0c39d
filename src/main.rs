//! The program: parses the command line, runs a command, and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    boundtoken::commands::main().into()
}
