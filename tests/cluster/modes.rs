//! Every mode, set on the Namespace, on the Pod, or on both, for every kind of owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::pods::{self, OWNERS, all_hold, generated, held, owner, pod};
use crate::support::control_plane::ControlPlane;
use crate::support::guard::guard;
use crate::support::test_install::{Settings, TestInstall};

/// The settings, and the resulting tokens of every container of every Pod.
struct Case {
    /// The name of the Namespace.
    name: &'static str,
    namespace: Settings<'static>,
    pod: Settings<'static>,
    held: &'static [&'static str],
    /// `automountServiceAccountToken`.
    automount: Option<bool>,
}

const REPLACE: Settings<'_> = &[("mode", "replace"), ("audience", "vault"), ("ttl", "2h")];
const ADD: Settings<'_> = &[("mode", "add"), ("audience", "vault"), ("path", "/run/vault/token")];
const DISABLE: Settings<'_> = &[("mode", "disable")];
const OFF: Settings<'_> = &[("mode", "off")];

const REPLACED: &[&str] = &["DEFAULT/token vault 7200"];
const ADDED: &[&str] = &["DEFAULT/token - 3600", "/run/vault/token vault 3600"];
const NOTHING: &[&str] = &[];
const A_YEAR: &[&str] = &["DEFAULT/token - 3607"];

const CASES: &[Case] = &[
    Case { name: "label-alone", namespace: &[], pod: &[], held: &["DEFAULT/token - 3600"], automount: None },
    Case { name: "replace-namespace", namespace: REPLACE, pod: &[], held: REPLACED, automount: None },
    Case { name: "replace-pod", namespace: &[], pod: REPLACE, held: REPLACED, automount: None },
    Case {
        name: "replace-overridden",
        namespace: &[("mode", "disable"), ("audience", "other"), ("ttl", "2h")],
        pod: &[("mode", "replace"), ("audience", "vault")],
        held: REPLACED,
        automount: None,
    },
    Case { name: "disable-namespace", namespace: DISABLE, pod: &[], held: NOTHING, automount: Some(false) },
    Case { name: "disable-pod", namespace: &[], pod: DISABLE, held: NOTHING, automount: Some(false) },
    Case { name: "disable-overridden", namespace: OFF, pod: DISABLE, held: NOTHING, automount: Some(false) },
    Case { name: "add-namespace", namespace: ADD, pod: &[], held: ADDED, automount: None },
    Case { name: "add-pod", namespace: &[], pod: ADD, held: ADDED, automount: None },
    Case { name: "add-overridden", namespace: DISABLE, pod: ADD, held: ADDED, automount: None },
    Case { name: "off-namespace", namespace: OFF, pod: &[], held: A_YEAR, automount: None },
    Case { name: "off-pod", namespace: &[], pod: OFF, held: A_YEAR, automount: None },
    Case { name: "off-overridden", namespace: DISABLE, pod: OFF, held: A_YEAR, automount: None },
    Case {
        name: "path-namespace",
        namespace: &[("path", "/run/api/token"), ("ttl", "30m")],
        pod: &[],
        held: &["/run/api/token - 1800"],
        automount: Some(false),
    },
];

/// Pods without an owner and of every kind of owner, in every mode.
pub(crate) async fn every_mode_for_every_owner(plane: Arc<ControlPlane>) {
    let namespaces: Vec<_> = CASES.iter().map(|case| (case.name, case.namespace)).collect();
    let install = TestInstall::start(&plane, "modes", &namespaces).await;
    guard(&plane, "modes").await;
    for case in CASES {
        install.create(&pod(case.name, "bare", case.pod)).await.unwrap();
        install.create(&generated(case.name, "generated", case.pod)).await.unwrap();
        for kind in OWNERS {
            install.create(&owner(kind, case.name, &kind.to_lowercase(), case.pod)).await.unwrap();
        }
    }
    for case in CASES {
        install.run_now(case.name, "cronjob").await;
        for app in ["bare", "generated"].into_iter().chain(OWNERS) {
            let app = app.to_lowercase();
            for pod in install.pods_of(case.name, &app, 1).await {
                assert_case(case, &app, &pod);
            }
        }
    }
}

fn assert_case(case: &Case, app: &str, pod: &Value) {
    let place = format!("{app} in {}", case.name);
    assert_eq!(held(pod), all_hold(case.held), "{place}");
    assert_eq!(pod["spec"]["automountServiceAccountToken"].as_bool(), case.automount, "{place}");
    // No volume is left that a container could mount later.
    let held: BTreeSet<String> = held(pod).into_values().flatten().collect();
    assert_eq!(pods::token_volumes(pod).len(), held.len(), "{place}: a volume that no container mounts");
}

/// With a list, only the named containers get the token, whatever their kind.
pub(crate) async fn lists_of_containers(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "lists", &[("lists", &[("containers", "app,proxy")])]).await;
    let token: BTreeSet<String> = all_hold(&["DEFAULT/token - 3600"]).remove("app").unwrap();
    for (name, settings, holders) in [
        ("from-the-namespace", &[][..], &["app", "proxy"][..]),
        ("from-the-pod", &[("containers", "setup")][..], &["setup"][..]),
        ("skipped", &[("skip-containers", "setup")][..], &["proxy", "app", "helper"][..]),
    ] {
        let stored = install.create(&pod("lists", name, settings)).await.unwrap();
        let expected: BTreeMap<_, _> = pods::CONTAINERS
            .into_iter()
            .map(|container| {
                let holds = holders.contains(&container);
                (container.to_owned(), if holds { token.clone() } else { BTreeSet::new() })
            })
            .collect();
        assert_eq!(held(&stored), expected, "{name}");
        assert_eq!(stored["spec"]["automountServiceAccountToken"], false, "{name}");
    }
}
