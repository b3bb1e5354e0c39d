//! `boundtoken audit` against an API server on loopback.

mod collector;
mod formats;
mod page;
mod posture;
mod rights;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::{boundtoken, output};
use crate::support::read_only_api::ReadOnlyApi;

/// The result of a run.
struct Audit {
    out: String,
    err: String,
    code: i32,
}

impl Audit {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// The document without the time at which the cluster was read.
    fn without_time(&self) -> Value {
        let mut json = self.json();
        assert!(json["cluster"]["read"].take().is_string(), "{json:#}");
        json
    }

    /// The workload of this name.
    fn workload(&self, name: &str) -> Value {
        let json = self.json();
        let found = json["workloads"].as_array().unwrap().iter().find(|workload| workload["name"] == name);
        found.unwrap_or_else(|| panic!("no workload {name} in {json:#}")).clone()
    }
}

/// A cluster, and a directory for files.
struct Scene {
    api: ReadOnlyApi,
    directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self { api: ReadOnlyApi::start().await, directory: tempfile::tempdir().unwrap() }
    }

    /// The same with a Namespace `shop` that did not opt in, and a Deployment `web` with two Pods.
    async fn shop() -> Self {
        let scene = Self::new().await;
        scene.namespace("shop", &[], &[]);
        scene.deployment("web");
        for name in ["web-5d4f8c7b9-aaaaa", "web-5d4f8c7b9-bbbbb"] {
            scene.add("pods", owned(pod(name), "ReplicaSet", "web-5d4f8c7b9"));
        }
        scene
    }

    fn add(&self, resource: &str, object: Value) {
        self.api.add(resource, object);
    }

    fn namespace(&self, name: &str, labels: &[(&str, &str)], annotations: &[(&str, &str)]) {
        let map = |pairs: &[(&str, &str)]| -> Value {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
        };
        let metadata = json!({"name": name, "labels": map(labels), "annotations": map(annotations)});
        self.add("namespaces", json!({"metadata": metadata}));
    }

    /// A Deployment with a ReplicaSet and no Pod.
    fn deployment(&self, name: &str) {
        let template = json!({"spec": pod("x")["spec"]});
        self.add("deployments", json!({"metadata": metadata(name), "spec": {"template": template}}));
        let set = json!({"metadata": metadata(&format!("{name}-5d4f8c7b9"))});
        self.add("replicasets", owned(set, "Deployment", name));
    }

    fn audit(&self, arguments: &[&str]) -> Audit {
        let kubeconfig = self.api.kubeconfig(self.directory.path());
        run(&[&["audit", "--kubeconfig", kubeconfig.to_str().unwrap()], arguments].concat())
    }

    fn json(&self) -> Audit {
        self.audit(&["-o", "json"])
    }
}

fn run(arguments: &[&str]) -> Audit {
    let output = output(&mut boundtoken(arguments));
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Audit { out, err, code: output.status.code().unwrap() }
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "creationTimestamp": "2026-11-20T00:00:00Z"})
}

fn owned(mut object: Value, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "controller": true}]);
    object
}

/// A running Pod with the default token.
fn pod(name: &str) -> Value {
    let suffix = &name[name.len().saturating_sub(5)..];
    let volume = format!("kube-api-access-{suffix}");
    let token = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    json!({
        "metadata": metadata(name),
        "spec": {
            "serviceAccountName": "web",
            "nodeName": "node-1",
            "volumes": [{"name": volume, "projected": {"sources": [token]}}],
            "containers": [{
                "name": "app",
                "env": [{"name": "PASSWORD", "value": "hunter2"}],
                "volumeMounts": [{"name": volume, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
            }],
        },
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": "10.0.0.1"}],
            "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-20T00:00:05Z"}}}],
        },
    })
}
