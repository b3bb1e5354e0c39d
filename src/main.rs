//! The program: parses the command line, runs a command, ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    boundtoken::commands::main().into()
}
