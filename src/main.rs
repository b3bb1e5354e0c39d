//! The program: parses the command line, runs a command, ends with its exit code.

fn main() {}
