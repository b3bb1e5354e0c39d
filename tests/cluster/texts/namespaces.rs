//! What the owner of a Namespace reads who creates or changes it.

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Printed, kubectl};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, World, namespace_of};

/// The code that only a Namespace is told.
pub(super) const CODE: &str = "BT061";

/// The label `world` of the Namespaces here.
const WORLD: &str = "judged";

/// Settings that cannot hold.
const MISTAKEN: Settings<'_> = &[("mode", "replce"), ("ttl", "2h"), ("max-ttl", "1h")];

/// Mistakes are refused where the Namespace opts in; the rest is a warning.
pub(crate) async fn namespaces_are_judged(plane: Arc<ControlPlane>) {
    let world = World::start(&plane, WORLD, &[("judged", &[])]).await;
    world.judge_namespaces(WORLD).await;
    let refused = namespace_of(WORLD, "judged-refused", MISTAKEN);
    eventually("a judged Namespace", async || (world.dry_run(&refused).await.code == 422).then_some(()))
        .await;

    let refused = create(&world, &refused, 1);
    assert_eq!(refused.codes(), ["001", "015"], "{refused}");
    assert_snapshot!("namespace_refused", refused.to_string());
    let warned =
        namespace_of(WORLD, "judged-warned", &[("mode", "off"), ("audience", "vault"), ("tll", "2h")]);
    assert_snapshot!("namespace_warned", create(&world, &warned, 0).to_string());

    let mut unlabelled = namespace_of(WORLD, "judged-unlabelled", MISTAKEN);
    unlabelled["metadata"]["labels"] = json!({"world": WORLD});
    let unlabelled = create(&world, &unlabelled, 0);
    assert!(unlabelled.codes().contains(&"061"), "{unlabelled}");
    assert_snapshot!("namespace_without_the_label", unlabelled.to_string());
    let labelled = kubectl(&plane, "label namespace judged-unlabelled boundtoken.dev/webhook=enabled", "");
    assert_snapshot!("namespace_labelled_afterwards", readable(&labelled, 1));

    let annotated = kubectl(&plane, "annotate namespace judged boundtoken.dev/ttl=5m", "");
    assert_snapshot!("namespace_annotated", readable(&annotated, 1));
}

fn create(world: &World, namespace: &Value, code: i32) -> Printed {
    let printed = kubectl(&world.plane, "create -f -", &namespace.to_string());
    readable(&printed, code);
    printed
}

fn readable(printed: &Printed, code: i32) -> String {
    printed.assert_readable();
    assert_eq!(printed.code, code, "{printed}");
    printed.to_string()
}
