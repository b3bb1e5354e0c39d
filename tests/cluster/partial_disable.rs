//! Control of `disable`: a webhook that takes only one of its two steps leaves a token in the Pod.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::other_webhook::OtherWebhook;
use crate::pods::{all_hold, held, list, pod};
use crate::reinvocation::calls;
use crate::support::control_plane::ControlPlane;
use crate::support::test_install::TestInstall;

const A_YEAR: &[&str] = &["DEFAULT/token - 3607"];

/// The API server adds the volume again if it is only removed.
pub(crate) async fn removal_alone_leaves_the_token(plane: Arc<ControlPlane>) {
    let stored = stored_after(&plane, "removal-alone", removal).await;
    assert_eq!(held(&stored), all_hold(A_YEAR));
    assert_eq!(stored["spec"]["automountServiceAccountToken"], Value::Null);
}

/// The API server keeps the volume if only the field is set.
pub(crate) async fn the_field_alone_leaves_the_token(plane: Arc<ControlPlane>) {
    let stored = stored_after(&plane, "field-alone", field).await;
    assert_eq!(held(&stored), all_hold(A_YEAR));
    assert_eq!(stored["spec"]["automountServiceAccountToken"], false);
}

/// The stored Pod after a webhook that takes this one step.
async fn stored_after(plane: &ControlPlane, name: &str, step: fn(&Value) -> Value) -> Value {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    plane.api.create(&namespace).await.unwrap();
    plane.wait_for_service_account(name).await;
    let _other = OtherWebhook::start(plane, name, name, step).await;
    let stored = plane.api.create(&pod(name, "bare", &[])).await.unwrap();
    assert_eq!(calls(plane, name, &format!("{name}.example.com")).await, [true], "{name}: one patch");
    stored
}

/// Both steps together, as in `disable`, leave no token.
pub(crate) async fn removal_and_field_leave_no_token(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "both-steps", &[("both-steps", &[("mode", "disable")])]).await;
    let stored = install.create(&pod("both-steps", "bare", &[])).await.unwrap();
    assert_eq!(held(&stored), all_hold(&[]));
    assert_eq!(stored["spec"]["automountServiceAccountToken"], false);
    assert_eq!(list(&stored["spec"]["volumes"]).count(), 0, "{stored}");
}

/// Removes the plugin's volume and every mount of it, if they exist.
fn removal(pod: &Value) -> Value {
    let is_ours = |object: &Value| object["name"].as_str().unwrap().starts_with("kube-api-access-");
    let mut operations = Vec::new();
    for (field, item) in [("initContainers", "volumeMounts"), ("containers", "volumeMounts")] {
        for (i, container) in list(&pod["spec"][field]).enumerate() {
            for j in (0..list(&container[item]).count()).rev() {
                if is_ours(&container[item][j]) {
                    operations.push(json!({"op": "remove", "path": format!("/spec/{field}/{i}/{item}/{j}")}));
                }
            }
        }
    }
    for i in (0..list(&pod["spec"]["volumes"]).count()).rev() {
        if is_ours(&pod["spec"]["volumes"][i]) {
            operations.push(json!({"op": "remove", "path": format!("/spec/volumes/{i}")}));
        }
    }
    Value::from(operations)
}

/// Sets `automountServiceAccountToken: false`, although a token is already mounted.
fn field(_: &Value) -> Value {
    json!([{"op": "add", "path": "/spec/automountServiceAccountToken", "value": false}])
}
