//! `boundtoken check` against an API server on loopback.

use std::process::{Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::check::{healthy, probed};
use crate::support::eventually::eventually;
use crate::support::program::{Serving, boundtoken, output};
use crate::support::read_only_api::ReadOnlyApi;
use crate::support::reviews::NAMESPACES;

/// The paths of the parts that are one object.
const OBJECTS: [(&str, &str); 6] = [
    ("version", "/version"),
    ("kinds", "/apis/admissionregistration.k8s.io/v1"),
    ("namespace", "/api/v1/namespaces/boundtoken"),
    ("deployment", "/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken"),
    ("service", "/api/v1/namespaces/boundtoken/services/boundtoken"),
    ("disruption", "/apis/policy/v1/namespaces/boundtoken/poddisruptionbudgets/boundtoken"),
];

/// The resources of the parts that are lists.
const LISTS: [(&str, &str); 12] = [
    ("nodes", "nodes"),
    ("namespaces", "namespaces"),
    ("configurations", "mutatingwebhookconfigurations"),
    ("pods", "pods"),
    ("endpoints", "endpointslices"),
    ("networkPolicies", "networkpolicies"),
    ("mutatingPolicies", "mutatingadmissionpolicies"),
    ("kyvernoPolicies", "clusterpolicies"),
    ("guards", "validatingadmissionpolicies"),
    ("guardBindings", "validatingadmissionpolicybindings"),
    ("podMonitors", "podmonitors"),
    ("alertRules", "prometheusrules"),
];

/// Whether the shipped manifests grant a right to the ServiceAccount, or the user may create Pods.
fn is_shipped(review: &Value) -> bool {
    let attributes = &review["spec"]["resourceAttributes"];
    match attributes["resource"].as_str().unwrap() {
        "namespaces" => attributes["verb"] != "patch",
        "mutatingwebhookconfigurations" => attributes["name"] == "boundtoken",
        "secrets" => {
            attributes["name"] == "boundtoken-certificates" && attributes["namespace"] == "boundtoken"
        }
        "pods" => review["kind"] == "SelfSubjectAccessReview",
        _ => false,
    }
}

/// An API server with an installation, and a directory for its kubeconfig.
struct Scene {
    api: ReadOnlyApi,
    directory: TempDir,
}

impl Scene {
    /// An installation that is healthy but for the changes of `change`, and whose certificates are yours: those of the
    /// recorded installation have expired by the clock of the program.
    async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let (api, directory) = (ReadOnlyApi::start().await, tempfile::tempdir().unwrap());
        let mut parts = healthy();
        let bundle = crate::check::bundle(time::Duration::days(36_500));
        parts["configurations"][0]["webhooks"][0]["clientConfig"]["caBundle"] = bundle.into();
        change(&mut parts);
        for (part, path) in OBJECTS {
            api.set_text(path, &parts[part].to_string());
        }
        api.set_text("/metrics", parts["metrics"].as_str().unwrap());
        api.set_text("/api/v1/namespaces/shop/pods", &parts["probeInside"]["pod"].to_string());
        api.set_text("/api/v1/namespaces/default/pods", &parts["probeOutside"]["pod"].to_string());
        api.set_rights(is_shipped);
        for (part, resource) in LISTS {
            for object in parts[part].as_array().unwrap() {
                let mut object = object.clone();
                if !resource.starts_with('n') || resource == "networkpolicies" {
                    object["metadata"]["namespace"] = "boundtoken".into();
                }
                object["metadata"]["labels"]["app.kubernetes.io/name"] = "boundtoken".into();
                object["metadata"]["labels"]["kubernetes.io/service-name"] = "boundtoken".into();
                api.add(resource, object);
            }
        }
        Self { api, directory }
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let kubeconfig = self.api.kubeconfig(self.directory.path());
        let always = ["check", "--kubeconfig", kubeconfig.to_str().unwrap()];
        output(&mut boundtoken(&[&always, arguments].concat()))
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn scaled_to_zero(parts: &mut Value) {
    parts["deployment"]["spec"]["replicas"] = 0.into();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_is_all_ok_and_nothing_is_stored() {
    let scene = Scene::with(|_| ()).await;
    let output = scene.check(&["--fail-on", "warning"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    let checks = out.lines().filter(|line| !line.is_empty() && line.contains(' '));
    assert!(checks.clone().all(|line| line.starts_with("ok      ")), "{out}");
    assert!(
        out.contains("\nok      configuration-bundle: the caBundle contains certificates (1 certificate)\n"),
        "{out}"
    );
    let count = checks.count();
    assert!(count > 45, "{out}");
    assert_eq!(text(&output.stderr), format!("{count} ok, 0 skipped, 0 warning, 0 error\n"));
    for asked in scene.api.asked() {
        let stores_nothing = asked.method == "GET"
            || asked.path.ends_with("accessreviews")
            || asked.query.get("dryRun").is_some_and(|value| value == "All");
        assert!(stores_nothing, "{asked:?}");
    }
    scene.check(&["--no-probe"]);
    let dry_runs = scene.api.asked().iter().filter(|asked| asked.query.contains_key("dryRun")).count();
    assert_eq!(dry_runs, 2, "only the first run sends Pods");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_has_its_value_its_command_and_its_page() {
    let scene = Scene::with(|parts| {
        parts["configurations"][0]["webhooks"][0]["failurePolicy"] = "Ignore".into();
    })
    .await;
    let output = scene.check(&[]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "\
error   configuration-failure-policy: failurePolicy is not as shipped, which is \"Fail\"
    value \"Ignore\"
    run   kubectl patch mutatingwebhookconfiguration boundtoken --type=json -p '[{\"op\":\"add\",\"path\":\"/webhooks/0/failurePolicy\",\"value\":\"Fail\"}]'
    see   docs/reference/checks.md#configuration-failure-policy
";
    assert!(text(&output.stdout).contains(expected), "{}", text(&output.stdout));
    let short = scene.check(&["-o", "short"]);
    assert_eq!(
        text(&short.stdout),
        format!("{}\n", expected.lines().next().unwrap().replace("error   ", "error "))
    );
    assert_eq!(scene.check(&["--fail-on", "never"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_every_finding() {
    let scene = Scene::with(scaled_to_zero).await;
    let document: Value = serde_json::from_slice(&scene.check(&["-o", "json"]).stdout).unwrap();
    assert_eq!(document["checkVersion"], 1);
    assert_eq!(document["summary"]["error"], 1);
    let findings = document["findings"].as_array().unwrap();
    let ready = findings.iter().find(|finding| finding["id"] == "replicas-ready").unwrap();
    let expected = json!({
        "id": "replicas-ready",
        "group": "replicas",
        "level": "error",
        "sentence": "the Deployment is scaled to zero",
        "value": null,
        "command": "kubectl -n boundtoken scale deployment boundtoken --replicas=2",
        "docs": "docs/reference/checks.md#replicas-ready",
    });
    assert_eq!(*ready, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_skipped_with_the_rule() {
    let scene = Scene::with(|_| ()).await;
    for resource in ["namespaces", "nodes", "/metrics", "networkpolicies", "pods/portforward"] {
        scene.api.refuse(resource);
    }
    let output = scene.check(&["--fail-on", "warning"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    for (id, rule) in [
        ("namespaces-labels", "list namespaces"),
        ("replicas-nodes", "list nodes"),
        ("cluster-service-account-plugin", "get /metrics"),
        ("replicas-certificate", "get and create pods/portforward in Namespace boundtoken"),
        ("replicas-network-policy", "list networkpolicies.networking.k8s.io in Namespace boundtoken"),
    ] {
        let line = format!("skipped {id}: Forbidden: needs the right to {rule}\n");
        assert!(text(&output.stdout).contains(&line), "{line}{}", text(&output.stdout));
    }
}

/// Both replicas are one real server.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_answer_through_port_forwards() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), NAMESPACES, &["--tls-dns=boundtoken.boundtoken.svc"]);
    let bundle = STANDARD.encode(std::fs::read(directory.path().join("ca.crt")).unwrap());
    let scene = Scene::with(|parts| {
        parts["configurations"][0]["webhooks"][0]["clientConfig"]["caBundle"] = bundle.into();
    })
    .await;
    scene.api.forward_ports([(10250, server.listen), (8080, server.admin_listen)]);
    let output = scene.check(&["--fail-on", "warning"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    for line in [
        "port-forward: the API server forwards ports to each running replica (2 replicas)",
        "certificate: the caBundle verifies the certificate of each replica (2 replicas)",
        "certificate-validity: the certificate of each replica is valid for another week (until ",
        "readyz: each check of /readyz passes in each replica (2 replicas)",
        "connections: each replica has room for connections (",
    ] {
        assert!(out.contains(&format!("\nok      replicas-{line}")), "{line}\n{out}");
    }
    assert!(server.metrics().await.contains("boundtoken_failed_handshakes_total{reason=\"other\"} 0\n"));
}

/// Something else listens on the ports, and its response has no end.
#[tokio::test(flavor = "multi_thread")]
async fn replies_without_end_are_findings() {
    let scene = Scene::with(|_| ()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            });
        }
    });
    scene.api.forward_ports([(10250, address), (8080, address)]);
    let output = scene.check(&["-o", "short"]);
    let expected = ["a", "b"]
        .map(|pod| format!("error replicas-certificate: the TLS handshake with replica {pod} fails\n"));
    let silent = ["a", "b"]
        .map(|pod| format!("warning replicas-readyz: replica {pod} does not answer on its admin port\n"));
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(1), &*[expected, silent].concat().concat())
    );
}

/// A kubelet that the API server does not reach hides its replica, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_forward_that_fails_is_the_only_finding() {
    let scene = Scene::with(|_| ()).await;
    scene.api.set_text("/api/v1/namespaces/boundtoken/pods/a/portforward", "no websocket");
    let output = scene.check(&["-o", "short"]);
    let expected = "warning replicas-port-forward: the API server cannot forward ports to replica a\n";
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_is_a_finding() {
    let scene = Scene::with(|_| ()).await;
    let kubeconfig = scene.directory.path().join("away");
    let reserved = crate::support::port::reserve();
    let config = json!({
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", reserved.0)}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let output =
        output(&mut boundtoken(&["check", "-o", "short", "--kubeconfig", kubeconfig.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("error cluster-reachable: the API server cannot be used: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_from_the_cluster_cannot_control_the_terminal() {
    let scene = Scene::with(|parts| {
        parts["namespaces"][1]["metadata"]["annotations"]["boundtoken.dev/mode"] =
            "\u{1b}[2J\n##[group]".into();
        parts["pods"][0]["spec"]["containers"][0]["image"] = "a\u{1b}]0;x".into();
    })
    .await;
    for format in ["table", "short", "json"] {
        let output = scene.check(&["-o", format]);
        assert_eq!(output.status.code(), Some(1));
        let is_harmless = |out: &str| !out.contains('\u{1b}') && !out.contains("\n##[");
        assert!(is_harmless(text(&output.stdout)), "{}", text(&output.stdout));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_ends_when_all_is_well() {
    let scene = Scene::with(scaled_to_zero).await;
    let waited = scene.check(&["--wait", "0s"]);
    assert_eq!(waited.status.code(), Some(1));
    let rounds = |scene: &Scene| scene.api.asked().iter().filter(|asked| asked.path == "/version").count();
    let before = rounds(&scene);
    let kubeconfig = scene.api.kubeconfig(scene.directory.path());
    let mut command =
        boundtoken(&["check", "--wait", "10m", "-o", "short", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("a second round", async || (rounds(&scene) > before + 1).then_some(())).await;
    let deployment = &healthy()["deployment"];
    scene.api.set_text("/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken", &deployment.to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
}

/// Ended Pods keep nothing, and dry-run changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn pods_that_hold_other_tokens_are_counted() {
    let scene = Scene::with(|parts| {
        let other = json!({"metadata": {"name": "trial", "labels": {"boundtoken.dev/webhook": "enabled"},
            "annotations": {"boundtoken.dev/dry-run": "true"}}});
        parts["namespaces"].as_array_mut().unwrap().insert(0, other);
        parts["namespaces"][2]["metadata"]["name"] = "store".into();
    })
    .await;
    for (namespace, name, seconds, phase) in [
        ("store", "old", 3607, "Running"),
        ("store", "new", 7200, "Running"),
        ("store", "ended", 3607, "Succeeded"),
        ("trial", "old", 3607, "Running"),
    ] {
        let mut pod = probed(seconds);
        pod["metadata"] = json!({"name": name, "namespace": namespace});
        pod["status"] = json!({"phase": phase});
        scene.api.add("pods", pod);
    }
    let output = scene.check(&["--no-probe"]);
    let expected = "\
warning namespaces-pods: Pods in Namespace store hold something other than what its settings say
    value 1 of 3
    run   boundtoken audit -n store
";
    assert!(text(&output.stdout).contains(expected), "{}", text(&output.stdout));
    assert_eq!(text(&output.stdout).matches("namespaces-pods").count(), 2, "{}", text(&output.stdout));
}

/// Before Kubernetes 1.36, the API server has such policies in earlier versions of the group, or none.
#[tokio::test(flavor = "multi_thread")]
async fn mutating_policies_are_found_in_each_version_of_the_group() {
    let scene = Scene::with(|parts| {
        let variables = json!([{"name": "serviceAccountToken"}]);
        parts["mutatingPolicies"] = json!([{"metadata": {"name": "year"}, "spec": {"variables": variables}}]);
        parts["probeOutside"]["pod"] = probed(3600);
    })
    .await;
    let command = |id: &str| {
        let document: Value = serde_json::from_slice(&scene.check(&["-o", "json"]).stdout).unwrap();
        let findings = document["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["id"] == id).unwrap()["command"].clone()
    };
    for version in ["v1", "v1beta1", "v1alpha1"] {
        assert_eq!(
            command("neighbours-policies"),
            "kubectl get mutatingadmissionpolicy year -o yaml",
            "{version}"
        );
        scene.api.remove(&format!("/apis/admissionregistration.k8s.io/{version}/mutatingadmissionpolicies"));
    }
    // kubectl knows no resource of this name there.
    assert_eq!(command("proof-outside"), "kubectl get mutatingwebhookconfigurations");
}
