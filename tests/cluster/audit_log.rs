//! The API server's audit log contains the settings of each Pod, and their origins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::pods::pod;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, TestInstall};

/// A Namespace, a Pod in it, and the expected annotations of its creation in the audit log.
struct Case {
    name: &'static str,
    namespace: Settings<'static>,
    pod: Settings<'static>,
    code: u16,
    annotations: Settings<'static>,
}

const CASES: &[Case] = &[
    Case {
        name: "audited-patched",
        namespace: &[("ttl", "2h")],
        pod: &[("audience", "vault")],
        code: 201,
        annotations: &[
            ("mode", "replace"),
            ("audience", "vault"),
            ("ttl", "7200"),
            ("settings-from", "namespace,pod"),
            ("outcome", "patched"),
        ],
    },
    Case {
        name: "audited-label-alone",
        namespace: &[],
        pod: &[],
        code: 201,
        annotations: &[
            ("mode", "replace"),
            ("audience", ""),
            ("ttl", "3600"),
            ("settings-from", "defaults"),
            ("outcome", "patched"),
        ],
    },
    Case {
        name: "audited-untouched",
        namespace: &[("mode", "off")],
        pod: &[],
        code: 201,
        annotations: &[("mode", "off"), ("settings-from", "namespace"), ("outcome", "unchanged")],
    },
    Case {
        name: "audited-refused",
        namespace: &[],
        pod: &[("ttl", "1d")],
        code: 422,
        annotations: &[("settings-from", "pod"), ("outcome", "refused")],
    },
    Case {
        name: "audited-forbidden",
        namespace: &[("max-ttl", "1h")],
        pod: &[("ttl", "2h")],
        code: 403,
        annotations: &[
            ("mode", "replace"),
            ("audience", ""),
            ("ttl", "7200"),
            ("settings-from", "namespace,pod"),
            ("outcome", "refused"),
        ],
    },
];

/// The audit log contains every annotation, and no other.
pub(crate) async fn annotations(plane: Arc<ControlPlane>) {
    let namespaces: Vec<_> = CASES.iter().map(|case| (case.name, case.namespace)).collect();
    let install = TestInstall::start(&plane, "audited", &namespaces).await;
    for case in CASES {
        let _ = install.create(&pod(case.name, "web", case.pod)).await;
        assert_logged(&install, case.name, case.code, case.annotations).await;
    }
}

/// Settings of a Namespace in a dry run.
const DRY: Settings<'_> = &[("dry-run", "true"), ("mode", "disable"), ("pod-overrides", "deny")];

/// Stores every Pod as the API server would without the webhook.
const OFF: Settings<'_> = &[("mode", "off")];

const PATCH_WARNING: &str =
    "boundtoken.dev/dry-run: mode disable would change the Pod, patch operations: 6 (BT060)";

const REFUSAL_WARNING: &str = "boundtoken.dev/ttl: dry-run would refuse: is set on the Pod, but Namespace dry-refuse \
     sets pod-overrides: deny (BT030)";

/// Nothing is patched or refused. Warnings and the audit log contain what would have happened.
pub(crate) async fn dry_run(plane: Arc<ControlPlane>) {
    let namespaces = [("dry-patch", DRY), ("dry-refuse", DRY), ("dry-none", OFF)];
    let install = TestInstall::start(&plane, "audited-dry-run", &namespaces).await;
    install.create(&pod("dry-none", "web", &[])).await.unwrap();
    let untouched = stored(&install, "dry-none").await;
    assert!(untouched.to_string().contains("\"expirationSeconds\":3607"), "{untouched}");
    let patched = [("mode", "disable"), ("settings-from", "namespace"), ("outcome", "would-patch")];
    let refused = [("settings-from", "namespace,pod"), ("outcome", "would-refuse")];
    for (namespace, settings, annotations, warning) in [
        ("dry-patch", &[][..], &patched[..], PATCH_WARNING),
        ("dry-refuse", &[("ttl", "2h")], &refused, REFUSAL_WARNING),
    ] {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let answer = install.plane.api.post(&path, &pod(namespace, "web", settings)).await;
        assert_eq!((answer.code, answer.warnings.as_slice()), (201, &[warning.to_owned()][..]));
        assert_logged(&install, namespace, 201, annotations).await;
        assert_eq!(stored(&install, namespace).await, untouched, "{namespace}");
    }
}

/// The spec of a stored Pod, without the suffix that the ServiceAccount plugin generates.
async fn stored(install: &TestInstall, namespace: &str) -> Value {
    let path = format!("/api/v1/namespaces/{namespace}/pods/web");
    let spec = install.plane.api.get(&path).await.unwrap()["spec"].take();
    let name = spec["volumes"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("kube-api-access-"), "{spec}");
    serde_json::from_str(&spec.to_string().replace(name, "kube-api-access")).unwrap()
}

/// Waits for the creation of the Pod `web`, and compares its annotations in the audit log.
async fn assert_logged(install: &TestInstall, namespace: &str, code: u16, expected: Settings<'_>) {
    let event = eventually(&format!("an audit event in {namespace}"), async || {
        let events = install.plane.audit_events(namespace);
        events.into_iter().find(|event| event["objectRef"]["name"] == "web")
    })
    .await;
    assert_eq!(event["responseStatus"]["code"], code, "{event}");
    let annotations = event["annotations"].as_object().unwrap();
    let ours: BTreeMap<&str, &str> = annotations
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("pods.boundtoken.dev/")?, value.as_str()?)))
        .collect();
    assert_eq!(ours, expected.iter().copied().collect(), "{namespace}: {event}");
}
