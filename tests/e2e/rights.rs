//! Compares the rights that the manifests grant with all requests of boundtoken in the earlier tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;

const USER: &str = "system:serviceaccount:boundtoken:boundtoken";

/// A verb, a resource, and the name if rules grant the resource by name.
type Right = (String, String, String);

/// Every right was used, and none was missing.
///
/// An uninstall deletes the rights of replicas that still run, and an API server learns of rights a while after it
/// starts and after they are created. So requests are refused now and then although the manifests grant them. A
/// right that is missing is refused each time.
pub(crate) async fn are_the_least(cluster: Arc<Cluster>) {
    let granted = granted();
    let (mut used, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for event in cluster.node().requests() {
        if event["user"]["username"] != USER || event["objectRef"].is_null() {
            continue;
        }
        let right = right(&event, &granted);
        if is_refusal(&event) {
            refused.insert(right);
        } else if succeeded(&event) {
            // A list as events is a watch for the API server. One that refuses it needs the right to list, as
            // `tests/cluster/rights.rs` shows.
            if text(&event["requestURI"]).contains("sendInitialEvents=true") {
                used.insert(("list".to_owned(), right.1.clone(), right.2.clone()));
            }
            used.insert(right);
        }
    }
    println!("rights used: {used:?}, refused at times: {refused:?}");
    assert_eq!(refused.difference(&used).collect::<Vec<_>>(), Vec::<&Right>::new());
    assert_eq!(granted, used);
}

/// The right that a request needs.
fn right(event: &Value, granted: &BTreeSet<Right>) -> Right {
    let object = &event["objectRef"];
    let resource = text(&object["resource"]);
    let by_name = granted.iter().any(|(_, other, name)| *other == resource && !name.is_empty());
    (text(&event["verb"]), resource, if by_name { text(&object["name"]) } else { String::new() })
}

fn succeeded(event: &Value) -> bool {
    event["responseStatus"]["code"].as_u64().is_some_and(|code| (200..300).contains(&code))
}

fn is_refusal(event: &Value) -> bool {
    event["responseStatus"]["code"] == 403
}

/// The rules of the shipped roles.
fn granted() -> BTreeSet<Right> {
    let manifest = include_str!("../../manifests/base/rbac.yaml");
    let documents =
        manifest.split("\n---\n").map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    let mut rights = BTreeSet::new();
    for rule in documents.flat_map(|document| list(&document["rules"])) {
        let names = match list(&rule["resourceNames"]) {
            names if names.is_empty() => vec![Value::default()],
            names => names,
        };
        for verb in list(&rule["verbs"]) {
            for resource in list(&rule["resources"]) {
                rights.extend(names.iter().map(|name| (text(&verb), text(&resource), text(name))));
            }
        }
    }
    rights
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
