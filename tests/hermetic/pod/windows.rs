//! Pods for Windows: paths without case, with `C:` and backslashes.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, annotated, assert_settled, container, decide, mounts, namespace, pod_of_spec,
};

fn pod(mounts: &Value) -> Value {
    let volumes = json!([{"name": "v", "emptyDir": {}}]);
    pod_of_spec(&json!({
        "os": {"name": "windows"}, "volumes": volumes, "containers": [{"name": "app", "volumeMounts": mounts}],
    }))
}

#[test]
fn a_variable_holds_the_path_as_programs_read_it() {
    for selected in [
        json!({"os": {"name": "windows"}}),
        json!({"nodeSelector": {"disk": "ssd", "kubernetes.io/os": "windows"}}),
        json!({"os": null, "nodeSelector": {"kubernetes.io/os": "windows"}}),
    ] {
        let mut spec = json!({"containers": [{"name": "app"}]});
        spec.as_object_mut().unwrap().extend(selected.as_object().unwrap().clone());
        let answer =
            decide(&pod_of_spec(&spec), &namespace(&[("env", "A"), ("tokens", "[{path: /t/b, env: B}]")]));
        assert_eq!(
            container(&answer.pod, "app")["env"],
            json!([
                {"name": "A", "value": "C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount\\token"},
                {"name": "B", "value": "C:\\t\\b"},
            ]),
            "{selected}"
        );
        assert_settled(
            &answer.pod,
            &namespace(&[("env", "A"), ("tokens", "[{path: /t/b, env: B}]")]),
            &ServiceAccount::default(),
        );
    }
    for other in [
        json!({}),
        json!({"os": {"name": "linux"}}),
        json!({"nodeSelector": {"kubernetes.io/os": "linux", "x": null}}),
        json!({"os": {"name": "linux"}, "nodeSelector": {"kubernetes.io/os": "windows"}}),
    ] {
        let mut spec = json!({"containers": [{"name": "app"}]});
        spec.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let answer = decide(&pod_of_spec(&spec), &namespace(&[("env", "A")]));
        assert_eq!(
            container(&answer.pod, "app")["env"][0]["value"],
            format!("{DEFAULT_DIRECTORY}/token"),
            "{other}"
        );
    }
}

#[test]
fn a_path_may_be_written_either_way() {
    for path in [
        "/t/vault/token",
        "C:\\t\\vault\\token",
        "c:/t/vault/token",
        "\\t\\vault\\token",
        "C:\\t\\.\\vault\\\\token",
    ] {
        let settings = [("mode", "add"), ("path", path), ("env", "A")];
        let answer = decide(&annotated(pod(&json!([])), &settings), &namespace(&[]));
        assert!(answer.allowed(), "{}", answer.message());
        assert!(mounts(container(&answer.pod, "app")).contains(&("boundtoken", "/t/vault")), "{path}");
        assert_eq!(container(&answer.pod, "app")["env"][0]["value"], "C:\\t\\vault\\token", "{path}");
        assert_settled(&answer.pod, &namespace(&[]), &ServiceAccount::default());
    }
}

/// No directory is mounted twice.
#[test]
fn directories_are_compared_without_case_and_drive() {
    for taken in [
        "/var/run/secrets/tokens",
        "C:\\var\\run\\secrets\\tokens",
        "c:/VAR/run/Secrets/Tokens/",
        "\\var\\run\\secrets\\TOKENS",
    ] {
        let answer =
            decide(&pod(&json!([{"name": "v", "mountPath": taken}])), &namespace(&[("mode", "add")]));
        assert!(answer.warns("BT054"), "{taken}: {:?}", answer.warnings());
        assert!(
            !mounts(container(&answer.pod, "app")).iter().any(|(volume, _)| *volume == "boundtoken"),
            "{taken}"
        );
    }
    let twice = [("tokens", "[{path: /t/a}, {path: /T/b}]")];
    let answer = decide(&annotated(pod(&json!([])), &twice), &namespace(&[]));
    assert!(answer.warns("BT054"), "{:?}", answer.warnings());
    assert_eq!(mounts(container(&answer.pod, "app")).len(), 2);
    assert_settled(&answer.pod, &namespace(&[]), &ServiceAccount::default());
}

#[test]
fn the_default_directory_is_recognised_as_windows_writes_it() {
    let path = "C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount";
    let source = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let before = json!({"metadata": {}, "spec": {
        "os": {"name": "windows"}, "automountServiceAccountToken": false,
        "volumes": [{"name": "own", "projected": {"sources": [source]}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "own", "mountPath": path}]}],
    }});
    let answer = decide(&before, &namespace(&[("ttl", "2h"), ("env", "A")]));
    assert_eq!(
        answer.pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
        7200
    );
    assert_eq!(container(&answer.pod, "app")["env"][0]["value"], format!("{path}\\token"));
}

#[test]
fn variables_are_compared_without_case() {
    let mut before = pod(&json!([]));
    before["spec"]["containers"][0]["env"] = json!([{"name": "Token_File", "value": "x"}]);
    let answer = decide(&before, &namespace(&[("env", "TOKEN_FILE")]));
    assert!(answer.warns("BT055"), "{:?}", answer.warnings());
    before["spec"]["containers"][0]["env"] =
        json!([{"name": "token_file", "value": "/var/run/secrets/kubernetes.io/serviceaccount/token"}]);
    let answer = decide(&before, &namespace(&[("env", "TOKEN_FILE")]));
    assert!(!answer.warns("BT055"), "{:?}", answer.warnings());
}
