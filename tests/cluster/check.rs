//! `boundtoken check` of a real API server: each fault is made for real, found by its own check, and mended by the
//! command that is printed. Without a node no replica is ready, so some checks find something all the time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::guard_install::clone_of_the_manifests;
use crate::pods::list;
use crate::shop::{Terminal, alone};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;
use crate::support::program::{boundtoken, output};
use crate::support::test_install::{SHOP, namespace_of};

/// The findings of a check that are neither fine nor skipped, except those about objects of other tests.
fn faults(kubeconfig: &Path) -> Vec<Value> {
    let kubeconfig = kubeconfig.to_str().unwrap();
    let arguments = ["check", "--no-probe", "-o", "json", "--kubeconfig", kubeconfig];
    let output = output(&mut boundtoken(&arguments));
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let is_ours = |finding: &&Value| {
        let id = finding["id"].as_str().unwrap();
        let is_shared =
            ["configuration-once", "namespaces-", "neighbours-"].iter().any(|start| id.starts_with(start));
        let text = finding.to_string();
        let mut names = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
        !is_shared || names.any(|name| name == SHOP || name == SECOND)
    };
    let is_fault = |finding: &&Value| finding["level"] == "warning" || finding["level"] == "error";
    list(&document["findings"]).filter(is_fault).filter(is_ours).cloned().collect()
}

fn ids(findings: &[Value]) -> BTreeSet<String> {
    findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// A fault of a field of the configuration.
fn field(name: &str, value: &Value) -> String {
    let patch = json!([{"op": "add", "path": format!("/webhooks/0/{name}"), "value": value}]);
    format!("kubectl patch mutatingwebhookconfiguration boundtoken --type=json -p '{patch}'")
}

/// The check that finds a fault, and the command that makes it.
fn made() -> Vec<(&'static str, String)> {
    let updates = json!([{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["UPDATE"],
        "scope": "Namespaced"}]);
    let service = json!({"name": "boundtoken", "namespace": "boundtoken", "path": "/validate", "port": 443});
    let condition = json!([{"name": "none", "expression": "false"}]);
    let ours = |command: &str| format!("kubectl -n boundtoken {command}");
    let role = r#"[{"op": "remove", "path": "/rules/0/verbs/0"}]"#;
    let admin = r#"[{"op": "add", "path": "/rules/-", "value":
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}}]"#;
    vec![
        ("configuration-exists", "kubectl delete mutatingwebhookconfiguration boundtoken".to_owned()),
        ("configuration-once", second()),
        ("configuration-service", field("clientConfig/service", &service)),
        ("configuration-rules", field("rules", &updates)),
        ("configuration-object-selector", field("objectSelector", &json!({"matchLabels": {"a": "b"}}))),
        ("configuration-match-conditions", field("matchConditions", &condition)),
        ("configuration-failure-policy", field("failurePolicy", &"Ignore".into())),
        ("configuration-reinvocation-policy", field("reinvocationPolicy", &"Never".into())),
        ("configuration-side-effects", field("sideEffects", &"NoneOnDryRun".into())),
        ("configuration-timeout", field("timeoutSeconds", &30.into())),
        ("configuration-match-policy", field("matchPolicy", &"Exact".into())),
        ("configuration-review-versions", field("admissionReviewVersions", &json!(["v1", "v1beta1"]))),
        ("replicas-deployment", ours("delete deployment boundtoken")),
        ("replicas-service", ours("delete service boundtoken")),
        ("replicas-service", ours(r#"patch service boundtoken -p '{"spec": {"selector": {"a": "b"}}}'"#)),
        ("replicas-disruption", ours("delete poddisruptionbudget boundtoken")),
        ("replicas-disruption", ours(r#"patch pdb boundtoken -p '{"spec": {"minAvailable": 0}}'"#)),
        ("replicas-network-policy", ours("delete networkpolicy boundtoken")),
        ("replicas-network-policy", ours(r#"patch networkpolicy boundtoken -p '{"spec": {"ingress": []}}'"#)),
        ("rights-needed", format!("kubectl patch clusterrole boundtoken --type=json -p '{role}'")),
        ("rights-needed", ours("delete rolebinding boundtoken")),
        ("namespaces-labels", "kubectl label namespace shop boundtoken.dev/webhok=enabled".to_owned()),
        (
            "namespaces-labels",
            "kubectl label namespace shop boundtoken.dev/webhook=true --overwrite".to_owned(),
        ),
        ("namespaces-labels", "kubectl label namespace shop boundtoken.dev/ttl=2h".to_owned()),
        (
            "namespaces-annotations",
            "kubectl annotate namespace shop boundtoken.dev/ttl=5m --overwrite".to_owned(),
        ),
        ("namespaces-annotations", "kubectl annotate namespace shop boundtoken.dev/mode=replce".to_owned()),
        ("namespaces-warnings", "kubectl annotate namespace shop boundtoken.dev/tll=2h".to_owned()),
        ("guard-binding", "kubectl delete validatingadmissionpolicybinding boundtoken-guard".to_owned()),
        (
            "guard-namespaces-policy",
            "kubectl delete validatingadmissionpolicy boundtoken-guard-namespaces".to_owned(),
        ),
        ("guard-namespaces-binding", field_of_guard()),
        ("rights-excess", format!("kubectl patch clusterrole boundtoken --type=json -p '{admin}'")),
    ]
}

/// A binding that leaves out objects.
fn field_of_guard() -> String {
    let patch = json!({"spec": {"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}});
    format!(
        "kubectl patch validatingadmissionpolicybinding boundtoken-guard-namespaces --type=merge -p '{patch}'"
    )
}

/// The name of the second configuration.
const SECOND: &str = "check-shop";

/// A second configuration, which selects nothing.
fn second() -> String {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": SECOND},
        "webhooks": [{"name": "pods.boundtoken.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://localhost:1/mutate"}, "failurePolicy": "Ignore", "rules": [],
            "namespaceSelector": {"matchLabels": {"install": "none"}}}],
    });
    format!("echo '{configuration}' | kubectl create -f -")
}

/// The kustomizations that are installed.
const APPLIED: [&str; 3] = ["manifests", "manifests/guard", "manifests/guard-namespaces"];

/// An install without a node in a Namespace that opted in, with the guard.
async fn installed(plane: &ControlPlane) -> Terminal {
    let terminal = clone_of_the_manifests(plane);
    terminal.type_in(&APPLIED.map(|path| format!("kubectl apply -k {path}")).join(" && "));
    plane.api.create(&namespace_of(SHOP, SHOP, &[])).await.unwrap();
    plane.wait_for_service_account(SHOP).await;
    terminal
}

/// Waits until the faults are those of a set of checks.
async fn found(plane: &ControlPlane, expected: &BTreeSet<String>) -> Vec<Value> {
    eventually(&format!("{expected:?}"), async || {
        let faults = faults(&plane.kubeconfig());
        if ids(&faults) == *expected { Ok(faults) } else { Err(faults) }
    })
    .await
}

pub(crate) async fn each_fault_is_found_and_mended(plane: Arc<ControlPlane>) {
    let _alone = alone(&plane).await;
    let terminal = installed(&plane).await;
    let printed = terminal.try_in(&(block("path") + &block("check")));
    assert_eq!(printed.status.code(), Some(1), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("\nerror   replicas-ready: no replica is ready\n"), "{printed}");
    // The selectors of this test select one Namespace only, and no replica runs that could write the caBundle.
    let selectors = ["configuration-namespace-selector", "guard-policy"];
    let without_node = ["configuration-bundle", "configuration-owner", "replicas-ready"];
    let always: BTreeSet<String> = selectors.into_iter().chain(without_node).map(str::to_owned).collect();
    let faults = found(&plane, &always).await;
    let guard = faults.iter().find(|finding| finding["id"] == "guard-policy").unwrap();
    let sentence = "spec.matchConstraints of ValidatingAdmissionPolicy boundtoken-guard is not as shipped";
    assert_eq!(guard["sentence"], sentence);
    for (id, command) in made() {
        terminal.type_in(&command);
        let mut with_fault = always.clone();
        with_fault.insert(id.to_owned());
        if id == "configuration-exists" {
            with_fault = BTreeSet::from([id, "replicas-ready", "guard-policy"].map(str::to_owned));
        }
        if id == "replicas-deployment" {
            with_fault.remove("replicas-ready");
        }
        let faults = found(&plane, &with_fault).await;
        let mend = faults.iter().find(|finding| finding["id"] == id).unwrap()["command"].as_str().unwrap();
        // This command lists rights, since an administrator has to find out what grants them.
        let mend = if id == "rights-excess" { "kubectl apply -k manifests" } else { mend };
        terminal.type_in(mend);
        found(&plane, &always).await;
    }
    terminal.type_in(&APPLIED.map(|path| format!("kubectl delete --wait=false -k {path}")).join(" && "));
}

/// With the rights to read everything, one Namespace, or nothing, `check` ends with findings and skips the rest.
pub(crate) async fn users_with_few_rights(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "check-rights";
    let _alone = alone(&plane).await;
    let terminal = installed(&plane).await;
    terminal.type_in(&format!("kubectl create namespace {NAMESPACE}"));
    for (name, grant) in [
        (
            "reader",
            "kubectl create clusterrole check-reader --verb=get,list --resource='*.*' && \
            kubectl create clusterrolebinding check-reader --clusterrole=check-reader \
            --serviceaccount=check-rights:reader",
        ),
        (
            "one",
            "kubectl -n boundtoken create role check-one --verb=get,list --resource='*.*' && \
            kubectl -n boundtoken create rolebinding check-one --role=check-one --serviceaccount=check-rights:one",
        ),
        ("none", "true"),
    ] {
        terminal.type_in(&format!("kubectl -n {NAMESPACE} create serviceaccount {name} && {grant}"));
        let kubeconfig = plane.kubeconfig_of(NAMESPACE, name, &plane.subdirectory()).await;
        let skipped = eventually(&format!("the findings of {name}"), async || {
            let arguments = ["check", "-o", "short", "--kubeconfig", kubeconfig.to_str().unwrap()];
            let output = output(&mut boundtoken(&arguments));
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            let lines = String::from_utf8(output.stdout).unwrap();
            let skipped: Vec<String> =
                lines.lines().filter_map(|line| Some(line.strip_prefix("skipped ")?.to_owned())).collect();
            let reads_ours = !skipped.iter().any(|line| line.starts_with("replicas-service: "));
            if reads_ours == (name != "none") { Ok(skipped) } else { Err(lines) }
        })
        .await;
        for line in &skipped {
            assert!(line.contains(": Forbidden: needs the right to "), "{name}: {line}");
        }
        let skips = |id: &str| skipped.iter().any(|line| line.starts_with(&format!("{id}: ")));
        assert_eq!(skips("configuration-exists"), name != "reader", "{name}: {skipped:?}");
        assert_eq!(skips("namespaces-labels"), name != "reader", "{name}: {skipped:?}");
        assert!(skips("rights-needed"), "{name}: {skipped:?}");
        assert!(!skips("cluster-version"), "{name}: {skipped:?}");
    }
    terminal.type_in("kubectl delete clusterrole,clusterrolebinding check-reader");
    terminal.type_in(&APPLIED.map(|path| format!("kubectl delete --wait=false -k {path}")).join(" && "));
}

/// A policy in the newest version that the API server has, behind a feature gate before Kubernetes 1.36.
pub(crate) async fn a_mutating_policy_of_each_version(plane: Arc<ControlPlane>) {
    const NAME: &str = "check-mutating";
    let version = plane.api.get("/version").await.unwrap();
    let version = match version["minor"].as_str().unwrap().parse::<u32>().unwrap() {
        ..=33 => "v1alpha1",
        34 | 35 => "v1beta1",
        _ => "v1",
    };
    let group = format!("admissionregistration.k8s.io/{version}");
    let gate = "--feature-gates=MutatingAdmissionPolicy=true".to_owned();
    let (api, kubeconfig) =
        plane.start_another_api_server(&[gate, format!("--runtime-config={group}=true")]).await;
    // Without a binding it has no effect.
    let expression = "Object{spec: Object.spec{automountServiceAccountToken: false}}";
    let rule =
        json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let mutation =
        json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}});
    let policy = json!({
        "apiVersion": group, "kind": "MutatingAdmissionPolicy", "metadata": {"name": NAME},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "mutations": [mutation], "reinvocationPolicy": "Never"},
    });
    api.create(&policy).await.unwrap();
    eventually("the policy among the findings", async || {
        let arguments = ["check", "--no-probe", "-o", "json", "--kubeconfig", kubeconfig.to_str().unwrap()];
        let output = output(&mut boundtoken(&arguments));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_found = |finding: &Value| finding["id"] == "neighbours-policies" && finding["value"] == NAME;
        if list(&document["findings"]).any(is_found) { Ok(()) } else { Err(document) }
    })
    .await;
    api.delete(&format!("/apis/{group}/mutatingadmissionpolicies/{NAME}")).await.ok().unwrap();
}
