//! Runs the blocks of pages about a Namespace `shop` whose Pods run.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::applied::bundle;
use crate::check;
use crate::cluster::{Cluster, annotations, copy_manifests};
use crate::install::{IMAGE, install, name_image, replicas, wait_until_ready};
use crate::pods::{self, DEFAULT, claims, lifetime, pod};
use crate::support::control_plane::eventually;
use crate::support::pages::block;
use crate::tokens::{A_YEAR, assert_a_label_matters};
use crate::traffic::{Traffic, create};
use crate::uninstall::assert_leaves;

/// README: from the install to the first bounded token, in a Namespace with a Deployment.
pub(crate) async fn the_install_of_the_readme(cluster: Arc<Cluster>) {
    check::remove_other_namespaces(&cluster);
    open_shop(&cluster).await;
    assert_eq!(cluster.shell(&block("first-probe")), "3607\n");
    assert_eq!(lifetime(&token_of_web(&cluster).await), A_YEAR);
    cluster.shell(&block("install"));
    wait_until_ready(&cluster, 2).await;
    assert_eq!(cluster.shell(&block("first-probe")), "3600\n");
    cluster.shell("kubectl -n shop rollout status deployment web");
    assert_eq!(lifetime(&token_of_web(&cluster).await), 3600);
    check::assert_healthy(&cluster).await;
}

/// troubleshooting.md: each replica with its log and its readiness checks, and the token that a Pod gets.
pub(crate) async fn the_looks_of_troubleshooting(cluster: Arc<Cluster>) {
    open_labelled_shop(&cluster).await;
    let names = replicas(&cluster).await.into_iter().map(|pod| pod["metadata"]["name"].clone());
    let names: Vec<String> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
    let seen = eventually("what both replicas say of themselves", async || {
        let seen = cluster.type_in(&block("four-looks"));
        let both = names.iter().all(|name| seen.contains(&format!("\npod/{name}\n[+]")));
        if both { Ok(seen) } else { Err(seen) }
    })
    .await;
    for name in &names {
        let listed = seen.lines().find(|line| line.starts_with(&format!("pod/{name} "))).unwrap();
        assert!(listed.contains(" 1/1 ") && listed.contains(" Running "), "{listed}");
        assert!(seen.contains(&format!("\n[pod/{name}/boundtoken] ")), "{seen}");
        let said = seen.split(&format!("\npod/{name}\n")).nth(1).unwrap();
        assert!(
            said.lines().take_while(|line| line.starts_with("[+]")).any(|line| line == "[+]certificate ok")
        );
    }
    assert!(seen.contains("\nendpointslice.discovery.k8s.io/boundtoken-"), "{seen}");
    assert!(seen.contains(" expirationSeconds: 3600\n"), "{seen}");
}

/// upgrade-and-uninstall.md: another version, other certificates, and the uninstall.
pub(crate) async fn upgrade_and_uninstall(cluster: Arc<Cluster>) {
    open_labelled_shop(&cluster).await;
    upgrade(&cluster).await;
    move_to_own_certificates(&cluster).await;
    check::an_expired_certificate(&cluster).await;
    write_into_manifests(&cluster).await;
    assert_a_label_matters(&cluster, "moved").await;
    assert_eq!(assert_leaves(&cluster, "moved", &block("configuration-first"), &[]).await, 0);
    cluster.shell("kubectl -n shop rollout restart deployment web");
    assert_keeps_its_tokens(&cluster).await;
    remove_what_calls_nobody(&cluster).await;
    remove_labels(&cluster);
    cluster.shell("kubectl delete namespace shop");
    copy_manifests(cluster.workplace());
}

/// The diff is printed, and then applied.
async fn upgrade(cluster: &Cluster) {
    let [old, new] = [IMAGE, "boundtoken:next"];
    cluster.node().containerd.tag(old, new);
    name_image(cluster.workplace(), new);
    let seen = cluster.type_in(&block("upgrade"));
    let difference = format!("\n-        image: {old}\n+        image: {new}\n");
    assert!(seen.contains(&difference), "{seen}");
    assert!(seen.contains("\ndeployment \"boundtoken\" successfully rolled out\n"), "{seen}");
    for pod in replicas(cluster).await {
        assert_eq!(pod["spec"]["containers"][0]["image"], new);
    }
}

/// No Pod is refused during the change, and clients keep their CA.
async fn move_to_own_certificates(cluster: &Cluster) {
    let before = bundle(cluster).await;
    let traffic = Traffic::start(&cluster.api, "shop");
    // The blocks of another page may have created it.
    cluster.shell("rm -rf tls");
    cluster.shell(&block("move-to-own-certificates"));
    let creates = traffic.end().await;
    let refused: Vec<_> = creates.iter().filter_map(|create| create.outcome.as_ref().err()).collect();
    println!("other certificates: {} of {} Pods refused", refused.len(), creates.len());
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(bundle(cluster).await, before);
    for pod in replicas(cluster).await {
        assert!(pod["spec"]["containers"][0]["env"].to_string().contains("BOUNDTOKEN_TLS_CERT"), "{pod}");
    }
}

/// A configuration without an owner, left by an uninstall, rejects Pods until it is deleted.
async fn remove_what_calls_nobody(cluster: &Cluster) {
    cluster.shell("kubectl apply -f manifests/base/webhook.yaml");
    eventually("a refusal", async || {
        let refusal = create(&cluster.api, "shop").await.outcome.err()?;
        refusal.contains(r#"service "boundtoken" not found"#).then_some(())
    })
    .await;
    cluster.shell(&block("configuration-alone"));
    eventually("a Pod", async || create(&cluster.api, "shop").await.outcome).await;
}

/// The labelled Namespaces are listed, and the labels removed.
fn remove_labels(cluster: &Cluster) {
    let seen = cluster.shell(&block("labels"));
    assert!(seen.contains("\nshop ") && seen.contains("\nnamespace/shop unlabeled\n"), "{seen}");
    assert_eq!(cluster.shell("kubectl get namespaces -l boundtoken.dev/webhook -o name"), "");
}

/// The output of `preview` is written into a Deployment, which keeps its tokens without boundtoken.
async fn write_into_manifests(cluster: &Cluster) {
    let labels = json!({"boundtoken.dev/webhook": "enabled"});
    let annotations = annotations(&[("mode", "add"), ("audience", "vault")]);
    let metadata = json!({"name": "shop", "labels": labels, "annotations": annotations});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    std::fs::write(cluster.workplace().join("namespace.yaml"), namespace.to_string()).unwrap();
    cluster.shell(&block("written-into-manifests"));
    assert_keeps_its_tokens(cluster).await;
}

async fn assert_keeps_its_tokens(cluster: &Cluster) {
    cluster.shell("kubectl -n shop rollout status deployment web");
    let web = running_web(cluster).await;
    let token = |file: &str| pods::token(cluster, &web, file);
    assert_eq!(lifetime(&token(&format!("{DEFAULT}/token"))), 3600);
    assert_eq!(claims(&token("/var/run/secrets/tokens/token"))["aud"], json!(["vault"]));
}

/// Installs boundtoken, creates the Namespace with a Deployment, and then labels the Namespace.
pub(crate) async fn open_labelled_shop(cluster: &Cluster) {
    install(cluster).await;
    open_shop(cluster).await;
    cluster.shell("kubectl label namespace shop boundtoken.dev/webhook=enabled");
}

/// Creates the Namespace with a Deployment, unless they exist.
async fn open_shop(cluster: &Cluster) {
    cluster.shell("kubectl get namespace shop || kubectl create namespace shop");
    cluster.api.wait_for_service_account("shop").await;
    let spec = pod(cluster, "shop", "web", &[])["spec"].take();
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": spec});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    std::fs::write(cluster.workplace().join("deploy.yaml"), deployment.to_string()).unwrap();
    cluster.shell("kubectl apply -f deploy.yaml");
}

async fn token_of_web(cluster: &Cluster) -> String {
    pods::token(cluster, &running_web(cluster).await, &format!("{DEFAULT}/token"))
}

/// The Pod of the Deployment that is not terminating.
async fn running_web(cluster: &Cluster) -> Value {
    eventually("a Pod of web", async || {
        let mut pods = cluster.api.list("/api/v1/namespaces/shop/pods?labelSelector=app=web").await;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods.pop().filter(|pod| pod["status"]["phase"] == "Running" && pods.is_empty())
    })
    .await
}
