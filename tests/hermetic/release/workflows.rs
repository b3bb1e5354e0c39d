//! The workflows of GitHub: pinned actions, few rights, and targets of the Makefile that exist.

use std::fs;
use std::path::Path;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The workflows, as name and text.
fn workflows() -> Vec<(String, String)> {
    let directory = Path::new(ROOT).join(".github/workflows");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let workflows: Vec<_> = files.map(|path| (path.display().to_string(), text(&path))).collect();
    assert!(workflows.len() >= 4, "{workflows:?}");
    workflows
}

fn is_pinned(action: &str) -> bool {
    let Some((reference, version)) = action.split_once(" # v") else { return false };
    let commit = reference.rsplit_once('@').map(|(_, commit)| commit);
    let is_commit = |commit: &str| commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    commit.is_some_and(is_commit) && version.split('.').count() == 3
}

#[test]
fn actions_are_pinned_to_a_commit_with_its_version() {
    for (name, text) in workflows() {
        for line in text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            assert!(is_pinned(action), "{name}: {action}");
        }
    }
    assert!(!is_pinned("actions/checkout@v5"));
    assert!(!is_pinned("actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8"));
}

#[test]
fn jobs_write_only_where_they_publish() {
    for (name, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        let rights = workflow["permissions"].as_object().unwrap_or_else(|| panic!("{name}: no permissions"));
        assert!(rights.values().all(|right| right == "read"), "{name}: {rights:?}");
        for (job, content) in workflow["jobs"].as_object().unwrap() {
            let rights = content["permissions"].as_object().cloned().unwrap_or_default();
            let writes = rights.values().any(|right| right == "write");
            assert!(!writes || name.ends_with("/release.yml"), "{name}: {job}");
        }
    }
}

#[test]
fn a_job_that_signs_compiles_nothing() {
    let mut signing = 0;
    for (name, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        for (job, content) in workflow["jobs"].as_object().unwrap() {
            if content["permissions"]["id-token"] != "write" {
                continue;
            }
            signing += 1;
            let scripts = content["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
            for word in scripts.flat_map(str::split_whitespace) {
                let is_build = ["make", "cargo", "go"].contains(&word) || word.contains("programs.sh");
                assert!(!is_build, "{name}: {job}: {word}");
            }
        }
    }
    assert_eq!(signing, 1);
}

#[test]
fn make_targets_of_workflows_exist() {
    let makefile = fs::read_to_string(Path::new(ROOT).join("Makefile")).unwrap();
    let mut found = 0;
    for (name, text) in workflows() {
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let words: Vec<_> = line.split_whitespace().collect();
            let Some(make) = words.iter().position(|word| *word == "make") else { continue };
            for target in words[make + 1..].iter().take_while(|word| !word.contains('=')) {
                assert!(makefile.contains(&format!("\n{target}:")), "{name}: make {target}");
                found += 1;
            }
        }
    }
    assert!(found >= 7, "{found}");
}

#[test]
fn cargo_deny_has_the_version_of_ci() {
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).unwrap();
    let version = ci.lines().find_map(|line| line.strip_prefix("deny_version=")).unwrap();
    let security = fs::read_to_string(Path::new(ROOT).join(".github/workflows/security.yml")).unwrap();
    assert!(security.contains(&format!("cargo-deny@{version}\n")), "{version}");
}
