//! Pods that are made to cost much.

use crate::support::pods::{Admission, annotated, decide, namespace, pod};
use serde_json::json;

/// Sixteen tokens with paths of four kilobytes in thousands of containers would be gigabytes of patch.
#[test]
fn a_patch_far_larger_than_its_pod_is_refused() {
    let names: Vec<String> = (0..3000).map(|index| format!("c{index}")).collect();
    let pod = pod(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let directory = vec!["d".repeat(250); 15].join("/");
    let items: Vec<String> =
        (0..16).map(|index| format!("{{path: /{directory}/{index}/t, env: E{index}}}")).collect();
    let tokens = format!("[{}]", items.join(","));
    let answer = decide(&annotated(pod, &[("tokens", &tokens)]), &namespace(&[]));
    assert_eq!(answer.response["status"]["code"], 422);
    assert!(answer.message().contains("(BT017)"), "{}", answer.message());
    assert!(answer.response.to_string().len() < 4096);
}

#[test]
fn a_container_with_a_name_of_megabytes_costs_nothing() {
    let long = "x".repeat(2_000_000);
    let unknown: Vec<String> = (0..16).map(|index| format!("{}{index}", "y".repeat(50))).collect();
    let items: Vec<String> =
        (0..16).map(|index| format!("{{path: /t{index}/t, containers: '{}'}}", unknown.join(","))).collect();
    let tokens = format!("[{}]", items.join(","));
    let answer = decide(&annotated(pod(&[&long]), &[("tokens", &tokens)]), &namespace(&[]));
    assert!(answer.warns("BT053"));
    assert!(!answer.warnings().iter().any(|warning| warning.contains("did you mean")));
}

/// Names of 63 characters that differ at their end only.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{}{index:03}", "x".repeat(60))).collect()
}

/// A list of sixteen tokens, each in a directory of its own.
fn sixteen(more: &str) -> String {
    let items: Vec<String> = (0..16).map(|index| format!("{{path: /t{index}/t{more}}}")).collect();
    format!("[{}]", items.join(","))
}

/// Each mount is looked at a few times, and not for each token and each name of a list.
#[test]
fn a_container_with_very_many_mounts_costs_little() {
    let mut pod = pod(&[&"x".repeat(63)]);
    let container = &mut pod["spec"]["containers"][0];
    let name = container["volumeMounts"][0]["name"].clone();
    let mounts = (0..90_000).map(|index| json!({"name": name, "mountPath": format!("/m/{index}")}));
    container["volumeMounts"].as_array_mut().unwrap().extend(mounts);
    let tokens = sixteen("");
    let settings = [("skip-containers", &*names(99).join(",")), ("tokens", &tokens)];
    let answer = decide(&annotated(pod, &settings), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
    assert_eq!(answer.pod["spec"]["volumes"].as_array().unwrap().len(), 17);
}

fn crowd(containers: &str) -> Admission {
    let name = "x".repeat(63);
    let mut pod = pod(&[]);
    pod["spec"]["containers"] = vec![json!({"name": name}); 90_000].into();
    let tokens = sixteen(&format!(", containers: '{containers}'"));
    decide(&annotated(pod, &[("tokens", &tokens)]), &namespace(&[]))
}

/// Each container is looked up once, and not in each list.
#[test]
fn very_many_containers_that_no_list_names_cost_little() {
    let answer = crowd(&names(100).join(","));
    assert!(answer.allowed() && answer.warns("BT053"), "{}", answer.message());
}
