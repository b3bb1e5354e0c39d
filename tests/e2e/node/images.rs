//! Builds the images of the tests on this machine, without a registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::run;
use super::runtime::{Containerd, PAUSE};

/// Debian with the programs that Pods of the tests run.
pub(crate) const DEBIAN: &str = "localhost/debian:test";

/// The container that holds a Pod's network namespace.
const PAUSE_SOURCE: &str = r"
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(0); }
int main() { signal(SIGTERM, end); for (;;) pause(); }
";

/// Builds the images for the node and the tests, and imports them into containerd.
pub(super) fn make(containerd: &Containerd, directory: &Path) {
    containerd.import(&archive(directory, PAUSE, &pause(directory), &["/pause"]));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/debian.sh");
    let layer = run(&mut Command::new(script));
    containerd.import(&archive(directory, DEBIAN, Path::new(layer.trim_end()), &[]));
}

/// Builds a layer with one static program.
fn pause(directory: &Path) -> PathBuf {
    std::fs::write(directory.join("pause.c"), PAUSE_SOURCE).unwrap();
    run(Command::new("cc").args(["-O2", "-static", "-o", "pause", "pause.c"]).current_dir(directory));
    run(Command::new("tar").args(["-cf", "pause.tar", "pause"]).current_dir(directory));
    directory.join("pause.tar")
}

/// An image of one layer, in the format of `docker save`.
///
/// <https://github.com/moby/moby/blob/master/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format>
fn archive(directory: &Path, name: &str, layer: &Path, entrypoint: &[&str]) -> PathBuf {
    let digest = run(Command::new("sha256sum").arg(layer));
    let digest = digest.split(' ').next().unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Entrypoint": entrypoint},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    let image = tempfile::tempdir_in(directory).unwrap();
    std::fs::write(image.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(image.path().join("manifest.json"), manifest.to_string()).unwrap();
    std::os::unix::fs::symlink(layer, image.path().join("layer.tar")).unwrap();
    let archive = directory.join("image.tar");
    run(Command::new("tar")
        .arg("--dereference")
        .arg("-C")
        .arg(image.path())
        .arg("-cf")
        .arg(&archive)
        .arg("."));
    archive
}
