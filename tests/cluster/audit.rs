//! `boundtoken audit` of a real API server: the class of each token, and the workloads.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::pods::{DEFAULT, list, owner_of, pod};
use crate::shop::Terminal;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;
use crate::support::program::{boundtoken, output};

/// A Namespace without the label, whose ServiceAccount exists.
pub(crate) async fn namespace(plane: &ControlPlane, name: &str) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    plane.api.create(&namespace).await.unwrap();
    plane.wait_for_service_account(name).await;
}

/// The document of an audit with these arguments, which does not fail.
pub(crate) fn audit(kubeconfig: &Path, arguments: &[&str]) -> Value {
    document(&[&["--kubeconfig", kubeconfig.to_str().unwrap()], arguments].concat())
}

/// The same from a snapshot.
pub(crate) fn audit_from(snapshot: &Path, arguments: &[&str]) -> Value {
    document(&[&["--from", snapshot.to_str().unwrap()], arguments].concat())
}

fn document(arguments: &[&str]) -> Value {
    let always = ["audit", "-o", "json", "--fail-on", "never"];
    let output = output(&mut boundtoken(&[&always, arguments].concat()));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The tokens of a workload: class, audience, path below the default directory, containers.
pub(crate) fn tokens(document: &Value, name: &str) -> Vec<String> {
    let workload = list(&document["workloads"]).find(|workload| workload["name"] == name);
    let workload = workload.unwrap_or_else(|| panic!("no {name} in {document:#}"));
    let text = |token: &Value| {
        let containers: Vec<&str> = list(&token["containers"]).filter_map(Value::as_str).collect();
        let audience = token["audience"].as_str().unwrap_or("-");
        let path = token["path"].as_str().unwrap().replace(DEFAULT, "DEFAULT");
        format!(
            "{} {} {audience} {path} {}",
            token["class"].as_str().unwrap(),
            token["seconds"],
            containers.join("+")
        )
    };
    list(&workload["tokens"]).map(text).collect()
}

/// A Pod with one container and one volume, which it mounts.
fn with_volume(namespace: &str, name: &str, volume: &Value, mount: &Value) -> Value {
    let mut pod = pod(namespace, name, &[]);
    let spec = json!({"automountServiceAccountToken": false, "volumes": [volume],
        "containers": [{"name": "app", "image": "busybox", "volumeMounts": [mount]}]});
    pod["spec"] = spec;
    pod
}

fn projected(name: &str, sources: &Value) -> Value {
    json!({"name": name, "projected": {"sources": sources}})
}

fn token(audience: Option<&str>, seconds: u64, path: &str) -> Value {
    json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": seconds, "path": path}})
}

/// Each class, from volumes of every kind and name.
pub(crate) async fn each_class_of_token(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-classes";
    namespace(&plane, NAMESPACE).await;
    let mount = json!({"name": "kube-api-access-foo", "mountPath": "/run/token"});
    let pair = json!([token(Some("a"), 600, "a"), token(Some("b"), 900, "b")]);
    let field = json!({"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}});
    let openshift = json!([token(None, 3607, "token"), {"configMap": {"name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [field]}}, {"configMap": {"name": "openshift-service-ca.crt"}}]);
    let mut unmounted =
        with_volume(NAMESPACE, "unmounted", &projected("x", &json!([token(None, 3607, "t")])), &mount);
    unmounted["spec"]["containers"][0].as_object_mut().unwrap().remove("volumeMounts");
    let sub_path = json!({"name": "x", "mountPath": "/run/t", "subPath": "t"});
    for object in [
        pod(NAMESPACE, "plain", &[]),
        with_volume(
            NAMESPACE,
            "own-name",
            &projected("kube-api-access-foo", &json!([token(None, 7200, "t")])),
            &mount,
        ),
        with_volume(NAMESPACE, "pair", &projected("kube-api-access-foo", &pair), &mount),
        with_volume(NAMESPACE, "openshift", &projected("kube-api-access-foo", &openshift), &mount),
        with_volume(NAMESPACE, "sub-path", &projected("x", &json!([token(None, 3607, "t")])), &sub_path),
        unmounted,
    ] {
        plane.api.create(&object).await.unwrap();
    }
    let ephemeral = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox",
        "volumeMounts": [{"name": "kube-api-access-foo", "mountPath": "/debug"}]}]}});
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/own-name/ephemeralcontainers");
    plane.api.patch(&path, &ephemeral).await.ok().unwrap();
    let everything = Terminal::of(&plane).try_in(&(block("path") + &block("audit-first")));
    let printed = String::from_utf8(everything.stdout).unwrap();
    assert!(
        printed.lines().any(|line| line.starts_with(NAMESPACE) && line.contains("pod/plain ")),
        "{printed}"
    );
    let document = audit(&plane.kubeconfig(), &["-n", NAMESPACE]);
    for (name, expected) in [
        ("plain", &["year 31536000 - DEFAULT/token setup+proxy+app+helper"][..]),
        ("own-name", &["bounded 7200 - /debug/t debug", "bounded 7200 - /run/token/t app"]),
        ("pair", &["audience 600 a /run/token/a app", "audience 900 b /run/token/b app"]),
        ("openshift", &["year 31536000 - /run/token/token app"]),
        ("sub-path", &["year 31536000 - /run/t app"]),
        ("unmounted", &[]),
    ] {
        assert_eq!(tokens(&document, name), expected, "{name}");
    }
}

/// A legacy token from a volume, a projected source, `env` and `envFrom`; another Secret is none.
pub(crate) async fn legacy_tokens(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-legacy";
    namespace(&plane, NAMESPACE).await;
    let secret = |name: &str, kind: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name, "namespace": NAMESPACE,
            "annotations": {"kubernetes.io/service-account.name": "default"}}, "stringData": {"other": "x"}})
    };
    plane.api.create(&secret("old", "kubernetes.io/service-account-token")).await.unwrap();
    plane.api.create(&secret("token", "Opaque")).await.unwrap();
    let volume = json!({"name": "x", "secret": {"secretName": "old"}});
    let opaque = json!({"name": "x", "secret": {"secretName": "token"}});
    let source = projected("x", &json!([{"secret": {"name": "old"}}]));
    let mount = json!({"name": "x", "mountPath": "/run/old"});
    let mut env = pod(NAMESPACE, "env", &[]);
    let key = json!({"secretKeyRef": {"name": "old", "key": "token"}});
    env["spec"] = json!({"automountServiceAccountToken": false, "containers": [
        {"name": "app", "image": "busybox", "env": [{"name": "TOKEN", "valueFrom": key}]},
        {"name": "all", "image": "busybox", "envFrom": [{"prefix": "OLD_", "secretRef": {"name": "old"}}]},
    ]});
    for object in [
        with_volume(NAMESPACE, "volume", &volume, &mount),
        with_volume(NAMESPACE, "source", &source, &mount),
        with_volume(NAMESPACE, "opaque", &opaque, &mount),
        env,
    ] {
        plane.api.create(&object).await.unwrap();
    }
    let document = audit(&plane.kubeconfig(), &["-n", NAMESPACE]);
    for (name, expected) in [
        ("volume", &["legacy null - /run/old/token app"][..]),
        ("source", &["legacy null - /run/old/token app"]),
        ("env", &["legacy null - $OLD_token all", "legacy null - $TOKEN app"]),
        ("opaque", &[]),
    ] {
        assert_eq!(tokens(&document, name), expected, "{name}");
    }
}

/// The mirror Pod of a static Pod, as a kubelet creates it. The kubelet gives a static Pod no token.
async fn create_mirror(plane: &ControlPlane, namespace: &str) {
    let node = plane.api.get("/api/v1/nodes/paper").await.unwrap();
    let mut mirror = pod(namespace, "static-paper", &[]);
    mirror["metadata"]["annotations"] =
        json!({"kubernetes.io/config.mirror": "0123", "kubernetes.io/config.source": "file"});
    mirror["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "paper",
        "uid": node["metadata"]["uid"], "controller": true}]);
    mirror["spec"]["nodeName"] = "paper".into();
    plane.api.create(&mirror).await.unwrap();
}

/// Workloads without Pods, one of a kind that the API server does not know, and a static Pod.
pub(crate) async fn workloads_of_each_kind(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-workloads";
    namespace(&plane, NAMESPACE).await;
    let spec = json!({"containers": [{"name": "app", "image": "busybox"}]});
    let owner = |kind: &str, name: &str| owner_of(kind, NAMESPACE, name, &json!({}), &spec);
    let mut zero = owner("Deployment", "zero");
    zero["spec"]["replicas"] = 0.into();
    let mut between = owner("CronJob", "between");
    between["spec"]["schedule"] = "0 0 1 1 *".into();
    let mut widget = pod(NAMESPACE, "widget-0", &[]);
    widget["metadata"]["ownerReferences"] = json!([{"apiVersion": "example.com/v1", "kind": "Widget", "name": "widget",
        "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]);
    for object in [owner("Deployment", "web"), zero, between, widget] {
        plane.api.create(&object).await.unwrap();
    }
    create_mirror(&plane, NAMESPACE).await;
    let rows = || {
        let document = audit(&plane.kubeconfig(), &["-n", NAMESPACE]);
        let row = |workload: &Value| {
            let text = |field: &str| workload[field].as_str().unwrap().to_owned();
            let [pods, is_predicted] = ["pods", "predicted"].map(|field| &workload[field]);
            format!("{}/{} {pods} {is_predicted} {}", text("kind"), text("name"), text("verdict"))
        };
        let mut rows: Vec<String> = list(&document["workloads"]).map(row).collect();
        rows.sort_unstable();
        let year = "year 31536000 - DEFAULT/token app";
        let is_year = ["zero", "between"].iter().all(|name| tokens(&document, name) == [year]);
        (rows, is_year)
    };
    let expected = [
        "CronJob/between 0 true unknown",
        "Deployment/web 1 false unknown",
        "Deployment/zero 0 true unknown",
        "Pod/static-paper 1 false nothing",
        "Widget/widget 1 false unknown",
    ];
    eventually("a row for each workload", async || {
        let (rows, is_year) = rows();
        if rows == expected && is_year { Ok(()) } else { Err(rows) }
    })
    .await;
}

/// Two `ReplicaSets` of one Deployment, whose Pods hold different tokens, are one row.
pub(crate) async fn two_replica_sets_that_differ(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-mixed";
    namespace(&plane, NAMESPACE).await;
    let spec = json!({"containers": [{"name": "app", "image": "busybox"}]});
    let mut web = owner_of("Deployment", NAMESPACE, "web", &json!({}), &spec);
    web["spec"]["replicas"] = 3.into();
    // No Pod becomes ready here, so the old ones stay.
    web["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    plane.api.create(&web).await.unwrap();
    let held = || {
        let document = audit(&plane.kubeconfig(), &["-n", NAMESPACE]);
        let tokens = list(&document["workloads"]).flat_map(|row| list(&row["tokens"]));
        let tokens = tokens.map(|token| format!("{} {}", token["class"].as_str().unwrap(), token["pods"]));
        (list(&document["workloads"]).count(), tokens.collect::<Vec<_>>())
    };
    let expect = async |expected: &[&str]| {
        eventually("Pods of each ReplicaSet", async || {
            let (rows, tokens) = held();
            if rows == 1 && tokens == expected { Ok(()) } else { Err((rows, tokens)) }
        })
        .await;
    };
    expect(&["year 3"]).await;
    let spec = &with_volume(
        NAMESPACE,
        "x",
        &projected("own", &json!([token(None, 7200, "t")])),
        &json!({"name": "own", "mountPath": "/run/own"}),
    )["spec"];
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web");
    plane.api.patch(&path, &json!({"spec": {"template": {"spec": spec}}})).await.ok().unwrap();
    expect(&["year 3", "bounded 1"]).await;
    let rows = output(&mut boundtoken(&[
        "audit",
        "-n",
        NAMESPACE,
        "--kubeconfig",
        plane.kubeconfig().to_str().unwrap(),
    ]));
    let rows = String::from_utf8(rows.stdout).unwrap();
    assert!(rows.contains("year 3/4, bounded 1/4"), "{rows}");
}

/// The log of the API server shows that a Pod uses a token that is too old.
pub(crate) async fn a_stale_token(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-stale";
    namespace(&plane, NAMESPACE).await;
    plane.api.create(&pod(NAMESPACE, "old", &[])).await.unwrap();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/old/status");
    let running = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "busybox",
        "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}});
    plane.api.patch(&path, &running).await.ok().unwrap();
    let token = crate::stale::aged(&plane, &crate::stale::issue(&plane, NAMESPACE, "old").await);
    let whoami = plane.kubectl(&[&format!("--token={token}"), "auth", "whoami"], "");
    assert!(whoami.status.success(), "{whoami:?}");
    let log = plane.audit_log();
    eventually("a stale use", async || {
        let document = audit(&plane.kubeconfig(), &["-n", NAMESPACE, "--audit-log", log.to_str().unwrap()]);
        let workload = &document["workloads"][0];
        let is_stale = workload["use"]["state"] == "stale"
            && workload["use"]["oldestTokenSeconds"].as_u64().is_some_and(|age| (7200..7400).contains(&age));
        if is_stale { Ok(()) } else { Err(workload.clone()) }
    })
    .await;
}
