//! Tokens that are added: their volumes, their directories, and when they are left out.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

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
            .contains("\"boundtoken-2\" in the Pod is not the volume that boundtoken adds under this name")
    );
    assert!(decide(&taken, &namespace(&[("mode", "add")])).allowed());
}

/// A container that mounts it would otherwise hold a token that it did not ask for.
#[test]
fn a_volume_with_our_name_is_refused_unless_it_is_exactly_ours() {
    let settings = namespace(&[("path", "/t/a"), ("tokens", "[{path: /t/b, audience: vault}]")]);
    let ours = volume(&decide(&pod(&["app"]), &settings).pod, "boundtoken").unwrap().clone();
    assert_eq!(ours["projected"]["sources"].as_array().unwrap().len(), 4, "{ours}");
    let with = |change: fn(&mut Value)| {
        let mut volume = ours.clone();
        change(&mut volume["projected"]);
        pod_with_volume(&volume, "/mine")
    };
    for same in [|_: &mut Value| (), |projected: &mut Value| drop(projected["defaultMode"].take())] {
        let answer = decide(&with(same), &settings);
        assert!(answer.allowed(), "{}", answer.message());
        assert_eq!(mounts(container(&answer.pod, "app")), [("boundtoken", "/mine"), ("boundtoken", "/t")]);
        assert_settled(&answer.pod, &settings, &ServiceAccount::default());
    }
    let changes: [fn(&mut Value); 9] = [
        |projected| projected["sources"] = json!([{"serviceAccountToken": {"path": "mine"}}]),
        |projected| projected["sources"].as_array_mut().unwrap().truncate(2),
        |projected| projected["sources"].as_array_mut().unwrap().swap(0, 1),
        |projected| projected["sources"].as_array_mut().unwrap().push(json!({"secret": {"name": "s"}})),
        |projected| projected["sources"][0]["serviceAccountToken"]["expirationSeconds"] = 7200.into(),
        |projected| projected["sources"][1]["serviceAccountToken"]["audience"] = "sts".into(),
        |projected| projected["sources"][1]["serviceAccountToken"]["path"] = "c".into(),
        |projected| projected["sources"][2]["configMap"]["name"] = "mine".into(),
        |projected| projected["defaultMode"] = 0o600.into(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let before = with(change);
        let answer = decide(&before, &settings);
        assert!(
            answer.message().contains("(BT016)"),
            "{number}: {} {:?}",
            answer.message(),
            answer.operations
        );
        let free = decide(&before, &namespace(&[]));
        assert_eq!(volume(&free.pod, "boundtoken"), volume(&before, "boundtoken"), "{number}");
    }
}
