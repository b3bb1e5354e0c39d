//! The files of a release (`make dist`), as those who download them use them. DIST names their directory.
//!
//! `make release-dry-run` runs it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod archive;
mod bill_of_materials;
mod packages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The directory with the files of the release.
fn dist() -> PathBuf {
    Path::new(ROOT).join(std::env::var_os("DIST").unwrap_or_else(|| "dist".into()))
}

/// What the names of the archive and of the bill of materials of this machine have in common.
fn name() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("boundtoken-{VERSION}-linux-{architecture}")
}

fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Runs a program in the root of the repository and returns its output if it succeeds.
fn run(command: &mut Command) -> String {
    let output = command.current_dir(ROOT).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn text(Output { stdout, stderr, .. }: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
}

/// The checksum of a file, as `sha256sum` prints it.
fn sum(file: &Path) -> String {
    run(Command::new("sha256sum").arg(file)).split(' ').next().unwrap().to_owned()
}

/// A program of release/tools. Without Go there is none, which is an error with `CI=true`.
fn tool(name: &str) -> Option<PathBuf> {
    let output = Command::new(Path::new(ROOT).join("release/tools.sh")).arg(name).output().unwrap();
    if output.status.code() == Some(3) {
        print!("{}", text(&output));
        return None;
    }
    assert!(output.status.success(), "{}", text(&output));
    Some(String::from_utf8(output.stdout).unwrap().trim_end().into())
}

/// Unpacks the archive and returns the directory in it.
fn unpacked(directory: &Path) -> PathBuf {
    let archive = dist().join(name() + ".tar.gz");
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(directory));
    directory.join(name())
}

#[test]
fn every_file_has_its_checksum() {
    run(Command::new("sh")
        .args(["-c", "cd \"$1\" && sha256sum --check --strict --quiet SHA256SUMS", "sh"])
        .arg(dist()));
    let sums = read(dist().join("SHA256SUMS"));
    let mut named: Vec<_> = sums.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect();
    named.push("SHA256SUMS".to_owned());
    named.sort();
    let files = fs::read_dir(dist()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert_eq!(named, files);
}
