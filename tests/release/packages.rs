//! The manifests, the chart, and what krew, Homebrew and readers of the notes get.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{ROOT, VERSION, dist, name, read, run, sum, tool};

/// The image of the manifests, which is named by its digest.
fn image() -> String {
    let manifests = read(dist().join("install.yaml"));
    let mut images = manifests.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    let image = images.next().unwrap().to_owned();
    assert_eq!(images.next(), None);
    let (repository, digest) = image.split_once("@sha256:").unwrap();
    assert!(repository.starts_with("ghcr.io/") && repository.ends_with("/boundtoken"), "{image}");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{image}");
    image
}

#[test]
fn manifests_differ_in_the_image_only() {
    let released = read(dist().join("install.yaml"));
    let there = format!("image: boundtoken:{VERSION}\n");
    assert_eq!(
        released.replace(&format!("image: {}\n", image()), &there),
        read(Path::new(ROOT).join("manifests/install.yaml"))
    );
}

#[test]
fn the_chart_installs_the_image_of_the_manifests() {
    let output =
        Command::new(Path::new(ROOT).join("tests/cluster/programs.sh")).arg("helm").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let helm = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end()).join("helm");
    let chart = dist().join(format!("boundtoken-{VERSION}.tgz"));
    let rendered = run(Command::new(&helm).args(["template", "boundtoken"]).arg(&chart));
    let line = rendered.lines().find_map(|line| line.trim().strip_prefix("image: "));
    assert_eq!(line.map(|image| image.trim_matches('"')), Some(&*image()));
    let metadata = run(Command::new(&helm).args(["show", "chart"]).arg(&chart));
    for key in ["version", "appVersion"] {
        assert!(metadata.contains(&format!("\n{key}: {VERSION}\n")), "{metadata}");
    }
}

#[test]
fn krew_and_homebrew_name_the_archive_and_its_checksum() {
    let archive = name() + ".tar.gz";
    let checksum = sum(&dist().join(&archive));
    let plugin: Value = serde_saphyr::from_str(&read(dist().join("boundtoken.yaml"))).unwrap();
    let platforms = plugin["spec"]["platforms"].as_array().unwrap();
    let platform = platforms.iter().find(|platform| platform["sha256"] == *checksum).expect("the checksum");
    let uri = platform["uri"].as_str().unwrap();
    assert!(uri.ends_with(&format!("/releases/download/v{VERSION}/{archive}")), "{uri}");
    assert_eq!(plugin["spec"]["version"], format!("v{VERSION}"));
    let formula = read(dist().join("boundtoken.rb"));
    assert!(formula.contains(&format!("    url \"{uri}\"\n    sha256 \"{checksum}\"\n")), "{formula}");
}

#[test]
fn krew_validates_and_installs_the_plugin() {
    let (Some(validate), Some(krew)) = (tool("validate-krew-manifest"), tool("krew")) else { return };
    let manifest = dist().join("boundtoken.yaml");
    run(Command::new(validate).args(["-skip-install", "-manifest"]).arg(&manifest));
    let directory = tempfile::tempdir().unwrap();
    let mut install = Command::new(krew);
    install.arg("install").arg("--manifest").arg(&manifest);
    install.arg("--archive").arg(dist().join(name() + ".tar.gz"));
    run(install.env("KREW_ROOT", directory.path()).env("KREW_NO_UPGRADE_CHECK", "1"));
    let plugin = directory.path().join("bin/kubectl-boundtoken");
    assert!(run(Command::new(plugin).arg("--help")).contains("Usage: kubectl boundtoken"));
}

#[test]
fn notes_are_the_section_of_this_version() {
    let changelog = read(Path::new(ROOT).join("CHANGELOG.md"));
    let (_, after) = changelog.split_once(&format!("\n## [{VERSION}]")).unwrap();
    let (_, section) = after.split_once('\n').unwrap();
    let section = section.split("\n## [").next().unwrap().trim();
    assert_eq!(read(dist().join("notes.md")), format!("{section}\n\nImage: `{}`\n", image()));
}
