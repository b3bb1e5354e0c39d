//! Where the programs of a control plane come from, and what is said where they cannot.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/programs.sh");

/// Asks for two programs on a machine without Go.
fn ask(directory: &Path, environment: &[(&str, &str)]) -> Output {
    let tools = directory.join("bin");
    fs::create_dir(&tools).unwrap();
    for tool in ["bash", "cat", "cut", "dirname", "env", "grep", "ln", "mkdir", "sed", "sha256sum"] {
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

#[test]
fn an_unknown_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let output = ask(directory.path(), &[("KUBERNETES", "1.32")]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    let refusal = "kubectl of Kubernetes 1.32 is not a program of the tests; the versions are 1.33 ";
    assert!(text(&output.stderr).starts_with(refusal), "{output:?}");
}

/// Writes an empty program where `programs.sh` puts those that it builds from the module in a directory.
fn built(tools: &Path, module: &str, program: &str) -> PathBuf {
    let module = Path::new(SCRIPT).with_file_name(module);
    let pins = fs::read_to_string(module.join("go.mod")).unwrap();
    let version = pins.split_once("k8s.io/kubernetes ").unwrap().1.split(' ').next().unwrap();
    let key = format!("cd '{}' && cat go.mod go.sum | sha256sum | cut -c1-16", module.display());
    let key = Command::new("sh").args(["-c", &key]).output().unwrap().stdout;
    let program = tools.join(format!("kubernetes-{version}-{}", text(&key).trim_end())).join(program);
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn kubectl_may_be_of_another_version() {
    let directory = tempfile::tempdir().unwrap();
    let tools = directory.path().join("tools");
    let etcd = built(&tools, "", "etcd");
    let kubectl = built(&tools, "kubernetes-1.36", "kubectl");
    let environment = [("KUBECTL", "1.36"), ("BOUNDTOKEN_TOOLS", tools.to_str().unwrap())];
    let output = ask(directory.path(), &environment);
    let found = Path::new(text(&output.stdout).trim_end());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (name, program) in [("etcd", etcd), ("kubectl", kubectl)] {
        assert_eq!(fs::read_link(found.join(name)).unwrap(), program);
    }
}
