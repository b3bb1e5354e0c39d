//! Values of settings: lifetimes, audiences and keys.

use boundtoken::policy::Defaults;
use serde_json::json;

use crate::support::pods::{annotated, decide, namespace, namespace_with, pod, pod_with_volume, tokens};

#[test]
fn the_lifetime_of_the_pod_overrides() {
    let answer = decide(&annotated(pod(&["app"]), &[("ttl", "3600")]), &namespace(&[("ttl", "24h")]));
    assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], 3600);
}

#[test]
fn lifetimes_have_units_and_the_pod_overrides() {
    let cases = [
        ("4800", None, Some(4800)),
        ("4800", Some("4000"), Some(4000)),
        ("3600s", None, Some(3600)),
        ("invalid", None, None),
        ("100", None, None),
        ("4800", Some("invalid"), None),
        ("4800", Some("100"), None),
        ("86401", None, Some(86401)),
    ];
    for (on_namespace, on_pod, expected) in cases {
        let before = on_pod.map_or_else(|| pod(&["app"]), |ttl| annotated(pod(&["app"]), &[("ttl", ttl)]));
        let answer = decide(&before, &namespace(&[("ttl", on_namespace)]));
        let seconds =
            answer.allowed().then(|| tokens(&answer.pod)[0].1["expirationSeconds"].as_u64().unwrap());
        assert_eq!(seconds, expected, "{on_namespace} {on_pod:?}");
    }
}

#[test]
fn lifetimes_at_the_bounds_are_exact() {
    for (text, seconds) in
        [("600", 600), ("4294967296", 4_294_967_296_u64), (" 3600 ", 3600), ("1h", 3600), ("1h30m", 5400)]
    {
        let answer = decide(&annotated(pod(&["app"]), &[("ttl", text)]), &namespace(&[]));
        assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], seconds, "{text}");
    }
    let vault = annotated(pod(&["app"]), &[("ttl", "3608"), ("audience", "vault")]);
    assert_eq!(tokens(&decide(&vault, &namespace(&[])).pod)[0].1["expirationSeconds"], 3608);
}

/// Settings of Namespaces stay in memory.
#[test]
fn the_text_of_a_value_has_a_limit() {
    for (key, filler, end, limit, code) in [
        ("ttl", "0", "7200", 32, "BT003"),
        ("max-ttl", "0", "7200", 32, "BT003"),
        ("env", "A", "", 255, "BT009"),
        ("audience", "a", "", 1024, "BT002"),
        ("path", "/", "/t/a", 4096, "BT006"),
        ("containers", ",", "app", 8 << 10, "BT007"),
        ("skip-containers", ",", "other", 8 << 10, "BT007"),
        ("allowed-audiences", ",", "vault", 16 << 10, "BT014"),
        ("tokens", "#", "\n[{path: /t/a}]", 16 << 10, "BT010"),
    ] {
        let text = |length: usize| filler.repeat(length - end.len()) + end;
        for (length, is_allowed) in [(limit, true), (limit + 1, false), (250_000, false)] {
            let answer = decide(&pod(&["app"]), &namespace(&[(key, &text(length))]));
            assert_eq!(answer.allowed(), is_allowed, "{key}, {length} bytes: {}", answer.message());
            assert!(is_allowed || answer.message().contains(code), "{key}: {}", answer.message());
        }
        if ["max-ttl", "allowed-audiences"].contains(&key) {
            continue;
        }
        let limit = if key == "tokens" { 128 << 10 } else { limit };
        for (length, is_allowed) in [(limit, true), (limit + 1, false)] {
            let answer = decide(&annotated(pod(&["app"]), &[(key, &text(length))]), &namespace(&[]));
            assert_eq!(answer.allowed(), is_allowed, "{key}, {length} bytes: {}", answer.message());
        }
    }
}

/// Another lifetime than was asked for would be worse than a refusal.
#[test]
fn a_lifetime_of_zero_is_refused() {
    let answer = decide(&annotated(pod(&["app"]), &[("ttl", "0")]), &namespace(&[]));
    assert!(!answer.allowed());
}

/// Apart from length and control characters.
#[test]
fn audiences_are_free_text() {
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

/// The API server's own audience is the default, and its tokens would live for a year.
#[test]
fn api_audiences_may_be_configured() {
    let defaults = Defaults::parse("replace", "", "1h", vec!["https://api.example".to_owned()]).unwrap();
    let settings = namespace_with(&[("allowed-audiences", "vault"), ("max-ttl", "1h")], defaults);
    let sources = json!([{"serviceAccountToken": {"audience": "https://api.example", "expirationSeconds": 3607, "path": "token"}}]);
    let answer = decide(
        &pod_with_volume(&json!({"name": "mine", "projected": {"sources": sources}}), "/mine"),
        &settings,
    );
    assert!(answer.allowed(), "{}", answer.message());
    assert!(tokens(&answer.pod).iter().all(|(_, token)| token["expirationSeconds"] == 3600));
    let own = decide(&annotated(pod(&["app"]), &[("audience", "https://api.example")]), &settings);
    assert_eq!(tokens(&own.pod)[0].1.get("audience"), None);
    let other =
        decide(&annotated(pod(&["app"]), &[("audience", "https://kubernetes.default.svc")]), &settings);
    assert!(other.message().contains("BT031"), "{}", other.message());
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let answer =
        decide(&annotated(pod(&["app"]), &[("audiance", "vault"), ("max-ttl", "1h")]), &namespace(&[]));
    assert!(
        answer.allowed() && answer.warns("did you mean boundtoken.dev/audience?"),
        "{:?}",
        answer.warnings()
    );
    assert!(answer.warns("boundtoken.dev/max-ttl has no effect on a Pod"), "{:?}", answer.warnings());
}
