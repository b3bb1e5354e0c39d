//! Compares the simulated plugin with Pods from a real API server.

use super::*;

/// The Pod of a captured review, and the same Pod as submitted by its author.
fn reviewed(review: &str) -> (Value, Value) {
    let path = format!("{}/../../tests/reviews/{review}.json", env!("CARGO_MANIFEST_DIR"));
    let review: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let pod = review["request"]["object"].clone();
    let mut written = pod.clone();
    let spec = written["spec"].as_object_mut().unwrap();
    spec.remove("serviceAccount");
    spec.retain(|field, value| field != "serviceAccountName" || value != "default");
    remove_items(spec, "volumes", |volume| starts_with(&volume["name"], DEFAULT_PREFIX));
    for field in ["initContainers", "containers"] {
        for container in spec.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            remove_items(container.as_object_mut().unwrap(), "volumeMounts", |mount| {
                starts_with(&mount["name"], DEFAULT_PREFIX)
            });
        }
    }
    (pod, written)
}

fn starts_with(text: &Value, prefix: &str) -> bool {
    text.as_str().unwrap().starts_with(prefix)
}

fn remove_items(object: &mut Map<String, Value>, field: &str, gone: impl Fn(&Value) -> bool) {
    let Some(list) = object.get_mut(field).and_then(Value::as_array_mut) else { return };
    list.retain(|item| !gone(item));
    if list.is_empty() {
        object.remove(field);
    }
}

fn suffix(pod: &Value) -> String {
    let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let name = volumes.last().map_or("", |volume| volume["name"].as_str().unwrap()).to_owned();
    name.trim_start_matches(DEFAULT_PREFIX).to_owned()
}

#[test]
fn pods_equal_those_of_a_real_api_server() {
    for (review, automount) in [
        ("pod-asked-for", None),
        ("pod-generate-name", None),
        ("pod-legacy-secret", None),
        ("pod-many", None),
        ("pod-of-deployment", None),
        ("pod-of-job", None),
        ("pod-opted-out", None),
        ("pod-plain", None),
        ("pod-sa-no-automount", Some(false)),
        ("pod-vault-token", None),
    ] {
        let (sent, mut pod) = reviewed(review);
        let account = ServiceAccount { automount, ..ServiceAccount::default() };
        round_trip(&mut pod);
        admit(&mut pod, &account, &suffix(&sent));
        assert_eq!(pod, sent, "{review}");
    }
}

#[test]
fn changes_nothing_when_it_runs_again() {
    for review in ["pod-many", "pod-legacy-secret", "pod-opted-out", "pod-plain", "pod-vault-token"] {
        let (sent, _) = reviewed(review);
        let mut pod = sent.clone();
        admit(&mut pod, &ServiceAccount::default(), "again");
        assert_eq!(pod, sent, "{review}");
    }
}

fn admitted(spec: &Value, account: &ServiceAccount) -> Value {
    let mut pod = json!({"spec": spec});
    round_trip(&mut pod);
    admit(&mut pod, account, "abcde");
    pod["spec"].take()
}

#[test]
fn automount_of_the_pod_overrides_its_account() {
    for (pod, account, mounted) in [
        (json!(null), None, true),
        (json!(null), Some(true), true),
        (json!(null), Some(false), false),
        (json!(true), Some(false), true),
        (json!(false), Some(true), false),
    ] {
        let account = ServiceAccount { automount: account, ..ServiceAccount::default() };
        let spec = json!({"automountServiceAccountToken": pod, "containers": [{"name": "app"}]});
        assert_eq!(admitted(&spec, &account).get("volumes").is_some(), mounted, "{pod} {account:?}");
    }
}

#[test]
fn the_first_volume_of_the_prefix_is_mounted() {
    let spec = json!({
        "volumes": [{"name": "kube-api-access-mine", "emptyDir": {}}, {"name": "kube-api-access-2"}],
        "containers": [{"name": "app", "volumeMounts": null}],
    });
    let spec = admitted(&spec, &ServiceAccount::default());
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], "kube-api-access-mine");
    assert_eq!(spec["volumes"].as_array().unwrap().len(), 2);
}

#[test]
fn only_the_exact_path_counts_as_mounted() {
    let mount = |path: &str| json!({"name": path, "volumeMounts": [{"name": "x", "mountPath": path}]});
    let paths = [DEFAULT_DIRECTORY, "/var/run/secrets/kubernetes.io/serviceaccount/", "/run/secrets"];
    let spec = json!({"initContainers": [mount(paths[0])], "containers": [mount(paths[1]), mount(paths[2])]});
    let spec = admitted(&spec, &ServiceAccount::default());
    let mounts = |list: &str, index: usize| spec[list][index]["volumeMounts"].as_array().unwrap().len();
    assert_eq!([mounts("initContainers", 0), mounts("containers", 0), mounts("containers", 1)], [1, 2, 2]);
}

#[test]
fn mirror_pods_stay_as_they_are() {
    let mirror = json!({
        "metadata": {"annotations": {"kubernetes.io/config.mirror": "hash"}},
        "spec": {"containers": [{"name": "app"}]},
    });
    let mut pod = mirror.clone();
    admit(&mut pod, &ServiceAccount::default(), "abcde");
    assert_eq!(pod, mirror);
}

#[test]
fn image_pull_secrets_default_to_those_of_the_account() {
    let account = ServiceAccount::from_object(&json!({"imagePullSecrets": [{"name": "registry"}, {}]}));
    for (own, result) in [
        (json!(null), json!([{"name": "registry"}])),
        (json!([]), json!([{"name": "registry"}])),
        (json!([{"name": "mine"}]), json!([{"name": "mine"}])),
    ] {
        assert_eq!(admitted(&json!({"imagePullSecrets": own}), &account)["imagePullSecrets"], result);
    }
}

#[test]
fn the_deprecated_alias_names_the_service_account() {
    let spec = admitted(&json!({"serviceAccount": "old"}), &ServiceAccount::default());
    assert_eq!([&spec["serviceAccountName"], &spec["serviceAccount"]], ["old", "old"]);
}

#[test]
fn defaults_are_those_of_the_api() {
    let spec = admitted(
        &json!({"automountServiceAccountToken": false, "volumes": [
            {"name": "a", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token"}},
                {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            ]}},
            {"name": "b", "secret": {"secretName": "s", "defaultMode": 256}},
            {"name": "c", "secret": {"secretName": "s"}},
        ]}),
        &ServiceAccount::default(),
    );
    let at = |pointer: &str| spec["volumes"].pointer(pointer).unwrap().clone();
    assert_eq!(at("/0/projected/defaultMode"), 420);
    assert_eq!(at("/0/projected/sources/0/serviceAccountToken/expirationSeconds"), 3600);
    assert_eq!(at("/0/projected/sources/1/downwardAPI/items/0/fieldRef/apiVersion"), "v1");
    assert_eq!([at("/1/secret/defaultMode"), at("/2/secret/defaultMode")], [json!(256), json!(420)]);
}

#[test]
fn fields_of_wrong_types_are_unchanged() {
    for pod in
        [json!(null), json!({}), json!({"spec": 1}), json!({"spec": {"containers": "x", "volumes": 1}})]
    {
        let mut result = pod.clone();
        round_trip(&mut result);
        admit(&mut result, &ServiceAccount::default(), "abcde");
        assert_eq!(result.pointer("/spec/containers"), pod.pointer("/spec/containers"));
        assert_eq!(result.pointer("/spec/volumes"), pod.pointer("/spec/volumes"));
    }
}

#[test]
fn empty_lists_are_omitted_as_by_the_api_server() {
    let mut pod = json!({"spec": {
        "volumes": [],
        "initContainers": null,
        "containers": [{"name": "app", "env": [], "volumeMounts": [], "args": []}],
        "tolerations": [],
    }});
    round_trip(&mut pod);
    let left = json!({"spec": {"containers": [{"name": "app", "args": []}], "tolerations": []}});
    assert_eq!(pod, left);
}
