//! Texts and objects of clients in audit events, which cannot hide events or change their times.

use boundtoken::audit::event::AuditEvent;
use boundtoken::audit::log::read;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time at which the API server wrote the events.
const WRITTEN: &str = "2026-11-20T08:00:00Z";

/// Texts with another time, in the form of the field `stageTimestamp` in events and in wrappers of events.
const FORGED: [&str; 5] = [
    r#"stageTimestamp2030-01-01T00:00:00Z""#,
    r#"stageTimestamp":"2030-01-01T00:00:00Z""#,
    r#""stageTimestamp":"2030-01-01T00:00:00Z""#,
    r#"\"stageTimestamp\":\"2030-01-01T00:00:00Z\""#,
    r#"{\"stageTimestamp\": \"2030-01-01T00:00:00Z\"}"#,
];

/// A request of a user as the API server writes it. The name of a `RoleBinding` is nearly arbitrary, and in the
/// annotation that the API server writes last.
fn event(text: &str) -> String {
    let reason = json!(format!(
        "RBAC: allowed by RoleBinding {:?} of Role \"edit\" to User \"eve\"",
        text.to_owned() + "/shop"
    ));
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"a","stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{{"username":"eve"}},"sourceIPs":["192.0.2.7"],"userAgent":{},"requestReceivedTimestamp":"{WRITTEN}","stageTimestamp":"{WRITTEN}","annotations":{{"authorization.k8s.io/reason":{reason}}}}}"#,
        json!(text)
    )
}

/// The times at which the events of a log were written.
fn times(log: &str) -> Vec<Option<OffsetDateTime>> {
    let mut found = Vec::new();
    read(log.as_bytes(), &mut |event: &AuditEvent<'_>| found.push(event.logged)).unwrap();
    found
}

/// Otherwise a tenant could fill the holes of a log, or make it end in the future.
#[test]
fn a_text_of_a_client_is_not_the_time_of_an_event() {
    let written = OffsetDateTime::parse(WRITTEN, &Rfc3339).unwrap();
    for text in FORGED {
        let event = event(text);
        let annotated =
            json!({"metadata": {"annotations": {"stageTimestamp": "2030-01-01T00:00:00Z", "note": text}}});
        let mut in_order: Value = serde_json::from_str(&event).unwrap();
        in_order["user"]["extra"] = json!({"stageTimestamp": "2030-01-01T00:00:00Z"});
        let payload = json!({
            "methodName": "io.k8s.core.v1.pods.create",
            "authenticationInfo": {"principalEmail": "eve"},
            "request": annotated,
        });
        let row = |object: &Value| json!({"AuditId": "a", "Verb": "create", "User": {"username": "eve"}, "RequestObject": object, "TimeGenerated": WRITTEN});
        for log in [
            event.clone(),
            in_order.to_string(),
            json!({"timestamp": 1, "message": event}).to_string(),
            json!({"records": [{"properties": {"log": event}}]}).to_string(),
            json!({"timestamp": 1, "message": json!({"message": event}).to_string()}).to_string(),
            json!({"protoPayload": payload, "timestamp": WRITTEN}).to_string(),
            row(&annotated).to_string(),
            row(&annotated.to_string().into()).to_string(),
        ] {
            assert_eq!(times(&log), [Some(written)], "{log}");
        }
    }
}

/// The API server logs objects that it refuses, too.
#[test]
fn a_deep_object_does_not_hide_a_request() {
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let event = format!(
        r#"{{"kind":"Event","auditID":"a","stage":"ResponseComplete","verb":"create","user":{{"username":"system:serviceaccount:shop:web"}},"requestObject":{deep},"stageTimestamp":"{WRITTEN}"}}"#
    );
    let row = format!(
        r#"{{"AuditId":"a","Verb":"create","User":{{"username":"system:serviceaccount:shop:web"}},"RequestObject":{deep},"TimeGenerated":"{WRITTEN}"}}"#
    );
    let wrapped = json!({"timestamp": 1, "message": event}).to_string();
    for log in [event, row.clone(), format!("[{row}]"), wrapped] {
        let mut found = Vec::new();
        read(log.as_bytes(), &mut |event: &AuditEvent<'_>| found.push(event.user.to_owned())).unwrap();
        assert_eq!(found, ["system:serviceaccount:shop:web"], "{}", &log[..20]);
    }
}
