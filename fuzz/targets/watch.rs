//! Lines of a list and of a watch of Namespaces: whatever they are, the change of another Namespace is seen.
//!
//! The input is what the API server sends before that change, first in the list and then in the watch.

#![no_main]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boundtoken::cluster::utf8::Utf8Body;
use boundtoken::namespaces::watched::watched;
use boundtoken::namespaces::{CurrentDefaults, Lookup, NamespaceStore};
use boundtoken::telemetry::metrics::Metrics;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use kube::Client;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// The name of the other Namespace.
const OTHER: &str = "the-other-namespace";

/// More than the pauses after failures take: the clock is paused, so this costs nothing.
const LONG: Duration = Duration::from_mins(10);

fuzz_target!(|input: &[u8]| {
    if input.windows(OTHER.len()).any(|part| part == OTHER.as_bytes()) {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (input, is_changed) = (Bytes::copy_from_slice(input), AtomicBool::new(false));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let body = answer(request.uri().query().unwrap_or_default(), &input, &is_changed);
            async move { Ok::<_, Infallible>(Response::new(Utf8Body::new(Full::new(body)))) }
        });
        let (namespaces, watch) = watched(
            Client::new(service, "default"),
            &CurrentDefaults::default(),
            Arc::new(Metrics::default()),
        );
        let watching = tokio::spawn(watch.run());
        let seen = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if let Some(Lookup::Settings(settings)) = namespaces.cached(OTHER)
                    && !settings.violations().is_empty()
                {
                    break;
                }
                assert!(!watching.is_finished(), "the watch ended");
            }
        };
        tokio::time::timeout(LONG, seen).await.expect("the change is seen");
        watching.abort();
    });
});

/// The answer to a list or a watch. The Namespace changes after the first list, in the watch that follows.
fn answer(query: &str, input: &[u8], is_changed: &AtomicBool) -> Bytes {
    let change = event("MODIFIED", "a while", "9");
    if !query.contains("watch=true") {
        is_changed.store(true, Ordering::Relaxed);
        let page = json!({"metadata": {"resourceVersion": "9"}, "items": [object("a while", "9")]});
        return page.to_string().into();
    }
    // With an error in every list there would never be a complete one.
    let in_list = if input.windows(5).any(|part| part == b"ERROR") { b"" } else { input };
    let mut lines = vec![input];
    let (ttl, version) =
        if is_changed.swap(true, Ordering::Relaxed) { ("a while", "9") } else { ("1h", "4") };
    let (listed, bookmark) = (event("ADDED", ttl, version), bookmark());
    if query.contains("sendInitialEvents=true") {
        lines.splice(0..0, [listed.as_bytes(), in_list, bookmark.as_bytes()]);
    }
    lines.push(change.as_bytes());
    lines.iter().flat_map(|line| [*line, b"\n"]).collect::<Vec<_>>().concat().into()
}

/// The end of a list.
fn bookmark() -> String {
    let metadata = json!({"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}});
    json!({"type": "BOOKMARK", "object": {"kind": "Namespace", "apiVersion": "v1", "metadata": metadata}})
        .to_string()
}

fn event(kind: &str, ttl: &str, version: &str) -> String {
    json!({"type": kind, "object": object(ttl, version)}).to_string()
}

/// The other Namespace; its change is a mistake, because that is easy to recognise.
fn object(ttl: &str, version: &str) -> serde_json::Value {
    json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {
        "name": OTHER, "resourceVersion": version,
        "labels": {"boundtoken.dev/webhook": "enabled"}, "annotations": {"boundtoken.dev/ttl": ttl},
    }})
}
