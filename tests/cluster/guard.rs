//! `manifests/guard`: no year-long token is admitted, whatever the webhook did, and every other Pod is.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::other_webhook::OtherWebhook;
use crate::pods::{DEFAULT, list, owner, pod};
use crate::support::control_plane::api::ApiResponse;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::guard::{guard, name_of};
use crate::support::test_install::{Settings, TestInstall, annotations, namespace_of, probe};

/// The refusal of a default token, for a Namespace.
fn default_token(namespace: &str) -> String {
    format!(
        "spec.volumes: a token of 3607 s (a year, which 3607 s for the API server becomes) in the default token volume \
         is not allowed in Namespace {namespace}, and boundtoken did not shorten it. Create the Pod again when \
         boundtoken is running"
    )
}

/// The refusal of a token in another volume, for a Namespace.
fn other_token(namespace: &str, volume: &str) -> String {
    format!(
        "spec.volumes: a token of 3607 s (3607 s counts as a year, because the audience may be one of the API server) \
         in volume \"{volume}\" is not allowed in Namespace {namespace}, and boundtoken did not shorten it. Use \
         expirationSeconds 3600"
    )
}

/// The refusal of a default token in mode `disable`.
const DISABLED: &str = "spec.volumes: the default token is not allowed with mode disable, and boundtoken did not \
                        remove it. Create the Pod again when boundtoken is running, or set \
                        automountServiceAccountToken: false";

/// The refusal of a legacy token.
const LEGACY: &str = "spec.volumes: the Secret of a legacy token, which never expires, is not allowed at the \
                      directory of the default token, and boundtoken did not replace it. Remove the volume and its \
                      mounts; the Pod then gets a bound token";

/// A Namespace with the guard and without a webhook.
async fn unprotected(plane: &ControlPlane, name: &str, settings: Settings<'_>) {
    plane.api.create(&namespace_of(name, name, settings)).await.unwrap();
    plane.wait_for_service_account(name).await;
    guard(plane, name).await;
}

/// Sends a Pod as a dry run.
async fn send(plane: &ControlPlane, namespace: &str, spec: &Value, settings: Settings<'_>) -> ApiResponse {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "namespace": namespace, "annotations": annotations(settings)},
        "spec": spec,
    });
    plane.api.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &object).await
}

/// Asserts that the guard refuses a Pod with this text, or that it is admitted.
fn assert_refusal(place: &str, answer: &ApiResponse, refusal: Option<&str>) {
    match refusal {
        None => assert_eq!(answer.code, 201, "{place}: {answer:?}"),
        Some(text) => {
            assert_eq!(
                (answer.code, answer.body["reason"].as_str()),
                (403, Some("Forbidden")),
                "{place}: {answer:?}"
            );
            let (_, said) = answer.message().split_once(" denied request: ").unwrap();
            assert_eq!(said, text, "{place}");
        }
    }
}

/// A Pod without the default token, with volumes of its own.
fn own_volumes(volumes: &Value) -> Value {
    let container = json!({"name": "web", "image": "nginx"});
    json!({"automountServiceAccountToken": false, "containers": [container], "volumes": volumes})
}

/// A volume with a token.
fn token_volume(name: &str, audience: Option<&str>, seconds: u64) -> Value {
    let token = json!({"path": "token", "audience": audience, "expirationSeconds": seconds});
    json!({"name": name, "projected": {"sources": [{"downwardAPI": {}}, {"serviceAccountToken": token}]}})
}

/// A legacy Secret, mounted at a directory.
fn legacy_secret(secret: &str, directory: &str, account: &str) -> Value {
    let mount = json!({"name": "credentials", "mountPath": directory});
    json!({
        "serviceAccountName": account,
        "automountServiceAccountToken": false,
        "initContainers": [{"name": "setup", "image": "nginx", "volumeMounts": [mount]}],
        "containers": [{"name": "web", "image": "nginx"}],
        "volumes": [{"name": "credentials", "secret": {"secretName": secret}}],
    })
}

/// Each form of a year-long token is refused without a webhook, and similar Pods are admitted.
pub(crate) async fn each_form_of_a_year_long_token_is_refused(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-forms";
    unprotected(&plane, NAMESPACE, &[]).await;
    let long = "a".repeat(55);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": long, "namespace": NAMESPACE}});
    plane.api.create(&account).await.unwrap();
    let plain = json!({"containers": [{"name": "web", "image": "nginx"}]});
    let own = |volume: Value| own_volumes(&json!([{"name": "none", "emptyDir": {}}, volume]));
    let (default, other) = (default_token(NAMESPACE), other_token(NAMESPACE, "credentials"));
    // 58 characters of `<service account>-token-`, and 5 more.
    let cut = format!("{long}-toabcde");
    let slash = format!("{DEFAULT}/");
    for (place, spec, refusal) in [
        ("the default token", plain, Some(default.as_str())),
        ("a default token in the Pod", own(token_volume("kube-api-access-mine", None, 3607)), Some(&default)),
        ("for the API server", own(token_volume("credentials", None, 3607)), Some(&other)),
        ("for another audience", own(token_volume("credentials", Some("vault"), 3607)), Some(&other)),
        ("a second shorter", own(token_volume("credentials", None, 3606)), None),
        ("an hour", own(token_volume("credentials", None, 3600)), None),
        ("without sources", own(json!({"name": "credentials", "projected": {}})), None),
        ("without volumes", own_volumes(&json!([])), None),
        ("a legacy token", legacy_secret("default-token-x7k2b", DEFAULT, "default"), Some(LEGACY)),
        (
            "a legacy token, with a slash",
            legacy_secret("default-token-x7k2b", &slash, "default"),
            Some(LEGACY),
        ),
        ("a legacy token with a cut name", legacy_secret(&cut, DEFAULT, &long), Some(LEGACY)),
        ("a legacy token elsewhere", legacy_secret("default-token-x7k2b", "/run/token", "default"), None),
        ("a Secret of another account", legacy_secret("other-token-x7k2b", DEFAULT, "default"), None),
        ("a Secret of another name", legacy_secret("default-token-x7k2", DEFAULT, "default"), None),
    ] {
        assert_refusal(place, &send(&plane, NAMESPACE, &spec, &[]).await, refusal);
    }
}

/// The controllers of workloads report the refusal of their Pods.
pub(crate) async fn pods_of_workloads_are_refused(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-workloads";
    const KINDS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "Job"];
    unprotected(&plane, NAMESPACE, &[]).await;
    for kind in KINDS {
        plane.api.create(&owner(kind, NAMESPACE, &kind.to_lowercase(), &[])).await.unwrap();
    }
    let path = format!("/api/v1/namespaces/{NAMESPACE}/events?fieldSelector=reason=FailedCreate");
    eventually("an event of each controller", async || {
        let events = plane.api.list(&path).await;
        let is_ours = |event: &&Value| event["message"].as_str().unwrap().contains(&default_token(NAMESPACE));
        let reported = events.iter().filter(is_ours).map(|event| event["involvedObject"]["kind"].to_string());
        let reported: BTreeSet<String> = reported.collect();
        if reported.len() == KINDS.len() { Ok(()) } else { Err((reported, events)) }
    })
    .await;
    assert_eq!(plane.api.list(&format!("/api/v1/namespaces/{NAMESPACE}/pods")).await, [Value::Null; 0]);
}

const OFF: Settings<'_> = &[("mode", "off")];
const DISABLE: Settings<'_> = &[("mode", "disable")];
const REPLACE: Settings<'_> = &[("mode", "replace")];

/// The settings of a Namespace and of a Pod, and the result for a Pod that the webhook did not change.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Expected {
    Admitted,
    YearRefused,
    TokenRefused,
}

use Expected::{Admitted, TokenRefused, YearRefused};

const SETTINGS: [(Settings<'_>, Settings<'_>, Expected); 21] = [
    (&[], OFF, Admitted),
    (&[], &[("mode", " off\n")], Admitted),
    (&[], &[("mode", "Off")], YearRefused),
    (&[], DISABLE, TokenRefused),
    (OFF, &[], Admitted),
    (OFF, REPLACE, YearRefused),
    (OFF, DISABLE, TokenRefused),
    (DISABLE, &[], TokenRefused),
    (DISABLE, OFF, Admitted),
    (DISABLE, REPLACE, YearRefused),
    (&[("mode", "add")], &[], YearRefused),
    (&[("dry-run", "true")], &[], Admitted),
    (&[("dry-run", "true"), ("mode", "disable")], &[], Admitted),
    (&[("dry-run", "false")], &[], YearRefused),
    // A Pod cannot allow itself what its Namespace does not.
    (&[], &[("dry-run", "true")], YearRefused),
    (&[("pod-overrides", "deny")], OFF, YearRefused),
    (&[("pod-overrides", "deny"), ("mode", "off")], REPLACE, Admitted),
    (&[("max-ttl", "2h")], OFF, YearRefused),
    (&[("max-ttl", "31535999")], OFF, YearRefused),
    (&[("max-ttl", "8760h")], OFF, Admitted),
    (&[("max-ttl", "a year")], OFF, YearRefused),
];

/// `off`, `disable`, `dry-run`, `pod-overrides` and `max-ttl` mean the same as for the webhook.
pub(crate) async fn settings_are_respected(plane: Arc<ControlPlane>) {
    const INSTALL: &str = "guard-settings";
    unprotected(&plane, INSTALL, &[]).await;
    let plain = json!({"containers": [{"name": "web", "image": "nginx"}]});
    for (number, (on_namespace, on_pod, expected)) in SETTINGS.into_iter().enumerate() {
        let namespace = format!("{INSTALL}-{number}");
        plane.api.create(&namespace_of(INSTALL, &namespace, on_namespace)).await.unwrap();
        plane.wait_for_service_account(&namespace).await;
        let answer = send(&plane, &namespace, &plain, on_pod).await;
        let year = default_token(&namespace);
        let refusal = match expected {
            Admitted => None,
            YearRefused => Some(year.as_str()),
            TokenRefused => Some(DISABLED),
        };
        assert_refusal(&format!("{on_namespace:?} {on_pod:?}"), &answer, refusal);
    }
    let without =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guard-settings-none"}});
    plane.api.create(&without).await.unwrap();
    plane.wait_for_service_account("guard-settings-none").await;
    assert_refusal("without the label", &send(&plane, "guard-settings-none", &plain, &[]).await, None);
}

/// A webhook that sets the default token back to a year in both rounds, after boundtoken.
pub(crate) async fn a_webhook_that_overrules_boundtoken(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-overruled";
    let install = TestInstall::start(&plane, NAMESPACE, &[(NAMESPACE, &[])]).await;
    let _other = OtherWebhook::start(&plane, "z-year", NAMESPACE, a_year_again).await;
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/z-year";
    let mut configuration = plane.api.get(path).await.unwrap();
    configuration["webhooks"][0]["reinvocationPolicy"] = "IfNeeded".into();
    plane.api.put(path, &configuration).await.ok().unwrap();
    let sent = pod(NAMESPACE, "web", &[]);
    eventually("a Pod with a year", async || {
        let stored = install.dry_run(&sent).await.ok().unwrap();
        let seconds = &stored["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"];
        if *seconds == 3607 { Ok(()) } else { Err(stored) }
    })
    .await;
    guard(&plane, NAMESPACE).await;
    assert_refusal("overruled", &install.dry_run(&sent).await, Some(&default_token(NAMESPACE)));
}

fn a_year_again(pod: &Value) -> Value {
    let source = "projected/sources/0/serviceAccountToken/expirationSeconds";
    let volumes = list(&pod["spec"]["volumes"]).enumerate();
    let defaults =
        volumes.filter(|(_, volume)| volume["name"].as_str().unwrap().starts_with("kube-api-access-"));
    let set = |(index, _)| json!({"op": "replace", "path": format!("/spec/volumes/{index}/{source}"), "value": 3607});
    defaults.map(set).collect()
}

/// `failurePolicy: Ignore` without a replica, and a deleted configuration, admit no year-long token.
pub(crate) async fn an_opened_webhook(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-opened";
    let install = TestInstall::start(&plane, NAMESPACE, &[(NAMESPACE, &[])]).await;
    guard(&plane, NAMESPACE).await;
    let path =
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/boundtoken-{NAMESPACE}");
    let mut configuration = plane.api.get(&path).await.unwrap();
    configuration["webhooks"][0]["failurePolicy"] = "Ignore".into();
    plane.api.put(&path, &configuration).await.ok().unwrap();
    assert_refusal("shortened", &probe(&plane, NAMESPACE).await, None);
    install
        .without_webhook(async || {
            let by_guard = async || {
                let answer = probe(&plane, NAMESPACE).await;
                if answer.message().ends_with(&default_token(NAMESPACE)) { Ok(()) } else { Err(answer) }
            };
            eventually("a refusal by the guard instead of the webhook", by_guard).await;
            // The metric of an alert.
            let opened = "\napiserver_admission_webhook_fail_open_count{name=\"pods.boundtoken.dev\"";
            assert!(plane.api.text("/metrics").await.contains(opened));
            plane.api.delete(&path).await.ok().unwrap();
            // The API server forgets a configuration within a moment; the refusal is the same before and after.
            eventually("a deleted configuration", async || plane.api.gone(&path).await).await;
            by_guard().await.unwrap();
        })
        .await;
}

/// The number of containers and of volumes of a large Pod.
const MANY: usize = 400;

/// The cost of a Pod with hundreds of containers, volumes and mounts is within the budget of CEL.
pub(crate) async fn large_pods_are_within_the_cost_limit(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-large";
    unprotected(&plane, NAMESPACE, &[]).await;
    for (place, last, refusal) in [
        ("an hour", token_volume("last", None, 3600), None),
        ("a year", token_volume("last", None, 3607), Some(other_token(NAMESPACE, "last"))),
    ] {
        let token = |number: usize| token_volume(&format!("token-{number}"), Some("vault"), 3600);
        let secret = |number: usize| json!({"name": format!("secret-{number}"), "secret": {"secretName": "default-token-x7k2b"}});
        let mut volumes: Vec<Value> = (0..MANY).map(token).chain((0..MANY).map(secret)).collect();
        volumes.push(last);
        let mounts = (0..40)
            .map(|number| json!({"name": format!("secret-{number}"), "mountPath": format!("/run/{number}")}));
        let mounts: Value = mounts.collect();
        let container = |number: usize| json!({"name": format!("web-{number}"), "image": "nginx", "volumeMounts": mounts});
        let mut spec = own_volumes(&volumes.into());
        spec["containers"] = (0..MANY).map(container).collect();
        assert_refusal(place, &send(&plane, NAMESPACE, &spec, &[]).await, refusal.as_deref());
    }
    too_large(&plane, NAMESPACE).await;
}

/// A Pod whose check would take long is refused, unless the guard refuses nothing.
async fn too_large(plane: &ControlPlane, namespace: &str) {
    let refusal = "spec: more than 1000 containers, 1000 volumes or 20000 mounts are not allowed, because checking them \
                   takes the API server too long";
    let volumes = |count: usize| -> Value {
        (0..count).map(|number| json!({"name": format!("volume-{number}"), "emptyDir": {}})).collect()
    };
    let mut of_containers = own_volumes(&volumes(1));
    let container = |number: usize| json!({"name": format!("web-{number}"), "image": "nginx"});
    of_containers["containers"] = (0..1001).map(container).collect();
    for (place, spec, refusal) in [
        ("1000 volumes", own_volumes(&volumes(1000)), None),
        ("1001 volumes", own_volumes(&volumes(1001)), Some(refusal)),
        ("1001 containers", of_containers, Some(refusal)),
    ] {
        assert_refusal(place, &send(plane, namespace, &spec, &[]).await, refusal);
    }
}

/// `manifests/guard-audit`: the Pod is created, with a warning and an annotation of the audit log.
pub(crate) async fn the_trial_warns(plane: Arc<ControlPlane>) {
    const NAMESPACE: &str = "guard-trial";
    unprotected(&plane, NAMESPACE, &[]).await;
    let shipped = include_str!("../../manifests/guard-audit/binding.yaml");
    let shipped: Value = serde_saphyr::from_str(shipped).unwrap();
    let change = json!({"spec": shipped["spec"]});
    let bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    plane.api.patch(&format!("{bindings}/{}", name_of(NAMESPACE)), &change).await.ok().unwrap();
    let expected = default_token(NAMESPACE);
    eventually("a warning", async || {
        let answer = probe(&plane, NAMESPACE).await;
        let warns = answer.warnings.iter().any(|warning| warning.ends_with(&expected));
        if answer.code == 201 && warns { Ok(()) } else { Err(answer) }
    })
    .await;
    plane.api.create(&pod(NAMESPACE, "web", &[])).await.unwrap();
    eventually("an annotation in the audit log", async || {
        let events = plane.audit_events(NAMESPACE);
        let stored = events.iter().find(|event| event["objectRef"]["name"] == "web");
        let annotation = &stored?["annotations"]["validation.policy.admission.k8s.io/validation_failure"];
        annotation.as_str()?.contains("a token of 3607 s").then_some(())
    })
    .await;
}

/// The API server checks the types of the expressions against the fields of a Pod.
pub(crate) async fn expressions_have_no_type_warnings(plane: Arc<ControlPlane>) {
    unprotected(&plane, "guard-types", &[]).await;
    assert_no_type_warnings(&plane, &name_of("guard-types")).await;
}

/// Waits for the check of the types of a policy, which must find nothing.
pub(crate) async fn assert_no_type_warnings(plane: &ControlPlane, policy: &str) {
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{policy}");
    let status = eventually("the check of the types", async || {
        let status = plane.api.get(&path).await.unwrap()["status"].take();
        if status["typeChecking"].is_object() { Ok(status) } else { Err(status) }
    })
    .await;
    assert_eq!(status["typeChecking"], json!({}));
}
