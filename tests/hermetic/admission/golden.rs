//! Every mode on every captured review: the patch and the words, read against the contract.

use std::fmt::Write as _;

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::Value;

use crate::support::pods::{Pairs, answer, assert_settled, namespace};
use crate::support::reviews::{CREATIONS, captured};

/// Captured reviews of other requests.
const OTHERS: [&str; 2] = ["pod-delete", "pod-ephemeralcontainers-update"];

/// The service account of a captured Pod.
fn account(review: &str) -> ServiceAccount {
    let automount = (review == "pod-sa-no-automount").then_some(false);
    ServiceAccount { automount, ..ServiceAccount::default() }
}

/// One review under settings: a line for each part of the response.
fn line_by_line(name: &str, review: &Value, pairs: Pairs<'_>) -> String {
    let namespace = namespace(pairs);
    let answer = answer(review, &namespace);
    let mut text = format!("## {name}\n");
    if !answer.allowed() {
        let status = &answer.response["status"];
        writeln!(text, "refused {} {}: {}", status["code"], status["reason"], answer.message()).unwrap();
    }
    for operation in &answer.operations {
        let value = operation.get("value").map(|value| format!(" {value}")).unwrap_or_default();
        writeln!(
            text,
            "{} {}{value}",
            operation["op"].as_str().unwrap(),
            operation["path"].as_str().unwrap()
        )
        .unwrap();
    }
    for warning in answer.warnings() {
        writeln!(text, "warning: {warning}").unwrap();
    }
    for (key, value) in answer.response["auditAnnotations"].as_object().into_iter().flatten() {
        write!(text, "{key}={value} ").unwrap();
    }
    if answer.allowed() && review["request"]["operation"] == "CREATE" {
        assert_settled(&answer.pod, &namespace, &account(name));
    }
    format!("{}\n", text.trim_end())
}

/// Every review, and that of `many` without its own settings.
fn every_review(pairs: Pairs<'_>) -> String {
    let mut texts = Vec::new();
    for name in CREATIONS.into_iter().chain(OTHERS) {
        texts.push(line_by_line(name, &captured(name), pairs));
    }
    let mut bare = captured("pod-many");
    bare["request"]["object"]["metadata"]["annotations"].take();
    texts.push(line_by_line("pod-many without settings", &bare, pairs));
    texts.join("\n")
}

#[test]
fn label_alone() {
    insta::assert_snapshot!(every_review(&[]));
}

#[test]
fn replace_with_audience() {
    insta::assert_snapshot!(every_review(&[("audience", "vault"), ("ttl", "2h"), ("env", "TOKEN_FILE")]));
}

#[test]
fn replace_with_path_for_the_api_server() {
    insta::assert_snapshot!(every_review(&[("path", "/var/run/secrets/api/api-token"), ("ttl", "30m")]));
}

#[test]
fn replace_with_path_for_another_audience() {
    insta::assert_snapshot!(every_review(&[
        ("audience", "vault"),
        ("path", "/var/run/secrets/tokens/vault-token"),
        ("env", "VAULT_TOKEN_FILE"),
    ]));
}

#[test]
fn replace_with_containers() {
    insta::assert_snapshot!(every_review(&[("containers", "app,setup")]));
}

#[test]
fn replace_with_skip_containers() {
    insta::assert_snapshot!(every_review(&[("skip-containers", "mesh"), ("ttl", "2h")]));
}

#[test]
fn disable() {
    insta::assert_snapshot!(every_review(&[("mode", "disable")]));
}

#[test]
fn add() {
    insta::assert_snapshot!(every_review(&[
        ("mode", "add"),
        ("audience", "vault"),
        ("env", "VAULT_TOKEN_FILE")
    ]));
}

#[test]
fn tokens_beside_disable() {
    insta::assert_snapshot!(every_review(&[
        ("mode", "disable"),
        (
            "tokens",
            "[{audience: vault, path: /var/run/secrets/vault/token}, {audience: sts, path: /var/run/secrets/sts/token, ttl: 24h, containers: app, env: STS}]"
        ),
    ]));
}

#[test]
fn off() {
    insta::assert_snapshot!(every_review(&[("mode", "off")]));
}

#[test]
fn guardrails() {
    insta::assert_snapshot!(every_review(&[
        ("max-ttl", "1h"),
        ("allowed-audiences", "sts"),
        ("pod-overrides", "deny")
    ]));
}

#[test]
fn guardrails_in_dry_run() {
    insta::assert_snapshot!(every_review(&[
        ("max-ttl", "1h"),
        ("allowed-audiences", "sts"),
        ("pod-overrides", "deny"),
        ("dry-run", "true"),
    ]));
}
