//! Mounts at the directory of a token, inside it and above it: which of them keep a container from the token.
//!
//! What works was measured on a node: `tests/e2e/mounts.rs` starts the same Pods.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::drivers::DRIVERS;
use crate::support::nested::{ABOVE, FAILS, INSIDE, Nested, WORKS};
use crate::support::pods::{
    Admission, DEFAULT_DIRECTORY, Pairs, annotated, assert_settled, container, decide, mounts, namespace,
    pod, pod_of_spec, pod_with_volume, volume,
};

const TOKEN: &str = "/srv/conf/creds/token";

fn with_path(pod: Value) -> Admission {
    let answer = decide(&annotated(pod, &[("mode", "add"), ("path", TOKEN)]), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
    answer
}

/// Whether the container `app` mounts the token, which is also whether the Pod gets the volume.
fn holds(answer: &Admission) -> bool {
    let held = mounts(container(&answer.pod, "app")).contains(&("boundtoken", "/srv/conf/creds"));
    assert_eq!(held, volume(&answer.pod, "boundtoken").is_some());
    held
}

fn assert_nested(nested: &[Nested], works: bool) {
    for nested in nested {
        let answer = with_path(pod_of_spec(&nested.spec("busybox")));
        let shown = format!("{}: {:?}", nested.name, answer.warnings());
        assert_eq!(holds(&answer), works, "{shown}");
        assert_eq!(answer.warns("BT054"), !works, "{shown}");
        assert_settled(&answer.pod, &namespace(&[]), &ServiceAccount::default());
    }
}

#[test]
fn a_token_is_mounted_where_a_mount_point_can_be_made() {
    assert_nested(WORKS, true);
}

#[test]
fn a_token_is_left_out_where_no_mount_point_can_be_made() {
    assert_nested(FAILS, false);
}

/// A node needs other programs for these volumes.
#[test]
fn volumes_that_are_read_only_themselves_take_no_mount_point() {
    let nested = |source: &Value| {
        let mut volume = source.clone();
        volume["name"] = "v".into();
        pod_of_spec(&json!({"volumes": [volume], "containers": [
            {"name": "app", "volumeMounts": [{"name": "v", "mountPath": "/srv/conf"}]},
        ]}))
    };
    for driver in DRIVERS {
        for (read_only, works) in [(json!(true), false), (json!(false), true), (Value::Null, true)] {
            let answer = with_path(nested(&json!({driver: {"readOnly": read_only}})));
            assert_eq!(holds(&answer), works, "{driver} {read_only}");
        }
    }
    assert!(!holds(&with_path(nested(&json!({"image": {"reference": "registry.example/i:1"}})))));
    for (kind, works) in [
        (json!("File"), false),
        (json!("Socket"), false),
        (json!("FileOrCreate"), false),
        (json!("CharDevice"), false),
        (json!("BlockDevice"), false),
        (json!("Directory"), true),
        (json!("DirectoryOrCreate"), true),
        (json!(""), true),
    ] {
        assert_eq!(
            holds(&with_path(nested(&json!({"hostPath": {"path": "/h", "type": kind}})))),
            works,
            "{kind}"
        );
    }
}

#[test]
fn a_warning_says_what_is_in_the_way() {
    let text = |nested: &Nested| with_path(pod_of_spec(&nested.spec("busybox"))).warnings().join("\n");
    assert_eq!(
        text(&FAILS[0]),
        "boundtoken.dev/path: container \"app\" gets no token: no directory can be made in its \"/srv/conf\" (BT054)"
    );
    let file = FAILS.iter().find(|nested| nested.name == INSIDE).unwrap();
    assert_eq!(
        text(file),
        "boundtoken.dev/path: container \"app\" gets no token: it keeps what is at \"/srv/conf/creds/token\" (BT054)"
    );
    assert!(text(FAILS.iter().find(|nested| nested.name == ABOVE).unwrap()).contains("\"/srv/conf\""));
}

/// The proxy of a mesh mounts its own token there, which is no mistake.
#[test]
fn a_namespace_is_not_warned_while_some_container_holds_the_token() {
    let proxy = json!({"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": {
        "audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}}]}});
    let mount = json!([{"name": "istio-token", "mountPath": "/var/run/secrets/tokens"}]);
    let sidecar = json!({"name": "istio-proxy", "restartPolicy": "Always", "volumeMounts": mount});
    let injected = pod_of_spec(&json!({
        "volumes": [proxy], "initContainers": [sidecar], "containers": [{"name": "app"}],
    }));
    let alone = pod_of_spec(&json!({"volumes": [proxy], "containers": [sidecar]}));
    let add = [("mode", "add"), ("audience", "vault")];
    let tokens = [("tokens", "[{path: /var/run/secrets/tokens/vault, audience: vault}]")];
    for (on_namespace, on_pod, warns) in
        [(&add[..], &[][..], false), (&[], &add, true), (&tokens, &[], false), (&[], &tokens, true)]
    {
        let answer = decide(&annotated(injected.clone(), on_pod), &namespace(on_namespace));
        assert!(mounts(container(&answer.pod, "app")).iter().any(|(volume, _)| *volume == "boundtoken"));
        assert_eq!(answer.warns("BT054"), warns, "{on_namespace:?} {on_pod:?}: {:?}", answer.warnings());
        let answer = decide(&annotated(alone.clone(), on_pod), &namespace(on_namespace));
        assert!(answer.warns("BT054"), "{on_namespace:?} {on_pod:?}: {:?}", answer.warnings());
        assert!(answer.warns("gets no token"), "{:?}", answer.warnings());
    }
    let on_pod = annotated(injected, &[("mode", "add")]);
    let answer = decide(&on_pod, &namespace(&[("path", "/var/run/secrets/tokens/vault")]));
    assert!(
        answer.warns("boundtoken.dev/mode: container \"istio-proxy\" gets no token"),
        "{:?}",
        answer.warnings()
    );
}

#[test]
fn directories_of_tokens_may_be_inside_one_another() {
    let settings = [
        ("mode", "add"),
        ("tokens", "[{path: /t/a}, {path: /t/b/c}, {path: /t/b/d/e}, {path: /t/bb/a}]"),
        ("path", &format!("{DEFAULT_DIRECTORY}/x/y")),
    ];
    let answer = decide(&annotated(pod(&["app"]), &settings), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
    assert_eq!(answer.warnings(), Vec::<&str>::new());
    assert_eq!(mounts(container(&answer.pod, "app")).len(), 6);
    assert_settled(&answer.pod, &namespace(&[]), &ServiceAccount::default());
    let above = [("mode", "add"), ("path", "/var/run/secrets/token")];
    assert!(decide(&annotated(pod(&["app"]), &above), &namespace(&[])).allowed());
}

/// A container that came later, with a read-only mount above the default directory.
#[test]
fn the_default_token_is_not_mounted_where_a_container_would_not_start() {
    let mut before = pod(&["app"]);
    before["spec"]["automountServiceAccountToken"] = false.into();
    before["spec"]["volumes"].as_array_mut().unwrap().push(json!({"name": "run", "emptyDir": {}}));
    let late =
        json!({"name": "late", "volumeMounts": [{"name": "run", "mountPath": "/var/run", "readOnly": true}]});
    before["spec"]["containers"].as_array_mut().unwrap().push(late);
    let answer = decide(&annotated(before, &[("containers", "app,late")]), &namespace(&[]));
    assert_eq!(mounts(container(&answer.pod, "late")), [("run", "/var/run")]);
    assert!(answer.warns("BT054"), "{:?}", answer.warnings());
}

#[test]
fn a_device_near_a_token_directory_omits_the_token() {
    for path in ["/srv/conf/creds", "/srv/conf/creds/disk", "/srv/conf"] {
        let mut pod = pod(&["app"]);
        pod["spec"]["containers"][0]["volumeDevices"] = json!([{"name": "disk", "devicePath": path}]);
        let answer = with_path(pod);
        assert!(!holds(&answer) && answer.warns("BT054"), "{path}: {:?}", answer.warnings());
    }
}

/// The kubelet mounts the file of the message, which is at `/dev/termination-log` by default, after no other mount.
#[test]
fn a_termination_message_near_a_token_directory_omits_the_token() {
    for (path, works) in [
        ("/dev/termination-log", true),
        ("/srv/conf/message", true),
        ("/srv/conf/creds/message", false),
        ("srv/conf/creds/message", false),
        ("/srv/conf/creds", false),
        ("/srv/conf", false),
    ] {
        let mut pod = pod(&["app"]);
        pod["spec"]["containers"][0]["terminationMessagePath"] = path.into();
        let answer = with_path(pod);
        assert_eq!(
            (holds(&answer), answer.warns("BT054")),
            (works, !works),
            "{path}: {:?}",
            answer.warnings()
        );
    }
}

/// Where the kubelet keeps the files of a volume, it can make no mount point.
#[test]
fn a_token_is_not_mounted_in_a_data_directory_of_the_kubelet() {
    for name in ["..data", "..data_tmp"] {
        let conf = json!({"name": "v", "configMap": {"name": "conf"}});
        let path = format!("/srv/conf/{name}/token");
        let settings = [("mode", "add"), ("path", &*path)];
        let answer = decide(&annotated(pod_with_volume(&conf, "/srv/conf"), &settings), &namespace(&[]));
        assert!(answer.allowed() && answer.warns("BT054"), "{:?}", answer.warnings());
        assert_eq!(volume(&answer.pod, "boundtoken"), None);
        let answer = decide(&annotated(pod(&["app"]), &settings), &namespace(&[]));
        assert!(answer.allowed() && !answer.warns("BT054"), "{:?}", answer.warnings());
    }
}

#[test]
fn no_token_may_be_in_a_data_directory_of_another_volume() {
    let inside_default = format!("{DEFAULT_DIRECTORY}/..data/token");
    let settings: [(Pairs<'_>, &str); 3] = [
        (&[("mode", "add"), ("path", &inside_default)], "(BT012)"),
        (&[("mode", "add"), ("path", "/t/..data/a"), ("tokens", "[{path: /t/b}]")], "(BT011)"),
        (&[("tokens", "[{path: /t/b}, {path: /t/..data_tmp/x/a}]")], "(BT011)"),
    ];
    for (settings, code) in settings {
        let answer = decide(&annotated(pod(&["app"]), settings), &namespace(&[]));
        assert!(answer.message().contains(code), "{settings:?}: {}", answer.message());
    }
}
