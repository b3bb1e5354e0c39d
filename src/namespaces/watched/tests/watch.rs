//! What lists and events become, and what is left of it when the API server is away.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::fake::{Fake, Logs, namespace, settle, status, unlabelled};
use crate::namespaces::Lookup;
use crate::namespaces::watched::api::WATCH;
use crate::namespaces::watched::watch::{LONGEST, LONGEST_PAUSE, RELIST};

#[tokio::test(start_paused = true)]
async fn a_list_is_followed_by_what_happens_next() {
    let mut fake = Fake::start();
    let call = fake.call().await;
    assert_eq!(call.uri, "/api/v1/namespaces?&labelSelector=boundtoken.dev%2Fwebhook%3Denabled&limit=500");
    assert!(call.accept.contains("as=PartialObjectMetadataList;"), "{}", call.accept);
    call.list(&[namespace("a", "3", "2h")], "5");
    let call = fake.call().await;
    assert!(call.accept.contains("as=PartialObjectMetadata;"), "{}", call.accept);
    for part in ["&resourceVersion=5", "&timeoutSeconds=60", "&allowWatchBookmarks=true", "webhook%3Denabled"]
    {
        assert!(call.uri.contains(part), "{} lacks {part}", call.uri);
    }
    let events = call.watch();
    let first = fake.known("a").unwrap();
    events.send("ADDED", &namespace("b", "6", "2h")).await;
    events.send("MODIFIED", &namespace("a", "7", "3h")).await;
    assert!(fake.known("b").is_some());
    assert_ne!(fake.known("a").unwrap(), first);
    assert!(fake.metrics.text().contains("boundtoken_namespaces 2\n"));
    events.send("DELETED", &namespace("b", "8", "2h")).await;
    events.send("MODIFIED", &unlabelled("a")).await;
    assert_eq!((fake.known("a"), fake.known("b")), (None, None));
    assert!(fake.metrics.text().contains("boundtoken_namespaces 0\n"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_where_the_one_before_ended() {
    let (mut fake, events) = Fake::watching(&[]).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("ADDED", &namespace("a", "6", "2h")).await;
    events
        .send("BOOKMARK", &json!({"kind": "x", "apiVersion": "y", "metadata": {"resourceVersion": "9"}}))
        .await;
    drop(events);
    let call = fake.call().await;
    assert!(call.uri.contains("&resourceVersion=9"), "{}", call.uri);
    let events = call.watch();
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("MODIFIED", &namespace("a", "11", "2h")).await;
    drop(events);
    assert!(fake.call().await.uri.contains("&resourceVersion=11"));
    assert_eq!((fake.check)(), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_ready_with_the_last_page_and_not_before() {
    let mut fake = Fake::start();
    assert_eq!((fake.check)(), Err("no complete list yet".to_owned()));
    fake.call().await.page(&[namespace("a", "1", "2h")], "more");
    let call = fake.call().await;
    assert!(call.uri.contains("&continue=more"), "{}", call.uri);
    assert_eq!((fake.check)(), Err("no complete list yet".to_owned()));
    call.list(&[namespace("b", "2", "2h")], "5");
    settle().await;
    assert_eq!((fake.check)(), Ok(None));
    assert!(fake.known("a").is_some() && fake.known("b").is_some());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_list_the_api_server_is_asked() {
    let mut fake = Fake::start();
    let _list = fake.call().await;
    let lookup = fake.ask("a");
    fake.call().await.answer(200, &namespace("a", "1", "2h").to_string());
    assert!(matches!(lookup.await.unwrap(), Lookup::Settings(_)));
    assert!((fake.check)().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_means_a_new_list_without_what_vanished() {
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h"), namespace("b", "2", "2h")]).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let call = fake.call().await;
    assert!(fake.known("a").is_some(), "until the list is complete");
    call.list(&[namespace("b", "2", "2h")], "20");
    assert!(fake.call().await.uri.contains("&resourceVersion=20"));
    assert!(fake.known("a").is_none() && fake.known("b").is_some());
    let lookup = fake.ask("a");
    fake.call().await.status(404, "NotFound");
    assert!(matches!(lookup.await.unwrap(), Lookup::NotOptedIn));
}

#[tokio::test(start_paused = true)]
async fn a_new_list_waits_only_if_the_last_one_was_a_moment_ago() {
    let (mut fake, events) = Fake::watching(&[]).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let mut calls = fake.calls().await;
    assert_eq!(calls.len(), 1);
    calls.remove(0).list(&[], "20");
    let events = fake.call().await.watch();
    events.send("ERROR", &status(410, "Expired")).await;
    assert!(fake.calls().await.is_empty());
    fake.call().await.list(&[], "30");
}

/// An API server whose etcd was restored tells a watch from before nothing, and ends it in time.
#[tokio::test(start_paused = true)]
async fn a_list_comes_again_though_no_watch_fails() {
    let (mut fake, mut events) = Fake::watching(&[namespace("a", "1000", "2h")]).await;
    let began = Instant::now();
    let call = loop {
        tokio::time::advance(WATCH).await;
        drop(events);
        let call = fake.call().await;
        if !call.uri.contains("watch=true") {
            break call;
        }
        events = call.watch();
    };
    assert_eq!(began.elapsed(), RELIST);
    call.list(&[namespace("a", "3", "1h")], "4");
    assert!(fake.call().await.uri.contains("&resourceVersion=4"));
    assert!(fake.known("a").unwrap().contains("1h"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_removes_nothing() {
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h"), namespace("b", "2", "2h")]).await;
    events.send("ERROR", &status(410, "Expired")).await;
    fake.call().await.page(&[namespace("b", "2", "2h")], "more");
    fake.call().await.status(410, "Expired");
    let call = fake.call().await;
    assert!(!call.uri.contains("continue"), "{}", call.uri);
    assert!(fake.known("a").is_some());
}

#[tokio::test(start_paused = true)]
async fn while_the_api_server_is_away_what_is_known_stays_and_the_log_is_calm() {
    let logs = Logs::capture();
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h")]).await;
    drop(events);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        drop(fake.call().await);
        pauses.push(began.elapsed());
    }
    assert!(pauses[1..].iter().all(|pause| *pause >= Duration::from_millis(500)), "{pauses:?}");
    assert!(
        pauses[10..].iter().all(|pause| pause.abs_diff(LONGEST_PAUSE) < Duration::from_secs(1)),
        "{pauses:?}"
    );
    assert!(fake.known("a").is_some());
    assert_eq!((fake.check)(), Ok(Some("changes are not seen at present; what is known stays in use")));
    assert_eq!(logs.count("cannot be watched"), 2, "cut short, then refused");
    let events = fake.call().await.watch();
    events.send("MODIFIED", &namespace("a", "9", "3h")).await;
    assert_eq!((fake.check)(), Ok(None));
    assert_eq!(logs.count("watched again"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_list_that_fails_is_tried_again_and_says_why() {
    let mut fake = Fake::start();
    fake.call().await.status(401, "Unauthorized");
    settle().await;
    let reason = "no complete list yet: the API server answered 401 Unauthorized: Unauthorized it is";
    assert_eq!((fake.check)(), Err(reason.to_owned()));
    fake.call().await.answer(200, "no list");
    drop(fake.call().await);
    fake.call().await.list(&[], "5");
    settle().await;
    assert!((fake.check)().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_nothing_is_asked_again() {
    let mut fake = Fake::start();
    let _silent = fake.call().await;
    fake.call().await.list(&[], "5");
    let _silent = fake.call().await;
    assert!(fake.call().await.uri.contains("&resourceVersion=5"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dead_is_noticed_and_its_age_is_shown() {
    let (mut fake, events) = Fake::watching(&[]).await;
    events.send("ADDED", &namespace("a", "6", "2h")).await;
    let began = Instant::now();
    tokio::time::advance(Duration::from_secs(50)).await;
    assert!(fake.metrics.text().contains("boundtoken_namespace_watch_age_seconds 50.001\n"));
    let call = fake.call().await;
    assert!(call.uri.contains("&resourceVersion=6"), "{}", call.uri);
    assert!(began.elapsed() < LONGEST + Duration::from_secs(3));
    assert!((fake.check)().unwrap().is_some());
    drop(events);
    let events = call.watch();
    settle().await;
    assert!(fake.metrics.text().contains("boundtoken_namespace_watch_age_seconds 0.001\n"));
    assert!((fake.check)().unwrap().is_some(), "it was accepted, which the one before was, too");
    events.send("ADDED", &namespace("b", "7", "2h")).await;
    assert_eq!((fake.check)(), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_begun_without_end() {
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
async fn an_object_that_cannot_be_read_does_not_hide_the_others() {
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
    assert_eq!(logs.count("its Pods are refused"), 1, "said once");
}

#[tokio::test(start_paused = true)]
async fn events_that_say_nothing_mean_a_new_list() {
    for line in ["no event", r#"{"type": "ADDED", "object": {}}"#, r#"{"type": "NEW", "object": {}}"#] {
        let (mut fake, events) = Fake::watching(&[]).await;
        events.write(line).await;
        fake.call().await.list(&[], "30");
        assert!(fake.call().await.uri.contains("&resourceVersion=30"), "{line}");
    }
}
