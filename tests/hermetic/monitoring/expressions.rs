//! The metrics and labels that an expression of Prometheus uses, compared with those that exist.

use std::collections::BTreeSet;

use boundtoken::telemetry::table::METRICS;

/// Metrics of others, with their labels: those of API servers (`k8s.io/apiserver/pkg/admission/metrics` and
/// `k8s.io/apiserver/pkg/admission/plugin/policy/validating/metrics`), and the alerts of Prometheus.
const OTHERS: [(&str, &str); 5] = [
    ("ALERTS", "alertname alertstate severity"),
    ("apiserver_admission_webhook_admission_duration_seconds_bucket", "name type operation rejected le"),
    ("apiserver_admission_webhook_fail_open_count", "name type"),
    ("apiserver_admission_webhook_rejection_count", "name type operation error_type rejection_code"),
    (
        "apiserver_validating_admission_policy_check_total",
        "policy policy_binding error_type enforcement_action",
    ),
];

/// Labels of every target, and what rules name their result.
const TARGET: [&str; 2] = ["instance", "job"];

/// A metric with the matchers after it: label, and the values that it is compared with.
#[derive(Debug)]
pub(super) struct Selector<'e> {
    pub(super) name: &'e str,
    matchers: Vec<(&'e str, Vec<&'e str>)>,
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_:".contains(letter)
}

/// The selectors of an expression. Words of the language are none, because no metric here begins like one.
pub(super) fn selectors(expression: &str) -> Vec<Selector<'_>> {
    let mut selectors = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let after = &rest[start..];
        let name = &after[..after.find(|letter| !is_name(letter)).unwrap_or(after.len())];
        rest = &after[name.len()..];
        let mut matchers = Vec::new();
        if let Some((inside, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            matchers = inside.split(',').map(|matcher| parse_matcher(matcher.trim())).collect();
            rest = after;
        }
        if ["boundtoken_", "boundtoken:", "process_", "apiserver_", "ALERTS"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            selectors.push(Selector { name, matchers });
        }
    }
    selectors
}

fn parse_matcher(matcher: &str) -> (&str, Vec<&str>) {
    let (label, value) = matcher.split_once(['=', '!']).unwrap();
    (label, value.trim_start_matches(['=', '~']).trim_matches('"').split('|').collect())
}

impl Selector<'_> {
    /// What is wrong with it, given the names that the rules record.
    fn mistakes(&self, recorded: &[&str]) -> Vec<String> {
        let own = METRICS.iter().find(|entry| entry.samples().iter().any(|sample| sample == self.name));
        let other = OTHERS.iter().find(|(name, _)| *name == self.name);
        if own.is_none() && other.is_none() && !recorded.contains(&self.name) {
            return vec![format!("{} is not exported", self.name)];
        }
        let mut mistakes = Vec::new();
        for (name, values) in &self.matchers {
            let label = own.and_then(|entry| entry.labels.iter().find(|label| label.name == *name));
            let known = label.map(|label| (label.values)());
            if let Some(known) = known {
                let unknown = values.iter().filter(|value| !known.contains(value));
                mistakes.extend(unknown.map(|value| format!("{}: {name} is never {value}", self.name)));
            } else if !recorded.contains(&self.name)
                && !other.is_some_and(|(_, labels)| labels.split(' ').any(|label| label == *name))
            {
                mistakes.push(format!("{} has no label {name}", self.name));
            }
        }
        mistakes
    }

    /// The labels of the metric.
    fn labels(&self) -> Vec<&'static str> {
        let own = METRICS.iter().find(|entry| entry.samples().iter().any(|sample| sample == self.name));
        let own = own.into_iter().flat_map(|entry| {
            let bucket = (self.name.ends_with("_bucket")).then_some("le");
            entry.labels.iter().map(|label| label.name).chain(bucket)
        });
        let others = OTHERS.iter().filter(|(name, _)| *name == self.name);
        own.chain(others.flat_map(|(_, labels)| labels.split(' '))).collect()
    }
}

/// What is wrong with an expression: metrics, labels and values that nothing exports.
pub(super) fn mistakes(expression: &str, recorded: &[&str]) -> Vec<String> {
    let selectors = selectors(expression);
    let mut mistakes: Vec<String> =
        selectors.iter().flat_map(|selector| selector.mistakes(recorded)).collect();
    let known: BTreeSet<&str> = selectors.iter().flat_map(Selector::labels).chain(TARGET).collect();
    let ungrouped = |label: &&str| !label.is_empty() && !known.contains(label);
    let unknown = grouped(expression).into_iter().filter(ungrouped);
    mistakes.extend(unknown.map(|label| format!("nothing has the label {label}: {expression}")));
    mistakes
}

/// The labels in `by (…)` and `on (…)`.
pub(super) fn grouped(expression: &str) -> Vec<&str> {
    let lists = [" by (", " on ("].into_iter().flat_map(|word| expression.split(word).skip(1));
    let lists = lists.filter_map(|rest| rest.split_once(')'));
    lists.flat_map(|(list, _)| list.split(',').map(str::trim)).collect()
}

#[test]
fn names_labels_and_values_that_nothing_exports_are_found() {
    let expression = "sum by (mode) (rate(boundtoken_admissions_total{outcome=~\"patched|refused\"}[5m])) \
                      / on (instance) process_threads";
    assert_eq!(mistakes(expression, &[]), [""; 0]);
    assert_eq!(selectors(expression).len(), 2);
    for wrong in [
        "rate(boundtoken_admissions[5m])",
        "boundtoken_admissions_total{outcome=\"denied\"}",
        "boundtoken_admissions_total{outcome=~\"patched|denied\"}",
        "boundtoken_admissions_total{code!=\"BT001\"}",
        "sum by (code) (boundtoken_admissions_total)",
        "apiserver_admission_webhook_rejections",
        "apiserver_admission_webhook_fail_open_count{code=\"1\"}",
        "boundtoken:admissions:increase15m",
    ] {
        assert_eq!(mistakes(wrong, &[]).len(), 1, "{wrong}");
    }
    assert_eq!(
        mistakes("boundtoken:admissions:increase15m", &["boundtoken:admissions:increase15m"]),
        [""; 0]
    );
}
