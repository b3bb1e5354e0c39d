//! The pre-commit hook refuses commits of manifests that boundtoken would refuse.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::{BAD, DOUBTFUL, GOOD, ROOT, path_with_program};

/// A repository in which Git runs the entry of the hook with these arguments before each commit.
struct Repository(TempDir);

impl Repository {
    fn new(arguments: &str) -> Self {
        let hooks: Value = serde_saphyr::from_str(include_str!("../../../.pre-commit-hooks.yaml")).unwrap();
        let hook = &hooks[0];
        assert_eq!(
            [&hook["language"], &hook["pass_filenames"]],
            [&Value::from("script"), &Value::from(false)]
        );
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "--quiet"]);
        let entry = Path::new(ROOT).join(hook["entry"].as_str().unwrap());
        let script = format!("#!/bin/sh\nexec {} {arguments}\n", entry.display());
        // Git runs files that are executable, which this one becomes as a copy of the script.
        let file = repository.0.path().join(".git/hooks/pre-commit");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(&entry, &file).unwrap();
        fs::write(&file, script).unwrap();
        repository
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("PATH", path_with_program());
        git.env_remove("GIT_DIR").current_dir(self.0.path()).output().unwrap()
    }

    /// Commits a file, and returns whether Git did, with what it printed.
    fn commit(&self, name: &str, text: &str) -> (bool, String) {
        let file = self.0.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        assert!(self.git(&["add", "--all"]).status.success());
        let output = self.git(&["commit", "--quiet", "--message", name]);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), printed)
    }
}

#[test]
fn invalid_settings_are_not_committed() {
    let repository = Repository::new("");
    assert_eq!(repository.commit("deploy/good.yaml", GOOD), (true, String::new()));
    let (is_committed, printed) = repository.commit("deploy/bad.yaml", BAD);
    assert!(!is_committed);
    assert!(printed.starts_with("./deploy/bad.yaml:7: refused: boundtoken.dev/ttl: "), "{printed}");
    let corrected = BAD.replace("5m", "10m");
    assert_eq!(repository.commit("deploy/bad.yaml", &corrected), (true, String::new()));
}

/// The Namespace with the guardrail is in another file than the Pod.
#[test]
fn namespaces_in_other_files_count() {
    let repository = Repository::new("");
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {boundtoken.dev/webhook: enabled}\n  annotations: {boundtoken.dev/pod-overrides: deny}\n";
    assert_eq!(repository.commit("namespaces/shop.yaml", namespace), (true, String::new()));
    let (is_committed, printed) = repository.commit("deploy/pod.yaml", &BAD.replace("5m", "10m"));
    assert!(!is_committed && printed.contains("(BT030)"), "{printed}");
}

#[test]
fn arguments_choose_files_and_results() {
    let (is_committed, printed) = Repository::new("").commit("deploy/doubtful.yaml", DOUBTFUL);
    assert!(!is_committed && printed.contains("(BT050)"), "{printed}");
    let (is_committed, printed) =
        Repository::new("--fail-on refused").commit("deploy/doubtful.yaml", DOUBTFUL);
    assert!(is_committed && printed.contains("(BT050)"), "{printed}");
    let elsewhere = Repository::new("-f deploy");
    assert_eq!(elsewhere.commit("deploy/good.yaml", GOOD), (true, String::new()));
    assert_eq!(elsewhere.commit("tests/bad.yaml", BAD), (true, String::new()));
}

#[test]
fn a_missing_program_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for tool in ["bash", "env"] {
        let found = ["/bin", "/usr/bin"].map(|bin| Path::new(bin).join(tool));
        let found = found.iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(found, directory.path().join(tool)).unwrap();
    }
    let mut hook = Command::new(format!("{ROOT}/integrations/pre-commit.sh"));
    let output = hook.env("PATH", directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.starts_with(b"boundtoken is not on the PATH: "), "{output:?}");
}
