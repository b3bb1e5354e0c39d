//! The rights of `boundtoken audit` on a real API server: that the printed ones are enough, and that it only reads, of some
//! kinds the metadata alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit::{audit, namespace};
use crate::pods::{list, owner_of};
use crate::support::control_plane::audit::RESPONSES_LOGGED;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::program::{boundtoken, output};

/// With the printed rights everything is read; without any one rule, only what needs it is missing. The API server sees
/// nothing but reads.
pub(crate) async fn the_printed_rights(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "audit-rights";
    namespace(&plane, NAMESPACE).await;
    let web = owner_of(
        "Deployment",
        NAMESPACE,
        "web",
        &json!({}),
        &json!({"containers": [{"name": "app", "image": "busybox"}]}),
    );
    plane.api.create(&web).await.unwrap();
    let role = printed_role();
    let mut log = plane.follow_audit_log("boundtoken-audit/");
    let rules = role["rules"].as_array().unwrap().len();
    for without in std::iter::once(None).chain((0..rules).map(Some)) {
        let (kubeconfig, lost) = reader(&plane, NAMESPACE, &role, without).await;
        let document = eventually(&format!("the rights without {lost:?}"), async || {
            let document = audit(&kubeconfig, &[]);
            let missing: BTreeSet<String> =
                list(&document["errors"]).map(|error| error["needs"].as_str().unwrap().to_owned()).collect();
            if missing == lost { Ok(document) } else { Err(missing) }
        })
        .await;
        let found = list(&document["workloads"]).any(|workload| workload["namespace"] == NAMESPACE);
        assert!(found, "{lost:?}");
        let has_cells = |error: &Value| !error["cells"].as_array().unwrap().is_empty();
        assert!(list(&document["errors"]).all(has_cells), "{:#}", document["errors"]);
    }
    let events = log.read();
    assert!(events.len() > 100, "only {} events", events.len());
    assert_eq!(events.iter().find(|event| !is_read(event)), None);
}

/// Of these kinds, the API server sends metadata alone: the log of its responses has no content of a Secret.
pub(crate) async fn metadata_only(plane: Arc<ControlPlane>) {
    const KINDS: [&str; 4] = ["secrets", "namespaces", "replicasets", "jobs"];
    namespace(&plane, RESPONSES_LOGGED).await;
    let token = create_token_secret(&plane, RESPONSES_LOGGED).await;
    let (kubeconfig, _) = reader(&plane, RESPONSES_LOGGED, &printed_role(), None).await;
    eventually("the rights", async || {
        let errors = audit(&kubeconfig, &[])["errors"].take();
        if errors.as_array().unwrap().is_empty() { Ok(()) } else { Err(errors) }
    })
    .await;
    // A list of whole objects shows that the log would have their content.
    let whole = [&format!("--kubeconfig={}", kubeconfig.display()), "get", "secrets", "-A", "-o=json"];
    let whole = plane.kubectl(&whole, "");
    assert!(whole.status.success(), "{whole:?}");
    let user = format!("\"system:serviceaccount:{RESPONSES_LOGGED}:");
    let (ours, whole) = eventually("the responses", async || {
        let mut lists = plane.requests_with(&user);
        let is_logged = |event: &Value| KINDS.iter().any(|kind| event["objectRef"]["resource"] == **kind);
        lists.retain(|event| {
            is_logged(event) && event["verb"] == "list" && event["responseStatus"]["code"] == 200
        });
        let is_ours = |event: &Value| event["userAgent"].as_str().unwrap().starts_with("boundtoken-audit/");
        let (ours, whole): (Vec<Value>, Vec<Value>) = lists.into_iter().partition(is_ours);
        let of = |kind: &&str| ours.iter().any(|event| event["objectRef"]["resource"] == **kind);
        if KINDS.iter().all(of) && !whole.is_empty() { Ok((ours, whole)) } else { Err(ours.len()) }
    })
    .await;
    assert!(whole.iter().all(|event| event["responseObject"]["kind"] == "SecretList"));
    assert!(whole.iter().any(|event| event.to_string().contains(&token)));
    for event in &ours {
        assert_eq!(event["responseObject"]["kind"], "PartialObjectMetadataList", "{event}");
        let fields =
            list(&event["responseObject"]["items"]).flat_map(|item| item.as_object().unwrap().keys());
        let others: BTreeSet<&String> =
            fields.filter(|field| !["kind", "apiVersion", "metadata"].contains(&field.as_str())).collect();
        assert!(others.is_empty(), "{others:?} of {}", event["objectRef"]);
        assert!(!event.to_string().contains(&token), "{event}");
    }
    let of_secrets = ours.iter().filter(|event| event["objectRef"]["resource"] == "secrets");
    let mut names = of_secrets.flat_map(|event| list(&event["responseObject"]["items"]));
    assert!(
        names.any(
            |item| item["metadata"]["namespace"] == RESPONSES_LOGGED && item["metadata"]["name"] == "old"
        )
    );
}

/// Creates the Secret `old` for a token, and returns the token as the API has it, once it is there.
async fn create_token_secret(plane: &ControlPlane, namespace: &str) -> String {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "old", "namespace": namespace,
            "annotations": {"kubernetes.io/service-account.name": "default"}}});
    plane.api.create(&secret).await.unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/secrets/old");
    eventually("the token of the Secret", async || {
        plane.api.get(&path).await.unwrap()["data"]["token"].as_str().map(str::to_owned)
    })
    .await
}

/// The role that the audit prints.
fn printed_role() -> Value {
    let printed = output(&mut boundtoken(&["audit", "--print-rbac"])).stdout;
    serde_saphyr::from_str(str::from_utf8(&printed).unwrap()).unwrap()
}

/// The requests of every audit in these tests that do more than read.
pub(crate) fn writes(plane: &ControlPlane) -> Vec<Value> {
    let mut requests = plane.requests_with("\"userAgent\":\"boundtoken-audit/");
    requests.retain(|event| !is_read(event));
    requests
}

/// Whether a request reads, and neither a single Secret nor a token.
fn is_read(event: &Value) -> bool {
    let object = &event["objectRef"];
    let is_list = event["verb"] == "list" && object["name"].is_null();
    let reads = is_list || event["verb"] == "get" && object["resource"] != "secrets";
    reads && object["subresource"].is_null()
}

/// The kubeconfig of a ServiceAccount with the role, possibly without one of its rules; and the rights that are then
/// missing.
async fn reader(
    plane: &ControlPlane,
    namespace: &str,
    role: &Value,
    without: Option<usize>,
) -> (PathBuf, BTreeSet<String>) {
    let name = without.map_or_else(|| format!("{namespace}-all"), |rule| format!("{namespace}-{rule}"));
    let mut role = role.clone();
    role["metadata"]["name"] = name.as_str().into();
    let removed = without.map(|rule| role["rules"].as_array_mut().unwrap().remove(rule));
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]});
    for object in [&role, &account, &binding] {
        plane.api.create(object).await.unwrap();
    }
    let words = |field: &str| -> Vec<String> {
        let gone = removed.clone().unwrap_or_default();
        list(&gone[field]).map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    // Every ServiceAccount may get the other two paths.
    let paths = words("nonResourceURLs")
        .into_iter()
        .filter(|path| path == "/metrics")
        .map(|path| format!("get {path}"));
    let lists = words("resources").into_iter().map(|resource| format!("list {resource}"));
    let lost = paths.chain(lists).collect();
    (plane.kubeconfig_of(namespace, &name, &plane.subdirectory()).await, lost)
}
