//! Another reader of the same bytes: the types of kube and k8s-openapi see what ours see, and read what we answer.

use crate::support::pods::{Pairs, apply, namespace, operations};
use crate::support::reviews::captured;
use boundtoken::admission::{self, Request};
use boundtoken::pod::view;
use k8s_openapi::api::core::v1::{Container, Pod, Volume};
use kube::core::admission::AdmissionReview;
use serde_json::Value;

const PODS: [&str; 10] = [
    "pod-asked-for",
    "pod-generate-name",
    "pod-legacy-secret",
    "pod-many",
    "pod-of-deployment",
    "pod-of-job",
    "pod-opted-out",
    "pod-plain",
    "pod-sa-no-automount",
    "pod-vault-token",
];

fn typed(review: &Value) -> (String, Pod) {
    let review: AdmissionReview<Pod> = serde_json::from_value(review.clone()).expect("a review of kube's");
    let request = review.request.expect("a request");
    (request.uid, request.object.expect("a Pod"))
}

/// Volumes with the tokens in them.
fn tokens_by_kube(volume: &Volume) -> Vec<(Option<String>, Option<i64>, String)> {
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let tokens = sources.filter_map(|source| source.service_account_token.as_ref());
    tokens.map(|token| (token.audience.clone(), token.expiration_seconds, token.path.clone())).collect()
}

fn tokens_by_us(volume: &view::Volume<'_>) -> Vec<(Option<String>, Option<i64>, String)> {
    let audience = |token: &view::ServiceAccountTokenProjection<'_>| token.audience().map(str::to_owned);
    let tokens = volume.tokens().map(|(_, token)| token);
    tokens.map(|token| (audience(token), token.expiration_seconds, token.path.as_str().to_owned())).collect()
}

fn mounts_by_kube(container: &Container) -> Vec<(String, String)> {
    let mounts = container.volume_mounts.iter().flatten();
    mounts.map(|mount| (mount.name.clone(), mount.mount_path.clone())).collect()
}

fn mounts_by_us(container: &view::Container<'_>) -> Vec<(String, String)> {
    let mounts = container.mounts().iter();
    mounts.map(|mount| (mount.name.as_str().to_owned(), mount.mount_path.as_str().to_owned())).collect()
}

#[test]
fn both_readers_see_the_same_pod() {
    for name in PODS {
        let review = captured(name);
        let (uid, theirs) = typed(&review);
        let body = review.to_string();
        let request: Request<'_, admission::Pod<'_>> = Request::parse(&body).expect("a review");
        let ours = request.object().expect("a Pod");
        let spec = theirs.spec.expect("a spec");
        assert_eq!(request.uid(), uid, "{name}");
        assert_eq!(ours.spec.automount_service_account_token, spec.automount_service_account_token, "{name}");
        assert_eq!(Some(ours.spec.service_account()), spec.service_account_name.as_deref(), "{name}");
        let volumes: Vec<_> = ours.spec.volumes.iter().flatten().map(tokens_by_us).collect();
        assert_eq!(volumes, spec.volumes.iter().flatten().map(tokens_by_kube).collect::<Vec<_>>(), "{name}");
        let mounts: Vec<_> =
            ours.spec.all_containers().map(|(_, _, container)| mounts_by_us(container)).collect();
        let theirs = spec.init_containers.iter().flatten().chain(&spec.containers);
        assert_eq!(mounts, theirs.map(mounts_by_kube).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_patched_pod_is_still_a_pod_of_the_api() {
    let settings: [Pairs<'_>; 4] = [
        &[],
        &[("mode", "disable")],
        &[("mode", "add"), ("audience", "vault"), ("env", "TOKEN_FILE")],
        &[
            ("path", "/var/run/secrets/tokens/api"),
            ("tokens", "[{audience: sts, path: /var/run/secrets/sts/token}]"),
        ],
    ];
    for (name, pairs) in PODS.iter().flat_map(|name| settings.map(|pairs| (name, pairs))) {
        let review = captured(name);
        let body = review.to_string();
        let request = Request::parse(&body).expect("a review");
        let answer = admission::mutate(&request, &namespace(pairs)).into_body();
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let object = review.pointer("/request/object").expect("an object");
        let patched = apply(object, &operations(answer.get("response").expect("a response")));
        let again: Pod = serde_json::from_value(patched.clone())
            .unwrap_or_else(|error| panic!("{name} {pairs:?}: {error}"));
        // Nothing that we wrote is unknown to the API.
        let known = serde_json::to_value(&again).expect("JSON");
        let (was, is): (Pod, Value) = (serde_json::from_value(object.clone()).expect("a Pod"), known);
        assert_eq!(is.pointer("/spec/volumes"), patched.pointer("/spec/volumes"), "{name} {pairs:?}");
        assert_eq!(was.metadata, again.metadata, "{name} {pairs:?}");
    }
}
