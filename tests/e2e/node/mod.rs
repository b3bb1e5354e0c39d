//! A node of its own: kubelet, containerd and scheduler beside a control plane on this machine.
//!
//! Needs root, and Debian's containerd, runc, containernetworking-plugins, iptables and buildah. Pods reach the
//! API server at its Service address, which the machine gets as an address of `lo`; no kube-proxy is needed.

pub(crate) mod images;
mod network;
mod runtime;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, PROGRAMS, eventually, programs};
use network::Network;
use runtime::Containerd;

/// The address of Service `kubernetes`, and of the node.
const ADDRESS: &str = "10.96.0.1";

/// A control plane with a node that runs Pods.
pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    pub(crate) containerd: Containerd,
    _network: Network,
}

impl Cluster {
    /// Starts everything, and waits until the node is ready.
    pub(crate) async fn start() -> Result<Self, ExitCode> {
        let all = [&PROGRAMS[..], &["kubelet", "kube-scheduler"]].concat();
        let programs = programs::find(&all)?;
        let network = Network::set_up(ADDRESS);
        let address = SocketAddr::new(ADDRESS.parse().unwrap(), 443);
        let plane = ControlPlane::start_at(&programs, || address).await;
        let containerd = Containerd::start(&plane).await;
        images::make(&containerd, &plane.subdirectory());
        start_kubelet(&plane, &programs, &containerd);
        start_scheduler(&plane, &programs);
        let cluster = Self { plane, containerd, _network: network };
        cluster.wait_until_ready().await;
        Ok(cluster)
    }

    /// The node says that it can run Pods.
    async fn wait_until_ready(&self) {
        eventually("a ready node", async || {
            let node = self.plane.api.get("/api/v1/nodes/node").await.ok()?;
            let ready = list(&node["status"]["conditions"]).find(|condition| condition["type"] == "Ready")?;
            let taints = list(&node["spec"]["taints"]).count();
            (ready["status"] == "True" && taints == 0).then_some(())
        })
        .await;
    }

    /// The kubelet took down what it had.
    async fn wait_until_empty(&self) {
        eventually("a node without Pods", async || {
            self.plane.api.list("/api/v1/pods").await.is_empty().then_some(())
        })
        .await;
    }

    /// Removes every Pod, stops every process, takes back what the machine got.
    pub(crate) async fn stop(&self) {
        // Nobody makes new ones.
        self.plane.kill("kube-controller-manager");
        for namespace in self.plane.api.list("/api/v1/namespaces").await {
            let name = namespace["metadata"]["name"].as_str().unwrap();
            self.plane.api.delete(&format!("/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0")).await;
        }
        self.wait_until_empty().await;
        self.containerd.stop_containers();
        self.plane.stop_processes();
        unmount(self.plane.directory());
        self.plane.stop();
    }
}

/// The items of a list, which may be absent.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn start_kubelet(plane: &ControlPlane, programs: &Path, containerd: &Containerd) {
    let directory = plane.directory();
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", containerd.socket().display()),
        "cgroupDriver": "cgroupfs",
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "authentication": {"x509": {"clientCAFile": directory.join("ca.crt")}},
        "authorization": {"mode": "AlwaysAllow"},
        "readOnlyPort": 0,
        "healthzPort": 0,
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": directory.join("pod-logs"),
    });
    let path = directory.join("kubelet.json");
    std::fs::write(&path, config.to_string()).unwrap();
    plane.add(
        &programs.join("kubelet"),
        &[
            format!("--kubeconfig={}", directory.join("node.kubeconfig").display()),
            format!("--config={}", path.display()),
            format!("--root-dir={}", directory.join("kubelet").display()),
            format!("--cert-dir={}", directory.join("kubelet-certificates").display()),
            format!("--node-ip={ADDRESS}"),
            "--hostname-override=node".to_owned(),
        ],
    );
}

fn start_scheduler(plane: &ControlPlane, programs: &Path) {
    let kubeconfig = plane.directory().join("scheduler.kubeconfig");
    let kubeconfig = kubeconfig.display();
    plane.add(
        &programs.join("kube-scheduler"),
        &[
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ],
    );
}

/// Whatever a killed kubelet and its containers left mounted, the innermost first.
fn unmount(directory: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let points = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| Path::new(point).starts_with(directory)) {
        run(Command::new("umount").args(["--lazy", point]));
    }
}

/// Runs a program that must succeed; its stdout.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
