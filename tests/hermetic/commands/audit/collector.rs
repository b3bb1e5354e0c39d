//! How a cluster is read: in pages, without writing, in spite of refusals, and into a snapshot.

use std::fs;

use serde_json::{Value, json};

use super::{Scene, owned, pod, run};

#[tokio::test(flavor = "multi_thread")]
async fn only_reads_are_sent_and_metadata_where_it_is_enough() {
    let scene = Scene::shop().await;
    assert_eq!(scene.audit(&[]).code, 0);
    let asked = scene.api.asked();
    assert!(asked.iter().all(|request| request.method == "GET" && !request.query.contains_key("watch")));
    for resource in ["namespaces", "secrets", "replicasets", "jobs"] {
        let requests: Vec<_> =
            asked.iter().filter(|request| request.path.ends_with(&format!("/{resource}"))).collect();
        assert!(!requests.is_empty(), "{resource}");
        let is_metadata =
            |accept: &str| accept == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert!(requests.iter().all(|request| is_metadata(&request.accept)), "{requests:?}");
    }
    let lists = asked.iter().filter(|request| request.query.contains_key("limit"));
    assert!(lists.clone().count() > 5 && lists.clone().all(|request| request.query["limit"] == "500"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_read() {
    let scene = Scene::shop().await;
    for number in 0..7 {
        scene.add("pods", owned(pod(&format!("db-{number}")), "StatefulSet", "db"));
    }
    let whole = scene.json().without_time();
    scene.api.set_page(2);
    assert_eq!(scene.json().without_time(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_version_expired_goes_on() {
    let scene = Scene::shop().await;
    let whole = scene.json().without_time();
    scene.api.set_page(1);
    let expired = json!({"kind": "Status", "code": 410, "reason": "Expired", "metadata": {"continue": "0"}});
    scene.api.fail_lists(&[(410, expired)]);
    assert_eq!(scene.json().without_time(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_api_server_is_asked_again() {
    let scene = Scene::shop().await;
    let whole = scene.json().without_time();
    scene.api.fail_lists(&[(429, json!({})), (503, json!({})), (429, json!({}))]);
    assert_eq!(scene.json().without_time(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_malformed_object_does_not_hide_the_others() {
    let scene = Scene::shop().await;
    scene.add("pods", json!({"metadata": {"name": "odd", "namespace": "shop"}, "spec": {"volumes": 7}}));
    let audit = scene.json();
    assert_eq!(audit.workload("web")["pods"], 2);
    assert_eq!(audit.json()["errors"][0]["reason"], "Malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_or_an_unreachable_cluster_is_a_failure() {
    let scene = Scene::shop().await;
    let status = json!({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"});
    scene.api.fail_lists(&[(401, status)]);
    let audit = scene.audit(&[]);
    assert_eq!((audit.code, audit.out.as_str()), (2, ""));
    assert!(audit.err.contains("failed to read namespaces: the API server answered 401"), "{}", audit.err);

    let kubeconfig = scene.directory.path().join("closed");
    let config = json!({
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
        "current-context": "x",
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let audit = run(&["audit", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    assert_eq!(audit.code, 2);
    assert!(audit.err.contains("failed to reach the API server"), "{}", audit.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_and_selectors_limit_what_is_read() {
    let scene = Scene::shop().await;
    scene.namespace("other", &[], &[]);
    let mut other = pod("other");
    other["metadata"]["namespace"] = "other".into();
    other["metadata"]["labels"] = json!({"app": "x"});
    scene.add("pods", other);
    let names = |arguments: &[&str]| scene.audit(&[&["-o", "name"], arguments].concat()).out;
    assert_eq!(names(&[]), "other/pod/other\nshop/deployment/web\n");
    assert_eq!(names(&["-A"]), names(&[]));
    assert_eq!(names(&["-n", "shop"]), "shop/deployment/web\n");
    assert_eq!(names(&["-n", "shop", "-n", "other"]), names(&[]));
    assert_eq!(names(&["-l", "app=x"]), "other/pod/other\n");
    let asked = scene.api.asked();
    let last = asked.iter().rev().find(|request| request.path == "/api/v1/pods").unwrap();
    assert_eq!(last.query["labelSelector"], "app=x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_gives_the_same_report_without_a_cluster() {
    let scene = Scene::shop().await;
    scene.add("cronjobs", json!({"metadata": super::metadata("nightly"), "spec": {"jobTemplate": {"spec": {
        "template": {"spec": {"containers": [{"name": "app", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}}}}}}));
    let file = scene.directory.path().join("snapshot.json");
    let file = file.to_str().unwrap();
    let live = scene.audit(&["-o", "json", "--save", file]);
    let offline = run(&["audit", "-o", "json", "--from", file]);
    assert_eq!((live.code, &live.out), (offline.code, &offline.out), "{}{}", live.err, offline.err);
    let text = fs::read_to_string(file).unwrap();
    assert!(!text.contains("hunter2") && text.contains("PASSWORD"), "{text}");
    assert_eq!(
        text.matches("kube-api-access-xxxxx").count(),
        2,
        "replicas share their specification: {text}"
    );
    assert_eq!(run(&["audit", "-o", "name", "--from", file, "-n", "other"]).out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_snapshot_is_refused() {
    let scene = Scene::new().await;
    let file = scene.directory.path().join("snapshot.json");
    for (text, message) in [
        ("{}", "it is not a snapshot of `boundtoken audit --save`"),
        (r#"{"snapshotVersion": 999}"#, "it has the format 999, must be 1"),
    ] {
        fs::write(&file, text).unwrap();
        let audit = run(&["audit", "--from", file.to_str().unwrap()]);
        assert_eq!(audit.code, 2);
        assert!(audit.err.contains(message), "{}", audit.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_can_be_impersonated() {
    let scene = Scene::shop().await;
    assert_eq!(scene.audit(&["--as", "system:serviceaccount:shop:reader"]).code, 0);
    let is_impersonated = |user: &Value| user == "system:serviceaccount:shop:reader";
    assert!(scene.api.asked().iter().all(|request| is_impersonated(&json!(request.user))));
}
