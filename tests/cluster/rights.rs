//! boundtoken's ServiceAccount has all of the rights that it needs, and no others.
//!
//! Each replica belongs to an install of its own and runs as its ServiceAccount. Streaming lists need only
//! the right to watch, so these replicas list in pages, as they do where the API server refuses streaming
//! lists.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::pods::list;
use crate::support::api_proxy::ApiProxy;
use crate::support::control_plane::audit::Follower;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::program::Serving;
use crate::support::shipped;

/// A free port on loopback.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The number of refusals of a replica before its state is checked.
const REFUSALS: usize = 3;

/// A verb and a resource of a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Right {
    verb: String,
    resource: String,
}

/// With all rights a replica works and uses each of them, and no request is refused.
pub(crate) async fn all_are_enough(plane: Arc<ControlPlane>) {
    let mut install = Install::new(&plane, "rights-all", None).await;
    let replica = install.start().await;
    eventually("a ready replica", async || ready(&replica).await).await;
    install.damage().await;
    eventually("what was damaged", async || install.is_whole().await.then_some(())).await;
    let all: BTreeSet<Right> = install.rules.iter().flat_map(rights).collect();
    eventually("every right in use", async || {
        let used: BTreeSet<Right> = install.asked(|code| code < 300).into_iter().collect();
        if used == all { Ok(()) } else { Err(used) }
    })
    .await;
    assert_eq!(install.asked(|code| matches!(code, 401 | 403)), []);
}

/// Without any one right, exactly the requests that need it are refused, and the replica logs that and does
/// not become ready. Without the right to watch Namespaces it becomes ready, with a note.
pub(crate) async fn each_is_needed(plane: Arc<ControlPlane>) {
    let all: BTreeSet<Right> = rules(&shipped::of("").collect::<Vec<_>>()).iter().flat_map(rights).collect();
    assert_eq!(all.len(), 10, "{all:?}");
    join_all(all.into_iter().enumerate().map(|(number, right)| without(&plane, number, right))).await;
}

async fn without(plane: &Arc<ControlPlane>, number: usize, right: Right) {
    let mut install = Install::new(plane, &format!("rights-{number}"), Some(&right)).await;
    let replica = install.start().await;
    // With all rights it would become ready before it repeats a request this often.
    eventually(&format!("refusals of {right:?}"), async || {
        let refused = install.asked(|code| code == 403);
        if refused.len() >= REFUSALS { Ok(()) } else { Err(refused) }
    })
    .await;
    let refused: BTreeSet<Right> = install.asked(|code| code == 403).into_iter().collect();
    assert_eq!(refused, BTreeSet::from([right.clone()]));
    if right == (Right { verb: "watch".to_owned(), resource: "namespaces".to_owned() }) {
        let note = eventually("a ready replica", async || ready(&replica).await).await;
        assert!(note.contains("[+]namespaces ok (changes are not seen at present"), "{note}");
    } else {
        assert!(ready(&replica).await.is_err(), "{right:?}");
    }
    replica.signal(Signal::KILL);
    let (_, lines) = replica.end();
    let words = format!("cannot {} resource \\\"{}\\\"", right.verb, right.resource);
    assert!(lines.iter().any(|line| line.contains(&words)), "{words}: {lines:#?}");
}

/// The output of a successful readiness check, or the reason why it failed.
pub(crate) async fn ready(replica: &Serving) -> Result<String, String> {
    let answer = replica.admin().await.get("/readyz?verbose").await;
    if answer.status == 200 { Ok(answer.body) } else { Err(answer.body) }
}

/// The rules of all roles, each with the Namespace in which it applies.
fn rules(objects: &[Value]) -> Vec<Value> {
    let rules = objects.iter().flat_map(|object| {
        list(&object["rules"]).map(|rule| {
            let mut rule = rule.clone();
            rule["namespace"] = object["metadata"]["namespace"].clone();
            rule
        })
    });
    rules.collect()
}

fn rights(rule: &Value) -> impl Iterator<Item = Right> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    list(&rule["verbs"]).map(move |verb| Right { verb: word(verb), resource: word(&rule["resources"][0]) })
}

fn user(install: &str) -> String {
    format!("system:serviceaccount:{install}:boundtoken")
}

/// An install with the renamed objects of the manifests, and possibly without one of the rights.
pub(crate) struct Install {
    plane: Arc<ControlPlane>,
    name: String,
    rules: Vec<Value>,
    /// The audit log of its ServiceAccount.
    log: Follower,
    proxy: Option<ApiProxy>,
}

impl Install {
    pub(crate) async fn new(plane: &Arc<ControlPlane>, name: &str, without: Option<&Right>) -> Self {
        let mut objects: Vec<Value> = shipped::of(name).collect();
        for rule in objects.iter_mut().filter_map(|object| object["rules"].as_array_mut()).flatten() {
            let kept = rights(rule).filter(|right| Some(right) != without);
            rule["verbs"] = kept.map(|right| right.verb).collect();
        }
        for object in &objects {
            plane.api.create(object).await.unwrap();
        }
        let log = plane.follow_audit_log(&user(name));
        let (plane, name, rules) = (Arc::clone(plane), name.to_owned(), rules(&objects));
        let install = Self { plane, name, rules, log, proxy: None };
        // The API server itself observes rights a moment later.
        for rule in &install.rules {
            for right in rights(rule) {
                let what = format!("{right:?} in {}", install.name);
                eventually(&what, async || install.may(&right.verb, rule).await.then_some(())).await;
            }
        }
        install
    }

    async fn may(&self, verb: &str, rule: &Value) -> bool {
        let attributes = json!({
            "verb": verb,
            "group": rule["apiGroups"][0],
            "resource": rule["resources"][0],
            "name": rule["resourceNames"][0],
            "namespace": rule["namespace"],
        });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user(&self.name), "resourceAttributes": attributes},
        });
        self.plane.api.create(&review).await.unwrap()["status"]["allowed"].as_bool().unwrap()
    }

    /// Starts a replica as the ServiceAccount, behind a proxy that refuses streaming lists.
    async fn start(&mut self) -> Serving {
        let directory = self.plane.subdirectory();
        let kubeconfig = self.plane.kubeconfig_of_boundtoken(&self.name, &directory).await;
        let proxy = ApiProxy::start(&kubeconfig).await;
        proxy.refuse_lists_as_events();
        let kubeconfig = proxy.kubeconfig_for(&kubeconfig);
        self.proxy = Some(proxy);
        self.serve(&directory, &kubeconfig, &[])
    }

    /// Starts a replica as the ServiceAccount, with further arguments.
    pub(crate) async fn start_with(&self, more: &[&str]) -> Serving {
        let directory = self.plane.subdirectory();
        let kubeconfig = self.plane.kubeconfig_of_boundtoken(&self.name, &directory).await;
        self.serve(&directory, &kubeconfig, more)
    }

    fn serve(&self, directory: &Path, kubeconfig: &Path, more: &[&str]) -> Serving {
        let configuration = format!("--webhook-configuration={}", self.name);
        let namespace = format!("--namespace={}", self.name);
        let arguments = ["--tls-secret=boundtoken-certificates", &configuration, &namespace];
        Serving::start_with(ANYWHERE, directory, kubeconfig, &[&arguments, more].concat())
    }

    /// Empties the Secret and the caBundle.
    async fn damage(&self) {
        self.plane.api.patch(&self.secret(), &json!({"data": null})).await.ok().unwrap();
        let mut configuration = self.plane.api.get(&self.configuration()).await.unwrap();
        configuration["webhooks"][0]["clientConfig"].as_object_mut().unwrap().remove("caBundle");
        let change = json!({"webhooks": configuration["webhooks"]});
        self.plane.api.patch(&self.configuration(), &change).await.ok().unwrap();
    }

    async fn is_whole(&self) -> bool {
        let secret = self.plane.api.get(&self.secret()).await.unwrap();
        let configuration = self.plane.api.get(&self.configuration()).await.unwrap();
        secret["data"]["tls.key"].is_string()
            && configuration["webhooks"][0]["clientConfig"]["caBundle"].is_string()
    }

    pub(crate) fn secret(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/boundtoken-certificates", self.name)
    }

    pub(crate) fn configuration(&self) -> String {
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}", self.name)
    }

    /// The requests of the replica with a matching status code, from the audit log.
    fn asked(&mut self, is_meant: impl Fn(u64) -> bool) -> Vec<Right> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let user = user(&self.name);
        let events = self.log.read().iter().filter(|event| event["user"]["username"] == user);
        let meant = events.filter(|event| event["responseStatus"]["code"].as_u64().is_some_and(&is_meant));
        meant
            .map(|event| Right {
                verb: word(&event["verb"]),
                resource: word(&event["objectRef"]["resource"]),
            })
            .collect()
    }
}
