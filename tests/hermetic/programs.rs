//! Where the programs of a control plane come from, and what is said where they cannot.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/programs.sh");

/// Asks for two programs on a machine without Go.
fn ask(directory: &Path, environment: &[(&str, &str)]) -> Output {
    let tools = directory.join("bin");
    fs::create_dir(&tools).unwrap();
    for tool in ["bash", "cat", "cut", "dirname", "env", "sed", "sha256sum"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        symlink(found.trim_end(), tools.join(tool)).unwrap();
    }
    let mut command = Command::new("/usr/bin/env");
    command.args([SCRIPT, "etcd", "kubectl"]).env_clear().env("PATH", tools).env("HOME", directory);
    command.envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn without_go_one_line_names_the_skipped_tests() {
    for (environment, code) in [(&[][..], 3), (&[("CI", "true")][..], 2)] {
        let directory = tempfile::tempdir().unwrap();
        let output = ask(directory.path(), environment);
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        for word in ["left out: the tests against a real API server", "install Go", "KUBEBUILDER_ASSETS"] {
            assert!(stderr.contains(word), "{stderr}");
        }
    }
}

#[test]
fn programs_that_exist_already_are_used() {
    let directory = tempfile::tempdir().unwrap();
    let assets = directory.path().join("assets");
    fs::create_dir(&assets).unwrap();
    let place = |name: &str| {
        fs::write(assets.join(name), "").unwrap();
        fs::set_permissions(assets.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    place("etcd");
    let environment = [("KUBEBUILDER_ASSETS", assets.to_str().unwrap())];
    let output = ask(directory.path(), &environment);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("lacks kubectl:"), "{output:?}");

    place("kubectl");
    fs::remove_dir_all(directory.path().join("bin")).unwrap();
    let output = ask(directory.path(), &environment);
    assert_eq!((output.status.code(), text(&output.stdout).trim_end()), (Some(0), assets.to_str().unwrap()));
}
