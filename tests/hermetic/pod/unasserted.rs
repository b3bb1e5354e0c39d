//! Cases that no peer asserts (rows 48 to 61 of the survey).

use boundtoken::pod::plugin::ServiceAccount;
use boundtoken::policy::Defaults;
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, SUFFIXES, after_plugin, annotated, as_stored, assert_settled, chain, container,
    containers, decide, mounts, names, namespace, pod, tokens, volume, volumes,
};
use crate::support::reviews::captured_pod;

const DEFAULT_VOLUME: &str = "kube-api-access-x7k2b";

fn of_spec(spec: &Value) -> Value {
    after_plugin(json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": spec}))
}

/// A Pod whose one container mounts `volume` at `path`; the plugin saw it.
fn with_volume(volume: &Value, path: &str) -> Value {
    let mount = json!({"name": volume["name"], "mountPath": path});
    of_spec(&json!({"volumes": [volume], "containers": [{"name": "app", "volumeMounts": [mount]}]}))
}

/// Row 48: every mount goes, and nothing else changes by a byte.
#[test]
fn disable_removes_volume_and_all_four_mounts_and_nothing_else() {
    let mut before = captured_pod("pod-many");
    before["metadata"]["annotations"].take();
    let answer = decide(&before, &namespace(&[("mode", "disable")]));
    let mut expected = before.clone();
    expected["spec"]["automountServiceAccountToken"] = false.into();
    for list in crate::support::pods::LISTS {
        for container in expected["spec"][list].as_array_mut().unwrap() {
            container["volumeMounts"]
                .as_array_mut()
                .unwrap()
                .retain(|mount| mount["mountPath"] != DEFAULT_DIRECTORY);
        }
    }
    expected["spec"]["volumes"].as_array_mut().unwrap().pop();
    assert_eq!(answer.pod, expected);
    assert_eq!(answer.operations.len(), 6);
}

/// Row 49: a container of another webhook, without and with its own mount of what it saw.
#[test]
fn a_container_of_another_webhook_is_handled_in_every_mode() {
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
            assert!(!tokens(&second.pod).iter().any(|(_, token)| crate::support::pods::is_year_long(token)));
            assert_settled(&second.pod, &settings, &ServiceAccount::default());
        }
    }
}

/// Row 50: half of `disable` is none of it; the plugin's second run would bring the token back.
#[test]
fn after_the_plugins_second_run_no_default_token_is_there() {
    for settings in
        [&[("mode", "disable")][..], &[("path", "/var/run/secrets/vault/token"), ("audience", "vault")]]
    {
        let settings = namespace(settings);
        let second = chain(&pod(&["app"]), &settings, |_| ());
        assert!(!names(&volumes(&second.pod)).iter().any(|name| name.starts_with("kube-api-access-")));
        assert_eq!(second.operations, Vec::<Value>::new());
    }
}

/// Row 51: the name alone makes no default token volume.
#[test]
fn volumes_named_like_the_default_without_a_token_are_the_users() {
    let kinds = [
        json!({"emptyDir": {}}),
        json!({"secret": {"secretName": "mine"}}),
        json!({"projected": {"sources": [{"configMap": {"name": "c"}}]}}),
    ];
    for kind in kinds {
        let mut volume = kind.clone();
        volume["name"] = "kube-api-access-foo".into();
        let before = with_volume(&volume, "/data");
        for mode in ["replace", "disable", "add", "off"] {
            let answer = decide(&before, &namespace(&[("mode", mode)]));
            assert_eq!(volumes(&answer.pod)[0], volumes(&before)[0], "{mode} {kind}");
            let kept = mounts(container(&answer.pod, "app"));
            assert!(kept.contains(&("kube-api-access-foo", "/data")), "{mode} {kind}");
        }
    }
}

/// Row 52: a token of the user's own is theirs, wherever it is mounted.
#[test]
fn a_projection_with_an_audience_of_its_own_is_untouched() {
    let sources =
        json!([{"serviceAccountToken": {"audience": "vault", "expirationSeconds": 7200, "path": "token"}}]);
    let mine = json!({"name": "mine", "projected": {"sources": sources}});
    for path in ["/var/run/secrets/mine", DEFAULT_DIRECTORY, &format!("{DEFAULT_DIRECTORY}/")] {
        let before = with_volume(&mine, path);
        for mode in ["replace", "disable", "add"] {
            let answer = decide(&before, &namespace(&[("mode", mode)]));
            assert_eq!(volume(&answer.pod, "mine"), volume(&before, "mine"), "{mode} {path}");
            assert!(mounts(container(&answer.pod, "app")).contains(&("mine", path)), "{mode} {path}");
            let default = names(&volumes(&answer.pod)).iter().any(|name| name == DEFAULT_VOLUME);
            assert!(!(default && mode == "disable"), "{path}");
        }
    }
}

/// Row 53: mixed sources, the fourth of another distribution, two volumes of the prefix.
#[test]
fn other_sources_of_the_default_volume_stay() {
    let sources = json!([
        {"configMap": {"name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}]}},
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"serviceAccountToken": {"audience": "mine", "expirationSeconds": 600, "path": "mine"}},
    ]);
    let one = json!({"name": "kube-api-access-aaaaa", "projected": {"sources": sources, "defaultMode": 256}});
    let mut two = one.clone();
    two["name"] = "kube-api-access-bbbbb".into();
    let before = json!({"spec": {"volumes": [one, two], "containers": [{"name": "app", "volumeMounts": [
        {"name": "kube-api-access-aaaaa", "mountPath": DEFAULT_DIRECTORY}, {"name": "kube-api-access-bbbbb", "mountPath": "/b"}]}]}});
    let replaced = decide(&before, &namespace(&[("audience", "vault"), ("ttl", "2h")]));
    let mut expected = before.clone();
    for index in 0..2 {
        expected["spec"]["volumes"][index]["projected"]["sources"][1]["serviceAccountToken"] =
            json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"});
    }
    assert_eq!(replaced.pod, expected);
    let disabled = decide(&before, &namespace(&[("mode", "disable")]));
    assert!(volumes(&disabled.pod).is_empty() && mounts(container(&disabled.pod, "app")).is_empty());
}

/// Row 53: the Secret of old releases, at the default path or elsewhere, and one that only looks like it.
#[test]
fn a_legacy_secret_at_the_default_path_is_the_default_token() {
    let legacy = json!({"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p", "defaultMode": 256}});
    let before = with_volume(&legacy, DEFAULT_DIRECTORY);
    let replaced = decide(&before, &namespace(&[("ttl", "2h")]));
    let volume = volume(&replaced.pod, "default-token-x7k2p").unwrap();
    assert_eq!(volume["projected"]["sources"].as_array().unwrap().len(), 3);
    assert_eq!(volume["projected"]["defaultMode"], 256);
    assert!(volume.get("secret").is_none());
    assert_eq!(tokens(&replaced.pod)[0].1, json!({"expirationSeconds": 7200, "path": "token"}));
    assert!(volumes(&decide(&before, &namespace(&[("mode", "disable")])).pod).is_empty());
    for (name, path) in [
        ("default-token-x7k2p", "/elsewhere"),
        ("mine", DEFAULT_DIRECTORY),
        ("robot-token-x7k2p", DEFAULT_DIRECTORY),
        ("default-token-x7k2", DEFAULT_DIRECTORY),
        ("default-token-X7K2P", DEFAULT_DIRECTORY),
    ] {
        let other = json!({"name": "s", "secret": {"secretName": name}});
        let before = with_volume(&other, path);
        let answer = decide(&before, &namespace(&[("mode", "disable")]));
        assert_eq!(
            crate::support::pods::volume(&answer.pod, "s"),
            crate::support::pods::volume(&before, "s"),
            "{name} at {path}"
        );
        assert_eq!(answer.warns("BT059"), path == DEFAULT_DIRECTORY, "{name}: {:?}", answer.warnings());
    }
}

/// A volume of two kinds is the API server's to refuse: a patch must not make one kind of them.
#[test]
fn a_legacy_secret_beside_a_projection_stays_invalid() {
    let sources = json!({"sources": [{"configMap": {"name": "c"}}]});
    let both = json!({"name": "s", "secret": {"secretName": "default-token-x7k2p"}, "projected": sources});
    let before = with_volume(&both, DEFAULT_DIRECTORY);
    for mode in ["replace", "disable", "add"] {
        let answer = decide(&before, &namespace(&[("mode", mode)]));
        assert_eq!(volume(&answer.pod, "s"), volume(&before, "s"), "{mode}");
    }
}

/// A legacy volume stays the default token volume after it became a projection.
#[test]
fn a_legacy_secret_under_a_list_is_handled_in_later_containers() {
    let legacy = json!({"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p"}});
    let settings = namespace(&[("containers", "app,late"), ("env", "TOKEN_FILE")]);
    let second = chain(&with_volume(&legacy, DEFAULT_DIRECTORY), &settings, |pod| {
        let list = pod["spec"]["containers"].as_array_mut().unwrap();
        list.push(json!({"name": "late"}));
        list.push(json!({"name": "unlisted", "volumeMounts": [{"name": "default-token-x7k2p", "mountPath": DEFAULT_DIRECTORY}]}));
    });
    assert_eq!(mounts(container(&second.pod, "late")), [("default-token-x7k2p", DEFAULT_DIRECTORY)]);
    assert_eq!(container(&second.pod, "late")["env"][0]["name"], "TOKEN_FILE");
    assert!(mounts(container(&second.pod, "unlisted")).is_empty());
}

/// A volume for a second directory, by its own name.
#[test]
fn a_second_directory_is_a_second_volume_whose_name_may_be_taken() {
    let settings = namespace(&[("tokens", "[{path: /t/a}, {path: /u/b}, {path: /t/c}]")]);
    let answer = decide(&pod(&["app"]), &settings);
    let held: Vec<(String, String)> = tokens(&answer.pod)
        .into_iter()
        .map(|(volume, token)| (volume, token["path"].as_str().unwrap().to_owned()))
        .collect();
    let expected =
        [(DEFAULT_VOLUME, "token"), ("boundtoken", "a"), ("boundtoken", "c"), ("boundtoken-2", "b")];
    assert_eq!(held, expected.map(|(volume, file)| (volume.to_owned(), file.to_owned())));
    let taken = with_volume(&json!({"name": "boundtoken-2", "emptyDir": {}}), "/data");
    assert!(
        decide(&taken, &settings)
            .message()
            .contains("\"boundtoken-2\" in the Pod holds no service account token")
    );
    assert!(decide(&taken, &namespace(&[("mode", "add")])).allowed());
}

/// A volume of our name that holds a token gets what it lacks, and keeps what it has.
#[test]
fn a_volume_of_ours_that_is_there_is_completed() {
    let sources = json!([{"serviceAccountToken": {"audience": "old", "expirationSeconds": 3600, "path": "a"}},
        {"serviceAccountToken": {"audience": "mine", "expirationSeconds": 900, "path": "mine"}}]);
    let before = with_volume(&json!({"name": "boundtoken", "projected": {"sources": sources}}), "/t/");
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

/// What the API server calls itself is its own audience, and a year with it.
#[test]
fn the_api_server_may_call_itself_otherwise() {
    let defaults = Defaults::parse("replace", "", "1h", vec!["https://api.example".to_owned()]).unwrap();
    let settings =
        crate::support::pods::namespace_with(&[("allowed-audiences", "vault"), ("max-ttl", "1h")], defaults);
    let sources = json!([{"serviceAccountToken": {"audience": "https://api.example", "expirationSeconds": 3607, "path": "token"}}]);
    let answer =
        decide(&with_volume(&json!({"name": "mine", "projected": {"sources": sources}}), "/mine"), &settings);
    assert!(answer.allowed(), "{}", answer.message());
    assert!(tokens(&answer.pod).iter().all(|(_, token)| token["expirationSeconds"] == 3600));
    let own = decide(&annotated(pod(&["app"]), &[("audience", "https://api.example")]), &settings);
    assert_eq!(tokens(&own.pod)[0].1.get("audience"), None);
    let other =
        decide(&annotated(pod(&["app"]), &[("audience", "https://kubernetes.default.svc")]), &settings);
    assert!(other.message().contains("BT031"), "{}", other.message());
}

/// Row 54: the Pod does not notice that its token changed.
#[test]
fn replace_keeps_files_modes_and_mounts() {
    let before = pod(&["app"]);
    let answer = decide(&before, &namespace(&[("audience", "vault"), ("ttl", "90m")]));
    let mut expected = before;
    expected["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"] =
        json!({"audience": "vault", "expirationSeconds": 5400, "path": "token"});
    assert_eq!(answer.pod, expected);
    let absent = annotated(captured_pod("pod-sa-no-automount"), &[("ttl", "2h")]);
    let nothing = decide(&absent, &namespace(&[]));
    assert_eq!(nothing.operations, Vec::<Value>::new());
    assert!(nothing.warns("BT052"), "{:?}", nothing.warnings());
}

/// Row 55: somebody asked for a token in a Namespace that has none.
#[test]
fn disable_overrules_a_pod_that_asks_and_names_the_annotation_to_use() {
    let answer = decide(&captured_pod("pod-asked-for"), &namespace(&[("mode", "disable")]));
    assert!(tokens(&answer.pod).is_empty());
    assert_eq!(answer.pod["spec"]["automountServiceAccountToken"], false);
    assert!(answer.warnings()[0].starts_with("boundtoken.dev/mode: "), "{:?}", answer.warnings());
    let kept = annotated(captured_pod("pod-asked-for"), &[("mode", "replace")]);
    assert_eq!(tokens(&decide(&kept, &namespace(&[("mode", "disable")])).pod).len(), 1);
}

/// Row 56, the lifetimes that are accepted.
#[test]
fn lifetimes_at_the_edges_are_taken_exactly() {
    for (text, seconds) in
        [("600", 600), ("4294967296", 4_294_967_296_u64), (" 3600 ", 3600), ("1h", 3600), ("1h30m", 5400)]
    {
        let answer = decide(&annotated(pod(&["app"]), &[("ttl", text)]), &namespace(&[]));
        assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], seconds, "{text}");
    }
    let vault = annotated(pod(&["app"]), &[("ttl", "3607"), ("audience", "vault")]);
    assert_eq!(tokens(&decide(&vault, &namespace(&[])).pod)[0].1["expirationSeconds"], 3607);
}

/// Row 57: audiences are free text, apart from length and control characters.
#[test]
fn audiences_are_taken_as_they_are() {
    let long = "a".repeat(1024);
    for audience in ["a b", "日本", "https://sts.example/?x=1&y=<z>", long.as_str(), "\"'\\"] {
        let answer = decide(&annotated(pod(&["app"]), &[("audience", audience)]), &namespace(&[]));
        assert_eq!(tokens(&answer.pod)[0].1["audience"], audience);
    }
    for own in ["", "  ", "https://kubernetes.default.svc"] {
        let answer =
            decide(&annotated(pod(&["app"]), &[("audience", own)]), &namespace(&[("audience", "vault")]));
        assert_eq!(tokens(&answer.pod)[0].1, json!({"expirationSeconds": 3600, "path": "token"}), "{own:?}");
    }
    assert!(!decide(&annotated(pod(&["app"]), &[("audience", &"ä".repeat(513))]), &namespace(&[])).allowed());
}

/// Row 57: a key that nobody knows.
#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    let answer =
        decide(&annotated(pod(&["app"]), &[("audiance", "vault"), ("max-ttl", "1h")]), &namespace(&[]));
    assert!(
        answer.allowed() && answer.warns("did you mean boundtoken.dev/audience?"),
        "{:?}",
        answer.warnings()
    );
    assert!(answer.warns("boundtoken.dev/max-ttl has no effect on a Pod"), "{:?}", answer.warnings());
}

/// Row 60: 250 volumes and 50 containers, in their order.
#[test]
fn the_order_of_containers_and_mounts_is_kept_in_a_large_pod() {
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

/// Row 61: `generateName` alone, and the Namespace of the request.
#[test]
fn a_pod_without_a_name_or_namespace_is_decided() {
    let mut before = captured_pod("pod-generate-name");
    before["metadata"].as_object_mut().unwrap().remove("namespace");
    let answer = decide(&before, &namespace(&[]));
    assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], 3600);
    assert_eq!(containers(&answer.pod).len(), containers(&before).len());
    assert_ne!(SUFFIXES[0], SUFFIXES[1]);
}
