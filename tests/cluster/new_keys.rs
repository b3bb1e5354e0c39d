//! New keys on request, and the old one distrusted immediately.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::rights::{Install, ready};
use crate::shop::{Terminal, alone};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;
use crate::support::program::Serving;

/// The commands of both pages request a new key, and the old CA is distrusted on request once it is out of
/// use.
pub(crate) async fn as_the_pages_ask_for_them(plane: Arc<ControlPlane>) {
    let _alone = alone(&plane).await;
    let install = Install::new(&plane, "boundtoken", None).await;
    let replica = install.start_with(&["--dwell=2", "--tick=1"]).await;
    eventually("a ready replica", async || ready(&replica).await).await;
    let terminal = Terminal::of(&plane);
    let [first] = &trusted(&plane, &install).await[..] else { panic!("not one authority") };

    terminal.type_in(&block("new-key"));
    wait_until_in_use(&replica, 2).await;
    let both = trusted(&plane, &install).await;
    assert!(both.len() == 2 && both.contains(first), "{both:?}");
    terminal.type_in(&block("distrust-old-key"));
    let second = eventually("one authority", async || {
        let left = trusted(&plane, &install).await;
        if left.len() == 1 { Ok(left) } else { Err(left) }
    })
    .await;
    assert!(!second.contains(first), "{first}");

    terminal.type_in(&block("new-key-now"));
    wait_until_in_use(&replica, 3).await;
    let secret = plane.api.get(&install.secret()).await.unwrap();
    assert_eq!(secret["metadata"]["annotations"]["boundtoken.dev/new-key"], Value::Null);
    ready(&replica).await.unwrap();
}

/// Waits until the replica has switched certificates this many times.
async fn wait_until_in_use(replica: &Serving, count: u64) {
    let line = format!("boundtoken_certificate_rotations_total{{result=\"success\"}} {count}\n");
    eventually(&line, async || {
        let metrics = replica.metrics().await;
        if metrics.contains(&line) { Ok(()) } else { Err(metrics) }
    })
    .await;
}

/// The CAs that API servers trust.
async fn trusted(plane: &ControlPlane, install: &Install) -> Vec<String> {
    let configuration = plane.api.get(&install.configuration()).await.unwrap();
    let bundle = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap();
    let bundle = String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap();
    bundle.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect()
}
