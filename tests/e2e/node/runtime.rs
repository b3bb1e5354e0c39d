//! containerd, with all of its files in the directory of the cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::network::{BRIDGE, PODS};
use super::run;
use crate::support::control_plane::{ControlPlane, eventually};

/// The namespace of containerd that the kubelet uses.
const NAMESPACE: &str = "k8s.io";

/// The image of the container that holds a Pod's network namespace.
pub(super) const PAUSE: &str = "localhost/pause:test";

/// A running containerd.
pub(crate) struct Containerd {
    socket: PathBuf,
    state: PathBuf,
}

impl Containerd {
    /// An instance that keeps all of its files in a directory.
    pub(super) fn of(directory: &Path) -> Self {
        // A short name, since the path of a Unix socket is limited to 107 bytes (`unix(7)`).
        let state = directory.join("run");
        Self { socket: state.join("containerd.sock"), state }
    }

    /// Starts it with its own configuration.
    pub(super) async fn start(&self, plane: &ControlPlane) {
        let directory = plane.directory();
        std::fs::create_dir_all(directory.join("cni")).unwrap();
        std::fs::write(directory.join("cni/10-bridge.conflist"), network(&directory.join("cni-leases")))
            .unwrap();
        let config = directory.join("containerd.toml");
        std::fs::write(&config, self.config(directory)).unwrap();
        plane.add(Path::new("containerd"), &[format!("--config={}", config.display())]);
        eventually("a running containerd", async || {
            self.ctr(&["version"]).output().unwrap().status.success().then_some(())
        })
        .await;
    }

    fn config(&self, directory: &Path) -> String {
        format!(
            r#"version = 2
root = "{directory}/containerd"
state = "{state}"
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "{PAUSE}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{directory}/cni"
"#,
            directory = directory.display(),
            state = self.state.display(),
            socket = self.socket.display(),
        )
    }

    /// The socket to which the kubelet connects.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Imports an image from an archive in the format of `docker save`.
    pub(crate) fn import(&self, archive: &Path) {
        run(self.ctr(&["images", "import"]).arg(archive));
    }

    /// Adds another name to an image in Docker's library.
    pub(crate) fn tag(&self, image: &str, name: &str) {
        let [image, name] = [image, name].map(|name| format!("docker.io/library/{name}"));
        run(&mut self.ctr(&["images", "tag", "--force", &image, &name]));
    }

    /// Ends every container. containerd itself is one of the processes of the control plane.
    pub(super) fn stop_containers(&self) {
        let tasks = self.ctr(&["tasks", "list", "--quiet"]).output().unwrap().stdout;
        for task in String::from_utf8_lossy(&tasks).lines() {
            let _ = self.ctr(&["tasks", "delete", "--force", task]).output();
        }
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(["--namespace", NAMESPACE]).args(arguments);
        command
    }
}

/// A bridge between the Pods and this machine, without a route to other networks.
fn network(leases: &Path) -> String {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": BRIDGE, "isGateway": true, "ipMasq": false,
            "ipam": {
                "type": "host-local", "dataDir": leases,
                "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
    .to_string()
}
