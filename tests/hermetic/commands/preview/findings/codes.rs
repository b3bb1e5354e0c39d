//! Every finding has a code.

use std::collections::BTreeSet;

use boundtoken::policy::diagnostics::{Severity, of_pods};

use super::findings;
use crate::commands::command_line::run;

const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\n\
    spec: {template: {spec: {containers: [{name: a}]}}}\n";
const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n\
    spec: {template: {spec: {containers: [{name: a}]}}}\n";

/// Object, its metadata, and the code, severity and key of a finding about it.
const FINDINGS: [(&str, &str, &str, &str, Option<&str>); 18] = [
    (POD, "metadata: {name: a, annotations: {a: 1}}", "BT070", "refused", Some("a")),
    (POD, "metadata: {name: a, labels: {boundtoken.dev/webhook: true}}", "BT070", "refused", Some(LABEL)),
    (POD, "metadata: {name: 1}", "BT070", "refused", None),
    (DEPLOYMENT, "metadata: {name: a, namespace: off}", "BT070", "refused", None),
    (POD, "metadata: []", "BT071", "error", None),
    ("apiVersion: v1\nkind: Pod\n", "spec: {containers: []}", "BT071", "error", None),
    (POD, "metadata: {name: a, labels: {boundtoken.dev/mode: off1}}", "BT072", "warning", Some(MODE)),
    (
        DEPLOYMENT,
        "metadata: {name: a, annotations: {boundtoken.dev/mode: x}}",
        "BT073",
        "warning",
        Some(MODE),
    ),
    (POD, "metadata: {name: a, labels: {boundtoken.dev/webhook: enabled}}", "BT072", "warning", Some(LABEL)),
    (
        "apiVersion: v1\nkind: ServiceAccount\n",
        "metadata: {name: a, annotations: {boundtoken.dev/mode: x}}",
        "BT073",
        "warning",
        Some(MODE),
    ),
    (
        POD,
        "metadata: {name: a, namespace: kube-system, annotations: {boundtoken.dev/mode: disable}}",
        "BT061",
        "warning",
        Some(MODE),
    ),
    (ROLLOUT, "metadata: {name: a}", "BT074", "note", None),
    (
        "apiVersion: v1\nkind: Namespace\n",
        "metadata: {name: a, labels: {boundtoken.dev/webhook: Enabled}}",
        "BT078",
        "warning",
        Some(LABEL),
    ),
    (
        "apiVersion: v1\nkind: Namespace\n",
        "metadata: {name: kube-system, labels: {boundtoken.dev/webhook: enabled}}",
        "BT078",
        "warning",
        Some(LABEL),
    ),
    (POD, "metadata: {name: a}", "BT079", "note", None),
    (POD, "metadata: {name: a}", "BT075", "note", None),
    (POD, "metadata: {name: a, namespace: kube-system}", "BT076", "note", None),
    (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n---\n",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}, spec: {containers: [{name: a}]}}",
        "BT076",
        "note",
        Some(LABEL),
    ),
];

const LABEL: &str = "boundtoken.dev/webhook";
const MODE: &str = "boundtoken.dev/mode";

#[test]
fn findings_of_preview_have_codes() {
    for (head, rest, code, severity, key) in FINDINGS {
        let input = [head, rest].concat();
        let found = findings("-f -", &input);
        let expected = |finding: &&serde_json::Value| {
            finding["code"] == code && finding["severity"] == severity && finding["key"].as_str() == key
        };
        assert!(found.iter().any(|finding| expected(&finding)), "{code} {rest}: {found:?}");
    }
}

#[test]
fn every_line_on_standard_error_ends_with_a_code() {
    let mut lines = 0;
    for (head, rest, ..) in FINDINGS {
        let printed = run("preview -f - -f mistakes.yaml -f unquoted.yaml", &[head, rest].concat());
        for line in printed.err.lines().filter(|line| !line.starts_with("Pods: ")) {
            let code = line.strip_suffix(')').and_then(|line| Some(line.rsplit_once(" (BT")?.1));
            assert!(code.is_some_and(|code| code.len() == 3), "{line}");
            lines += 1;
        }
    }
    assert!(lines > 60, "only {lines} lines");
}

/// Codes without a row: BT077 would be a defect of boundtoken, and BT080 needs a directory (`directories.rs`).
const WITHOUT_ROW: [&str; 2] = ["BT077", "BT080"];

#[test]
fn every_code_of_preview_alone_is_given() {
    let given: BTreeSet<&str> = FINDINGS.iter().map(|finding| finding.2).collect();
    let of_preview = of_pods().filter(|diagnostic| diagnostic.name >= "BT070");
    let of_preview = of_preview.filter(|diagnostic| !WITHOUT_ROW.contains(&diagnostic.name));
    let missing: Vec<_> = of_preview.filter(|diagnostic| !given.contains(diagnostic.name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let others = [Severity::Malformed, Severity::Note, Severity::Error];
    for diagnostic in of_pods().filter(|diagnostic| others.contains(&diagnostic.severity)) {
        let is_given = given.contains(diagnostic.name) || WITHOUT_ROW.contains(&diagnostic.name);
        assert!(is_given, "{}", diagnostic.name);
    }
}
