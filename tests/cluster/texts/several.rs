//! Several violations and warnings at once, and the options of `kubectl` that change its output.

use std::sync::Arc;

use insta::assert_snapshot;

use super::kubectl;
use crate::pods::{generated, pod};
use crate::support::control_plane::ControlPlane;
use crate::support::test_install::{Settings, TestInstall};

/// Two violations, one of which has a suggestion.
const TWO: Settings<'_> = &[("mode", "replce"), ("ttl", "5m")];

/// Two violations and an unknown key.
const BESIDE_A_WARNING: Settings<'_> = &[("mode", "replce"), ("ttl", "5m"), ("audiance", "vault")];

/// The output has a bullet for each violation of both objects, and a line for those that are forbidden.
pub(crate) async fn several_at_once(plane: Arc<ControlPlane>) {
    let guarded = [("allowed-audiences", "sts"), ("max-ttl", "1h")];
    let namespaces: [(&str, Settings<'_>); 3] = [
        ("several", &[]),
        ("several-on-both", &[("env", "1X"), ("max-ttl", "1d")]),
        ("several-guarded", &guarded),
    ];
    let install = TestInstall::start(&plane, "several", &namespaces).await;
    let create = |object: &serde_json::Value| {
        let printed = kubectl(&install.plane, "create -f -", &object.to_string());
        printed.assert_readable();
        assert_eq!(printed.code, 1, "{printed}");
        printed
    };
    let bullets = create(&pod("several", "web", TWO));
    assert_eq!(bullets.stderr.matches("\n* ").count(), 2, "{bullets}");
    assert_snapshot!("several_mistakes", bullets.to_string());
    assert_snapshot!("a_generated_name", create(&generated("several", "web", TWO)).to_string());
    let both = create(&pod("several-on-both", "web", BESIDE_A_WARNING));
    assert_eq!(both.codes().len(), 5, "{both}");
    assert_snapshot!("mistakes_on_both_beside_a_warning", both.to_string());
    let forbidden = create(&pod("several-guarded", "web", &[("audience", "vault"), ("ttl", "2h")]));
    assert_eq!(forbidden.codes(), ["057", "031", "032"], "{forbidden}");
    assert_snapshot!("several_guardrails_beside_a_warning", forbidden.to_string());
}

/// More violations than are listed.
pub(crate) async fn more_than_are_listed(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "many-mistakes", &[("many-mistakes", &[])]).await;
    let items = vec!["{path: t, ttl: 5m}"; 16].join(", ");
    let pod = pod("many-mistakes", "web", &[("tokens", &format!("[{items}]"))]);
    let printed = kubectl(&install.plane, "create -f -", &pod.to_string());
    assert_eq!((printed.codes().len(), printed.code), (24, 1), "{printed}");
    assert_snapshot!("more_than_are_listed", printed.to_string());
}

/// A manifest of several Pods: each message contains the name of its Pod.
pub(crate) async fn several_pods(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "several-pods", &[("several-pods", &[])]).await;
    let pods = [("good", &[][..]), ("first", TWO), ("second", &[("path", "token")])]
        .map(|(name, settings)| pod("several-pods", name, settings).to_string());
    let printed = kubectl(&install.plane, "create -f -", &pods.join("\n"));
    printed.assert_readable();
    assert_eq!((printed.codes(), printed.code), (vec!["001", "004", "006"], 1), "{printed}");
    assert_snapshot!("several_pods", printed.to_string());
}

/// The warnings about effects that `dry-run` on the Namespace prevents.
pub(crate) async fn dry_run_of_the_namespace(plane: Arc<ControlPlane>) {
    let deny = [("dry-run", "true"), ("pod-overrides", "deny")];
    let namespaces: [(&str, Settings<'_>); 2] =
        [("dry-run", &[("dry-run", "true")]), ("dry-run-deny", &deny)];
    // With `pod-overrides: deny`, each setting is a mistake of its own, beside an invalid value.
    let mut expected = [2, 4].into_iter();
    let install = TestInstall::start(&plane, "dry-run", &namespaces).await;
    for (namespace, _) in namespaces {
        let printed = kubectl(&install.plane, "create -f -", &pod(namespace, "web", TWO).to_string());
        printed.assert_readable();
        assert_eq!((printed.codes().len(), printed.code), (expected.next().unwrap(), 0), "{printed}");
        assert_snapshot!(format!("{namespace}_would_refuse"), printed.to_string());
    }
}

/// The webhook has no side effects, so a server-side dry run prints the same.
pub(crate) async fn dry_run_of_the_server(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "server-dry-run", &[("server-dry-run", &[])]).await;
    for (name, settings) in [("refused", TWO), ("warned", &[("tll", "1h")][..])] {
        let manifest = pod("server-dry-run", name, settings).to_string();
        let dry = kubectl(&install.plane, "create --dry-run=server -f -", &manifest);
        let stored = install.plane.api.get(&format!("/api/v1/namespaces/server-dry-run/pods/{name}")).await;
        assert!(stored.is_err(), "stored: {stored:?}");
        let real = kubectl(&install.plane, "create -f -", &manifest);
        assert_eq!((&dry.stderr, dry.code), (&real.stderr, real.code));
        assert_eq!(dry.stdout.replace(" (server dry run)", ""), real.stdout);
        assert_snapshot!(format!("dry_run_of_the_server_{name}"), dry.to_string());
    }
}

/// A warning is a failure only with the option that requests it.
pub(crate) async fn warnings_as_errors(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "warnings-as-errors", &[("warnings-as-errors", &[])]).await;
    let run = |name: &str, settings| {
        let manifest = pod("warnings-as-errors", name, settings).to_string();
        kubectl(&install.plane, "create --warnings-as-errors -f -", &manifest)
    };
    assert_snapshot!("warnings_as_errors", run("warned", &[("tll", "1h")]).to_string());
    let silent = run("silent", &[("ttl", "2h")]);
    assert_eq!(
        (silent.stdout.as_str(), silent.stderr.as_str(), silent.code),
        ("pod/silent created\n", "", 0)
    );
}
