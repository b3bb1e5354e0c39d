//! The wire format: reviews that an API server may send, bodies that it never sends, and the responses.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::admission::Pod;
use boundtoken::admission::{BadReview, Request, lossy_utf8, mutate, validate};
use boundtoken::policy::Defaults;
use serde_json::{Map, Value, json};

use crate::support::pods::{Admission, annotated, answer, decide, namespace, pod, tokens};
use crate::support::reviews::{captured, review};

/// The answer to a body as text, under no settings.
fn send(body: &str) -> Result<Value, BadReview> {
    send_bytes(body.as_bytes())
}

/// As the server does it.
fn send_bytes(body: &[u8]) -> Result<Value, BadReview> {
    Request::parse(&lossy_utf8(body)?).map(|request: Request<'_, Pod<'_>>| {
        let body = mutate(&request, &namespace(&[])).into_body();
        serde_json::from_slice::<Value>(&body).expect("an answer is JSON")["response"].take()
    })
}

/// A review of a Pod, as text.
fn text(pod: &Value) -> String {
    review(pod).to_string()
}

fn is_patched(response: &Value) -> bool {
    assert_eq!(response["allowed"], true);
    response.get("patch").is_some()
}

/// The fields of every object in the opposite order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().rev().map(|(name, field)| (name.clone(), reversed(field))).collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

#[test]
fn every_uid_is_echoed() {
    for uid in ["705ab4f5", "a\"b\\c\u{7}\u{10ffff}<>&", " "] {
        let mut review = review(&pod(&["app"]));
        review["request"]["uid"] = uid.into();
        assert_eq!(answer(&review, &namespace(&[])).response["uid"], uid);
    }
    let escaped = text(&pod(&["app"])).replace("ffdc3593", r"\u0066\ud83d\ude00");
    let uid = send(&escaped).unwrap()["uid"].clone();
    assert_eq!(uid, "f\u{1f600}-51e0-4dfe-ab0e-2be3842e7529");
}

#[test]
fn a_request_without_a_uid_gets_no_response() {
    for uid in [json!(""), Value::Null, "u".repeat(257).into()] {
        let mut review = review(&pod(&["app"]));
        review["request"]["uid"] = uid;
        assert!(send(&review.to_string()).is_err());
    }
    let mut review = review(&pod(&["app"]));
    review["request"].as_object_mut().unwrap().remove("uid");
    assert!(send(&review.to_string()).is_err());
}

#[test]
fn the_patch_is_base64_of_an_rfc_6902_document() {
    let response = send(&text(&pod(&["app"]))).unwrap();
    let json = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let expected = json!([{"op": "replace",
        "path": "/spec/volumes/0/projected/sources/0/serviceAccountToken/expirationSeconds", "value": 3600}]);
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), expected);
    assert_eq!(response["patchType"], "JSONPatch");
    let mut settled = pod(&["app"]);
    settled["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] =
        3600.into();
    let response = send(&text(&settled)).unwrap();
    assert!(response.get("patch").is_none() && response.get("patchType").is_none(), "{response}");
}

#[test]
fn audit_annotations_have_no_slash_in_their_keys() {
    let answer = decide(&annotated(pod(&["app"]), &[("audience", "vault")]), &namespace(&[("ttl", "2h")]));
    let expected = json!({"mode": "replace", "audience": "vault", "ttl": "7200",
        "settings-from": "namespace,pod", "outcome": "patched"});
    assert_eq!(answer.response["auditAnnotations"], expected);
    let outcome = |answer: &Admission| answer.response["auditAnnotations"]["outcome"].clone();
    let refused = decide(&annotated(pod(&["app"]), &[("ttl", "1d")]), &namespace(&[]));
    assert_eq!(outcome(&refused), "refused");
    let dry = namespace(&[("dry-run", "true")]);
    assert_eq!(outcome(&decide(&pod(&["app"]), &dry)), "would-patch");
    let would = decide(&annotated(pod(&["app"]), &[("ttl", "1d")]), &dry);
    assert!(would.allowed() && would.operations.is_empty());
    assert_eq!(outcome(&would), "would-refuse");
}

#[test]
fn a_dry_run_reports_the_code_of_a_refusal() {
    let would = decide(&annotated(pod(&["app"]), &[("ttl", "1d")]), &namespace(&[("dry-run", "true")]));
    assert!(would.warns("BT003"), "{:?}", would.warnings());
}

#[test]
fn a_dry_run_reports_the_key_of_a_refusal() {
    let settings = [("audience", "vault"), ("ttl", "2h")];
    let deny = namespace(&[("dry-run", "true"), ("pod-overrides", "deny")]);
    let would = decide(&annotated(pod(&["app"]), &settings), &deny);
    for key in ["boundtoken.dev/audience", "boundtoken.dev/ttl"] {
        assert!(would.warns(key), "{key}: {:?}", would.warnings());
    }
}

#[test]
fn a_dry_run_is_reported_beside_many_warnings() {
    let unknown: Vec<(String, &str)> = (0..20).map(|number| (format!("unknown-{number}"), "x")).collect();
    let pairs: Vec<(&str, &str)> = unknown.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let answer = decide(
        &annotated(pod(&["app"]), &pairs),
        &namespace(&[pairs.as_slice(), &[("dry-run", "true")]].concat()),
    );
    assert!(answer.warns("BT060"), "{:?}", answer.warnings());
}

#[test]
fn the_order_of_fields_does_not_matter() {
    for name in ["pod-plain", "pod-many", "pod-legacy-secret", "pod-vault-token"] {
        let review = captured(name);
        let back = answer(&reversed(&review), &namespace(&[("mode", "disable")]));
        assert_eq!(back.response, answer(&review, &namespace(&[("mode", "disable")])).response, "{name}");
    }
}

#[test]
fn null_means_absent_in_every_field() {
    let nulls = json!({
        "kind": null, "metadata": {"annotations": null, "labels": null, "name": null},
        "spec": {"volumes": null, "initContainers": null, "containers": [
            {"name": "app", "volumeMounts": null, "env": null}], "automountServiceAccountToken": null,
            "serviceAccountName": null},
    });
    let added = decide(&nulls, &namespace(&[("mode", "add"), ("env", "TOKEN_FILE")]));
    assert_eq!(tokens(&added.pod).len(), 1);
    assert_eq!(added.pod["spec"]["containers"][0]["env"][0]["name"], "TOKEN_FILE");
    let disabled = decide(&nulls, &namespace(&[("mode", "disable")]));
    assert_eq!(disabled.pod["spec"]["automountServiceAccountToken"], false);
    let empty = json!({"metadata": null, "spec": null});
    assert!(decide(&empty, &namespace(&[])).allowed());
    let token = json!({"audience": null, "expirationSeconds": null, "path": "token"});
    let mut sources = pod(&["app"]);
    sources["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"] = token;
    let replaced = decide(&sources, &namespace(&[("audience", "vault"), ("ttl", "2h")]));
    assert_eq!(
        tokens(&replaced.pod)[0].1,
        json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"})
    );
}

#[test]
fn escapes_are_read_as_go_reads_them() {
    let settings = [("audience", "https://x/?a=1&b=<2>"), ("path", "/var/run/secrets/a&b/<t>")];
    let body = text(&annotated(pod(&["app"]), &settings));
    let escaped = body.replace('&', r"\u0026").replace('<', r"\u003c").replace('>', r"\u003e");
    assert_eq!(send(&escaped).unwrap(), send(&body).unwrap());
    let keys = body
        .replace("boundtoken.dev/audience", r"boundtoken\u002edev\u002faudience")
        .replace("\"volumes\"", r#""\u0076olumes""#);
    assert_eq!(send(&keys).unwrap(), send(&body).unwrap());
    let nul = text(&annotated(pod(&["app"]), &[("audience", "NUL")])).replace("NUL", r"a\u0000b");
    assert_eq!(send(&nul).unwrap()["status"]["code"], 422);
    let volume = text(&pod(&["app"])).replace("kube-api-access-", r"kube-api-access-\u0000\ud83d\ude00");
    assert!(is_patched(&send(&volume).unwrap()));
}

#[test]
fn lone_surrogates_are_rejected() {
    let body = text(&annotated(pod(&["app"]), &[("audience", "LONE")]));
    for lone in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x"] {
        assert!(send(&body.replace("LONE", lone)).is_err(), "{lone}");
    }
    // Elsewhere they are not ours to judge: answered or refused, the Pod's other fields are not touched.
    let _ = send(&text(&json!({"metadata": {"name": "LONE"}, "spec": {}})).replace("LONE", r"\ud800"));
}

#[test]
fn a_duplicate_field_is_rejected() {
    let body = text(&annotated(pod(&["app"]), &[("ttl", "2h")]));
    let doubles = [
        (r#""uid":"#, r#""uid":"x","uid":"#),
        (r#""operation":"#, r#""operation":"DELETE","operation":"#),
        (r#""object":"#, r#""object":{},"object":"#),
        (r#""request":"#, r#""request":null,"request":"#),
        (r#""spec":"#, r#""spec":{},"spec":"#),
        (r#""volumes":"#, r#""volumes":[],"volumes":"#),
        (r#""annotations":"#, r#""annotations":{},"annotations":"#),
        (r#""boundtoken.dev/ttl":"#, r#""boundtoken.dev/ttl":"1h","boundtoken.dev/ttl":"#),
        (r#""expirationSeconds":"#, r#""expirationSeconds":600,"expirationSeconds":"#),
        (r#""mountPath":"#, r#""mountPath":"/x","mountPath":"#),
    ];
    for (once, twice) in doubles {
        let double = body.replacen(once, twice, 1);
        assert_ne!(double, body, "{once}");
        assert!(send(&double).is_err(), "{once}");
    }
}

#[test]
fn a_body_that_is_no_v1_review_is_rejected() {
    let body = text(&pod(&["app"]));
    let bodies = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "\"AdmissionReview\"".to_owned(),
        format!("\u{feff}{body}"),
        format!("{body}x"),
        format!("{body}{body}"),
        body.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1"),
        body.replace("AdmissionReview", "Pod"),
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": null}).to_string(),
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}).to_string(),
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": {"uid": "x", "allowed": true}}).to_string(),
        body.replace(r#""object":"#, r#""obj":"#),
        body.replace(r#""expirationSeconds":3607"#, r#""expirationSeconds":"3607""#),
        body.replace(r#""expirationSeconds":3607"#, r#""expirationSeconds":3607.5"#),
        body.replace(r#""expirationSeconds":3607"#, r#""expirationSeconds":1e400"#),
        body.replace(r#""expirationSeconds":3607"#, r#""expirationSeconds":03607"#),
        body.replace(r#""uid":"#, r#""uid":1,"x":"#),
    ];
    for body in bodies {
        let sentence = send(&body).expect_err(&body).to_string();
        assert!(sentence.contains(' ') && !sentence.contains('\n') && sentence.len() < 400, "{sentence}");
    }
    assert!(send_bytes(b"\xff\xfe").is_err());
}

/// A client that speaks protobuf may use any bytes as a key, and they stand raw in `managedFields`.
#[test]
fn invalid_utf_8_changes_nothing() {
    let mut pod = pod(&["app"]);
    let expected = send(&text(&pod)).unwrap()["patch"].clone();
    pod["metadata"]["managedFields"] = json!([{"fieldsV1": {"f:metadata": {"f:labels": {"f:\u{7f}": {}}}}}]);
    pod["spec"]["nodeSelector"] = json!({"\u{7f}": "\u{7f}"});
    let mut body = text(&pod).into_bytes();
    body.iter_mut().filter(|byte| **byte == 0x7f).for_each(|byte| *byte = 0xff);
    assert!(std::str::from_utf8(&body).is_err());
    let response = send_bytes(&body).unwrap();
    assert!(is_patched(&response) && response["patch"] == expected);
}

/// Another uid than that of the request, or a setting that is in no annotation, would be worse than a refusal.
#[test]
fn invalid_utf_8_in_what_is_echoed_or_compared_is_refused() {
    let places = [
        "/request/uid",
        "/request/namespace",
        "/request/name",
        "/request/object/metadata/annotations/boundtoken.dev~1ttl",
        "/request/object/metadata/annotations/boundtoken.dev~1audience",
    ];
    let refused = |review: &Value| {
        let mut body = review.to_string().into_bytes();
        body.iter_mut().filter(|byte| **byte == 0x7f).for_each(|byte| *byte = 0xff);
        send_bytes(&body).is_err()
    };
    let whole = review(&annotated(pod(&["app"]), &[("ttl", "2h"), ("audience", "vault")]));
    assert!(!refused(&whole));
    for place in places {
        let mut review = whole.clone();
        *review.pointer_mut(place).unwrap() = "a\u{7f}".into();
        assert!(refused(&review), "{place}");
    }
    let mut keys = whole.clone();
    keys["request"]["object"]["metadata"]["annotations"]["boundtoken.dev/\u{7f}"] = "x".into();
    assert!(refused(&keys));
    let mut elsewhere = whole;
    elsewhere["request"]["object"]["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "\u{7f}"}]);
    elsewhere["request"]["object"]["metadata"]["annotations"]["example.com/x"] = "\u{7f}".into();
    assert!(!refused(&elsewhere));
}

#[test]
fn a_review_may_have_half_a_million_braces() {
    let mut pod = annotated(pod(&["app"]), &[]);
    pod["metadata"]["annotations"]["template"] = "{".repeat(210_000).into();
    assert!(is_patched(&send(&text(&pod)).unwrap()));
    let fields = |index| {
        (format!("k:{{\"mountPath\":\"/{index}\"}}"), json!({".": {}, "f:mountPath": {}, "f:name": {}}))
    };
    let mounts: Map<_, _> = (0..60_000).map(fields).collect();
    pod["metadata"]["managedFields"] = json!([{"fieldsV1": {"f:spec": {"f:volumeMounts": mounts}}}]);
    assert!(is_patched(&send(&text(&pod)).unwrap()));
    pod["spec"]["tolerations"] = vec![json!({}); 210_000].into();
    assert!(send(&text(&pod)).unwrap_err().to_string().contains("too many objects"));
}

#[test]
fn a_list_is_not_read_as_an_object() {
    let review = review(&pod(&["app"]));
    let list = json!([review["apiVersion"], review["kind"], review["request"]]);
    assert!(send(&list.to_string()).is_err());
    let mut spec = review.clone();
    spec["request"]["object"]["spec"] = json!(["default", null, [], [], []]);
    assert!(send(&spec.to_string()).is_err());
    let mut metadata = review;
    metadata["request"]["object"]["metadata"] = json!([{"boundtoken.dev/mode": "off"}]);
    assert!(send(&metadata.to_string()).is_err());
}

#[test]
fn only_the_creation_of_a_pod_is_evaluated() {
    let change = |fields: &[(&str, Value)]| {
        let mut review = review(&pod(&["app"]));
        for (field, value) in fields {
            *review["request"].pointer_mut(field).unwrap() = value.clone();
        }
        review
    };
    let mut sub_resource = review(&pod(&["app"]));
    sub_resource["request"]["subResource"] = "ephemeralcontainers".into();
    let untouched = [
        sub_resource,
        change(&[("/operation", json!("UPDATE"))]),
        change(&[("/operation", json!("CONNECT"))]),
        change(&[("/operation", json!("DELETE")), ("/object", Value::Null)]),
        change(&[("/operation", json!("create"))]),
        change(&[("/resource/resource", json!("deployments")), ("/resource/group", json!("apps"))]),
        change(&[
            ("/resource/resource", json!("configmaps")),
            ("/object", json!({"data": {"a": "b"}, "metadata": 7})),
        ]),
        change(&[("/resource/group", json!("example.com"))]),
        captured("pod-delete"),
        captured("pod-ephemeralcontainers-update"),
        captured("namespace-create"),
    ];
    for review in untouched {
        let response = send(&review.to_string()).unwrap();
        assert_eq!(response["allowed"], true);
        assert!(response.get("patch").is_none(), "{}", review["request"]["resource"]);
    }
    assert!(is_patched(&send(&change(&[("/dryRun", json!(true))]).to_string()).unwrap()));
    assert!(is_patched(&send(&change(&[("/oldObject", json!({"metadata": {}}))]).to_string()).unwrap()));
}

#[test]
fn a_mirror_pod_is_untouched_even_by_guardrails() {
    for value in ["x", ""] {
        let mirror = annotated(pod(&["app"]), &[("kubernetes.io/config.mirror", value), ("ttl", "1d")]);
        let answer = decide(&mirror, &namespace(&[("max-ttl", "600"), ("mode", "disable")]));
        assert!(answer.allowed() && answer.operations.is_empty());
    }
}

#[test]
fn the_namespace_of_the_request_decides() {
    for inside in [json!("elsewhere"), json!(""), Value::Null] {
        let mut review = review(&pod(&["app"]));
        review["request"]["object"]["metadata"]["namespace"] = inside;
        let body = review.to_string();
        let request: Request<'_, Pod<'_>> = Request::parse(&body).unwrap();
        assert_eq!(request.namespace(), "shop");
    }
}

#[test]
fn a_namespace_is_refused_only_for_what_changes() {
    let check = |labels: Value, annotations: Value, old: Option<Value>| {
        let mut review = captured("namespace-create");
        let object = json!({"metadata": {"name": "shop", "labels": labels, "annotations": annotations}});
        if let Some(old) = old {
            review["request"]["operation"] = "UPDATE".into();
            review["request"]["oldObject"] =
                json!({"metadata": {"name": "shop", "labels": labels, "annotations": old}});
        }
        review["request"]["object"] = object;
        let body = review.to_string();
        let answer = validate(&Request::parse(&body).unwrap(), &Arc::new(Defaults::default())).into_body();
        serde_json::from_slice::<Value>(&answer).unwrap()["response"].clone()
    };
    let enabled = json!({"boundtoken.dev/webhook": "enabled"});
    let bad = json!({"boundtoken.dev/ttl": "1d"});
    assert_eq!(check(enabled.clone(), bad.clone(), None)["status"]["code"], 422);
    assert_eq!(check(enabled.clone(), bad.clone(), Some(json!({})))["allowed"], false);
    let unchanged =
        check(enabled.clone(), json!({"boundtoken.dev/ttl": "1d", "team": "a"}), Some(bad.clone()));
    assert_eq!(unchanged["allowed"], true);
    assert!(unchanged["warnings"][0].as_str().unwrap().contains("BT003"), "{unchanged}");
    let tidied = check(
        enabled.clone(),
        bad.clone(),
        Some(json!({"boundtoken.dev/ttl": "1d", "bountoken.dev/ttl": "2h"})),
    );
    assert_eq!(tidied["allowed"], true, "what is only meant to be ours is nothing that this request changes");
    let not_opted_in = check(json!({}), bad, None);
    assert_eq!(not_opted_in["allowed"], true);
    assert!(not_opted_in["warnings"].to_string().contains("BT061"), "{not_opted_in}");
    assert_eq!(check(enabled, json!({"boundtoken.dev/ttl": "2h"}), None)["warnings"], Value::Null);
}
