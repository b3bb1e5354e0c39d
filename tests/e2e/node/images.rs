//! The images of the tests, made on this machine: no registry is asked.

use std::path::Path;
use std::process::Command;

use super::run;
use super::runtime::{Containerd, PAUSE};

/// What holds a Pod's network open.
const PAUSE_SOURCE: &str = r"
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(0); }
int main() { signal(SIGTERM, end); for (;;) pause(); }
";

/// Makes all images and gives them to containerd.
pub(super) fn make(containerd: &Containerd, directory: &Path) {
    std::fs::write(directory.join("pause.c"), PAUSE_SOURCE).unwrap();
    run(Command::new("cc").args(["-O2", "-static", "-o", "pause", "pause.c"]).current_dir(directory));
    std::fs::write(
        directory.join("pause.dockerfile"),
        "FROM scratch\nCOPY pause /pause\nENTRYPOINT [\"/pause\"]\n",
    )
    .unwrap();
    build(containerd, directory, "pause.dockerfile", PAUSE);
}

/// Builds an image and imports it.
fn build(containerd: &Containerd, directory: &Path, dockerfile: &str, name: &str) {
    let store = directory.join("store");
    let buildah = || {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(&store).args(["--storage-driver", "vfs"]).current_dir(directory);
        command
    };
    run(buildah().args(["bud", "--isolation", "chroot", "--file", dockerfile, "--tag", name, "."]));
    let archive = directory.join("image.tar");
    run(buildah().args(["push", name, &format!("docker-archive:{}:{name}", archive.display())]));
    containerd.import(&archive);
    std::fs::remove_file(&archive).unwrap();
}
