//! boundtoken as the manifests install it, with replicas that are processes on this machine.
//!
//! Each install has a Namespace, a webhook configuration and rights of its own, so that several can coexist
//! in one cluster. Replicas authenticate as the ServiceAccount of the manifests, never as an administrator.

#![allow(dead_code, reason = "each kind of fault uses its part")]

mod connections;
mod endpoint;
mod machine;
mod replica;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;
use crate::support::program::Serving;
use crate::support::shipped;

use connections::Connections;
use endpoint::Endpoint;
pub(crate) use machine::address as machine_address;
pub(crate) use replica::{Ended, Replica};

/// The name of the Secret in the manifests.
pub(crate) const SECRET: &str = "boundtoken-certificates";

/// An install with objects of its own.
pub(crate) struct Installed {
    pub(crate) plane: Arc<ControlPlane>,
    /// The name of the Namespace and of the webhook configuration.
    pub(crate) name: String,
    /// The delay from a change of a replica's readiness to the change of its EndpointSlice.
    pub(crate) endpoint_lag: Duration,
    directory: PathBuf,
    connections: Connections,
    /// The number of connections that the test itself opened.
    own_connections: AtomicU64,
}

impl Installed {
    /// Creates the objects of the manifests except the Deployment.
    pub(crate) async fn new(plane: &Arc<ControlPlane>, name: &str) -> Self {
        for object in shipped::of(name) {
            plane.api.create(&object).await.unwrap();
        }
        let installed = Self {
            plane: Arc::clone(plane),
            name: name.to_owned(),
            endpoint_lag: Duration::ZERO,
            directory: plane.subdirectory(),
            connections: Connections::default(),
            own_connections: AtomicU64::default(),
        };
        plane.kubeconfig_of_boundtoken(name, &installed.directory).await;
        installed
    }

    /// The objects that `new` created, as a manifest.
    pub(crate) fn manifest(&self) -> String {
        let items: Vec<Value> = shipped::of(&self.name).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    /// Applies that manifest with `kubectl apply` and further arguments.
    pub(crate) fn apply(&self, more: &[&str]) {
        self.kubectl(&[&["apply", "-f", "-"], more].concat(), &self.manifest());
    }

    /// Runs kubectl, which must succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: &str) {
        let output = tokio::task::block_in_place(|| self.plane.kubectl(arguments, stdin));
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// One object of that manifest.
    pub(crate) fn manifest_of(&self, kind: &str) -> Value {
        shipped::of(&self.name).find(|object| object["kind"] == kind).unwrap()
    }

    /// The kubeconfig of boundtoken's ServiceAccount.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// A directory for the files of this install.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts a replica that keeps its certificates in the cluster; `more` are arguments of `boundtoken serve`.
    pub(crate) async fn replica(&self, more: &[&str]) -> Replica {
        self.replica_by(&self.kubeconfig(), more).await
    }

    /// Like [`Self::replica`], with another kubeconfig.
    pub(crate) async fn replica_by(&self, kubeconfig: &Path, more: &[&str]) -> Replica {
        let secret = format!("--tls-secret={SECRET}");
        let configuration = format!("--webhook-configuration={}", self.name);
        let namespace = format!("--namespace={}", self.name);
        let kept = [&secret, &configuration, "--service=boundtoken", &namespace];
        self.start(kubeconfig, &[&kept, more].concat()).await
    }

    /// Starts a replica with the certificate that the arguments select.
    pub(crate) async fn start(&self, kubeconfig: &Path, arguments: &[&str]) -> Replica {
        let listen = SocketAddr::new(machine_address().unwrap(), 0);
        let start = || Serving::start_with(listen, &self.directory, kubeconfig, arguments);
        let serving = tokio::task::block_in_place(start);
        let endpoint = Endpoint::follow(self, &serving).await;
        Replica::new(serving, endpoint)
    }

    /// The Secret with the certificates.
    pub(crate) async fn secret(&self) -> Value {
        self.plane.api.get(&self.secret_path()).await.unwrap()
    }

    /// Changes the Secret by a merge patch.
    pub(crate) async fn change_secret(&self, change: &Value) {
        self.plane.api.patch(&self.secret_path(), change).await.ok().unwrap();
    }

    /// The API path of the Secret.
    pub(crate) fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{SECRET}", self.name)
    }

    /// The webhook configuration.
    pub(crate) async fn configuration(&self) -> Value {
        self.plane.api.get(&self.configuration_path()).await.unwrap()
    }

    /// The API path of the webhook configuration.
    pub(crate) fn configuration_path(&self) -> String {
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}", self.name)
    }

    /// The DNS name against which API servers verify the serving certificate.
    pub(crate) fn service_name(&self) -> String {
        format!("boundtoken.{}.svc", self.name)
    }

    /// Creates a Namespace whose Pods this install handles.
    pub(crate) async fn opt_in(&self, namespace: &str) {
        self.plane.api.create(&shipped::opted_in(&self.name, namespace)).await.unwrap();
        self.plane.wait_for_service_account(namespace).await;
    }

    /// The webhook name in the metrics of API servers.
    pub(crate) fn webhook(&self) -> String {
        shipped::webhook(&self.name)
    }

    /// The number of connections that all replicas accepted from API servers so far, also replicas that have
    /// exited.
    pub(crate) async fn connections(&self) -> u64 {
        let own = self.own_connections.load(Ordering::Relaxed);
        self.connections.total().await.saturating_sub(own)
    }

    /// Records that the test itself opened a connection.
    pub(crate) fn note_own_connection(&self) {
        self.own_connections.fetch_add(1, Ordering::Relaxed);
    }
}
