//! The shipped guard, for the Namespaces of one test.

use serde_json::{Value, json};

use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{SHOP, namespace_of, probe};

const POLICY: &str = include_str!("../../manifests/guard/policy.yaml");
const BINDING: &str = include_str!("../../manifests/guard/binding.yaml");

/// Guards the Namespaces of an install, and waits until the API server refuses a Pod.
///
/// Pods that the webhook changed pass, so a Pod of another Namespace is used to wait.
pub(crate) async fn guard(plane: &ControlPlane, install: &str) {
    let probed = format!("{install}-guard");
    plane.api.create(&namespace_of(&probed, &probed, &[])).await.unwrap();
    plane.wait_for_service_account(&probed).await;
    for object in objects(install, &probed) {
        plane.api.create(&object).await.unwrap();
    }
    eventually("a guard in force", async || {
        let answer = probe(plane, &probed).await;
        if answer.message().contains("is not allowed in Namespace") { Ok(()) } else { Err(answer) }
    })
    .await;
}

/// The name of the policy and of its binding.
pub(crate) fn name_of(install: &str) -> String {
    if install == SHOP { "boundtoken-guard".to_owned() } else { format!("boundtoken-guard-{install}") }
}

fn objects(install: &str, probed: &str) -> [Value; 2] {
    let mut policy: Value = serde_saphyr::from_str(POLICY).unwrap();
    let mut binding: Value = serde_saphyr::from_str(BINDING).unwrap();
    let selector = &mut policy["spec"]["matchConstraints"]["namespaceSelector"];
    let ours = json!({"key": "install", "operator": "In", "values": [install, probed]});
    selector["matchExpressions"].as_array_mut().unwrap().push(ours);
    let name = name_of(install);
    binding["spec"]["policyName"] = name.as_str().into();
    for object in [&mut policy, &mut binding] {
        object["metadata"]["name"] = name.as_str().into();
    }
    [policy, binding]
}
