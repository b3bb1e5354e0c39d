//! Tokens that are added: their volumes, their directories, and when they are left out.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::json;

use crate::support::pods::{
    DEFAULT_VOLUME, annotated, assert_settled, container, decide, mounts, namespace, pod, pod_of_spec,
    pod_with_volume, tokens, volume,
};

#[test]
fn a_token_is_added_to_a_pod_without_volumes() {
    let before = json!({"metadata": {}, "spec": {"containers": [{"name": "app"}]}});
    let answer =
        decide(&before, &namespace(&[("mode", "add"), ("audience", "sts.amazonaws.com"), ("ttl", "24h")]));
    let token = json!({"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"});
    assert_eq!(tokens(&answer.pod), [("boundtoken".to_owned(), token)]);
    let mount = json!([{"name": "boundtoken", "readOnly": true, "mountPath": "/var/run/secrets/tokens"}]);
    assert_eq!(container(&answer.pod, "app")["volumeMounts"], mount);
}

#[test]
fn audience_lifetime_and_path_apply_together() {
    let settings = [("audience", "custom-audience"), ("ttl", "1200"), ("path", "/custom/path/token")];
    let answer = decide(&annotated(pod(&["app"]), &settings), &namespace(&[]));
    let token = json!({"audience": "custom-audience", "expirationSeconds": 1200, "path": "token"});
    assert_eq!(tokens(&answer.pod), [("boundtoken".to_owned(), token)]);
    assert_eq!(mounts(container(&answer.pod, "app")), [("boundtoken", "/custom/path")]);
    let bad = decide(&annotated(pod(&["app"]), &[("ttl", "not-a-number")]), &namespace(&[]));
    assert!(!bad.allowed() && bad.message().contains("\"not-a-number\""), "{}", bad.message());
}

/// It is not overwritten.
#[test]
fn a_foreign_volume_named_boundtoken_is_refused() {
    let spec = json!({
        "volumes": [{"name": "boundtoken", "hostPath": {"path": "/x"}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "boundtoken", "mountPath": "/some/other/path"}]}],
    });
    let answer = decide(&pod_of_spec(&spec), &namespace(&[("mode", "add")]));
    assert_eq!(answer.response["status"]["code"], 422);
    assert!(answer.message().contains("rename that volume"), "{}", answer.message());
}

/// Its name may be taken.
#[test]
fn a_second_directory_gets_a_second_volume() {
    let settings = namespace(&[("tokens", "[{path: /t/a}, {path: /u/b}, {path: /t/c}]")]);
    let answer = decide(&pod(&["app"]), &settings);
    let held: Vec<(String, String)> = tokens(&answer.pod)
        .into_iter()
        .map(|(volume, token)| (volume, token["path"].as_str().unwrap().to_owned()))
        .collect();
    let expected =
        [(DEFAULT_VOLUME, "token"), ("boundtoken", "a"), ("boundtoken", "c"), ("boundtoken-2", "b")];
    assert_eq!(held, expected.map(|(volume, file)| (volume.to_owned(), file.to_owned())));
    let taken = pod_with_volume(&json!({"name": "boundtoken-2", "emptyDir": {}}), "/data");
    assert!(
        decide(&taken, &settings)
            .message()
            .contains("\"boundtoken-2\" in the Pod holds no service account token")
    );
    assert!(decide(&taken, &namespace(&[("mode", "add")])).allowed());
}

/// One that holds a token gets what it lacks, and keeps what it has.
#[test]
fn an_existing_volume_named_boundtoken_is_completed() {
    let sources = json!([{"serviceAccountToken": {"audience": "old", "expirationSeconds": 3600, "path": "a"}},
        {"serviceAccountToken": {"audience": "mine", "expirationSeconds": 900, "path": "mine"}}]);
    let before = pod_with_volume(&json!({"name": "boundtoken", "projected": {"sources": sources}}), "/t/");
    let settings = namespace(&[("path", "/t/a"), ("tokens", "[{path: /t/b, audience: vault}]")]);
    let answer = decide(&before, &settings);
    let mut expected = before["spec"]["volumes"][0]["projected"]["sources"].clone();
    expected[0]["serviceAccountToken"].as_object_mut().unwrap().remove("audience");
    let list = expected.as_array_mut().unwrap();
    list.push(json!({"serviceAccountToken": {"audience": "vault", "expirationSeconds": 3600, "path": "b"}}));
    let sources = &volume(&answer.pod, "boundtoken").unwrap()["projected"]["sources"];
    assert_eq!(sources.as_array().unwrap()[..3], list[..]);
    assert_eq!(sources.as_array().unwrap().len(), 5, "{sources}");
    assert_eq!(mounts(container(&answer.pod, "app")), [("boundtoken", "/t/")]);
    assert_settled(&answer.pod, &settings, &ServiceAccount::default());
}

#[test]
fn a_mount_inside_a_token_directory_omits_the_token() {
    let mut pod = pod(&["app"]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "cache", "mountPath": "/var/run/secrets/tokens/vault"}]);
    let answer = decide(&pod, &namespace(&[("mode", "add")]));
    assert!(answer.warns("BT054"), "{:?}", answer.warnings());
    assert_eq!(volume(&answer.pod, "boundtoken"), None);
}

#[test]
fn a_device_in_a_token_directory_omits_the_token() {
    let mut pod = pod(&["app"]);
    pod["spec"]["containers"][0]["volumeDevices"] =
        json!([{"name": "disk", "devicePath": "/var/run/secrets/tokens"}]);
    let answer = decide(&pod, &namespace(&[("mode", "add")]));
    assert!(answer.warns("BT054"), "{:?}", answer.warnings());
    assert_eq!(volume(&answer.pod, "boundtoken"), None);
}
