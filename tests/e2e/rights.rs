//! Compares the rights that the manifests grant with all requests of boundtoken in the earlier tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::node::{LEAVING, READY};

const USER: &str = "system:serviceaccount:boundtoken:boundtoken";

/// A verb and a resource.
type Right = (String, String);

/// Every right was used, and none was missing.
///
/// An uninstall deletes the rights of replicas that still run, and an API server that starts does not know
/// the rights yet. So a refusal counts only while the right is granted and the API server is ready.
pub(crate) async fn are_the_least(cluster: Arc<Cluster>) {
    let (mut used, mut missed, mut away) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for event in cluster.node().requests() {
        note_removal(&event, &mut away);
        note_restart(&event, &mut away);
        if event["user"]["username"] != USER || event["objectRef"].is_null() {
            continue;
        }
        let right = (text(&event["verb"]), text(&event["objectRef"]["resource"]));
        if succeeded(&event) {
            // A list as events is a watch for the API server. One that refuses it needs the right to list, as
            // `tests/cluster/rights.rs` shows.
            if text(&event["requestURI"]).contains("sendInitialEvents=true") {
                used.insert(("list".to_owned(), right.1.clone()));
            }
            used.insert(right);
        } else if is_refusal(&event) && granting(&right.1).iter().all(|grant| !away.contains(*grant)) {
            missed.push((right, event["annotations"].clone()));
        }
    }
    println!("rights used: {used:?}");
    assert_eq!(missed, Vec::new());
    assert_eq!(granted(), used);
}

/// The kinds of objects that grant rights to boundtoken, and [`LEAVING`].
fn granting(resource: &str) -> [&'static str; 3] {
    if resource == "secrets" {
        ["roles", "rolebindings", LEAVING]
    } else {
        ["clusterroles", "clusterrolebindings", LEAVING]
    }
}

/// Inserts [`LEAVING`] when the API server is killed, and removes it when it is ready again.
fn note_restart(event: &Value, away: &mut BTreeSet<String>) {
    if event["requestURI"] == LEAVING {
        away.insert(LEAVING.to_owned());
    } else if event["requestURI"] == READY && event["responseStatus"]["code"] == 200 {
        away.remove(LEAVING);
    }
}

fn succeeded(event: &Value) -> bool {
    event["responseStatus"]["code"].as_u64().is_some_and(|code| (200..300).contains(&code))
}

fn is_refusal(event: &Value) -> bool {
    event["responseStatus"]["code"] == 403
}

/// Inserts the kind of an object of ours when it is deleted, and removes it when it is created again.
fn note_removal(event: &Value, away: &mut BTreeSet<String>) {
    let object = &event["objectRef"];
    let is_ours = object["name"] == "boundtoken" || object["namespace"] == "boundtoken";
    let is_trial = text(&event["requestURI"]).contains("dryRun=");
    if !is_ours || is_trial || !succeeded(event) {
        return;
    }
    match event["verb"].as_str() {
        Some("delete" | "deletecollection") => away.insert(text(&object["resource"])),
        Some("create") => away.remove(&text(&object["resource"])),
        _ => false,
    };
}

/// The rules of the shipped roles, as pairs.
fn granted() -> BTreeSet<Right> {
    let text = include_str!("../../manifests/base/rbac.yaml");
    let documents = text.split("\n---\n").map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    let rules = documents.flat_map(|document| list(&document["rules"]));
    rules
        .flat_map(|rule| {
            let (verbs, resources) = (list(&rule["verbs"]), list(&rule["resources"]));
            let of = move |resource: Value| {
                verbs.clone().into_iter().map(move |verb| (self::text(&verb), self::text(&resource)))
            };
            resources.into_iter().flat_map(of).collect::<Vec<_>>()
        })
        .collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
