//! A control plane of its own: etcd, kube-apiserver and kube-controller-manager on loopback.
//!
//! It starts in seconds, in a temporary directory that is removed with it. The admission plugins are the API
//! server's default: the ServiceAccount plugin, which `envtest` disables, is enabled.

pub(crate) mod api;
pub(crate) mod audit;
mod credentials;
mod interrupt;
mod process;
pub(crate) mod programs;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::{Value, json};

pub(crate) use self::api::Api;
use self::credentials::Credentials;
pub(crate) use self::interrupt::interrupted;
use self::process::Process;
pub(crate) use crate::support::eventually::eventually;

/// The programs of the control plane.
pub(crate) const PROGRAMS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// A running control plane.
pub(crate) struct ControlPlane {
    pub(crate) api: Api,
    directory: PathBuf,
    programs: PathBuf,
    credentials: Credentials,
    /// The port of etcd.
    etcd: u16,
    processes: Mutex<Vec<Process>>,
}

impl ControlPlane {
    /// Starts it on loopback, with a Node that runs nothing, and waits until it creates `ServiceAccounts`.
    ///
    /// Without the programs it returns the exit code of the run, after a line that says what is skipped. When
    /// interrupted, it cleans up.
    pub(crate) async fn start() -> Result<Self, ExitCode> {
        let programs = programs::find(&PROGRAMS)?;
        let policy = audit::policy();
        let plane = tokio::select! {
            plane = Self::start_at(&programs, || ([127, 0, 0, 1], free_port()).into(), &policy) => plane,
            code = interrupted() => return Err(code.into()),
        };
        plane.add_node().await;
        Ok(plane)
    }

    /// Starts it at an address from `address`, which is called again if another process has taken the port, with an
    /// audit policy.
    pub(crate) async fn start_at(programs: &Path, address: impl Fn() -> SocketAddr, policy: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(audit::POLICY), policy.to_string()).unwrap();
        let credentials = Credentials::make(directory.path());
        let mut processes = Vec::new();
        let (etcd, address) = loop {
            let (etcd, address) = (start_etcd(programs, directory.path()), address());
            let mut pair = vec![etcd.0, start_api_server(programs, directory.path(), etcd.1, address, &[])];
            if ready(&credentials.api(address), &mut pair).await {
                processes.append(&mut pair);
                break (etcd.1, address);
            }
        };
        credentials.write_kubeconfigs(directory.path(), address);
        processes.push(start_controller_manager(programs, directory.path()));
        let api = credentials.api(address);
        api.wait_for_service_account("default").await;
        // Until here the directory is removed on drop, which is after the processes, since they were created
        // later.
        let directory = directory.keep();
        let (programs, processes) = (programs.to_owned(), Mutex::new(processes));
        Self { api, directory, programs, credentials, etcd, processes }
    }

    /// Starts another API server on the same etcd, with additional flags, and returns its API and the kubeconfig of its
    /// administrator.
    pub(crate) async fn start_another_api_server(&self, more: &[String]) -> (Api, PathBuf) {
        let audit_log = format!("--audit-log-path={}", self.directory.join("another-audit.log").display());
        let more = [more, &[audit_log]].concat();
        loop {
            let address = ([127, 0, 0, 1], free_port()).into();
            let mut one = [start_api_server(&self.programs, &self.directory, self.etcd, address, &more)];
            let api = self.credentials.api(address);
            if ready(&api, &mut one).await {
                self.processes.lock().unwrap().extend(one);
                let directory = self.subdirectory();
                self.credentials.write_kubeconfigs(&directory, address);
                return (api, directory.join("admin.kubeconfig"));
            }
        }
    }

    /// The port of etcd on loopback.
    pub(crate) fn etcd(&self) -> u16 {
        self.etcd
    }

    /// Kills a process of this cluster and starts it again.
    pub(crate) fn restart(&self, name: &str) {
        self.process(name, Process::restart);
    }

    /// Stops a process of this cluster, without ending it, until the guard is dropped.
    pub(crate) fn pause(&self, name: &'static str) -> impl Drop {
        self.process(name, |process| process.signal(Signal::STOP));
        Paused(self, name)
    }

    /// Kills a process of this cluster.
    pub(crate) fn kill(&self, name: &str) {
        self.process(name, Process::kill);
    }

    fn process(&self, name: &str, act: fn(&mut Process)) {
        let mut processes = self.processes.lock().unwrap();
        act(processes.iter_mut().find(|process| process.name() == name).unwrap());
    }

    /// Stops every process, the last one first.
    pub(crate) fn stop_processes(&self) {
        self.processes.lock().unwrap().iter_mut().rev().for_each(Process::kill);
    }

    /// Adds a process to this cluster.
    pub(crate) fn add(&self, program: &Path, arguments: &[String]) {
        let process = Process::start(program, arguments, &self.directory);
        self.processes.lock().unwrap().push(process);
    }

    /// Stops every process and removes the directory, unless `KEEP_CLUSTER` is set.
    pub(crate) fn stop(&self) {
        self.stop_processes();
        if std::env::var_os("KEEP_CLUSTER").is_some() {
            eprintln!("kept: {}", self.directory.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    /// Cleans up when the tests are interrupted.
    pub(crate) async fn stop_on_signal(self: Arc<Self>) {
        let code = interrupted().await;
        self.stop();
        std::process::exit(code.into());
    }

    /// The directory of this cluster.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Creates a directory that is removed with the control plane.
    pub(crate) fn subdirectory(&self) -> PathBuf {
        tempfile::tempdir_in(&self.directory).unwrap().keep()
    }

    /// Waits for the ServiceAccount `default`, without which no Pod can be created.
    pub(crate) async fn wait_for_service_account(&self, namespace: &str) {
        self.api.wait_for_service_account(namespace).await;
    }

    /// Adds a Node that never runs anything; a DaemonSet gets a Pod for it.
    async fn add_node(&self) {
        self.api
            .create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "paper"}}))
            .await
            .unwrap();
    }

    /// The directory of the programs, such as kubectl.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(self.programs.join("kubectl"));
        command.env_clear().env("KUBECONFIG", self.kubeconfig()).env("HOME", &self.directory).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The kubeconfig of the administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.join("admin.kubeconfig")
    }

    /// Writes a kubeconfig of the ServiceAccount `boundtoken` in a Namespace into this directory.
    pub(crate) async fn kubeconfig_of_boundtoken(&self, namespace: &str, directory: &Path) -> PathBuf {
        self.kubeconfig_of(namespace, "boundtoken", directory).await
    }

    /// Writes a kubeconfig for a ServiceAccount.
    pub(crate) async fn kubeconfig_of(&self, namespace: &str, account: &str, directory: &Path) -> PathBuf {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400},
        });
        let granted = self.api.post(&path, &request).await.ok().unwrap();
        let token = directory.join("token");
        std::fs::write(&token, granted["status"]["token"].as_str().unwrap()).unwrap();
        let administrator = std::fs::read(self.kubeconfig()).unwrap();
        let mut config: Value = serde_json::from_slice(&administrator).unwrap();
        config["users"][0]["user"] = json!({"tokenFile": token});
        let kubeconfig = directory.join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        kubeconfig
    }

    /// The creations of Pods in a Namespace, from the audit log of the API server.
    pub(crate) fn audit_events(&self, namespace: &str) -> Vec<Value> {
        audit::events(&self.directory.join(audit::LOG), namespace)
    }

    /// The file of the audit policy.
    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.directory.join(audit::POLICY)
    }

    /// The file of the audit log.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.directory.join(audit::LOG)
    }

    /// Follows the audit log from now on, for events that contain a text.
    pub(crate) fn follow_audit_log(&self, text: &str) -> audit::Follower {
        audit::Follower::from_now_on(&self.directory.join(audit::LOG), text)
    }

    /// The requests so far whose events contain a text, oldest first.
    pub(crate) fn requests_with(&self, text: &str) -> Vec<Value> {
        audit::Follower::from_start(&self.audit_log(), text).read().to_vec()
    }

    /// The requests to the API server with their responses, oldest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        audit::requests(&self.directory.join(audit::LOG))
    }
}

/// A process that is stopped, and goes on when this is dropped.
struct Paused<'a>(&'a ControlPlane, &'static str);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.process(self.1, |process| process.signal(Signal::CONT));
    }
}

/// Whether the API server becomes ready; `false` if another process took one of the ports.
async fn ready(api: &Api, processes: &mut [Process]) -> bool {
    eventually("a ready API server", async || {
        if let Some(ended) = processes.iter_mut().find_map(Process::ended) {
            assert!(ended.contains("address already in use"), "{ended}");
            return Some(false);
        }
        api.get("/readyz").await.is_ok().then_some(true)
    })
    .await
}

fn start_etcd(programs: &Path, directory: &Path) -> (Process, u16) {
    let (client, peer) = (free_port(), free_port());
    let data = tempfile::tempdir_in(directory).unwrap().keep();
    let client_url = format!("http://127.0.0.1:{client}");
    let peer_url = format!("http://127.0.0.1:{peer}");
    let arguments = [
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client_url}"),
        format!("--advertise-client-urls={client_url}"),
        format!("--listen-peer-urls={peer_url}"),
        format!("--initial-advertise-peer-urls={peer_url}"),
        format!("--initial-cluster=default={peer_url}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    (Process::start(&programs.join("etcd"), &arguments, directory), client)
}

fn start_api_server(
    programs: &Path,
    directory: &Path,
    etcd: u16,
    address: SocketAddr,
    more: &[String],
) -> Process {
    let file = |name: &str| directory.join(name).display().to_string();
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={}", address.port()),
        // Pods reach an address of the host from another network namespace.
        format!("--bind-address={}", if address.ip().is_loopback() { "127.0.0.1" } else { "0.0.0.0" }),
        format!("--advertise-address={}", address.ip()),
        format!("--kubelet-client-certificate={}", file("kubelet-client.crt")),
        format!("--kubelet-client-key={}", file("kubelet-client.key")),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--enable-aggregator-routing=true".to_owned(),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("service-account.pub")),
        format!("--service-account-signing-key-file={}", file("service-account.key")),
        format!("--audit-policy-file={}", file(audit::POLICY)),
        format!("--audit-log-path={}", file(audit::LOG)),
        // In MB, and more than all tests write, since rotation would lose events.
        "--audit-log-maxsize=2000".to_owned(),
        // The tests create thousands of Pods as one user.
        "--enable-priority-and-fairness=false".to_owned(),
    ];
    // Of a repeated flag, the last value counts.
    Process::start(&programs.join("kube-apiserver"), &[&arguments, more].concat(), directory)
}

fn start_controller_manager(programs: &Path, directory: &Path) -> Process {
    let file = |name: &str| directory.join(name).display().to_string();
    let arguments = [
        format!("--kubeconfig={}", file("controller-manager.kubeconfig")),
        format!("--service-account-private-key-file={}", file("service-account.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=2000".to_owned(),
        // No kubelet reports the status of the Node. After the grace period it would be tainted as unreachable, and
        // DaemonSets would get no Pods.
        "--node-startup-grace-period=24h".to_owned(),
        "--node-monitor-grace-period=24h".to_owned(),
    ];
    Process::start(&programs.join("kube-controller-manager"), &arguments, directory)
}

/// A port that is free at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
