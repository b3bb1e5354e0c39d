//! The messages for a client that creates or changes a Namespace.

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Printed, kubectl};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, TestInstall, namespace_of};

/// The code that occurs on Namespaces only.
pub(super) const CODE: &str = "BT061";

/// The label `install` of these Namespaces.
const INSTALL: &str = "judged";

/// Invalid settings.
const MISTAKEN: Settings<'_> = &[("mode", "replce"), ("ttl", "2h"), ("max-ttl", "1h")];

/// A Namespace with violations is refused if it opts in; otherwise the response has warnings.
pub(crate) async fn namespaces_are_judged(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, INSTALL, &[("judged", &[])]).await;
    install.judge_namespaces(INSTALL).await;
    let refused = namespace_of(INSTALL, "judged-refused", MISTAKEN);
    eventually("a judged Namespace", async || (install.dry_run(&refused).await.code == 422).then_some(()))
        .await;

    let refused = create(&install, &refused, 1);
    assert_eq!(refused.codes(), ["001", "015"], "{refused}");
    assert_snapshot!("namespace_refused", refused.to_string());
    let warned =
        namespace_of(INSTALL, "judged-warned", &[("mode", "off"), ("audience", "vault"), ("tll", "2h")]);
    assert_snapshot!("namespace_warned", create(&install, &warned, 0).to_string());

    let mut unlabelled = namespace_of(INSTALL, "judged-unlabelled", MISTAKEN);
    unlabelled["metadata"]["labels"] = json!({"install": INSTALL});
    let unlabelled = create(&install, &unlabelled, 0);
    assert!(unlabelled.codes().contains(&"061"), "{unlabelled}");
    assert_snapshot!("namespace_without_the_label", unlabelled.to_string());
    let labelled = kubectl(&plane, "label namespace judged-unlabelled boundtoken.dev/webhook=enabled", "");
    assert_snapshot!("namespace_labelled_afterwards", readable(&labelled, 1));

    let annotated = kubectl(&plane, "annotate namespace judged boundtoken.dev/ttl=5m", "");
    assert_snapshot!("namespace_annotated", readable(&annotated, 1));
}

fn create(install: &TestInstall, namespace: &Value, code: i32) -> Printed {
    let printed = kubectl(&install.plane, "create -f -", &namespace.to_string());
    readable(&printed, code);
    printed
}

fn readable(printed: &Printed, code: i32) -> String {
    printed.assert_readable();
    assert_eq!(printed.code, code, "{printed}");
    printed.to_string()
}
