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

/// Mounts inside sixteen directories, each inside the other, with parts of a volume of as many files.
#[test]
fn very_many_mounts_inside_one_another_cost_little() {
    let mut directory = String::new();
    let mut items = Vec::new();
    for index in 0..16 {
        directory.push_str("/d");
        items.push(format!("{{path: {directory}/t{index}}}"));
    }
    let sources: Vec<_> = (0..20_000)
        .map(|index| json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": format!("f{index}")}}))
        .collect();
    let mounts: Vec<_> = (0..40_000)
        .map(|index| json!({"name": "v", "mountPath": format!("{directory}/m{index}"), "subPath": format!("x{index}")}))
        .collect();
    let mut pod = pod(&["app"]);
    pod["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "v", "projected": {"sources": sources}}));
    pod["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().extend(mounts);
    let settings = [("mode", "add"), ("tokens", &*format!("[{}]", items.join(",")))];
    let answer = decide(&annotated(pod, &settings), &namespace(&[]));
    // Each of the sources is limited.
    assert!(answer.message().contains("(BT017)"), "{}", answer.message());
}

/// A path of two thousand segments, below mounts of very many containers.
#[test]
fn a_deep_directory_costs_little_in_very_many_containers() {
    let mount = json!({"name": "v", "mountPath": "/d", "readOnly": true});
    let mut pod = pod(&["app"]);
    pod["spec"]["volumes"].as_array_mut().unwrap().push(json!({"name": "v", "emptyDir": {}}));
    let containers = (0..30_000).map(|index| json!({"name": format!("c{index}"), "volumeMounts": [mount]}));
    pod["spec"]["containers"].as_array_mut().unwrap().extend(containers);
    let path = format!("{}/t", "/d".repeat(2_000));
    let settings = [("mode", "add"), ("path", &*path), ("containers", "c1,c29999")];
    assert!(decide(&annotated(pod.clone(), &settings), &namespace(&[])).warns("BT054"));
    let answer = decide(&annotated(pod, &[("mode", "add"), ("path", &*path)]), &namespace(&[]));
    assert!(answer.allowed() && answer.warns("BT054"), "{}", answer.message());
}
