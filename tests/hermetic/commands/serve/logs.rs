//! The log of `boundtoken serve`.

use crate::support::program::Serving;
use crate::support::reviews;
use rustix::process::Signal;
use serde_json::{Value, json};

const JSON: &str = "application/json";

#[tokio::test]
async fn log_lines_name_the_decision_and_never_the_object() {
    let directory = tempfile::tempdir().unwrap();
    let more = ["--log-level=trace", "--shutdown-delay=0"];
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &more);
    let mut client = server.webhook().await;
    for annotations in [
        json!({"example.com/x": "s3cret-marker"}),
        json!({"boundtoken.dev/audience": "s3cret-marker"}),
        json!({"boundtoken.dev/ttl": "s3cret-marker"}),
    ] {
        client.post("/mutate", JSON, reviews::web(&annotations)).await;
    }
    client.post("/mutate", JSON, "{\"s3cret-marker\": s3cret-marker}").await;
    client.post("/s3cret-marker", JSON, "s3cret-marker").await;
    drop(client);
    server.signal(Signal::TERM);
    let (_, lines) = server.end();
    assert!(!lines.iter().any(|line| line.contains("s3cret-marker")), "{lines:#?}");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<_> = lines.iter().filter(|line| line["outcome"].is_string()).collect();
    let shown: Vec<_> = decisions
        .iter()
        .map(|line| ["level", "message", "outcome", "codes"].map(|field| line[field].as_str()))
        .collect();
    let patched = [Some("DEBUG"), Some("answered"), Some("patched"), None];
    assert_eq!(shown, [patched, patched, [Some("INFO"), Some("refused"), Some("refused"), Some("BT003")]]);
    let errors = lines.iter().filter(|line| line["message"] == "responded with an HTTP error");
    let errors: Vec<_> = errors.map(|line| (&line["level"], &line["status"], &line["reason"])).collect();
    let level = &json!("DEBUG");
    let expected = [(level, &json!(400), &json!("bad-review")), (level, &json!(404), &json!("not-found"))];
    assert_eq!(errors, expected);
    for line in decisions {
        assert_eq!((&line["namespace"], &line["name"]), (&json!("web"), &json!("web-1")));
        assert_eq!(line["uid"], reviews::UID);
    }
}

/// As the API server asks about a Pod of a ReplicaSet.
#[tokio::test]
async fn a_refused_pod_is_logged_by_its_generate_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &["--shutdown-delay=0"]);
    let mut client = server.webhook().await;
    let mut review: Value =
        serde_json::from_str(&reviews::web(&json!({"boundtoken.dev/ttl": "5m"}))).unwrap();
    review["request"].as_object_mut().unwrap().remove("name").unwrap();
    let metadata = review["request"]["object"]["metadata"].as_object_mut().unwrap();
    metadata.remove("name");
    metadata.insert("generateName".to_owned(), json!("web-7d4b9c-"));
    client.post("/mutate", JSON, review.to_string()).await;
    drop(client);
    server.signal(Signal::TERM);
    let (_, lines) = server.end();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let names: Vec<_> =
        lines.filter(|line| line["message"] == "refused").map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["web-7d4b9c-"]);
}

#[tokio::test]
async fn a_log_line_has_a_bounded_length() {
    let directory = tempfile::tempdir().unwrap();
    let more = ["--shutdown-delay=0", "--log-level=debug"];
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &more);
    let mut client = server.webhook().await;
    let review = reviews::web(&json!({}));
    for (field, value) in [("uid", reviews::UID), ("namespace", "web"), ("name", "web-1")] {
        let long = review.replace(
            &format!("\"{field}\":\"{value}\""),
            &format!("\"{field}\":\"{}\"", "\u{e4}\\n".repeat(if field == "uid" { 80 } else { 100_000 })),
        );
        assert!(long.len() > review.len());
        assert_eq!(client.post("/mutate", JSON, long).await.status, 200);
    }
    drop(client);
    server.signal(Signal::TERM);
    let (_, lines) = server.end();
    assert_eq!(lines.iter().filter(|line| line.contains("answered")).count(), 3);
    assert!(lines.iter().all(|line| line.len() < 1000));
}

#[tokio::test]
async fn invalid_namespace_annotations_are_logged_at_start() {
    for (more, message) in [
        ("", "wrong annotations; its Pods are refused"),
        (
            "    boundtoken.dev/dry-run: 'true'\n",
            "wrong annotations; without dry-run its Pods would be refused",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let manifest =
            format!("{}  annotations:\n    boundtoken.dev/ttl: s3cret\n{more}", reviews::NAMESPACES);
        let server = Serving::start(directory.path(), &manifest, &["--shutdown-delay=0"]);
        server.signal(Signal::TERM);
        let (_, lines) = server.end();
        let line = lines.iter().find(|line| line.contains("wrong annotations")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["namespace"], &line["message"]), (&json!("web"), &json!(message)));
        assert_eq!(line["mistakes"], "BT003 boundtoken.dev/ttl");
    }
}

#[tokio::test]
async fn at_the_default_level_only_refusals_are_logged() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &["--shutdown-delay=0"]);
    let mut client = server.webhook().await;
    client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    client.post("/mutate", JSON, reviews::web(&json!({"boundtoken.dev/ttl": "x"}))).await;
    drop(client);
    server.signal(Signal::TERM);
    let (_, lines) = server.end();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("\"message\":\"refused\""), count("answered")), (1, 0), "{lines:#?}");
}

#[tokio::test]
async fn start_and_shutdown_are_logged() {
    let directory = tempfile::tempdir().unwrap();
    let more = ["--shutdown-delay=0", "--shutdown-deadline=0", "--api-audiences=https://a,https://b"];
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &more);
    server.signal(Signal::TERM);
    let (code, lines) = server.end();
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |start: &str| {
        let mut lines = lines.iter();
        lines.find(|line| line["message"].as_str().unwrap().starts_with(start)).unwrap()
    };
    let audiences = find("these audiences count as the API server's own");
    assert_eq!(
        (&audiences["level"], &audiences["audiences"]),
        (&json!("INFO"), &json!("https://a,https://b"))
    );
    let shutdown =
        find("shutting down: /readyz fails, requests are still served; a second signal exits at once");
    assert_eq!((&shutdown["delay"], &shutdown["deadline"]), (&json!("0ns"), &json!("0ns")));
    assert!(lines.iter().all(|line| line["level"] != "WARN"), "{lines:#?}");
}
