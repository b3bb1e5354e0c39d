//! The cluster of the tests: a node that they start, or the existing cluster of `KUBECONFIG`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::install::{self, CLUSTER_ROLE, CONFIGURATION, NAMESPACE};
use crate::node::{Node, images, refuse, run};
use crate::support::control_plane::Api;
use crate::support::pages;

/// The prefix of the tests' Namespaces in an existing cluster.
const PREFIX: &str = "boundtoken-e2e-";

/// A cluster and the access to it.
pub(crate) struct Cluster {
    pub(crate) api: Api,
    /// The working directory, with the manifests at the same path as in a clone of the repository.
    workplace: TempDir,
    kubeconfig: PathBuf,
    /// The `PATH` of shells.
    path: String,
    /// The image of Pods: Debian, or any image with `sh`, `cat` and `sleep`.
    pub(crate) pod_image: String,
    node: Option<Node>,
}

impl Cluster {
    /// Starts a node, unless `E2E_CLUSTER` is `existing`.
    pub(crate) async fn start() -> Result<Self, ExitCode> {
        match std::env::var("E2E_CLUSTER").as_deref() {
            Ok("existing") => Self::existing().await,
            Ok(other) => Err(refuse(&format!("E2E_CLUSTER is {other:?}: \"existing\", or not set"))),
            Err(_) => Self::on_a_node().await,
        }
    }

    async fn on_a_node() -> Result<Self, ExitCode> {
        let node = Node::start().await?;
        let path = format!("{}:{}", node.programs().display(), path());
        let image = images::DEBIAN.to_owned();
        let cluster = Self::of(node.kubeconfig(), path, image, Some(node)).await;
        install::import_image(&cluster);
        Ok(cluster)
    }

    /// The cluster of `KUBECONFIG`, with the image `IMAGE` for boundtoken and `POD_IMAGE` for Pods.
    async fn existing() -> Result<Self, ExitCode> {
        let Some(kubeconfig) = std::env::var_os("KUBECONFIG") else {
            return Err(refuse("E2E_CLUSTER=existing needs KUBECONFIG, a file"));
        };
        let image = std::env::var("POD_IMAGE").unwrap_or_else(|_| "debian:bookworm-slim".to_owned());
        let cluster = Self::of(kubeconfig.into(), path(), image, None).await;
        if let Ok(image) = std::env::var("IMAGE") {
            install::name_image(cluster.workplace(), &image);
        }
        for path in [NAMESPACE, CONFIGURATION, CLUSTER_ROLE] {
            if let Err(instead) = cluster.api.gone(path).await {
                let why = "the tests would remove what is there of boundtoken, and nothing may be there";
                return Err(refuse(&format!("{why}; instead of 404, {instead}")));
            }
        }
        Ok(cluster)
    }

    async fn of(kubeconfig: PathBuf, path: String, pod_image: String, node: Option<Node>) -> Self {
        let workplace = tempfile::tempdir().unwrap();
        copy_manifests(workplace.path());
        let api = Api::new(kube::Client::try_from(config(&kubeconfig).await).unwrap());
        Self { api, workplace, kubeconfig, path, pod_image, node }
    }

    /// The node, if the tests started one.
    pub(crate) fn own_node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// The node; for tests that run only with one.
    pub(crate) fn node(&self) -> &Node {
        self.own_node().unwrap()
    }

    /// The directory in which shells run.
    pub(crate) fn workplace(&self) -> &Path {
        self.workplace.path()
    }

    /// A client of the API that authenticates with this token alone.
    pub(crate) async fn api_by(&self, token: &str) -> Api {
        let mut config = config(&self.kubeconfig).await;
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
        Api::new(kube::Client::try_from(config).unwrap())
    }

    /// The full name of a Namespace of the tests.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", if self.node.is_some() { "" } else { PREFIX })
    }

    /// A command as a user with `kubectl` and `boundtoken` runs it, in a clone of the repository.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.workplace()).env("PATH", &self.path).env("KUBECONFIG", &self.kubeconfig);
        command.env("KUBECACHEDIR", self.workplace().join("cache"));
        command
    }

    /// Runs kubectl.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Output {
        self.command("kubectl").args(arguments).output().unwrap()
    }

    /// The output of kubectl, which must succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        run(self.command("kubectl").args(arguments))
    }

    /// The output of a script, whose commands must all succeed.
    pub(crate) fn shell(&self, script: &str) -> String {
        run(self.command("sh").args(["-e", "-c", script]))
    }

    /// The output of a script that continues after failed commands; the last one must succeed.
    pub(crate) fn type_in(&self, script: &str) -> String {
        run(self.command("sh").args(["-c", script]))
    }

    /// Types the commands of the block `console cluster=NAME`, and compares what a terminal shows with the page.
    ///
    /// Exit code 1 is that of an audit that found something. A test cannot wait for a day, so silence of a second
    /// counts as evidence.
    pub(crate) fn type_console(&self, sessions: &[(String, Vec<String>)]) {
        for (command, expected) in sessions {
            let mut shell = self.command("sh");
            shell.env("BOUNDTOKEN_MIN_WINDOW", "1s").env("NO_COLOR", "1");
            let output = shell.args(["-c", &format!("exec 2>&1\n{command}")]).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let is_success = matches!(output.status.code(), Some(0 | 1));
            assert!(is_success && pages::prints(&printed, expected, pages::fits), "$ {command}\n{printed}");
        }
    }

    /// Stops the node, or cleans up the existing cluster.
    pub(crate) async fn stop(&self) {
        match &self.node {
            Some(node) => node.stop().await,
            None => self.leave().await,
        }
        // An interrupted run drops nothing.
        let _ = std::fs::remove_dir_all(self.workplace());
    }

    /// Removes the objects of the tests from an existing cluster.
    async fn leave(&self) {
        self.kubectl(&["delete", "--ignore-not-found", "-k", "manifests"]);
        for namespace in self.api.list("/api/v1/namespaces").await {
            let name = namespace["metadata"]["name"].as_str().unwrap();
            if name.starts_with(PREFIX) {
                self.api.delete(&format!("/api/v1/namespaces/{name}")).await;
            }
        }
    }

    /// Creates a Namespace, which opts in if there are settings, and returns its full name.
    pub(crate) async fn namespace(&self, name: &str, settings: Option<&[(&str, &str)]>) -> String {
        let name = self.name(name);
        let labels = settings.map(|_| json!({"boundtoken.dev/webhook": "enabled"}));
        let annotations = annotations(settings.unwrap_or_default());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
        });
        self.api.create(&namespace).await.unwrap();
        self.api.wait_for_service_account(&name).await;
        name
    }
}

/// Copies the manifests as they are shipped.
pub(crate) fn copy_manifests(workplace: &Path) {
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    run(Command::new("cp").args(["-r", manifests]).arg(workplace));
}

async fn config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// Our annotations, from keys without prefix.
pub(crate) fn annotations(settings: &[(&str, &str)]) -> Value {
    settings.iter().map(|(key, value)| (format!("boundtoken.dev/{key}"), Value::from(*value))).collect()
}

/// A `PATH` with `boundtoken` first.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_boundtoken")).parent().unwrap();
    format!("{}:{}", program.display(), std::env::var("PATH").unwrap())
}
