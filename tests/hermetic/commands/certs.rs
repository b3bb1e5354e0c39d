//! `boundtoken certs` as a process.

use std::fs;

use crate::support::program::{boundtoken, output, run};

#[test]
fn certificates_are_created_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let first = run(&["certs", "--tls-dir", path]);
    assert_eq!(first.status.code(), Some(0));
    let written = String::from_utf8(first.stdout).unwrap();
    let expected = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| format!("{path}/{name}\n"));
    assert_eq!(written, expected.concat());
    assert!(String::from_utf8(first.stderr).unwrap().contains("caBundle"));
    let (authority, leaf) = (read("ca.crt"), read("tls.crt"));
    assert!(run(&["certs", "--tls-dir", path]).stdout.is_empty());
    assert_eq!((read("ca.crt"), read("tls.crt")), (authority.clone(), leaf.clone()));
    let renewed = run(&["certs", "--tls-dir", path, "--tls-dns", "a.example,b.example"]);
    assert_eq!(String::from_utf8(renewed.stdout).unwrap(), expected[2..].concat());
    assert_eq!(read("ca.crt"), authority);
    assert_ne!(read("tls.crt"), leaf);
}

#[test]
fn a_ca_key_is_never_among_the_files_of_a_repository() {
    let repository = tempfile::tempdir().unwrap();
    let mut command = boundtoken(&["certs"]);
    let written = output(command.current_dir(repository.path()));
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(written.stdout.starts_with(b"boundtoken-tls/ca.crt\n"), "{written:?}");
    let top: Vec<_> =
        fs::read_dir(repository.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(top, ["boundtoken-tls"]);
    assert_eq!(fs::read_to_string(repository.path().join("boundtoken-tls/.gitignore")).unwrap(), "*\n");
}

#[test]
fn a_ca_without_its_key_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(run(&["certs", "--tls-dir", path]).status.code(), Some(0));
    fs::remove_file(directory.path().join("ca.key")).unwrap();
    let authority = fs::read(directory.path().join("ca.crt")).unwrap();
    let output = run(&["certs", "--tls-dir", path]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("exists, but its ca.key cannot be used"), "{errors}");
    assert!(errors.ends_with("/ca.key does not exist\n") && !errors.contains("--tls-cert"), "{errors}");
    assert_eq!(fs::read(directory.path().join("ca.crt")).unwrap(), authority);
}
