//! A node for the tests: kubelet, containerd and scheduler beside a control plane on this machine.
//!
//! It needs root, and Debian's containerd, runc, containernetworking-plugins, iptables and buildah. Pods
//! reach the API server at its Service address, which is added to `lo`, so no kube-proxy is needed.

pub(crate) mod images;
mod network;
pub(crate) mod processes;
mod remains;
mod runtime;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::control_plane::{ControlPlane, PROGRAMS, eventually, programs};
use network::{ClosedPort, Network};
use remains::Remains;
use runtime::Containerd;

/// The address of Service `kubernetes`, and of the node.
const ADDRESS: &str = "10.96.0.1";

/// A control plane with a node that runs Pods.
pub(crate) struct Node {
    plane: ControlPlane,
    pub(crate) containerd: Containerd,
    programs: PathBuf,
    /// Dropped after the processes above.
    remains: Remains,
    network: Network,
}

impl Node {
    /// Starts everything, and waits until the node is ready.
    pub(crate) async fn start() -> Result<Self, ExitCode> {
        let all = [&PROGRAMS[..], &["kubelet", "kube-scheduler"]].concat();
        let programs = programs::find(&all)?;
        let address = SocketAddr::new(ADDRESS.parse().unwrap(), 443);
        let network = Network::set_up(address).map_err(|why| refuse(&why))?;
        let plane = ControlPlane::start_at(&programs, || address, &audit_policy()).await;
        let (containerd, remains) = (Containerd::of(plane.directory()), Remains::of(plane.directory()));
        let node = Self { plane, containerd, programs, remains, network };
        node.containerd.start(&node.plane).await;
        images::make(&node.containerd, &node.subdirectory());
        start_kubelet(&node);
        start_scheduler(&node);
        node.wait_until_ready().await;
        Ok(node)
    }

    /// The directory of the programs, such as kubectl.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// The kubeconfig of the administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig()
    }

    /// Creates a directory that is removed with the node.
    pub(crate) fn subdirectory(&self) -> PathBuf {
        self.plane.subdirectory()
    }

    /// The directory of the control plane, with its keys.
    pub(crate) fn directory(&self) -> &Path {
        self.plane.directory()
    }

    /// The audit policy of the API server.
    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.plane.audit_policy()
    }

    /// The audit log of the API server.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.plane.audit_log()
    }

    /// The token of a volume of a Pod, as the kubelet wrote it.
    pub(crate) fn token_file(&self, pod: &Value, volume: &str) -> PathBuf {
        let volumes = self.directory().join("kubelet/pods").join(pod["metadata"]["uid"].as_str().unwrap());
        volumes.join("volumes/kubernetes.io~projected").join(volume).join("token")
    }

    /// Stops the kubelet, but not the containers, until the guard is dropped.
    pub(crate) fn without_kubelet(&self) -> impl Drop {
        self.plane.pause("kubelet")
    }

    /// Closes a port of all Pods, as a network plugin does for a `NetworkPolicy`, until the guard is dropped.
    #[expect(clippy::unused_self, reason = "a Pod has a port only while the node runs")]
    pub(crate) fn without_port(&self, port: u16) -> impl Drop {
        ClosedPort::new(port)
    }

    /// Writes an object into etcd, and not through the API server, which sets some fields itself.
    pub(crate) fn store(&self, key: &str, object: &Value) {
        let [key, value] = [key, &object.to_string()].map(|text| STANDARD.encode(text));
        let put = json!({"key": key, "value": value}).to_string();
        let url = format!("http://127.0.0.1:{}/v3/kv/put", self.plane.etcd());
        run(Command::new("curl").args(["--silent", "--show-error", "--fail", "--data", &put, &url]));
    }

    /// The requests of boundtoken and of the administrator with their responses, oldest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.plane.requests()
    }

    /// Adds a process, which ends with the node.
    pub(crate) fn add(&self, program: &Path, arguments: &[String]) {
        self.plane.add(program, arguments);
    }

    /// Kills a process.
    pub(crate) fn kill(&self, name: &str) {
        self.plane.kill(name);
    }

    /// Kills a process and starts it again.
    pub(crate) fn restart(&self, name: &str) {
        self.plane.restart(name);
    }

    /// Kills the API server.
    ///
    /// It starts again when the guard is dropped.
    pub(crate) fn without_api_server(&self) -> impl Drop {
        self.plane.kill(API_SERVER);
        Away(self)
    }

    /// Waits until the API server has filled its caches: see [`READY`].
    pub(crate) async fn wait_until_api_server_ready(&self) {
        eventually("a ready API server", async || self.plane.api.get(READY).await).await;
    }

    /// Waits until the node can run Pods.
    async fn wait_until_ready(&self) {
        eventually("a ready node", async || {
            let node = self.plane.api.get("/api/v1/nodes/node").await.ok()?;
            let ready = list(&node["status"]["conditions"]).find(|condition| condition["type"] == "Ready")?;
            let taints = list(&node["spec"]["taints"]).count();
            (ready["status"] == "True" && taints == 0).then_some(())
        })
        .await;
    }

    /// Removes every Pod, stops every process, and restores the machine.
    pub(crate) async fn stop(&self) {
        // So that no controller creates new Pods.
        self.plane.kill("kube-controller-manager");
        if tokio::time::timeout(PATIENCE, self.remove_pods()).await.is_err() {
            eprintln!("Pods were left on the node after {PATIENCE:?}");
        }
        self.plane.stop_processes();
        self.remains.clear();
        self.network.tear_down();
    }

    /// Deletes all Pods, and waits until the kubelet has removed them.
    async fn remove_pods(&self) {
        while let Ok(pods) = self.plane.api.get("/api/v1/pods?fieldSelector=spec.nodeName=node").await {
            let mut left = list(&pods["items"]).peekable();
            if left.peek().is_none() {
                return;
            }
            for pod in left {
                let name = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
                let path = format!("/api/v1/namespaces/{}/pods/{}", name("namespace"), name("name"));
                self.plane.api.delete(&format!("{path}?gracePeriodSeconds=1")).await;
            }
            // Containers that are slow to end are killed.
            self.containerd.stop_containers();
        }
    }
}

/// The time limit for the kubelet to end its Pods.
const PATIENCE: Duration = Duration::from_secs(30);

const API_SERVER: &str = "kube-apiserver";

/// The path of the readiness check, which fails until the API server has filled its caches.
const READY: &str = "/readyz";

/// A time without an API server, which ends on drop.
struct Away<'a>(&'a Node);

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.0.restart(API_SERVER);
    }
}

/// The policy that `boundtoken audit --print-policy` prints, with a rule for the requests of the administrator where it
/// asks for rules of one's own.
fn audit_policy() -> Value {
    let program = env!("CARGO_BIN_EXE_boundtoken");
    let printed = run(Command::new(program).args(["audit", "--print-policy"]));
    let mut policy: Value = serde_saphyr::from_str(&printed).unwrap();
    policy["rules"].as_array_mut().unwrap().insert(1, json!({"level": "Metadata", "users": ["admin"]}));
    policy
}

/// The items of a list, which may be absent.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn start_kubelet(node: &Node) {
    let directory = node.plane.directory();
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", node.containerd.socket().display()),
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
    node.plane.add(
        &node.programs.join("kubelet"),
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

fn start_scheduler(node: &Node) {
    let kubeconfig = node.plane.directory().join("scheduler.kubeconfig");
    let kubeconfig = kubeconfig.display();
    node.plane.add(
        &node.programs.join("kube-scheduler"),
        &[
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ],
    );
}

/// Prints the reason why nothing is run, and returns the exit code.
pub(crate) fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

/// Runs a program that must succeed, and returns its stdout.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
