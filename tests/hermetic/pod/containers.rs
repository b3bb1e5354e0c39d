//! Which containers get a token, and that the rest of a container is kept.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, DEFAULT_VOLUME, after_plugin, annotated, as_stored, assert_settled, chain, container,
    decide, default_mount, is_year_long, mounts, namespace, pod, pod_of_spec, tokens, volume,
};

#[test]
fn init_containers_and_sidecars_get_the_token() {
    let spec = json!({
        "initContainers": [{"name": "setup"}, {"name": "mesh", "restartPolicy": "Always"}],
        "containers": [{"name": "app"}],
    });
    let answer = decide(&pod_of_spec(&spec), &namespace(&[("mode", "add"), ("env", "TOKEN_FILE")]));
    for name in ["setup", "mesh", "app"] {
        let container = container(&answer.pod, name);
        assert!(mounts(container).contains(&("boundtoken", "/var/run/secrets/tokens")), "{name}");
        assert_eq!(
            container["env"],
            json!([{"name": "TOKEN_FILE", "value": "/var/run/secrets/tokens/token"}])
        );
    }
    assert_eq!(container(&answer.pod, "mesh")["restartPolicy"], "Always");
    assert!(answer.operations.iter().all(|operation| operation["op"] != "remove"));
}

#[test]
fn lists_allow_spaces_and_a_trailing_comma() {
    for (list, skipped) in [("a", &["a"][..]), ("a,b", &["a", "b"]), ("a, b", &["a", "b"]), ("a,", &["a"])] {
        let answer =
            decide(&pod(&["a", "b", "c"]), &namespace(&[("mode", "add"), ("skip-containers", list)]));
        for name in ["a", "b", "c"] {
            let holds =
                mounts(container(&answer.pod, name)).iter().any(|(volume, _)| *volume == "boundtoken");
            assert_eq!(holds, !skipped.contains(&name), "{list:?}: {name}");
        }
    }
}

/// The other container keeps the variable that it has.
#[test]
fn a_skipped_container_is_untouched() {
    let spec = json!({"containers": [
        {"name": "app", "env": [{"name": "TOKEN_FILE", "value": "/mine"}]},
        {"name": "sidecar", "env": [{"name": "X", "value": "1"}]},
    ]});
    let before = pod_of_spec(&spec);
    let settings = [("mode", "add"), ("skip-containers", "sidecar"), ("env", "TOKEN_FILE")];
    let answer = decide(&before, &namespace(&settings));
    assert_eq!(container(&answer.pod, "sidecar"), container(&before, "sidecar"));
    assert_eq!(container(&answer.pod, "app")["env"], container(&before, "app")["env"]);
    assert!(mounts(container(&answer.pod, "app")).contains(&("boundtoken", "/var/run/secrets/tokens")));
    assert!(answer.warns("BT055"), "{:?}", answer.warnings());
}

/// Without and with a mount of the volume that it saw, in every mode.
#[test]
fn a_container_of_another_webhook_is_patched() {
    for mode in ["replace", "disable", "add"] {
        let settings = namespace(&[("mode", mode), ("audience", "vault")]);
        for with_mount in [false, true] {
            let second = chain(&pod(&["app"]), &settings, |pod| {
                let mut late = json!({"name": "late"});
                if with_mount && mode != "disable" {
                    late["volumeMounts"] = json!([{"name": DEFAULT_VOLUME, "mountPath": DEFAULT_DIRECTORY}]);
                }
                pod["spec"]["containers"].as_array_mut().unwrap().push(late);
            });
            let held: Vec<&str> =
                mounts(container(&second.pod, "late")).iter().map(|(volume, _)| *volume).collect();
            match mode {
                "replace" => assert_eq!(held, [DEFAULT_VOLUME]),
                "add" => assert_eq!(held, [DEFAULT_VOLUME, "boundtoken"]),
                _ => assert!(held.is_empty()),
            }
            assert!(!tokens(&second.pod).iter().any(|(_, token)| is_year_long(token)));
            assert_settled(&second.pod, &settings, &ServiceAccount::default());
        }
    }
}

/// A list keeps the mount from the others, and gives it to those that lack it.
#[test]
fn a_container_added_later_gets_the_token_if_listed() {
    let settings = namespace(&[("containers", "app,late")]);
    let mut between = decide(&pod(&["app", "other"]), &settings).pod;
    assert!(mounts(container(&between, "other")).is_empty());
    let list = between["spec"]["containers"].as_array_mut().unwrap();
    list.push(json!({"name": "late"}));
    list.push(json!({"name": "unlisted", "volumeMounts": [default_mount()]}));
    let second = decide(&after_plugin(between), &settings);
    assert_eq!(container(&second.pod, "late")["volumeMounts"], json!([default_mount()]));
    assert!(mounts(container(&second.pod, "unlisted")).is_empty());
    assert!(volume(&second.pod, "kube-api-access-x7k2b").is_some());
    assert_settled(&second.pod, &settings, &ServiceAccount::default());
}

/// Other webhooks once lost these fields.
#[test]
fn seccomp_profiles_and_grpc_probes_are_kept() {
    let kept = json!({"name": "app", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "readinessProbe": {"grpc": {"port": 8080, "service": ""}}});
    for mode in ["replace", "disable", "add"] {
        let answer =
            decide(&pod_of_spec(&json!({"containers": [kept.clone()]})), &namespace(&[("mode", mode)]));
        let container = container(&answer.pod, "app");
        assert_eq!(container["securityContext"], kept["securityContext"], "{mode}");
        assert_eq!(container["readinessProbe"], kept["readinessProbe"], "{mode}");
    }
}

/// A container that has something else at the default directory.
#[test]
fn the_variable_names_the_token_wherever_it_is_mounted() {
    let held = |mount: Value, settings: &[(&str, &str)]| {
        let taken = json!({"name": "none", "mountPath": DEFAULT_DIRECTORY});
        let spec = json!({"volumes": [{"name": "none", "emptyDir": {}}], "containers": [
            {"name": "app", "volumeMounts": [taken, mount]}, {"name": "log"},
        ]});
        let answer = decide(&pod_of_spec(&spec), &namespace(settings));
        let log = container(&answer.pod, "log")["env"][0]["value"].clone();
        assert!(settings.len() > 1 || log == format!("{DEFAULT_DIRECTORY}/token"), "{log}");
        container(&answer.pod, "app")["env"][0]["value"].clone()
    };
    let name = DEFAULT_VOLUME;
    for settings in [&[("env", "A")][..], &[("env", "A"), ("containers", "app")]] {
        assert_eq!(held(json!({"name": name, "mountPath": "/custom//dir/"}), settings), "/custom/dir/token");
        assert_eq!(held(json!({"name": name, "mountPath": "/t", "subPath": "token"}), settings), "/t");
        assert_eq!(
            held(json!({"name": name, "mountPath": "/t", "subPath": "ca.crt"}), settings),
            Value::Null
        );
    }
    assert_eq!(
        held(json!({"name": name, "mountPath": "/t"}), &[("env", "A"), ("containers", "log")]),
        Value::Null
    );
}

/// 250 volumes and 50 containers.
#[test]
fn a_large_pod_keeps_its_order() {
    let many: Vec<Value> =
        (0..250).map(|number| json!({"name": format!("v{number}"), "emptyDir": {}})).collect();
    let list: Vec<Value> = (0..50)
        .map(|number| json!({"name": format!("c{number}"), "volumeMounts": (0..250).rev().map(|volume| json!({"name": format!("v{volume}"), "mountPath": format!("/m/{volume}")})).collect::<Vec<_>>()}))
        .collect();
    let before = json!({"metadata": {}, "spec": {"volumes": many, "containers": list}});
    let answer = decide(&after_plugin(before.clone()), &namespace(&[("mode", "disable")]));
    let mut stored = as_stored(&answer.pod);
    stored["spec"].as_object_mut().unwrap().remove("automountServiceAccountToken");
    assert_eq!(stored, as_stored(&before));
}

/// The kubelet expands a reference to a variable in a value, but not in a path.
#[test]
fn a_variable_holds_a_path_with_dollars() {
    let settings = [("mode", "add"), ("path", "/t/$(HOSTNAME)/$$x/token"), ("env", "TOKEN_FILE")];
    let answer = decide(&annotated(pod(&["app"]), &settings), &namespace(&[]));
    let app = container(&answer.pod, "app");
    assert!(mounts(app).contains(&("boundtoken", "/t/$(HOSTNAME)/$$x")), "{app}");
    assert_eq!(app["env"][0]["value"], "/t/$$(HOSTNAME)/$$$$x/token");
    let again = decide(&answer.pod, &namespace(&[]));
    assert!(again.operations.is_empty() && again.warnings().is_empty(), "{:?}", again.warnings());
}
