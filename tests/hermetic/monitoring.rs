//! `manifests/monitoring`: each alert fires and is quiet as it should be, and has a section in the page.

mod dashboard;
mod expressions;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::left_out::left_out;

const RULES: &str = include_str!("../../manifests/monitoring/prometheus-rule.yaml");
const TESTS: &str = include_str!("../monitoring/alerts.yaml");
const PAGE: &str = include_str!("../../docs/operate/monitoring.md");

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn rules(resource: &Value) -> impl Iterator<Item = &Value> {
    list(&resource["spec"]["groups"]).flat_map(|group| list(&group["rules"]))
}

/// Runs the unit tests of the alerts, if Prometheus is installed (Debian: `prometheus`).
#[test]
fn each_alert_fires_and_is_quiet() {
    let directory = tempfile::tempdir().unwrap();
    // JSON is YAML, which Prometheus reads.
    std::fs::write(directory.path().join("rules.json"), parsed(RULES)["spec"].to_string()).unwrap();
    std::fs::write(directory.path().join("alerts.yaml"), TESTS).unwrap();
    let output =
        Command::new("promtool").args(["test", "rules", "alerts.yaml"]).current_dir(&directory).output();
    let Ok(output) = output else {
        return left_out("the tests of the alerts", "promtool");
    };
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{printed}");
}

#[test]
fn each_alert_has_both_tests_and_a_section() {
    let (resource, tests) = (parsed(RULES), parsed(TESTS));
    let mut tested: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    for test in list(&tests["tests"]).flat_map(|test| list(&test["alert_rule_test"])) {
        let fires = list(&test["exp_alerts"]).next().is_some();
        tested.entry(text(&test["alertname"])).or_default().insert(fires);
    }
    let alerts: Vec<&Value> = rules(&resource).filter(|rule| rule["alert"].is_string()).collect();
    assert_eq!(alerts.len(), tested.len());
    for alert in alerts {
        let name = text(&alert["alert"]);
        assert_eq!(tested[name].len(), 2, "{name} has no test that it fires, or none that it is quiet");
        let anchor = format!("monitoring#{}", name.to_lowercase());
        assert!(text(&alert["annotations"]["runbook_url"]).ends_with(&anchor), "{name}");
        assert!(
            PAGE.contains(&format!("\n### {name}\n")),
            "{name} has no section in docs/operate/monitoring.md"
        );
        let severity = text(&alert["labels"]["severity"]);
        assert!(PAGE.contains(&format!("(#{}) | {severity} |", name.to_lowercase())), "{name} is not listed");
    }
}

#[test]
fn alerts_use_metrics_that_exist() {
    let resource = parsed(RULES);
    let recorded: Vec<&str> = rules(&resource).filter_map(|rule| rule["record"].as_str()).collect();
    let mut used = BTreeSet::new();
    for rule in rules(&resource) {
        let expression = text(&rule["expr"]);
        assert_eq!(expressions::mistakes(expression, &recorded), [""; 0]);
        used.extend(expressions::selectors(expression).into_iter().map(|selector| selector.name));
    }
    assert!(used.len() >= 10, "{used:?}");
}

/// Each case names its alerts, which exist, or says that there is none; and each alert belongs to a case.
#[test]
fn failure_modes_name_the_alerts_of_each_case() {
    let page = include_str!("../../docs/operate/failure-modes.md");
    let resource = parsed(RULES);
    let alerts: BTreeSet<&str> = rules(&resource).filter_map(|rule| rule["alert"].as_str()).collect();
    let mentioned = |text: &'static str| text.split('`').filter(|word| word.starts_with("Boundtoken"));
    assert_eq!(mentioned(page).collect::<BTreeSet<_>>(), alerts);
    let cases = page.split("\n**").skip(1).map(|case| case.split("\n## ").next().unwrap_or(case));
    let cases: Vec<&str> = cases.map(|case| case.split("\n[^").next().unwrap_or(case)).collect();
    assert!(cases.len() > 20);
    for case in cases {
        let text = case.replace('\n', " ");
        let is_named =
            mentioned(case).next().is_some() && (text.contains(" Alert: `") || text.contains(" Alerts: `"));
        assert!(is_named != text.contains(" Alert: none."), "{case}");
    }
}

/// Both objects for scraping select the Pods and the port of the Deployment.
#[test]
fn the_admin_port_of_the_pods_is_scraped() {
    let deployment = include_str!("../../manifests/base/deployment.yaml");
    let template = &parsed(deployment)["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    let ports = list(&template["spec"]["containers"][0]["ports"]);
    let ports: Vec<&str> = ports.map(|port| text(&port["name"])).collect();
    let monitor = parsed(include_str!("../../manifests/monitoring/pod-monitor.yaml"));
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], *labels);
    assert!(ports.contains(&text(&monitor["spec"]["podMetricsEndpoints"][0]["port"])));
    let policy = parsed(include_str!("../../manifests/monitoring/network-policy.yaml"));
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], *labels);
    assert!(ports.contains(&text(&policy["spec"]["ingress"][0]["ports"][0]["port"])));
}
