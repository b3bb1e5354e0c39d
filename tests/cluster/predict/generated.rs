//! The Pods and settings of the property tests.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::cases::{Case, account, labelled};
use crate::support::generate::{self, Settings};

/// The next value; the sequence is the same in each run.
fn next<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// This many Namespaces, with this many Pods each.
pub(super) fn cases(install: &str, namespaces: usize, pods: usize) -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    (0..namespaces)
        .flat_map(|index| {
            let name = format!("{install}-{index}");
            let settings =
                [next(&mut runner, &generate::settings()), next(&mut runner, &generate::guardrails())]
                    .concat();
            let borrowed: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let namespace = labelled(&name, &borrowed);
            (0..pods).map(|index| case(&mut runner, &namespace, &name, index)).collect::<Vec<_>>()
        })
        .collect()
}

fn case(runner: &mut TestRunner, namespace: &Value, name: &str, index: usize) -> Case {
    let pod = next(runner, &generate::pod());
    let pod = if index == 5 { generate::on_windows(pod, 0x0123_4567_89ab_cdef) } else { pod };
    let settings = next(runner, &generate::settings());
    let mut workload = acceptable(pod, &settings);
    workload["metadata"]["name"] = format!("pod-{index}").into();
    workload["metadata"]["namespace"] = name.into();
    let accounts = match index % 4 {
        0 => vec![account(name, "silent", json!({"automountServiceAccountToken": false}))],
        1 => vec![account(name, "eager", eager())],
        _ => vec![],
    };
    if let Some(account) = accounts.first() {
        workload["spec"]["serviceAccountName"] = account["metadata"]["name"].clone();
    }
    Case { namespace: namespace.clone(), accounts, workload }
}

fn eager() -> Value {
    json!({"automountServiceAccountToken": true, "imagePullSecrets": [{"name": "registry"}]})
}

/// Makes a generated Pod valid for an API server: mount paths are unique in a container, and labels are
/// strings.
fn acceptable(mut pod: Value, settings: &Settings) -> Value {
    let annotations: Value = settings
        .iter()
        .map(|(key, value)| (format!("boundtoken.dev/{key}"), Value::from(value.as_str())))
        .collect();
    pod["metadata"] = json!({"annotations": annotations});
    generate::distinct_mounts(pod)
}
