//! Unusual Pods: by their ServiceAccount, their own volumes, or the way they are created.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::pods::{DEFAULT, all_hold, held, list, pod};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, TestInstall};

const AN_HOUR: &[&str] = &["DEFAULT/token - 3600"];

/// `automountServiceAccountToken` of the ServiceAccount and of the Pod: the Pod's takes precedence.
pub(crate) async fn automount_of_the_service_account(plane: Arc<ControlPlane>) {
    let install =
        TestInstall::start(&plane, "quiet", &[("quiet", &[]), ("quiet-disable", &[("mode", "disable")])])
            .await;
    for namespace in ["quiet", "quiet-disable"] {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "quiet", "namespace": namespace},
            "automountServiceAccountToken": false,
        });
        install.create(&account).await.unwrap();
    }
    let of_quiet = |namespace: &str, name: &str, settings: Settings<'_>, automount: Option<bool>| {
        let mut pod = pod(namespace, name, settings);
        pod["spec"]["serviceAccountName"] = "quiet".into();
        pod["spec"]["automountServiceAccountToken"] = automount.into();
        pod
    };
    for (name, settings, automount, expected) in [
        ("silent", &[][..], None, &[][..]),
        ("refusing", &[][..], Some(false), &[][..]),
        ("insisting", &[][..], Some(true), AN_HOUR),
        ("asking", &[("path", "/run/vault/token")][..], None, &["/run/vault/token - 3600"][..]),
    ] {
        let stored = install.create(&of_quiet("quiet", name, settings, automount)).await.unwrap();
        assert_eq!(held(&stored), all_hold(expected), "{name}");
    }
    let answer = install.dry_run(&of_quiet("quiet-disable", "insisting", &[], Some(true))).await;
    assert_eq!(held(&answer.body), all_hold(&[]));
    assert_eq!(answer.body["spec"]["automountServiceAccountToken"], false);
    assert_eq!(answer.warnings.len(), 1, "{answer:?}");
    assert!(answer.warnings[0].contains("boundtoken.dev/mode"), "{answer:?}");
}

/// A token Secret that the API server filled, mounted as in clusters before 1.21.
pub(crate) async fn a_legacy_secret(plane: Arc<ControlPlane>) {
    let cases: [(&str, Settings<'_>, &[&str]); 3] = [
        ("legacy-replace", &[("audience", "vault")], &["DEFAULT/token vault 3600"]),
        ("legacy-disable", &[("mode", "disable")], &[]),
        ("legacy-off", &[("mode", "off")], &["DEFAULT Secret default-token-x7k2b"]),
    ];
    let namespaces = cases.map(|(name, settings, _)| (name, settings));
    let install = TestInstall::start(&plane, "legacy", &namespaces).await;
    for (namespace, _, expected) in cases {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": "default-token-x7k2b", "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": "default"},
            },
        });
        install.create(&secret).await.unwrap();
        let path = format!("/api/v1/namespaces/{namespace}/secrets/default-token-x7k2b");
        eventually("a token in the Secret", async || {
            let secret = plane.api.get(&path).await.unwrap();
            secret["data"]["token"].is_string().then_some(()).ok_or(secret)
        })
        .await;
        let mut pod = pod(namespace, "old", &[]);
        pod["spec"]["volumes"] =
            json!([{"name": "default-token-x7k2b", "secret": {"secretName": "default-token-x7k2b"}}]);
        mount_everywhere(&mut pod, "default-token-x7k2b", DEFAULT);
        let stored = install.create(&pod).await.unwrap();
        assert_eq!(held(&stored), all_hold(expected), "{namespace}");
        let volumes: Vec<_> = list(&stored["spec"]["volumes"]).map(|volume| &volume["name"]).collect();
        let kept = if expected.is_empty() { vec![] } else { vec!["default-token-x7k2b"] };
        assert_eq!(volumes, kept, "{namespace}");
    }
}

/// A projected token with another audience is kept; one that requests 3607 s is not, whatever its audience.
pub(crate) async fn tokens_that_the_user_projects(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "own", &[("own", &[("mode", "disable")])]).await;
    let mut pod = pod("own", "vault", &[]);
    pod["spec"]["volumes"] = json!([{"name": "mine", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 7200, "path": "vault"}},
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "api"}},
        {"serviceAccountToken": {"audience": "other", "expirationSeconds": 3607, "path": "cut"}},
        {"serviceAccountToken": {"expirationSeconds": 86400, "path": "day"}},
    ]}}]);
    mount_everywhere(&mut pod, "mine", "/var/run/secrets/tokens");
    let stored = install.create(&pod).await.unwrap();
    let expected = ["api - 3600", "cut other 3600", "day - 86400", "vault vault 7200"];
    let expected = expected.map(|file| format!("/var/run/secrets/tokens/{file}"));
    assert_eq!(held(&stored), all_hold(&expected.each_ref().map(String::as_str)));
}

/// The mirror Pod of a static Pod, which the ServiceAccount plugin rejects if it has a token.
pub(crate) async fn a_mirror_pod(plane: Arc<ControlPlane>) {
    let install =
        TestInstall::start(&plane, "mirror", &[("mirror", &[("mode", "add"), ("audience", "vault")])]).await;
    let mut pod = pod("mirror", "static", &[]);
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "abc"});
    pod["spec"]["nodeName"] = "paper".into();
    let before = install.admissions().await;
    let stored = install.create(&pod).await.unwrap();
    assert_eq!(held(&stored), all_hold(&[]));
    assert_eq!(list(&stored["spec"]["volumes"]).count(), 0);
    assert_eq!(install.admissions().await, before + 1, "the webhook saw it and left it alone");
    pod["metadata"]["name"] = "asking".into();
    for source in [
        json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
        json!({"projected": {"sources": [{"secret": {"name": "any"}}]}}),
        json!({"secret": {"secretName": "any"}}),
    ] {
        pod["spec"]["volumes"] = json!([source]);
        pod["spec"]["volumes"][0]["name"] = "mine".into();
        let refusal = install.create(&pod).await.unwrap_err();
        assert!(refusal.contains("a mirror pod may not"), "{source}: {refusal}");
    }
}

/// `kubectl debug` adds a container without tokens, and changes nothing else.
pub(crate) async fn an_ephemeral_container(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "debugged", &[("debugged", &[])]).await;
    let before = install.create(&pod("debugged", "bare", &[])).await.unwrap();
    let arguments = ["debug", "bare", "-n=debugged", "--image=busybox", "-c=debugger", "--attach=false"];
    let output = plane.kubectl(&[&arguments[..], &["--profile=general"]].concat(), "");
    assert!(output.status.success(), "{output:?}");
    let after = plane.api.get("/api/v1/namespaces/debugged/pods/bare").await.unwrap();
    let debugger = &after["spec"]["ephemeralContainers"][0];
    assert_eq!((&debugger["name"], &debugger["volumeMounts"]), (&json!("debugger"), &Value::Null));
    for field in ["volumes", "containers", "initContainers"] {
        assert_eq!(after["spec"][field], before["spec"][field], "{field}");
    }
}

/// A server-side dry run returns the Pod that would be stored, and stores nothing.
pub(crate) async fn a_dry_run(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "dry", &[("dry", &[])]).await;
    let answer = install.dry_run(&pod("dry", "bare", &[])).await;
    assert_eq!(held(&answer.body), all_hold(AN_HOUR));
    assert!(plane.api.list("/api/v1/namespaces/dry/pods").await.is_empty());
}

/// A Pod recreated from the output of `kubectl get -o yaml`, before and after its Namespace opted in.
pub(crate) async fn a_pod_made_again_from_its_yaml(plane: Arc<ControlPlane>) {
    let install =
        TestInstall::start(&plane, "again", &[("again", &[]), ("again-disable", &[("mode", "disable")])])
            .await;
    install.create(&pod("again", "unbound", &[("mode", "off")])).await.unwrap();
    install.create(&pod("again", "bound", &[])).await.unwrap();
    for name in ["unbound", "bound"] {
        let yaml = plane.kubectl(&["get", "pod", name, "-n=again", "-o=yaml"], "");
        let yaml = String::from_utf8(yaml.stdout).unwrap();
        assert!(yaml.contains("kube-api-access-"), "{yaml}");
        let yaml = yaml.replace("boundtoken.dev/mode: \"off\"", "someone.else: x");
        for (namespace, mode, expected) in [("again", "replace", AN_HOUR), ("again-disable", "disable", &[])]
        {
            let name_here = format!("{name}-{mode}");
            let yaml = yaml
                .replace("namespace: again", &format!("namespace: {namespace}"))
                .replace(&format!("name: {name}"), &format!("name: {name_here}"));
            let output = plane.kubectl(&["create", "-f", "-"], &yaml);
            assert!(output.status.success(), "{output:?}");
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name_here}");
            let stored = plane.api.get(&path).await.unwrap();
            assert_eq!(held(&stored), all_hold(expected), "{name_here}");
        }
    }
}

/// Mounts a volume in every container.
fn mount_everywhere(pod: &mut Value, volume: &str, directory: &str) {
    for field in ["initContainers", "containers"] {
        for container in pod["spec"][field].as_array_mut().unwrap() {
            container["volumeMounts"] = json!([{"name": volume, "mountPath": directory}]);
        }
    }
}
