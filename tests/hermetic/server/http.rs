//! The responses of the routes.

use std::sync::Arc;

use crate::support::reviews;
use crate::support::server::{no_namespaces, start};
use boundtoken::namespaces::{Lookup, NamespaceStore, Namespaces};
use boundtoken::policy::NamespaceSettings;
use boundtoken::server::limits::BODY_BYTES;
use boundtoken::telemetry::table::METRICS;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Namespace `web` opted in.
fn web() -> Arc<Namespaces> {
    let settings = NamespaceSettings::parse("web", [], &Arc::default());
    Arc::new(Namespaces::new([("web".into(), Arc::new(settings))].into()))
}

/// A store that cannot answer.
struct Down;

impl NamespaceStore for Down {
    fn cached(&self, _name: &str) -> Option<Lookup> {
        None
    }

    async fn fetch(&self, _name: &str) -> Lookup {
        Lookup::Unavailable
    }
}

#[tokio::test]
async fn a_pod_of_a_namespace_that_opted_in_is_patched() {
    let server = start(web(), 512);
    let answer = server.connect().await.post("/mutate?timeout=5s", JSON, reviews::web(&json!({}))).await;
    let review: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.head.to_lowercase().contains("content-type: application/json"), "{}", answer.head);
    assert_eq!(review["response"]["patchType"], "JSONPatch");
    let text = server.metrics.text();
    assert!(text.contains("boundtoken_admissions_total{mode=\"replace\",outcome=\"patched\"} 1\n"), "{text}");
    assert!(text.contains("boundtoken_namespace_lookups_total{result=\"settings\"} 1\n"), "{text}");
}

#[tokio::test]
async fn a_pod_of_another_namespace_is_allowed_untouched() {
    let server = start(no_namespaces(), 512);
    let answer = server.connect().await.post("/mutate", JSON, reviews::web(&json!({}))).await;
    let review: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(review["response"]["allowed"], true);
    assert!(review["response"].get("patch").is_none());
    assert!(server.metrics.text().contains("{mode=\"none\",outcome=\"unchanged\"} 1\n"));
}

/// Each code once for a Pod, however often it is violated.
#[tokio::test]
async fn refusals_and_warnings_are_counted_by_code() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    for annotations in [
        json!({"boundtoken.dev/mode": "on", "boundtoken.dev/ttl": "5m", "boundtoken.dev/tll": "1h"}),
        json!({"boundtoken.dev/tll": "1h", "boundtoken.dev/mod": "off"}),
    ] {
        client.post("/mutate", JSON, reviews::web(&annotations)).await;
    }
    let text = server.metrics.text();
    for line in [
        "boundtoken_refusals_total{code=\"BT001\"} 1\n",
        "boundtoken_refusals_total{code=\"BT004\"} 1\n",
        "boundtoken_refusals_total{code=\"BT030\"} 0\n",
        "boundtoken_warnings_total{code=\"BT050\"} 2\n",
        "boundtoken_warnings_total{code=\"BT001\"} 0\n",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn unavailable_settings_get_503_and_retry_after() {
    let server = start(Arc::new(Down), 512);
    let answer = server.connect().await.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.to_lowercase().contains("\r\nretry-after: 1\r\n"), "{}", answer.head);
    let text = server.metrics.text();
    assert!(text.contains("{mode=\"none\",outcome=\"unavailable\"} 1\n"), "{text}");
    assert!(text.contains("boundtoken_namespace_lookups_total{result=\"unavailable\"} 1\n"), "{text}");
}

#[tokio::test]
async fn a_body_that_is_no_review_gets_400_without_uid() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    for path in ["/mutate", "/validate"] {
        for body in
            ["", "{", "[]", "null", "\u{0}\u{1}", "{\"kind\":\"AdmissionReview\"}", &"[".repeat(100_000)]
        {
            let answer = client.post(path, JSON, body).await;
            assert_eq!(answer.status, 400, "{path} {body:.20}");
            assert!(answer.body.ends_with('\n') && !answer.body.contains("uid\":\"\""), "{}", answer.body);
            assert!(!answer.head.to_lowercase().contains("retry-after"), "{}", answer.head);
        }
    }
    assert!(server.metrics.text().contains("{mode=\"none\",outcome=\"bad-request\"} 14\n"));
}

#[tokio::test]
async fn a_body_of_three_megabytes_passes() {
    let server = start(web(), 512);
    let review = reviews::web(&json!({"example.com/large": "x".repeat(3 * 1024 * 1024)}));
    let answer = server.connect().await.post("/mutate", JSON, review).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_body_may_have_eight_megabytes() {
    let server = start(web(), 512);
    let review = reviews::web(&json!({}));
    let padded = |size: usize| format!("{review}{}", " ".repeat(size - review.len()));
    let largest = server.connect().await.post("/mutate", JSON, padded(BODY_BYTES)).await;
    assert_eq!(largest.status, 200, "{}", largest.body);
    let larger = server.connect().await.post("/mutate", JSON, padded(BODY_BYTES + 1)).await;
    assert_eq!((larger.status, larger.body.as_str()), (413, "the body is larger than 8388608 bytes\n"));
    assert!(larger.closes());
}

#[tokio::test]
async fn a_body_in_chunks_has_the_same_limit() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    client
        .send("POST /mutate HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    for _ in 0..9 {
        client.send(&chunk).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.response().await.unwrap().status, 413);
}

#[tokio::test]
async fn only_json_is_read() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/json;charset=utf-8", 200),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("application/yaml", 415),
    ] {
        let answer = client.post("/mutate", content_type, reviews::web(&json!({}))).await;
        assert_eq!(answer.status, status, "{content_type}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_and_never_redirected() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    for path in ["/", "/mutate/", "//mutate", "/MUTATE", "/validate/..", "/mutate/../validate"] {
        let answer = client.post(path, JSON, "{}").await;
        let sentence = "not found: use POST /mutate or /validate\n";
        assert_eq!((answer.status, answer.body.as_str()), (404, sentence), "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        client
            .send(format!("{method} /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"))
            .await;
        let answer = client.response().await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (405, "only POST is answered here\n"), "{method}");
        assert!(answer.head.to_lowercase().contains("allow: post"), "{}", answer.head);
    }
    assert!(server.metrics.text().contains("{mode=\"none\",outcome=\"bad-request\"} 10\n"));
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(20 * 1024))).await;
    assert_eq!(client.response().await.unwrap().status, 431);
}

#[tokio::test]
async fn the_admin_port_answers_probes_and_scrapers() {
    let server = start(web(), 512);
    let mut client = server.connect_admin();
    assert_eq!(client.get("/livez").await.body, "ok");
    assert_eq!(client.get("/readyz").await.body, "ok");
    for path in ["/readyz?verbose", "/readyz?verbose=true", "/readyz?x&verbose"] {
        let body = client.get(path).await.body;
        assert_eq!(body, "[+]namespaces ok\n[+]shutdown ok\nreadyz check passed\n", "{path}");
    }
    let metrics = client.get("/metrics").await;
    assert!(
        metrics.head.to_lowercase().contains("content-type: application/openmetrics-text; version=1.0.0")
    );
    assert!(metrics.body.contains("\nboundtoken_ready 1\n"), "{}", metrics.body);
    assert!(metrics.body.ends_with("# EOF\n"));
    assert_eq!(client.get("/mutate").await.status, 404);
}

#[tokio::test]
async fn the_webhook_port_shows_no_metrics() {
    let server = start(web(), 512);
    for path in ["/metrics", "/readyz", "/livez"] {
        assert_eq!(server.connect().await.get(path).await.status, 404);
    }
}

#[tokio::test]
async fn labels_and_their_values_are_those_of_the_table() {
    let server = start(web(), 512);
    let mut client = server.connect().await;
    for annotations in [
        json!({"boundtoken.dev/mode": "marker"}),
        json!({"boundtoken.dev/audience": "marker"}),
        json!({"boundtoken.dev/mode": "off"}),
    ] {
        client.post("/mutate", JSON, reviews::web(&annotations)).await;
    }
    client.post("/mutate", JSON, "marker").await;
    let text = server.metrics.text();
    let is_labelled = |line: &&str| !line.starts_with('#') && line.contains('{') && !line.contains("le=");
    for line in text.lines().filter(is_labelled) {
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, _) = rest.split_once('}').unwrap();
        let entry = METRICS.iter().find(|entry| entry.samples().iter().any(|sample| sample == name)).unwrap();
        let labels: Vec<(&str, &str)> =
            labels.split(',').map(|label| label.split_once('=').unwrap()).collect();
        assert_eq!(labels.len(), entry.labels.len(), "{line}");
        for ((name, value), label) in labels.into_iter().zip(entry.labels) {
            assert_eq!(name, label.name, "{line}");
            assert!((label.values)().contains(&value.trim_matches('"')), "{line}");
        }
    }
}
