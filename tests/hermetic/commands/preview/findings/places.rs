//! A finding about an annotation or label points at it.

use std::collections::BTreeSet;

use boundtoken::policy::diagnostics::of_pods;
use serde_json::Value;

use super::findings;

/// A Namespace with these annotations.
fn namespace(annotations: &[&str]) -> String {
    let annotations = lines(annotations, 4);
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    boundtoken.dev/webhook: enabled\n  \
         annotations:\n{annotations}---\n"
    )
}

/// A Deployment in this Namespace, whose Pods have these annotations.
fn deployment(annotations: &[&str]) -> String {
    let annotations = lines(annotations, 8);
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, namespace: shop}}\nspec:\n  template:\n    \
         metadata:\n      annotations:\n{annotations}    spec:\n      automountServiceAccountToken: true\n      \
         containers:\n      - name: app\n        env: [{{name: X, value: b}}]\n        \
         volumeMounts: [{{name: v, mountPath: /m, readOnly: true}}]\n      volumes:\n      - name: v\n        \
         emptyDir: {{}}\n"
    )
}

fn lines(entries: &[&str], indent: usize) -> String {
    let entries = entries.iter().map(|entry| format!("{:indent$}boundtoken.dev/{entry}\n", ""));
    [format!("{:indent$}example.com/a: b\n", "")].into_iter().chain(entries).collect()
}

/// A code, the annotations of a Namespace, those of Pods, and the key that the finding points at.
const ANNOTATIONS: [(&str, &[&str], &[&str], &str); 30] = [
    ("BT001", &[], &["ttl: 2h", "mode: x"], "mode"),
    ("BT002", &[], &["audience: a,b"], "audience"),
    ("BT003", &[], &["ttl: 1d"], "ttl"),
    ("BT004", &["ttl: 5m"], &[], "ttl"),
    ("BT005", &[], &["ttl: '3607'"], "ttl"),
    ("BT006", &[], &["path: t"], "path"),
    ("BT007", &[], &["containers: App"], "containers"),
    ("BT008", &[], &["containers: app", "skip-containers: b"], "containers"),
    ("BT009", &[], &["env: 1X"], "env"),
    ("BT010", &[], &["tokens: x"], "tokens"),
    ("BT011", &[], &["tokens: '[{path: /t/a}, {path: /t/a}]'"], "tokens"),
    ("BT012", &[], &["mode: add", "path: /var/run/secrets/kubernetes.io/serviceaccount/x"], "path"),
    ("BT013", &["dry-run: x"], &[], "dry-run"),
    ("BT014", &["allowed-audiences: ','"], &[], "allowed-audiences"),
    ("BT015", &["max-ttl: 1h", "ttl: 2h"], &[], "ttl"),
    ("BT030", &["pod-overrides: deny"], &["ttl: 2h"], "ttl"),
    ("BT031", &["allowed-audiences: vault"], &["ttl: 1h", "audience: sts"], "audience"),
    ("BT031", &["allowed-audiences: vault"], &["tokens: '[{path: /t/a, audience: sts}]'"], "tokens"),
    ("BT032", &["max-ttl: 1h"], &["mode: replace", "ttl: 2h"], "ttl"),
    ("BT032", &["max-ttl: 1h"], &["mode: add", "ttl: 2h"], "ttl"),
    ("BT050", &[], &["audiense: x"], "audiense"),
    ("BT051", &[], &["max-ttl: 1h"], "max-ttl"),
    ("BT052", &[], &["mode: disable", "ttl: 2h"], "ttl"),
    ("BT053", &[], &["containers: zzz"], "containers"),
    ("BT054", &[], &["path: /m/t/token"], "path"),
    ("BT055", &[], &["env: X"], "env"),
    ("BT057", &[], &["audience: vault"], "audience"),
    ("BT058", &[], &["mode: disable"], "mode"),
    ("BT062", &[], &["path: /etc/token"], "path"),
    ("BT063", &[], &["env: PATH"], "env"),
];

/// Other codes with a key, and objects about which there is such a finding.
const OBJECTS: [(&str, &str); 7] = [
    (
        "BT061",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: m\n  annotations:\n    boundtoken.dev/ttl: 2h\n",
    ),
    (
        "BT064",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    boundtoken.dev/skip-containers: b\nspec: {containers: [{name: b}]}\n",
    ),
    ("BT070", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    a: b\n    c: 1\n"),
    (
        "BT072",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    a: b\n    boundtoken.dev/ttl: 2h\n",
    ),
    (
        "BT073",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    a: b\n    boundtoken.dev/ttl: 2h\n",
    ),
    (
        "BT076",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: m\n  labels:\n    boundtoken.dev/webhook: disabled\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: m}\nspec: {containers: [{name: b}]}\n",
    ),
    (
        "BT078",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: m\n  labels:\n    a: b\n    boundtoken.dev/webhook: 'yes'\n",
    ),
];

/// Codes whose findings are about no annotation or label of their object. That of BT060 is on the Namespace.
const WITHOUT_KEY: [&str; 11] =
    ["BT016", "BT017", "BT056", "BT059", "BT060", "BT071", "BT074", "BT075", "BT077", "BT079", "BT080"];

/// The line and the column of the value of a key, which occurs once.
fn place(input: &str, key: &str) -> Option<(usize, usize)> {
    input.lines().enumerate().find_map(|(index, line)| {
        let value = line.trim_start().strip_prefix(key)?.strip_prefix(": ")?;
        Some((index + 1, line.len() - value.len() + 1))
    })
}

/// Checks the places of all findings about an input; the codes of those with a key.
fn codes(input: &str) -> BTreeSet<String> {
    let found = findings("-f -", input);
    let with_key = found.iter().filter(|finding| finding["key"].is_string());
    let checked = with_key.map(|finding| {
        let expected = place(input, finding["key"].as_str().unwrap()).unwrap_or_default();
        let number = |field: &str| usize::try_from(finding[field].as_u64().unwrap_or_default()).unwrap();
        assert_eq!((number("line"), number("column")), expected, "{finding}\n{input}");
        finding["code"].as_str().unwrap().to_owned()
    });
    checked.collect()
}

#[test]
fn a_finding_with_a_key_points_at_its_value() {
    let mut given = BTreeSet::new();
    for (code, of_namespace, of_pods, key) in ANNOTATIONS {
        let input = [namespace(of_namespace), deployment(of_pods)].concat();
        let found = codes(&input);
        let name = format!("boundtoken.dev/{key}");
        let is_expected = |finding: &Value| finding["code"] == code && finding["key"] == name;
        assert!(findings("-f -", &input).iter().any(is_expected), "{code}: {found:?}\n{input}");
        given.extend(found);
    }
    for (code, input) in OBJECTS {
        let found = codes(input);
        assert!(found.contains(code), "{code}: {found:?}\n{input}");
        given.extend(found);
    }
    let missing: Vec<_> =
        of_pods().map(|diagnostic| diagnostic.name).filter(|code| !given.contains(*code)).collect();
    assert_eq!(missing, WITHOUT_KEY);
}

#[test]
fn a_forbidden_token_of_a_volume_is_pointed_at() {
    let source = "      - name: w\n        projected:\n          sources:\n          - configMap: {name: c}\n          \
                  - serviceAccountToken: {audience: sts, path: t, expirationSeconds: 7200}\n";
    let input = [&namespace(&["allowed-audiences: vault", "max-ttl: 1h"]), &deployment(&[]), source].concat();
    let line = input.lines().position(|line| line.contains("serviceAccountToken: ")).unwrap() + 1;
    let found = findings("-f -", &input);
    for (code, key) in [("BT031", "allowed-audiences"), ("BT032", "max-ttl")] {
        let finding = found.iter().find(|finding| finding["code"] == code).unwrap();
        assert_eq!((&finding["line"], &finding["column"]), (&line.into(), &13.into()), "{finding}");
        assert_eq!(finding["key"], format!("boundtoken.dev/{key}"));
        assert_eq!(finding["object"]["kind"], "Deployment");
    }
}
