//! The README of the Helm chart lists the values of values.yaml; `make docs` writes it.

use std::fmt::Write;

use serde_json::Value;

use super::reference::compare;

const VALUES: &str = include_str!("../../../charts/boundtoken/values.yaml");
const SCHEMA: &str = include_str!("../../../charts/boundtoken/values.schema.json");

const INTRODUCTION: &str = "\
# Helm chart

The chart installs what `kubectl apply -k manifests` installs. [Install](../../docs/roll-out/install.md) explains both:

```sh
helm install boundtoken charts/boundtoken --namespace boundtoken --create-namespace --wait \\
    --set image.repository=registry.example.com/boundtoken
helm test boundtoken --namespace boundtoken
```

There is one installation for a cluster, so its objects have fixed names. A value that does not exist is an error,
except in `global`, which parent charts set and this chart ignores.

## Values

| value | default | meaning |
| --- | --- | --- |
";

/// A key of values.yaml with its comment.
struct Documented {
    path: Vec<String>,
    comment: String,
}

/// Reads the keys and the comments above them.
fn documented() -> Vec<Documented> {
    let (mut path, mut comment, mut all) = (Vec::<(usize, String)>::new(), String::new(), Vec::new());
    for line in VALUES.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(more) = text.strip_prefix("# ") {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(more);
        } else if let Some((key, _)) = text.split_once(':') {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, key.to_owned()));
            let path = path.iter().map(|(_, key)| key.clone()).collect();
            all.push(Documented { path, comment: std::mem::take(&mut comment) });
        }
    }
    all
}

fn lookup<'a>(root: &'a Value, path: &[String], inner: &str) -> &'a Value {
    path.iter().fold(root, |value, key| if inner.is_empty() { &value[key] } else { &value[inner][key] })
}

#[test]
fn readme_lists_every_value() {
    let values: Value = serde_saphyr::from_str(VALUES).expect("YAML");
    let documented = documented();
    let mut readme = INTRODUCTION.to_owned();
    for Documented { path, comment } in documented.iter().filter(|value| !value.comment.is_empty()) {
        let has_parts = documented.iter().any(|other| {
            other.path.len() > path.len() && other.path.starts_with(path) && !other.comment.is_empty()
        });
        let default = if has_parts { String::new() } else { format!("`{}`", lookup(&values, path, "")) };
        writeln!(readme, "| `{}` | {default} | {comment} |", path.join(".")).expect("a string");
    }
    compare("../charts/boundtoken/README.md", &readme);
}

#[test]
fn every_value_has_a_comment_and_a_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    for Documented { path, comment } in documented() {
        let known = lookup(&schema, &path, "properties");
        // Within a field of Kubernetes the API server checks, and its documentation explains.
        let parent = path.split_last().map_or(&schema, |(_, parent)| lookup(&schema, parent, "properties"));
        let is_ours = parent["additionalProperties"] == false;
        assert_eq!((known.is_null(), comment.is_empty()), (!is_ours, !is_ours), "{path:?}");
    }
}

#[test]
fn versions_are_those_of_the_program() {
    let chart: Value =
        serde_saphyr::from_str(include_str!("../../../charts/boundtoken/Chart.yaml")).expect("YAML");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((chart["version"].as_str(), chart["appVersion"].as_str()), (Some(version), Some(version)));
}
