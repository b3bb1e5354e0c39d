//! Mistakes in settings: every one named, with its value, its object, what is allowed and what was meant.

use std::sync::Arc;

use boundtoken::admission::{Request, validate};
use boundtoken::policy::Defaults;
use boundtoken::policy::diagnostics::{Severity, all};
use serde_json::{Value, json};

use crate::support::mistakes::{BOTH, NAMESPACE_ONLY, Row};
use crate::support::pods::{Admission, Pairs, annotated, answer, decide, namespace, pod};
use crate::support::reviews::{captured, review};

fn app() -> Value {
    pod(&["app"])
}

/// The causes of a refusal: field and message.
fn causes(answer: &Admission) -> Vec<(&str, &str)> {
    let causes = answer.response["status"]["details"]["causes"].as_array().into_iter().flatten();
    causes.map(|cause| (cause["field"].as_str().unwrap(), cause["message"].as_str().unwrap())).collect()
}

fn assert_refused(answer: &Admission, code: u64, reason: &str) {
    assert!(!answer.allowed(), "allowed: {:?}", answer.warnings());
    assert_eq!(answer.response["status"]["code"], code, "{}", answer.message());
    assert_eq!(answer.response["status"]["reason"], reason);
    assert!(answer.message().len() < 4096, "{} bytes", answer.message().len());
    assert!(!answer.message().chars().any(char::is_control), "{:?}", answer.message());
    assert!(!answer.message().contains("web-5d9c7b6f44-pqx8n"), "the Pod's name: {}", answer.message());
}

/// One row on one object: the words in the message, and in a cause that stands alone.
fn assert_row(row: &Row, answer: &Admission, object: &str) {
    let (key, value, code, sentence) = *row;
    let shown = |text: &str| format!("{key} = {value:?} on {object}, {sentence:?}: {text}");
    assert_refused(answer, 422, "Invalid");
    let message = answer.message();
    let full = format!("boundtoken.dev/{key}");
    for part in [full.as_str(), object, sentence, code] {
        assert!(message.contains(part), "no {part:?} in {}", shown(message));
    }
    let causes = causes(answer);
    assert_eq!(causes.len(), 1, "{}", shown(message));
    let (field, cause) = causes[0];
    assert_eq!(field, format!("metadata.annotations[{full}]"));
    for part in [object, sentence, code] {
        assert!(cause.contains(part), "no {part:?} in {}", shown(cause));
    }
    let start: String = value.trim().chars().take_while(char::is_ascii_alphanumeric).take(40).collect();
    assert!(value.contains(',') || cause.contains(&start), "no value in {}", shown(cause));
    assert_eq!(answer.response["status"]["details"]["causes"][0]["reason"], "FieldValueInvalid");
    let guess = cause.rsplit_once("did you mean \"").and_then(|(_, rest)| rest.split_once("\"?"));
    if let Some((guess, _)) = guess {
        let again = decide(&annotated(app(), &[(key, guess)]), &namespace(&[]));
        let takes_it =
            again.allowed() || key == "tokens" || NAMESPACE_ONLY.iter().any(|(other, ..)| *other == key);
        assert!(takes_it, "the guess is refused as well: {} | {}", shown(cause), again.message());
    }
}

#[test]
fn each_mistake_on_a_pod_is_explained() {
    for row in BOTH {
        let answer = decide(&annotated(app(), &[(row.0, row.1)]), &namespace(&[]));
        assert_row(row, &answer, "the Pod");
    }
}

#[test]
fn each_mistake_on_a_namespace_refuses_its_pods() {
    for row in BOTH.iter().chain(NAMESPACE_ONLY) {
        assert_row(row, &decide(&app(), &namespace(&[(row.0, row.1)])), "Namespace shop");
    }
}

#[test]
fn each_mistake_refuses_a_change_of_the_namespace() {
    for (key, value, code, sentence) in BOTH.iter().chain(NAMESPACE_ONLY) {
        let mut review = captured("namespace-create");
        review["request"]["object"]["metadata"]["annotations"] =
            json!({format!("boundtoken.dev/{key}"): value});
        let body = review.to_string();
        let verdict = validate(&Request::parse(&body).unwrap(), &Arc::new(Defaults::default()));
        let answer: Value = serde_json::from_slice(&verdict.into_body()).unwrap();
        let status = &answer["response"]["status"];
        assert_eq!(
            (&answer["response"]["allowed"], &status["code"]),
            (&json!(false), &json!(422)),
            "{key}={value}"
        );
        for part in [code, sentence, "Namespace shop"] {
            assert!(status["message"].as_str().unwrap().contains(part), "{part}: {status}");
        }
    }
}

#[test]
fn a_value_of_ten_kilobytes_is_shortened() {
    let values = [
        "x".repeat(10_240),
        "9".repeat(10_240),
        "\u{7}".repeat(10_240),
        "日本".repeat(1700),
        "/x".repeat(5120),
    ];
    for key in ["mode", "audience", "ttl", "path", "containers", "skip-containers", "env", "tokens"] {
        for value in &values {
            let answer = decide(&annotated(app(), &[(key, value)]), &namespace(&[]));
            assert_refused(&answer, 422, "Invalid");
            assert!(answer.message().contains(" bytes"), "{key}: {}", answer.message());
        }
    }
}

#[test]
fn every_value_at_once_of_ten_kilobytes_stays_readable() {
    for unit in ["x", "\u{7}", "\u{10ffff}", "\""] {
        let long = unit.repeat(10_240);
        let keys = ["mode", "audience", "ttl", "path", "containers", "env", "tokens"];
        let pairs: Vec<(&str, &str)> = keys.iter().map(|key| (*key, long.as_str())).collect();
        let answer = decide(&annotated(app(), &pairs), &namespace(&pairs));
        assert_refused(&answer, 422, "Invalid");
        for key in keys {
            assert!(
                answer.message().contains(&format!("boundtoken.dev/{key}: ")),
                "{key}: {}",
                answer.message()
            );
        }
    }
}

#[test]
fn a_list_full_of_mistakes_stays_readable() {
    let item = "{path: '', ttl: 5m, audience: \"a\\ab\", env: 1X, containers: A_B, colour: red}";
    let tokens = format!("[{}]", [item; 16].join(", "));
    let answer = decide(&annotated(app(), &[("tokens", &tokens)]), &namespace(&[]));
    assert_refused(&answer, 422, "Invalid");
    assert!(answer.message().contains("more"), "{}", answer.message());
}

#[test]
fn every_mistake_is_named_at_once() {
    let on_pod: Pairs<'_> = &[("mode", "Replace"), ("ttl", "5m"), ("env", "1X"), ("path", "t")];
    let on_namespace: Pairs<'_> = &[("audience", "a\u{7}b"), ("max-ttl", "1d"), ("dry-run", "yes")];
    let answer = decide(&annotated(app(), on_pod), &namespace(on_namespace));
    assert_refused(&answer, 422, "Invalid");
    assert_eq!(causes(&answer).len(), 7, "{}", answer.message());
    for (key, _) in on_pod.iter().chain(on_namespace) {
        assert!(answer.message().contains(&format!("boundtoken.dev/{key}: ")), "{key}: {}", answer.message());
    }
    assert_eq!(answer.message().split(" | ").count(), 7);
}

/// Settings with a mistake that once hid another: Namespace, Pod, the codes of all of them.
const BESIDE_ONE_ANOTHER: &[(Pairs<'_>, Pairs<'_>, &[&str])] = &[
    (&[], &[("tokens", "vault"), ("ttl", "5m")], &["BT010", "BT004"]),
    (&[], &[("tokens", "[vault, {path: /t/a, ttl: 5m}]")], &["BT010", "BT004"]),
    (&[("max-ttl", "1h")], &[("tokens", "vault"), ("ttl", "24h")], &["BT010", "BT032"]),
    (
        &[],
        &[("tokens", "vault"), ("mode", "add"), ("path", "/var/run/secrets/kubernetes.io/serviceaccount/x")],
        &["BT010", "BT012"],
    ),
    (&[], &[("env", "1X"), ("tokens", "[{path: /t/a}, {path: /t/a}]")], &["BT009", "BT011"]),
    (&[], &[("mode", "disabel"), ("tokens", "[{path: /t/a}, {path: /t/a}]")], &["BT001", "BT011"]),
    (&[("allowed-audiences", "sts"), ("ttl", "1d")], &[("audience", "vault")], &["BT003", "BT031"]),
    (&[("pod-overrides", "deny")], &[("ttl", "5m"), ("env", "1X")], &["BT030", "BT004", "BT009"]),
    (&[("pod-overrides", "deny"), ("max-ttl", "1h")], &[("ttl", "24h")], &["BT030", "BT032"]),
    (&[("pod-overrides", "deny")], &[("tokens", "[{path: /t/a}, {path: /t/a}]")], &["BT030", "BT011"]),
    (
        &[("ttl", "2h"), ("max-ttl", "1h"), ("allowed-audiences", "sts")],
        &[("audience", "vault")],
        &["BT015", "BT031"],
    ),
];

#[test]
fn no_mistake_hides_another() {
    for (on_namespace, on_pod, codes) in BESIDE_ONE_ANOTHER {
        let answer = decide(&annotated(app(), on_pod), &namespace(on_namespace));
        let mut found: Vec<&str> =
            causes(&answer).iter().filter_map(|(_, cause)| Some(&cause.rsplit_once('(')?.1[..5])).collect();
        found.sort_unstable();
        found.dedup();
        let mut expected = codes.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{on_namespace:?} {on_pod:?}: {}", answer.message());
    }
}

/// Every volume with more tokens than allowed, and one that boundtoken cannot use.
#[test]
fn a_mistake_in_settings_does_not_hide_one_in_the_volumes() {
    let mut pod = app();
    let list = pod["spec"]["volumes"].as_array_mut().unwrap();
    list.push(json!({"name": "boundtoken", "emptyDir": {}}));
    list.push(json!({"name": "mine", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 7200, "path": "t"}}]}}));
    let settings = [("mode", "add"), ("ttl", "5m")];
    let answer = decide(&annotated(pod.clone(), &settings), &namespace(&[("max-ttl", "1h")]));
    for part in ["BT004", "BT016", "BT032", "\"mine\""] {
        assert!(answer.message().contains(part), "{part}: {}", answer.message());
    }
    // Whatever the mode is meant to be.
    let answer = decide(&annotated(pod, &[("mode", "disabel")]), &namespace(&[("max-ttl", "1h")]));
    assert!(
        answer.message().contains("BT001") && answer.message().contains("\"mine\""),
        "{}",
        answer.message()
    );
}

#[test]
fn every_bad_item_of_a_list_is_named() {
    let on_pod = annotated(app(), &[("containers", "App,ok,my_log")]);
    let pods = decide(&on_pod, &namespace(&[("allowed-audiences", "a\u{7},vault,b\u{8}")]));
    for item in ["\"App\"", "\"my_log\"", "\"a\\u{7}\"", "\"b\\u{8}\""] {
        assert!(pods.message().contains(item), "{item}: {}", pods.message());
    }
    assert_eq!(causes(&pods).len(), 2, "{}", pods.message());
}

#[test]
fn a_year_is_reported_beside_an_unreadable_value() {
    let answer = decide(&annotated(app(), &[("ttl", "3607"), ("env", "1X")]), &namespace(&[]));
    assert!(answer.message().contains("BT009") && answer.message().contains("BT005"), "{}", answer.message());
}

#[test]
fn a_year_is_quoted_as_the_annotation_spells_it() {
    let answer = decide(&annotated(app(), &[("ttl", "1h0m7s")]), &namespace(&[]));
    assert!(answer.message().contains("1h0m7s"), "{}", answer.message());
}

/// Settings that are valid one by one: Namespace, Pod, code, sentence.
const CONTRADICTIONS: &[(Pairs<'_>, Pairs<'_>, &str, &str)] = &[
    (
        &[],
        &[("containers", "app"), ("skip-containers", "log")],
        "BT008",
        "skip-containers is also set on the Pod",
    ),
    (&[("containers", "app"), ("skip-containers", "log")], &[], "BT008", "also set on Namespace shop"),
    (&[("ttl", "2h"), ("max-ttl", "1h")], &[], "BT015", "above max-ttl \"1h\""),
    (&[], &[("tokens", "[{path: /t/a}, {path: /t//a}]")], "BT011", "is the same file"),
    (
        &[],
        &[("tokens", "[{path: /t/a}, {path: /t/a/c}]")],
        "BT011",
        "\"/t/a/c\" on the Pod, beside \"/t/a\", needs a directory where the other has a file",
    ),
    (
        &[],
        &[("tokens", "[{path: /t/a/b/c}, {path: /t/a}]")],
        "BT011",
        "\"/t/a\" on the Pod, beside \"/t/a/b/c\", has a file where the other needs a directory",
    ),
    (&[], &[("path", "/t/a"), ("tokens", "[{path: /t/ca.crt/b}]")], "BT011", "needs a directory"),
    (
        &[],
        &[("tokens", "[{path: /t/a, env: A}, {path: /u/b, env: A}]")],
        "BT011",
        "has the env of another token",
    ),
    (
        &[],
        &[("tokens", "[{path: /t/a, containers: app}, {path: /t/b, containers: log}]")],
        "BT011",
        "other containers",
    ),
    (&[], &[("env", "A"), ("tokens", "[{path: /t/a, env: A}]")], "BT011", "has the env of another token"),
    (&[], &[("path", "/t/a"), ("tokens", "[{path: /t/ca.crt}]")], "BT011", "client of the API server"),
    (&[], &[("path", "/t/namespace")], "BT011", "needed"),
    (
        &[],
        &[("mode", "add"), ("path", "/var/run/secrets/kubernetes.io/serviceaccount/x")],
        "BT012",
        "beside the default token",
    ),
    (
        &[],
        &[("mode", "add"), ("path", "/var/run/secrets/kubernetes.io/serviceaccount/token/y")],
        "BT012",
        "beside the default token",
    ),
    (&[], &[("mode", "add"), ("path", "/var/run/secrets/kubernetes.io")], "BT012", "default token"),
    (&[], &[("tokens", "[{path: /var/run/secrets/kubernetes.io/serviceaccount}]")], "BT012", "default token"),
    (
        &[("tokens", "[{path: /var/run/secrets/kubernetes.io/serviceaccount/x}]")],
        &[],
        "BT012",
        "on Namespace shop",
    ),
];

/// Settings with a lifetime that the API server extends for its own audiences: Namespace, Pod, code, sentence.
const YEARS: &[(Pairs<'_>, Pairs<'_>, &str, &str)] = &[
    (&[], &[("ttl", "3607"), ("audience", "https://kubernetes.default.svc")], "BT005", "may become a year"),
    (&[], &[("ttl", "3607"), ("audience", "vault")], "BT005", "for its own audiences"),
    (&[], &[("ttl", "3607"), ("mode", "off")], "BT005", "may become a year"),
    (&[("audience", "vault")], &[("audience", ""), ("ttl", "3607")], "BT005", "did you mean \"3600\"?"),
    (&[("ttl", "3607")], &[], "BT005", "on Namespace shop may become a year"),
    (&[], &[("tokens", "[{path: /t/a, ttl: 3607}]")], "BT005", "[0].ttl"),
    (&[], &[("tokens", "[{path: /t/a, ttl: 1h0m7s, audience: vault}]")], "BT005", "[0].ttl \"1h0m7s\""),
];

#[test]
fn each_contradiction_and_each_year_is_explained() {
    for (on_namespace, on_pod, code, sentence) in CONTRADICTIONS.iter().chain(YEARS) {
        let answer = decide(&annotated(app(), on_pod), &namespace(on_namespace));
        let shown = format!("{on_namespace:?} {on_pod:?}: {} {:?}", answer.message(), answer.warnings());
        assert!(!answer.allowed(), "{shown}");
        assert_refused(&answer, 422, "Invalid");
        assert!(answer.message().contains(code) && answer.message().contains(sentence), "{shown}");
        assert_eq!(causes(&answer).len(), 1, "{shown}");
    }
}

#[test]
fn a_volume_named_boundtoken_without_a_token_is_refused() {
    let mut pod = app();
    pod["spec"]["volumes"].as_array_mut().unwrap().push(json!({"name": "boundtoken", "emptyDir": {}}));
    let answer = decide(&pod, &namespace(&[("mode", "add")]));
    assert_refused(&answer, 422, "Invalid");
    assert_eq!(causes(&answer)[0].0, "spec.volumes");
    assert!(
        answer.message().contains("BT016") && answer.message().contains("\"boundtoken\""),
        "{}",
        answer.message()
    );
}

#[test]
fn a_patch_that_costs_seconds_is_refused() {
    let mut pod = app();
    let mount = json!({"name": pod["spec"]["volumes"][0]["name"], "mountPath": "/x"});
    pod["spec"]["containers"][0]["volumeMounts"] = vec![mount; 10_001].into();
    let answer = decide(&pod, &namespace(&[("mode", "disable")]));
    assert_refused(&answer, 422, "Invalid");
    assert!(answer.message().contains("BT017"), "{}", answer.message());
    assert!(decide(&pod, &namespace(&[("mode", "off")])).allowed());
}

#[test]
fn guardrails_give_403_and_mistakes_422() {
    let denied = decide(&annotated(app(), &[("ttl", "2h")]), &namespace(&[("pod-overrides", "deny")]));
    assert_refused(&denied, 403, "Forbidden");
    assert_eq!(denied.response["status"]["details"]["causes"][0]["reason"], "FieldValueForbidden");
    let too_long = decide(&annotated(app(), &[("ttl", "2h")]), &namespace(&[("max-ttl", "1h")]));
    assert_refused(&too_long, 403, "Forbidden");
    for part in ["boundtoken.dev/max-ttl", "7200", "Namespace shop", "3600", "BT032"] {
        assert!(too_long.message().contains(part), "{part}: {}", too_long.message());
    }
    let elsewhere =
        decide(&annotated(app(), &[("audience", "sts")]), &namespace(&[("allowed-audiences", "vault")]));
    assert_refused(&elsewhere, 403, "Forbidden");
    for part in ["boundtoken.dev/allowed-audiences", "\"sts\"", "Namespace shop", "\"vault\"", "BT031"] {
        assert!(elsewhere.message().contains(part), "{part}: {}", elsewhere.message());
    }
    let both =
        decide(&annotated(app(), &[("ttl", "2h")]), &namespace(&[("pod-overrides", "deny"), ("ttl", "1d")]));
    assert_refused(&both, 422, "Invalid");
    assert_eq!(causes(&both).len(), 2, "{}", both.message());
}

#[test]
fn every_code_that_refuses_is_produced_here() {
    let mut seen: Vec<&str> = BOTH.iter().chain(NAMESPACE_ONLY).map(|row| row.2).collect();
    seen.extend(CONTRADICTIONS.iter().map(|row| row.2));
    seen.extend(["BT016", "BT017", "BT030", "BT031", "BT032"]);
    let refuses = |severity: &Severity| matches!(severity, Severity::Forbidden | Severity::Invalid);
    for diagnostic in all().filter(|diagnostic| refuses(&diagnostic.severity)) {
        assert!(seen.contains(&diagnostic.name), "{} {}", diagnostic.name, diagnostic.title);
    }
}

#[test]
fn messages_are_constant_so_that_events_aggregate() {
    let messages: Vec<String> = ["web-5d9c7b6f44-pqx8n", "web-5d9c7b6f44-zzzzz"]
        .into_iter()
        .map(|name| {
            let mut pod = annotated(app(), &[("ttl", "5m")]);
            pod["metadata"]["name"] = name.into();
            answer(&review(&pod), &namespace(&[])).message().to_owned()
        })
        .collect();
    assert_eq!(messages[0], messages[1]);
}
