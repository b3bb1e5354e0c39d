//! The program as a user runs it, in `tests/manifests`.

use std::io::Write;
use std::process::{Command, Stdio};

/// The output of a command line.
pub(crate) struct Output {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// Runs a command line, split at white space.
pub(crate) fn run(words: &str, stdin: &str) -> Output {
    run_with(&[], words, stdin)
}

/// The same with environment variables.
pub(crate) fn run_with(variables: &[(&str, &str)], words: &str, stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boundtoken"));
    command.args(words.split_whitespace()).env_clear().envs(variables.iter().copied());
    output(&mut command, stdin)
}

/// Runs a command.
pub(crate) fn output(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends without reading its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Output { out, err, code: output.status.code().unwrap() }
}
