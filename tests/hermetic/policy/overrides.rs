//! Which settings are in force: cluster, Namespace, Pod, key by key; and what guardrails do to them.

use boundtoken::policy::Defaults;
use serde_json::{Value, json};

use crate::support::pods::{
    Pairs, annotated, container, decide, mounts, namespace, namespace_with, pod, tokens,
};
use crate::support::reviews::captured_pod;

/// The lifetimes of the tokens after the webhook, by volume.
fn lifetimes(answer: &crate::support::pods::Admission) -> Vec<(String, u64)> {
    assert!(answer.allowed(), "{}", answer.message());
    let seconds = |token: &Value| token["expirationSeconds"].as_u64().unwrap();
    tokens(&answer.pod)
        .into_iter()
        .map(|(volume, token)| (volume.split("-x7k2b").next().unwrap().to_owned(), seconds(&token)))
        .collect()
}

fn named(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(volume, seconds)| ((*volume).to_owned(), *seconds)).collect()
}

#[test]
fn max_ttl_below_an_hour_lowers_every_default() {
    let limit = ("max-ttl", "30m");
    let replace = decide(&pod(&["app"]), &namespace(&[limit]));
    assert_eq!(lifetimes(&replace), named(&[("kube-api-access", 1800)]));
    let add = decide(&pod(&["app"]), &namespace(&[limit, ("mode", "add"), ("tokens", "[{path: /t/a}]")]));
    assert_eq!(
        lifetimes(&add),
        named(&[("kube-api-access", 1800), ("boundtoken", 1800), ("boundtoken-2", 1800)])
    );
    let above = decide(&pod(&["app"]), &namespace(&[("max-ttl", "24h")]));
    assert_eq!(lifetimes(&above), named(&[("kube-api-access", 3600)]));
}

#[test]
fn max_ttl_lowers_year_long_tokens_only() {
    let mut before = pod(&["app"]);
    let source =
        |seconds: u64| json!([{"serviceAccountToken": {"expirationSeconds": seconds, "path": "token"}}]);
    let list = before["spec"]["volumes"].as_array_mut().unwrap();
    list.push(json!({"name": "year", "projected": {"sources": source(3607)}}));
    list.push(json!({"name": "mine", "projected": {"sources": source(900)}}));
    let answer = decide(&before, &namespace(&[("max-ttl", "20m"), ("mode", "disable")]));
    assert_eq!(lifetimes(&answer), named(&[("year", 1200), ("mine", 900)]));
    let refused = decide(&before, &namespace(&[("max-ttl", "10m")]));
    assert!(
        refused.message().contains("\"mine\"") && !refused.message().contains("\"year\""),
        "{}",
        refused.message()
    );
}

#[test]
fn guardrails_check_every_mode_and_every_source() {
    let year = decide(&pod(&["app"]), &namespace(&[("mode", "off"), ("max-ttl", "24h")]));
    assert!(year.message().contains("BT032") && year.message().contains("31536000"), "{}", year.message());
    assert!(decide(&pod(&["app"]), &namespace(&[("mode", "off"), ("max-ttl", "8760h")])).allowed());
    for mode in ["replace", "disable", "add", "off"] {
        let vault = decide(
            &captured_pod("pod-vault-token"),
            &namespace(&[("mode", mode), ("allowed-audiences", "sts")]),
        );
        assert!(vault.message().contains("BT031"), "{mode}: {}", vault.message());
        let long =
            decide(&captured_pod("pod-vault-token"), &namespace(&[("mode", mode), ("max-ttl", "7199")]));
        assert!(long.message().contains("BT032"), "{mode}: {}", long.message());
    }
    let mut silent = pod(&["app"]);
    silent["spec"]["volumes"].as_array_mut().unwrap().push(
        json!({"name": "unmounted", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
    );
    let answer = decide(&silent, &namespace(&[("max-ttl", "3599")]));
    assert!(
        answer.message().contains("3600") && answer.message().contains("\"unmounted\""),
        "{}",
        answer.message()
    );
}

#[test]
fn a_request_of_3607_seconds_counts_as_a_year_for_every_audience() {
    let source = json!({"audience": "vault", "expirationSeconds": 3607, "path": "token"});
    let mine = json!({"name": "mine", "projected": {"sources": [{"serviceAccountToken": source}]}});
    let mut before = pod(&["app"]);
    before["spec"]["volumes"] = json!([mine]);
    let off = |limit| decide(&before, &namespace(&[("mode", "off"), ("max-ttl", limit)]));
    let refused = off("2h");
    for part in ["BT032", "3607 s counts as a year, because the audience may be one of the API server"] {
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    assert!(!refused.message().contains("becomes"), "{}", refused.message());
    let allowed = off("8760h");
    assert!(allowed.allowed() && allowed.operations.is_empty(), "{}", allowed.message());
}

#[test]
fn keys_are_overridden_one_by_one() {
    let on_namespace = [("audience", "vault"), ("ttl", "2h"), ("env", "VAULT_TOKEN_FILE")];
    let answer = decide(&annotated(pod(&["app"]), &[("ttl", "10m")]), &namespace(&on_namespace));
    assert_eq!(
        tokens(&answer.pod)[0].1,
        json!({"audience": "vault", "expirationSeconds": 600, "path": "token"})
    );
    assert_eq!(container(&answer.pod, "app")["env"][0]["name"], "VAULT_TOKEN_FILE");
    let cluster =
        namespace_with(&[("audience", "vault")], Defaults::parse("add", "sts", "2h", Vec::new()).unwrap());
    let answer = decide(&pod(&["app"]), &cluster);
    assert_eq!(
        tokens(&answer.pod)[1].1,
        json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"})
    );
}

#[test]
fn lists_of_the_pod_replace_those_of_the_namespace() {
    let holders = |answer: &crate::support::pods::Admission| -> Vec<&str> {
        let holds = |name: &&str| !mounts(container(&answer.pod, name)).is_empty();
        ["a", "b", "c"].into_iter().filter(holds).collect()
    };
    let cases: [(Pairs<'_>, Pairs<'_>, &[&str]); 4] = [
        (&[("containers", "a")], &[], &["a"]),
        (&[("containers", "a")], &[("containers", "b")], &["b"]),
        (&[("containers", "a")], &[("skip-containers", "a")], &["b", "c"]),
        (&[("skip-containers", "a,b")], &[("containers", "a,b")], &["a", "b"]),
    ];
    for (on_namespace, on_pod, expected) in cases {
        let answer = decide(&annotated(pod(&["a", "b", "c"]), on_pod), &namespace(on_namespace));
        assert_eq!(holders(&answer), expected, "{on_namespace:?} {on_pod:?}");
    }
    let answer = decide(
        &annotated(pod(&["a"]), &[("tokens", "[{path: /t/mine, audience: vault}]")]),
        &namespace(&[("mode", "disable"), ("tokens", "[{path: /t/theirs, audience: sts}]")]),
    );
    assert_eq!(tokens(&answer.pod).len(), 1);
    assert_eq!(tokens(&answer.pod)[0].1["audience"], "vault");
}

#[test]
fn denied_overrides_are_all_named() {
    let deny = namespace(&[("pod-overrides", "deny")]);
    let free = [("example.com/ttl", "5m"), ("boundtoken.dev.example/ttl", "5m")];
    assert!(decide(&annotated(pod(&["app"]), &free), &deny).allowed());
    let settings = [("mode", "replace"), ("tokens", "[{path: /t/a}]")];
    let answer = decide(&annotated(pod(&["app"]), &settings), &deny);
    assert_eq!(answer.response["status"]["code"], 403);
    for key in ["boundtoken.dev/mode", "boundtoken.dev/tokens"] {
        assert!(answer.message().contains(key), "{key}: {}", answer.message());
    }
}

#[test]
fn a_dry_run_changes_and_refuses_nothing() {
    let cases: [(Pairs<'_>, Pairs<'_>, &str); 5] = [
        (&[], &[], "would-patch"),
        (&[("mode", "off")], &[], "unchanged"),
        (&[("ttl", "5m")], &[], "would-refuse"),
        (&[("pod-overrides", "deny")], &[("ttl", "2h")], "would-refuse"),
        (&[("max-ttl", "1h")], &[("ttl", "2h")], "would-refuse"),
    ];
    for (on_namespace, on_pod, outcome) in cases {
        let settings = [on_namespace, &[("dry-run", "true")]].concat();
        let answer = decide(&annotated(pod(&["app"]), on_pod), &namespace(&settings));
        assert!(answer.allowed() && answer.operations.is_empty(), "{on_namespace:?} {on_pod:?}");
        assert_eq!(answer.response["auditAnnotations"]["outcome"], outcome, "{on_namespace:?} {on_pod:?}");
        assert_eq!(answer.warnings().is_empty(), outcome == "unchanged", "{:?}", answer.warnings());
    }
}
