//! The tables of keys and codes: complete, in order, and true.

use boundtoken::pod::token::{Audience, Ttl};
use boundtoken::policy::Defaults;
use boundtoken::policy::diagnostics::{Severity, all};
use boundtoken::policy::keys::{self, Scope};
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, Pairs, annotated, decide, namespace, pod, pod_of_spec, tokens,
};
use crate::support::reviews::captured_pod;

#[test]
fn codes_are_in_order() {
    let names: Vec<&str> = all().map(|diagnostic| diagnostic.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    for diagnostic in all() {
        let digits = diagnostic.name.strip_prefix("BT").unwrap();
        assert!(digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", diagnostic.name);
        assert_eq!(diagnostic.code.name(), diagnostic.name);
        for sentence in [diagnostic.meaning, diagnostic.remedy] {
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{}: {sentence:?}", diagnostic.name);
        }
    }
}

#[test]
fn each_code_has_an_anchor_in_the_documents() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/diagnostics.md")).unwrap();
    for diagnostic in all() {
        assert_eq!(page.matches(&format!("\n### {}\n", diagnostic.name)).count(), 1, "{}", diagnostic.name);
    }
}

#[test]
fn the_example_of_each_key_works_in_its_scope() {
    for entry in keys::all() {
        let on_namespace = decide(&pod(&["app"]), &namespace(&[(entry.name, entry.example)]));
        assert!(on_namespace.allowed(), "{}: {}", entry.name, on_namespace.message());
        assert!(!on_namespace.warns("BT050"), "{}: {:?}", entry.name, on_namespace.warnings());
        let on_pod = decide(&annotated(pod(&["app"]), &[(entry.name, entry.example)]), &namespace(&[]));
        assert!(on_pod.allowed(), "{}: {}", entry.name, on_pod.message());
        assert_eq!(
            on_pod.warns("BT051"),
            entry.scope == Scope::Namespace,
            "{}: {:?}",
            entry.name,
            on_pod.warnings()
        );
    }
}

/// A Pod with another volume and another mount.
fn with(volume: &Value, mount: &Value) -> Value {
    let mut pod = pod(&["app"]);
    pod["spec"]["volumes"].as_array_mut().unwrap().push(volume.clone());
    pod["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount.clone());
    pod
}

/// A Pod, settings of its Namespace and its own, the code of a warning and words in it.
type WarningCase = (Value, Pairs<'static>, Pairs<'static>, &'static str, &'static str);

/// Settings that break containers, or leave out all of them.
fn hazards() -> Vec<WarningCase> {
    vec![
        (
            pod(&["app"]),
            &[],
            &[("path", "/etc/token")],
            "BT062",
            "boundtoken.dev/path: a mount at \"/etc\" hides the files that images have there",
        ),
        (
            pod(&["app"]),
            &[("tokens", "[{path: /usr/bin/x}]")],
            &[],
            "BT062",
            "boundtoken.dev/tokens: a mount at \"/usr/bin\"",
        ),
        (
            pod(&["app"]),
            &[],
            &[("env", "PATH")],
            "BT063",
            "boundtoken.dev/env: shells, loaders or clients of the API server",
        ),
        (pod(&["app"]), &[("mode", "add")], &[("env", "LD_PRELOAD")], "BT063", "read \"LD_PRELOAD\""),
        (pod(&["app"]), &[], &[("tokens", "[{path: /t/x, env: HOME}]")], "BT063", "boundtoken.dev/tokens"),
        (
            pod(&["app"]),
            &[("skip-containers", "app")],
            &[],
            "BT064",
            "boundtoken.dev/skip-containers leaves out every container",
        ),
        (
            pod(&["app"]),
            &[],
            &[("mode", "add"), ("skip-containers", "app")],
            "BT064",
            "no container gets the token",
        ),
    ]
}

#[test]
fn each_warning_is_given_in_its_case() {
    let data = json!({"name": "data", "emptyDir": {}});
    let taken = with(&data, &json!({"name": "data", "mountPath": "/var/run/secrets/tokens/"}));
    let sub_path =
        with(&data, &json!({"name": "kube-api-access-x7k2b", "mountPath": "/t", "subPath": "token"}));
    let secret = with(
        &json!({"name": "s", "secret": {"secretName": "s"}}),
        &json!({"name": "s", "mountPath": format!("{DEFAULT_DIRECTORY}/")}),
    );
    let mut env = pod(&["app"]);
    env["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "b"}]);
    let cases: [(Value, Pairs<'_>, Pairs<'_>, &str, &str); 17] = [
        (
            pod(&["app"]),
            &[],
            &[("tll", "1h")],
            "BT050",
            "\"boundtoken.dev/tll\" on the Pod is unknown; did you mean boundtoken.dev/ttl?",
        ),
        (pod(&["app"]), &[("webhook", "enabled")], &[], "BT050", "as a label of the Namespace only"),
        (pod(&["app"]), &[], &[("dry-run", "true")], "BT051", "boundtoken.dev/dry-run"),
        (
            pod(&["app"]),
            &[],
            &[("mode", "disable"), ("audience", "vault")],
            "BT052",
            "boundtoken.dev/audience has no effect",
        ),
        (captured_pod("pod-opted-out"), &[], &[("ttl", "2h")], "BT052", "boundtoken.dev/ttl"),
        (captured_pod("pod-sa-no-automount"), &[], &[("ttl", "2h")], "BT052", "service account"),
        (
            pod(&["app"]),
            &[],
            &[("containers", "apq")],
            "BT053",
            "boundtoken.dev/containers: the Pod has no container \"apq\"; did you mean \"app\"?",
        ),
        (pod(&["app"]), &[], &[("skip-containers", "istio")], "BT053", "boundtoken.dev/skip-containers"),
        (taken.clone(), &[("mode", "add")], &[], "BT054", "\"app\""),
        (
            taken,
            &[],
            &[("path", "/var/run/secrets/tokens/x"), ("audience", "v")],
            "BT054",
            "boundtoken.dev/path",
        ),
        (env, &[], &[("env", "A")], "BT055", "boundtoken.dev/env: container \"app\" keeps its own \"A\""),
        (sub_path, &[], &[], "BT056", "never refreshed"),
        (
            pod(&["app"]),
            &[],
            &[("audience", "vault")],
            "BT057",
            "boundtoken.dev/audience: clients of the API server get 401",
        ),
        (
            pod(&["app"]),
            &[],
            &[("path", &format!("{DEFAULT_DIRECTORY}/v")), ("audience", "vault")],
            "BT057",
            "401",
        ),
        (captured_pod("pod-asked-for"), &[("mode", "disable")], &[], "BT058", "boundtoken.dev/mode"),
        (secret, &[], &[], "BT059", "\"s\""),
        (pod(&["app"]), &[("dry-run", "true")], &[], "BT060", "boundtoken.dev/dry-run"),
    ];
    // Those of a Namespace and of `preview` have tests of their own.
    let mut seen = vec!["BT061", "BT072", "BT073", "BT078"];
    for (pod, on_namespace, on_pod, code, words) in cases.into_iter().chain(hazards()) {
        let answer = decide(&annotated(pod, on_pod), &namespace(on_namespace));
        assert!(answer.allowed(), "{code}: {}", answer.message());
        let found = answer.warnings().iter().any(|warning| warning.contains(code) && warning.contains(words));
        assert!(found, "{code} {words:?}: {:?}", answer.warnings());
        seen.push(code);
    }
    for warning in all().filter(|diagnostic| diagnostic.severity == Severity::Warning) {
        assert!(seen.contains(&warning.name), "{} is never given", warning.name);
    }
}

/// Each container causes as many warnings as there may be.
#[test]
fn no_number_of_containers_holds_back_another_warning() {
    let year = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let spec = json!({
        "automountServiceAccountToken": false,
        "volumes": [{"name": "own", "projected": {"sources": [year]}}],
        "containers": (0..100).map(|index| json!({
            "name": format!("c{index}"), "env": [{"name": "A", "value": "x"}], "volumeMounts": [
                {"name": "own", "mountPath": "/own", "subPath": "token"},
                {"name": "own", "mountPath": "/t"},
            ],
        })).collect::<Vec<_>>(),
    });
    let settings = [("ttl", "2h"), ("tokens", "[{path: /t/x}, {path: /u/x, env: A}]")];
    let answer = decide(&annotated(pod_of_spec(&spec), &settings), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
    assert_eq!(answer.warnings().len(), 16);
    for code in ["BT052", "BT054", "BT055", "BT056"] {
        assert!(answer.warns(code), "{code}: {:?}", answer.warnings());
    }
}

#[test]
fn a_misspelt_prefix_is_warned_about() {
    let slip = |prefix: &str| {
        let mut pod = pod(&["app"]);
        pod["metadata"]["annotations"] =
            json!({format!("{prefix}/mode"): "disable", "example.com/mode": "x"});
        pod
    };
    let answer = decide(&slip("bountoken.dev"), &namespace(&[("pod-overrides", "deny")]));
    assert_eq!(
        answer.warnings(),
        ["\"bountoken.dev/mode\" on the Pod is unknown; did you mean boundtoken.dev/mode? (BT050)"]
    );
    let answer = decide(&pod(&["app"]), &namespace(&[("boundtoken.io/ttl", "2h")]));
    assert_eq!(
        answer.warnings(),
        ["\"boundtoken.io/ttl\" on Namespace shop is unknown; did you mean boundtoken.dev/ttl? (BT050)"]
    );
}

#[test]
fn correct_settings_get_no_warning() {
    let quiet: [(Value, Pairs<'_>, Pairs<'_>); 11] = [
        (pod(&["app"]), &[], &[]),
        (captured_pod("pod-opted-out"), &[("ttl", "2h"), ("audience", "vault")], &[]),
        (captured_pod("pod-sa-no-automount"), &[("mode", "disable")], &[]),
        (captured_pod("pod-opted-out"), &[("mode", "disable")], &[]),
        (pod(&["app"]), &[("skip-containers", "istio-proxy")], &[]),
        (pod(&["app"]), &[("audience", "vault")], &[("mode", "disable")]),
        (pod(&["app"]), &[("mode", "add"), ("audience", "vault"), ("env", "A")], &[]),
        (pod(&["app"]), &[], &[("mode", "off")]),
        (
            pod(&["app"]),
            &[("mode", "disable")],
            &[("tokens", "[{path: /var/run/secrets/vault/t, env: VAULT_PATH}]")],
        ),
        (pod(&["app", "log"]), &[("skip-containers", "app")], &[]),
        (captured_pod("pod-vault-token"), &[("allowed-audiences", "vault"), ("max-ttl", "2h")], &[]),
    ];
    for (pod, on_namespace, on_pod) in quiet {
        let answer = decide(&annotated(pod, on_pod), &namespace(on_namespace));
        assert_eq!(answer.warnings(), Vec::<&str>::new(), "{on_namespace:?} {on_pod:?}");
    }
}

#[test]
fn cluster_wide_defaults_never_give_a_year() {
    let defaults = |audience: &str, ttl: &str| Defaults::parse("replace", audience, ttl, Vec::new());
    assert!(defaults("", "3607").is_err() && defaults("https://kubernetes.default.svc", "1h0m7s").is_err());
    assert!(defaults("vault", "5m").is_err() && defaults("vault", "2h").is_ok());
    let audience = Audience::Named("vault".into());
    let year_long = Defaults { audience, ttl: Ttl::YEAR_LONG_REQUEST, ..Defaults::default() };
    let vault = crate::support::pods::namespace_with(&[], year_long);
    let two_hours = crate::support::pods::namespace_with(&[("max-ttl", "3607")], defaults("", "2h").unwrap());
    for (namespace, settings) in [
        (&vault, &[("audience", "")][..]),
        (&two_hours, &[]),
        (&vault, &[("tokens", "[{path: /t/a, audience: ''}]")]),
    ] {
        let answer = decide(&annotated(pod(&["app"]), settings), namespace);
        assert!(answer.allowed(), "{}", answer.message());
        assert!(
            !tokens(&answer.pod).iter().any(|(_, token)| crate::support::pods::is_year_long(token)),
            "{settings:?}"
        );
    }
}

#[test]
fn a_list_of_containers_is_a_set() {
    let tokens = "[{path: /t/a, containers: 'a,b'}, {path: /t/b, containers: [b, a]}]";
    let answer = decide(&annotated(pod(&["a", "b"]), &[("tokens", tokens)]), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
}

#[test]
fn a_lifetime_in_tokens_is_taken_as_written_or_refused() {
    for written in ["7200", "'7200'", "2h", "07200", "0x1c20", "0o16040", "7_200", "7200.0", "7.2e3", "+7200"]
    {
        let list = format!("[{{path: /t/a, ttl: {written}}}]");
        let answer = decide(&annotated(pod(&["app"]), &[("tokens", &list)]), &namespace(&[]));
        let held = tokens(&answer.pod).into_iter().find(|(volume, _)| volume == "boundtoken");
        let seconds = held.map(|(_, token)| token["expirationSeconds"].clone());
        assert!(!answer.allowed() || seconds == Some(json!(7200)), "{written}: {seconds:?}");
    }
}

#[test]
fn warnings_quote_a_pod_short_and_printable() {
    for name in
        ["x".repeat(10_240), "\u{1b}[31m".repeat(100), "\u{202e}\u{10ffff}\n".repeat(50), "é\"".repeat(300)]
    {
        let mut pod = with(
            &json!({"name": name, "secret": {"secretName": name}}),
            &json!({"name": name, "mountPath": DEFAULT_DIRECTORY}),
        );
        pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": name, "env": [{"name": "A"}], "volumeMounts": [
            {"name": name, "mountPath": DEFAULT_DIRECTORY}, {"name": name, "mountPath": "/t"}, {"name": "kube-api-access-x7k2b", "mountPath": "/u", "subPath": name}]}));
        let key = format!("unknown-{name}");
        let on_pod =
            [(key.as_str(), "x"), ("tokens", "[{path: /t/a, env: A}]"), ("skip-containers", "nobody")];
        let answer = decide(&annotated(pod, &on_pod), &namespace(&[]));
        assert!(answer.warnings().len() >= 4, "{:?}", answer.warnings());
        for warning in answer.warnings() {
            assert!(warning.chars().count() <= 120 && !warning.chars().any(char::is_control), "{warning:?}");
            assert!(warning.contains("BT0") && !warning.contains('\u{202e}'), "{warning:?}");
        }
    }
}

#[test]
fn scalars_of_tokens_are_taken_as_written_or_refused() {
    for written in [
        "012345678901",
        "1.10",
        "1e3",
        "no",
        "0x10",
        "0o17",
        "+5",
        "123456789012345678901234567890",
        "1_000",
        ".5",
        "TRUE",
    ] {
        let list = format!("[{{path: /t/a, audience: {written}}}]");
        let answer = decide(&annotated(pod(&["app"]), &[("tokens", &list)]), &namespace(&[]));
        let held = tokens(&answer.pod).into_iter().find(|(volume, _)| volume == "boundtoken");
        assert!(
            !answer.allowed() || held.unwrap().1["audience"] == written,
            "{written}: {:?}",
            tokens(&answer.pod)
        );
    }
}
