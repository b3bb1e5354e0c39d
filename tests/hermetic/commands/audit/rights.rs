//! What the audit does without one of its rights, and that it prints those that it needs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Scene, owned, pod, run};

/// The rules of the role that `--print-rbac` prints.
fn rules() -> Vec<Value> {
    let printed = run(&["audit", "--print-rbac"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let role: Value = serde_saphyr::from_str(&printed.out).unwrap();
    assert_eq!(
        (role["kind"].as_str(), role["metadata"]["name"].as_str()),
        (Some("ClusterRole"), Some("boundtoken-audit"))
    );
    role["rules"].as_array().unwrap().clone()
}

fn words(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// What the rules allow, as `verb group/resource` or `verb path`.
fn allowed() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for rule in rules() {
        for verb in words(&rule["verbs"]) {
            allowed.extend(words(&rule["nonResourceURLs"]).iter().map(|path| format!("{verb} {path}")));
            for group in words(&rule["apiGroups"]) {
                let resources = words(&rule["resources"]);
                allowed.extend(resources.iter().map(|resource| format!("{verb} {group}/{resource}")));
            }
        }
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_rights_are_those_that_are_used() {
    let scene = Scene::shop().await;
    assert_eq!(scene.audit(&[]).code, 0);
    assert_eq!(scene.audit(&["-n", "shop"]).code, 0);
    let used = scene.api.asked().into_iter().map(|request| {
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match segments[..] {
            ["api", "v1", "namespaces", _] => "get /namespaces".to_owned(),
            ["api", "v1", .., resource] => format!("list /{resource}"),
            ["apis", group, .., resource] => format!("list {group}/{resource}"),
            _ => format!("get {}", request.path),
        }
    });
    assert_eq!(used.collect::<BTreeSet<_>>(), allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_its_cells_are_named() {
    for (resource, cells) in [
        ("namespaces", "MODE, VERDICT"),
        ("pods", "PODS, TOKEN, USE"),
        ("secrets", "TOKEN"),
        ("serviceaccounts", "TOKEN"),
        ("replicasets", "WORKLOAD"),
        ("jobs", "WORKLOAD"),
        ("deployments", "WORKLOAD, TOKEN"),
        ("statefulsets", "WORKLOAD, TOKEN"),
        ("daemonsets", "WORKLOAD, TOKEN"),
        ("cronjobs", "WORKLOAD, TOKEN"),
        ("/metrics", "LIFETIME"),
        ("/.well-known/openid-configuration", "AUDIENCE"),
    ] {
        let scene = Scene::shop().await;
        assert_eq!(scene.json().json()["errors"], Value::Array(Vec::new()));
        scene.api.refuse(resource);
        let audit = scene.audit(&[]);
        let verb = if resource.starts_with('/') { "get" } else { "list" };
        let footnote =
            format!("? {resource}: Forbidden; the right to {verb} {resource} is needed for {cells}\n");
        assert_eq!(audit.code, 0, "{}", audit.err);
        assert!(audit.err.contains(&footnote), "{}", audit.err);
        let json = scene.json().json();
        let expected = format!("{verb} {resource}");
        assert_eq!(json["errors"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&json["errors"][0]["needs"], &json["errors"][0]["reason"]),
            (&expected.into(), &"Forbidden".into())
        );
        assert!(!json["workloads"].as_array().unwrap().is_empty(), "{resource}: {json:#}");
        assert_eq!(scene.audit(&["--fail-on", "unknown"]).code, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_without_their_right_have_a_question_mark() {
    let row = async |resource: &str, arguments: &[&str]| {
        let scene = Scene::shop().await;
        scene.api.refuse(resource);
        let out = scene.audit(arguments).out;
        out.lines()
            .nth(1)
            .unwrap()
            .split("   ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(row("pods", &[]).await[2], "?");
    assert_eq!(row("namespaces", &["-o", "wide"]).await[9], "?");
    assert_eq!(row("deployments", &[]).await[1], "deployment/web");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_may_not_be_read_does_not_hide_another() {
    let scene = Scene::shop().await;
    let audit = scene.audit(&["-n", "shop,absent", "-o", "json"]);
    assert_eq!(audit.workload("web")["optedIn"], false);
    let errors = audit.json()["errors"].clone();
    assert_eq!((&errors[0]["namespace"], &errors[0]["reason"]), (&"absent".into(), &"NotFound".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_secrets_only_workloads_that_have_one_are_unsure() {
    let scene = Scene::shop().await;
    let volume = |mut pod: Value, volume: Value| {
        pod["spec"]["volumes"][0] = volume;
        pod["spec"]["volumes"][0]["name"] = pod["spec"]["containers"][0]["volumeMounts"][0]["name"].clone();
        pod
    };
    let secret = json!({"secret": {"secretName": "web-token"}});
    scene.add("pods", volume(pod("secret"), secret.clone()));
    scene.add(
        "pods",
        volume(
            pod("other-key"),
            json!({"secret": {"secretName": "tls", "items": [{"key": "tls.crt", "path": "crt"}]}}),
        ),
    );
    let mut env = volume(pod("env"), json!({"emptyDir": {}}));
    env["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "web-token"}}]);
    scene.add("pods", env);
    let mut unmounted = volume(pod("unmounted"), secret);
    unmounted["spec"]["containers"][0]["volumeMounts"] = json!([]);
    scene.add("pods", unmounted);
    let verdicts = |audit: &super::Audit| {
        ["secret", "env", "other-key", "unmounted", "web"].map(|name| {
            let workload = audit.workload(name);
            let code = workload["reasons"][0]["code"].as_str().unwrap().to_owned();
            (workload["verdict"].as_str().unwrap().to_owned(), code, workload["tokensIncomplete"] == true)
        })
    };
    let row = |verdict: &str, code: &str, unsure| (verdict.to_owned(), code.to_owned(), unsure);
    let nothing = || row("nothing", "BT101", false);
    let web = || row("unknown", "BT120", false);
    let known = [nothing(), nothing(), nothing(), nothing(), web()];
    assert_eq!(verdicts(&scene.json()), known);
    scene.api.refuse("secrets");
    let unsure = || row("unknown", "BT144", true);
    assert_eq!(verdicts(&scene.json()), [unsure(), unsure(), nothing(), nothing(), web()]);
    let out = scene.audit(&[]).out;
    let cell = |name: &str| out.lines().find(|line| line.contains(name)).unwrap().contains(" ? ");
    assert!(cell("pod/secret") && cell("pod/env") && !cell("deployment/web"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_service_accounts_predicted_tokens_are_unsure() {
    let scene = Scene::shop().await;
    scene.deployment("idle");
    let is_unsure = |name: &str| scene.json().workload(name)["tokensIncomplete"] == true;
    assert!(!is_unsure("idle"));
    scene.api.refuse("serviceaccounts");
    assert!(is_unsure("idle") && !is_unsure("web"));
}

/// Then the names of the owners are the only sign of their Deployment.
#[tokio::test(flavor = "multi_thread")]
async fn without_owners_their_names_count() {
    let scene = Scene::shop().await;
    scene.api.refuse("replicasets");
    scene.add("pods", owned(pod("other-5d4f8c7b9-aaaaa"), "ReplicaSet", "other-5d4f8c7b9"));
    let names = scene.audit(&["-o", "name"]).out;
    assert_eq!(names, "shop/replicaset/other-5d4f8c7b9\nshop/deployment/web\n");
}
