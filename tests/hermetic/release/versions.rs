//! `make release-check` finds every version, and names the place of one that differs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the check reads.
const READ: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "action.yml",
    "charts",
    "docs",
    "examples",
    "fuzz/Cargo.lock",
    "manifests",
    "release/check.sh",
    "release/version.sh",
];

/// Copies what the check reads, so that a test can change it.
fn copy() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.current_dir(env!("CARGO_MANIFEST_DIR")).args(["-r", "--parents"]).args(READ).arg(directory.path());
    assert!(copy.status().unwrap().success());
    directory
}

fn check(directory: &Path, tag: &str) -> Output {
    Command::new(directory.join("release/check.sh")).env("TAG", tag).output().unwrap()
}

fn replace(directory: &Path, file: &str, from: &str, to: &str) {
    let file = directory.join(file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{}: {from}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The places that the check prints, as file and line.
fn places(output: &Output) -> Vec<(&str, usize)> {
    let versions = text(&output.stdout).lines().filter(|line| !line.starts_with("all versions "));
    let places = versions.map(|line| line.split_whitespace().next().unwrap().split_once(':').unwrap());
    places.map(|(file, line)| (file, line.parse().unwrap())).collect()
}

#[test]
fn every_version_is_that_of_cargo_toml() {
    let output = check(Path::new(env!("CARGO_MANIFEST_DIR")), "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = format!("all versions are {}\n", env!("CARGO_PKG_VERSION"));
    assert!(text(&output.stdout).ends_with(&last), "{}", text(&output.stdout));
}

#[test]
fn a_different_version_is_named_with_its_place() {
    let directory = copy();
    let directory = directory.path();
    let sound = check(directory, "");
    let places = places(&sound);
    assert!(places.len() > 15, "{places:?}");
    for (file, line) in places.into_iter().filter(|(file, _)| *file != "Cargo.toml") {
        let path = directory.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let mut changed: Vec<_> = before.lines().map(str::to_owned).collect();
        changed[line - 1] = changed[line - 1].replace(env!("CARGO_PKG_VERSION"), "99.0.1-rc.1");
        fs::write(&path, changed.join("\n")).unwrap();
        let output = check(directory, "");
        let complaint = format!("{file}:{line}: 99.0.1-rc.1 must be {}, ", env!("CARGO_PKG_VERSION"));
        assert!(!output.status.success(), "{complaint}");
        for line in text(&output.stderr).lines() {
            assert!(line.starts_with(&complaint), "{line}\n{complaint}");
        }
        fs::write(&path, before).unwrap();
    }
}

#[test]
fn a_new_version_is_missing_everywhere_else() {
    let directory = copy();
    let version = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"), "\"\n");
    replace(directory.path(), "Cargo.toml", version, "\nversion = \"99.0.1\"\n");
    let output = check(directory.path(), "");
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr).lines().count() + 1, places(&output).len(), "{}", text(&output.stderr));
}

#[test]
fn a_file_without_its_version_is_named() {
    let directory = copy();
    replace(directory.path(), "charts/boundtoken/Chart.yaml", "\nappVersion: ", "\nappversion: ");
    let output = check(directory.path(), "");
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr), "charts/boundtoken/Chart.yaml: no version after \"^appVersion: \"\n");
}

#[test]
fn a_tag_must_be_the_version_of_a_finished_changelog() {
    let directory = copy();
    let directory = directory.path();
    let complaint = format!("TAG=v99.0.1: 99.0.1 must be {}, ", env!("CARGO_PKG_VERSION"));
    let other = check(directory, "v99.0.1");
    assert!(
        !other.status.success() && text(&other.stderr).starts_with(&complaint),
        "{}",
        text(&other.stderr)
    );

    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    for (file, said) in [
        ("CHANGELOG.md", "not yet released"),
        ("docs/roll-out/install.md", "not released yet"),
        ("docs/roll-out/pipeline.md", "- uses: OWNER/boundtoken"),
    ] {
        let path = directory.join(file);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{before}{said}\n")).unwrap();
        let output = check(directory, tag);
        let complaint = format!("{file}:{}: says at {tag}: {said}\n", before.lines().count() + 1);
        assert!(
            !output.status.success() && text(&output.stderr).contains(&complaint),
            "{}",
            text(&output.stderr)
        );
        fs::write(&path, before).unwrap();
    }
}
