//! The files of `examples`: they are valid, and `preview` prints the results in their comments.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::examples::{EXAMPLES, Example, examples, manifests};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Their notes are about `ServiceAccounts` that are not in the files.
#[test]
fn examples_cause_no_warning_and_no_refusal() {
    let output = preview(&["preview", "-f", "examples", "-o", "json"]);
    assert!(output.is_success, "{}", output.err);
    assert!(output.err.lines().all(|line| line.starts_with("note: ServiceAccount ")), "{}", output.err);
}

struct Output {
    out: String,
    err: String,
    is_success: bool,
}

/// Runs the program in the root of the repository.
fn preview(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_boundtoken"));
    let output = program.args(arguments).env("NO_COLOR", "1").current_dir(ROOT).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Output { out, err, is_success: output.status.success() }
}

#[test]
fn each_result_is_what_preview_prints() {
    let mut compared = 0;
    for example in examples() {
        for (command, expected) in example.results() {
            let Some(arguments) = command.strip_prefix("boundtoken ") else { continue };
            let output = preview(&arguments.split(' ').collect::<Vec<_>>());
            let printed: Vec<String> =
                (output.out + &output.err).lines().map(|line| line.trim_end().to_owned()).collect();
            assert_eq!(printed, expected, "{}: {command}", example.name);
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} results");
}

/// A manifest with Pods shows what they get, another file the order or its commands.
#[test]
fn each_example_has_a_result() {
    for example in examples() {
        let has_result = match example.name.as_str() {
            "argo-cd.yaml" | "flux.yaml" => example.comment().contains(&"Order:"),
            _ => !example.results().is_empty(),
        };
        assert!(has_result, "{}", example.name);
    }
}

#[test]
fn the_readme_lists_each_example_once() {
    let readme = std::fs::read_to_string(format!("{EXAMPLES}/README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](")?.0.into());
    let mut listed: Vec<&str> = rows.collect();
    listed.sort_unstable();
    let files: Vec<String> = examples().into_iter().map(|example| example.name).collect();
    assert_eq!(listed, files);
}

/// The order in the comments of Argo CD and Flux: by sync waves, and by `dependsOn`.
#[test]
fn gitops_examples_apply_in_the_stated_order() {
    let argo = Example::named("argo-cd.yaml");
    let mut waves: Vec<(i32, String)> = of_kind(&argo, "Application")
        .map(|application| {
            let wave = &application["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
            (wave.as_str().unwrap().parse().unwrap(), name_of(&application))
        })
        .collect();
    waves.sort();
    assert!(waves.windows(2).all(|pair| pair[0].0 < pair[1].0), "{waves:?}");
    assert_eq!(waves.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), stated_order(&argo));

    let flux = Example::named("flux.yaml");
    let mut applied: Vec<String> = Vec::new();
    for kustomization in of_kind(&flux, "Kustomization") {
        let needed = kustomization["spec"]["dependsOn"].as_array().into_iter().flatten();
        let needed: Vec<&str> = needed.map(|needed| needed["name"].as_str().unwrap()).collect();
        assert_eq!(needed, applied, "{}", name_of(&kustomization));
        applied.push(name_of(&kustomization));
    }
    assert_eq!(applied, stated_order(&flux));
}

fn of_kind(example: &Example, kind: &'static str) -> impl Iterator<Item = Value> {
    example.objects().into_iter().filter(move |object| object["kind"] == kind)
}

fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// The names in the numbered lines of the comment.
fn stated_order(example: &Example) -> Vec<String> {
    let comment = example.comment();
    let numbered = comment.iter().filter_map(|line| line.split_once(". ").map(|(_, item)| item));
    numbered.map(|item| item.split(',').next().unwrap().to_owned()).collect()
}

/// Health checks, ignored differences and sources name objects that exist.
#[test]
fn objects_that_gitops_examples_name_exist() {
    let installed = Example {
        name: "install.yaml".to_owned(),
        text: std::fs::read_to_string(format!("{ROOT}/manifests/install.yaml")).unwrap(),
    };
    let mut known: BTreeSet<String> = installed.objects().iter().map(identity).collect();
    let mut named = BTreeSet::new();
    for example in manifests() {
        for object in example.objects() {
            known.insert(identity(&object));
            let references = ["ignoreDifferences", "healthChecks"].map(|field| object["spec"][field].clone());
            named.extend(
                references.iter().flat_map(|list| list.as_array().into_iter().flatten()).map(reference),
            );
            if object["kind"] == "Kustomization" {
                named.insert(reference(&object["spec"]["sourceRef"]));
            }
        }
    }
    assert!(named.is_subset(&known), "{:?}", named.difference(&known));
    assert_eq!(named.len(), 4, "{named:?}");
}

fn identity(object: &Value) -> String {
    reference(&serde_json::json!({"kind": object["kind"], "name": object["metadata"]["name"]}))
}

fn reference(to: &Value) -> String {
    format!("{} {}", to["kind"].as_str().unwrap(), to["name"].as_str().unwrap())
}
