//! An API server that sends unreadable data, or nothing at all.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::fake::{Fake, Logs, bookmark, end_of_list, namespace};
use crate::namespaces::Lookup;
use crate::namespaces::watched::api::WATCH_TIMEOUT;

#[tokio::test(start_paused = true)]
async fn watches_without_events_and_bookmarks_are_reported() {
    let logs = Logs::capture();
    let (mut fake, mut events) = Fake::watching(&[]).await;
    for _ in 0..2 {
        tokio::time::advance(WATCH_TIMEOUT).await;
        drop(events);
        events = fake.call().await.watch();
    }
    assert!((fake.check)().unwrap().is_some());
    assert_eq!(logs.count("neither an event nor a bookmark"), 1);
    events.send("BOOKMARK", &bookmark("9")).await;
    assert_eq!((fake.check)(), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_paused_between() {
    let logs = Logs::capture();
    let (mut fake, events) = Fake::watching(&[]).await;
    drop(events);
    let began = Instant::now();
    for _ in 0..10 {
        drop(fake.call().await.watch());
    }
    assert!(began.elapsed() > Duration::from_mins(1));
    assert_eq!((logs.count("cannot be watched"), logs.count("watched again")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_object_does_not_hide_the_others() {
    let logs = Logs::capture();
    let mut broken = namespace("broken", "2", "2h");
    broken["metadata"]["labels"] = json!(["marker"]);
    let items = [namespace("a", "1", "2h"), broken.clone(), json!("marker"), namespace("b", "3", "marker")];
    let (mut fake, events) = Fake::watching(&items).await;
    assert_eq!((fake.check)(), Ok(None));
    assert!(fake.known("a").is_some() && fake.known("b").is_some());
    let lookup = fake.ask("broken");
    fake.call().await.answer(200, &broken.to_string());
    assert!(matches!(lookup.await.unwrap(), Lookup::Unavailable), "never taken for one without settings");
    broken["metadata"]["name"] = json!("a");
    events.send("MODIFIED", &broken).await;
    events.send("ADDED", &namespace("c", "8", "2h")).await;
    assert!(fake.known("a").is_none() && fake.known("c").is_some());
    assert_eq!((logs.count("cannot be read"), logs.count("without a name")), (2, 1));
    assert_eq!((logs.count("its Pods are refused"), logs.count("marker")), (1, 0));
    events.send("MODIFIED", &namespace("b", "9", "marker")).await;
    assert_eq!(logs.count("its Pods are refused"), 1, "reported once");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_decoded_means_a_new_list() {
    for line in ["no event", r#"{"type": "ADDED", "object": {}}"#, r#"{"type": "NEW", "object": {}}"#] {
        let (mut fake, events) = Fake::watching(&[]).await;
        events.write(line).await;
        let events = fake.call().await.begin_list();
        for line in [line, &end_of_list("30")] {
            events.write(line).await;
        }
        assert_eq!((fake.check)(), Ok(None), "{line}");
        events.send("ADDED", &namespace("a", "31", "2h")).await;
        assert!(fake.known("a").is_some(), "{line}");
    }
}

/// Such as an object in etcd that it cannot decode: the next watch from the same version would end there as well.
#[tokio::test(start_paused = true)]
async fn an_error_in_a_watch_means_a_new_list() {
    for code in [400, 410, 429, 500, 820] {
        let (mut fake, events) = Fake::watching(&[]).await;
        let status = json!({"status": "Failure", "reason": "InternalError", "message": "m", "code": code});
        events.send("ERROR", &status).await;
        let events = fake.call().await.begin_list();
        events.write(&end_of_list("30")).await;
        assert_eq!((fake.check)(), Ok(None), "{code}");
        events.send("ADDED", &namespace("a", "31", "2h")).await;
        assert!(fake.known("a").is_some(), "{code}");
    }
}

/// A JSON patch may put any JSON into `managedFields`, which the API server sends unchanged.
#[tokio::test(start_paused = true)]
async fn managed_fields_may_have_any_value() {
    let line = json!({"type": "MODIFIED", "object": namespace("a", "6", "3h")}).to_string();
    let deep = format!("{}1{}", r#"{"f:a":"#.repeat(9000), "}".repeat(9000));
    for fields in [r#"{"f:\ud800":{}}"#, r#"[{"f:a":1,"f:a":2},"\udfff"]"#, r#"{"f:a":1e999}"#, &deep] {
        let (mut fake, events) = Fake::watching(&[namespace("a", "3", "2h")]).await;
        events.write(&line.replace(r#"[{"manager":"kubectl"}]"#, fields)).await;
        assert!(fake.known("a").unwrap().contains("3h"), "{fields}");
        assert!(fake.calls().await.is_empty());
    }
}
