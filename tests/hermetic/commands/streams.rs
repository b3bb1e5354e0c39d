//! Standard output and standard error whose reader is gone, or that are full.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

use crate::support::program::boundtoken;

/// Command lines that write to standard output, and their exit codes.
const COMMANDS: [(&str, i32); 11] = [
    ("--help", 0),
    ("serve --help", 0),
    ("--version", 0),
    ("explain", 0),
    ("explain ttl", 0),
    ("completions bash", 0),
    ("audit --print-rbac", 0),
    ("audit --from ../../demo/cluster.json -o json", 1),
    ("preview -f shop.yaml", 1),
    ("preview -f shop.yaml -o yaml", 0),
    ("preview -f shop.yaml -o sarif", 1),
];

/// A command line in `tests/manifests`.
fn command(words: &str) -> Command {
    let mut command = boundtoken(&words.split(' ').collect::<Vec<_>>());
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn code_and_errors(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.spawn().unwrap().wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A pipe that nothing reads.
fn closed_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// A device without space.
fn full_device() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn a_closed_pipe_changes_no_exit_code() {
    for (words, code) in COMMANDS {
        let (closed, errors) = code_and_errors(command(words).stdout(closed_pipe()));
        assert_eq!(closed, Some(code), "{words}: {errors}");
        assert!(!errors.contains("error:"), "{words}: {errors}");
        let (closed, _) = code_and_errors(command(words).stderr(closed_pipe()));
        assert_eq!(closed, Some(code), "{words} with a closed standard error");
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    for (words, _) in COMMANDS {
        let (code, errors) = code_and_errors(command(words).stdout(full_device()));
        assert_eq!(code, Some(2), "{words}: {errors}");
        let expected = "error: failed to write the output: No space left on device";
        assert!(errors.contains(expected), "{words}: {errors}");
    }
}

#[test]
fn a_full_standard_error_is_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let serve = format!("serve --listen=192.0.2.1:1 --namespaces shop.yaml --tls-dir {path}/serve");
    for words in [
        "preview -f shop.yaml",
        "preview -f none.yaml",
        "preview",
        "explain none",
        "--none",
        &format!("certs --tls-dir {path}/certs"),
        &serve,
    ] {
        let (code, _) = code_and_errors(command(words).stderr(full_device()));
        assert_eq!(code, Some(2), "{words}");
    }
}
