//! A webhook that has no settings yet, or is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boundtoken::namespaces::{Lookup, NamespaceStore};
use boundtoken::policy::NamespaceSettings;
use boundtoken::server::routes::Webhook;
use serde_json::json;

use crate::other_webhook::{OtherWebhook, router};
use crate::pods::{all_hold, held, pod};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::TestInstall;

/// A store that does not know the Namespace at first.
#[derive(Clone, Default)]
struct Late(Arc<AtomicUsize>);

impl NamespaceStore for Late {
    fn cached(&self, _name: &str) -> Option<Lookup> {
        None
    }

    async fn fetch(&self, name: &str) -> Lookup {
        // The call of the probe, which comes first, counts as well.
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 | 2 | 3 => Lookup::Unavailable,
            _ => Lookup::Settings(Arc::new(NamespaceSettings::parse(name, [], &Arc::default()))),
        }
    }
}

/// A call answered with 503 and `Retry-After` is retried, and the create succeeds.
pub(crate) async fn unavailable_settings_are_retried(plane: Arc<ControlPlane>) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "late"}});
    plane.api.create(&namespace).await.unwrap();
    plane.wait_for_service_account("late").await;
    let late = Late::default();
    let webhook =
        Webhook { namespaces: Arc::new(late.clone()), defaults: Arc::default(), metrics: Arc::default() };
    let _webhook = OtherWebhook::serve(&plane, "late", "late", router(webhook)).await;
    eventually("a call of the webhook", async || {
        crate::support::test_install::probe(&plane, "late").await;
        (late.0.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    late.0.store(2, Ordering::SeqCst);
    let stored = plane.api.create(&pod("late", "bare", &[])).await.unwrap();
    assert_eq!(held(&stored), all_hold(&["DEFAULT/token - 3600"]));
    // The count starts at two: two responses without settings, and one with them.
    assert_eq!(late.0.load(Ordering::SeqCst), 5);
}

/// Without a webhook, Pods of labelled Namespaces are refused, others are not. Once it is back, all Pods are
/// admitted.
pub(crate) async fn a_webhook_that_is_down(plane: Arc<ControlPlane>) {
    let install = TestInstall::start_as("away.boundtoken.dev", &plane, "away", &[("away", &[])]).await;
    let apart = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apart"}});
    plane.api.create(&apart).await.unwrap();
    plane.wait_for_service_account("apart").await;
    install.create(&pod("away", "before", &[])).await.unwrap();

    let install = install
        .without_webhook(async || {
            eventually("a refused connection", async || {
                let refusal = plane.api.create(&pod("away", "meanwhile", &[])).await.unwrap_err();
                assert!(refusal.contains("failed calling webhook \"away.boundtoken.dev\""), "{refusal}");
                // The first call may still fail on a connection that was kept alive.
                refusal.contains("connect: connection refused").then_some(())
            })
            .await;
            let stored = plane.api.create(&pod("apart", "meanwhile", &[])).await.unwrap();
            assert_eq!(held(&stored), all_hold(&["DEFAULT/token - 3607"]));
        })
        .await;
    let stored = install.create(&pod("away", "after", &[])).await.unwrap();
    assert_eq!(held(&stored), all_hold(&["DEFAULT/token - 3600"]));
}
