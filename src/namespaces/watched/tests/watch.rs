//! Lists and events in the store, also while the API server is unavailable or hostile.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::fake::{Fake, Logs, bookmark, end_of_list, namespace, settle, status, unlabelled};
use crate::namespaces::Lookup;
use crate::namespaces::watched::api::{RESPONSE_TIMEOUT, WATCH_TIMEOUT};
use crate::namespaces::watched::watch::{LONGEST, LONGEST_PAUSE, RELIST};
use crate::pod::token::ApiAudiences;
use crate::policy::Defaults;

#[tokio::test(start_paused = true)]
async fn a_list_is_followed_by_events() {
    let mut fake = Fake::start();
    let call = fake.call().await;
    assert!(call.accept.contains("as=PartialObjectMetadata;"), "{}", call.accept);
    for part in [
        "/api/v1/namespaces?",
        "watch=true",
        "&labelSelector=boundtoken.dev%2Fwebhook%3Denabled",
        "&timeoutSeconds=60",
        "&allowWatchBookmarks=true",
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        "&resourceVersion=",
    ] {
        assert!(call.uri.contains(part), "{} lacks {part}", call.uri);
    }
    let events = call.list(&[namespace("a", "3", "2h")], "5");
    settle().await;
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
    assert!(fake.calls().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_resumes_at_the_last_version() {
    let (mut fake, events) = Fake::watching(&[]).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("ADDED", &namespace("a", "6", "2h")).await;
    events.send("BOOKMARK", &bookmark("9")).await;
    drop(events);
    let call = fake.call().await;
    assert!(call.uri.ends_with("&resourceVersion=9"), "{}", call.uri);
    let events = call.watch();
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("MODIFIED", &namespace("a", "11", "2h")).await;
    drop(events);
    assert!(fake.call().await.uri.ends_with("&resourceVersion=11"));
    assert_eq!((fake.check)(), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_ready_once_the_list_is_complete() {
    let mut fake = Fake::start();
    assert_eq!((fake.check)(), Err("no complete list yet".to_owned()));
    let events = fake.call().await.begin_list();
    events.send("ADDED", &namespace("a", "1", "2h")).await;
    events.send("BOOKMARK", &bookmark("4")).await;
    assert_eq!((fake.check)(), Err("no complete list yet".to_owned()));
    events.send("ADDED", &namespace("b", "2", "2h")).await;
    events.write(&end_of_list("5")).await;
    assert_eq!((fake.check)(), Ok(None));
    assert!(fake.known("a").is_some() && fake.known("b").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_without_streaming_lists_is_listed_in_pages() {
    let logs = Logs::capture();
    let mut fake = Fake::start();
    fake.call().await.status(422, "Invalid");
    let call = fake.call().await;
    assert_eq!(call.uri, "/api/v1/namespaces?&labelSelector=boundtoken.dev%2Fwebhook%3Denabled&limit=20");
    assert!(call.accept.contains("as=PartialObjectMetadataList;"), "{}", call.accept);
    call.page(&[namespace("a", "1", "2h"), json!("marker"), json!({})], "more");
    let call = fake.call().await;
    assert!(call.uri.contains("&continue=more"), "{}", call.uri);
    assert_eq!((fake.check)(), Err("no complete list yet".to_owned()));
    call.page(&[namespace("b", "2", "2h")], "");
    let call = fake.call().await;
    assert!(call.uri.ends_with("&resourceVersion=5"), "{}", call.uri);
    assert_eq!((fake.check)(), Ok(None));
    assert!(fake.known("a").is_some() && fake.known("b").is_some());
    assert_eq!((logs.count("cannot be watched"), logs.count("without a name")), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_never_ends_a_list_is_listed_in_pages() {
    let mut fake = Fake::start();
    let began = Instant::now();
    let events = fake.call().await.begin_list();
    events.send("ADDED", &namespace("a", "1", "2h")).await;
    fake.call().await.page(&[namespace("a", "1", "2h")], "");
    assert!(began.elapsed() < RESPONSE_TIMEOUT + LONGEST_PAUSE);
    assert!(fake.call().await.uri.ends_with("&resourceVersion=5"));
    assert_eq!((fake.check)(), Ok(None));
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
async fn after_an_expired_version_a_list_removes_what_is_gone() {
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h"), namespace("b", "2", "2h")]).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let call = fake.call().await;
    assert!(fake.known("a").is_some(), "until the list is complete");
    let events = call.list(&[namespace("b", "2", "2h")], "20");
    settle().await;
    assert!(fake.known("a").is_none() && fake.known("b").is_some());
    let lookup = fake.ask("a");
    fake.call().await.status(404, "NotFound");
    assert!(matches!(lookup.await.unwrap(), Lookup::NotOptedIn));
    tokio::time::advance(Duration::from_secs(2)).await;
    drop(events);
    assert!(fake.call().await.uri.ends_with("&resourceVersion=20"));
}

#[tokio::test(start_paused = true)]
async fn a_new_list_waits_only_if_the_last_one_was_a_moment_ago() {
    let (mut fake, events) = Fake::watching(&[]).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let mut calls = fake.calls().await;
    assert_eq!(calls.len(), 1);
    let events = calls.remove(0).list(&[], "20");
    settle().await;
    events.send("ERROR", &status(410, "Expired")).await;
    assert!(fake.calls().await.is_empty());
    fake.call().await.list(&[], "30");
}

/// An API server whose etcd was restored sends no events to an older watch, and ends it as usual.
#[tokio::test(start_paused = true)]
async fn a_list_comes_again_though_no_watch_fails() {
    let (mut fake, mut events) = Fake::watching(&[namespace("a", "1000", "2h")]).await;
    let began = Instant::now();
    let call = loop {
        tokio::time::advance(WATCH_TIMEOUT).await;
        events.send("BOOKMARK", &bookmark("1000")).await;
        drop(events);
        let call = fake.call().await;
        if call.uri.contains("sendInitialEvents") {
            break call;
        }
        events = call.watch();
    };
    assert!(began.elapsed().abs_diff(RELIST) <= WATCH_TIMEOUT);
    call.list(&[namespace("a", "3", "1h")], "4");
    assert!(fake.call().await.uri.ends_with("&resourceVersion=4"));
    assert!(fake.known("a").unwrap().contains("1h"));
}

#[tokio::test(start_paused = true)]
async fn a_list_comes_again_though_every_watch_fails() {
    let (mut fake, mut events) = Fake::watching(&[namespace("a", "1000", "2h")]).await;
    let began = Instant::now();
    while began.elapsed() < RELIST + LONGEST_PAUSE {
        drop(events);
        let call = fake.call().await;
        if call.uri.contains("sendInitialEvents") {
            break;
        }
        events = call.watch();
    }
    assert!(began.elapsed().abs_diff(RELIST) <= LONGEST_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn after_a_change_of_the_defaults_a_list_applies_them() {
    let mut a = namespace("a", "1", "2h");
    a["metadata"]["annotations"]["boundtoken.dev/audience"] = "https://new.example".into();
    let is_foreign = |settings: &str| settings.contains(r#"Audience(Named("https://new.example"))"#);
    let (mut fake, events) = Fake::watching(std::slice::from_ref(&a)).await;
    assert!(is_foreign(&fake.known("a").unwrap()));
    let api_audiences = ApiAudiences::new(vec!["https://new.example".to_owned()]);
    fake.defaults.store(Defaults { api_audiences, ..Defaults::default() }.into());
    let lookup = fake.ask("b");
    fake.call().await.answer(200, &a.to_string().replace(r#""name":"a""#, r#""name":"b""#));
    let Lookup::Settings(settings) = lookup.await.unwrap() else { panic!("it carries the label") };
    assert!(!is_foreign(&format!("{settings:?}")), "{settings:?}");
    tokio::time::advance(Duration::from_secs(30)).await;
    events.send("BOOKMARK", &bookmark("8")).await;
    assert!(is_foreign(&fake.known("a").unwrap()), "until the watch ends");
    drop(events);
    let events = fake.call().await.list(&[a], "9");
    settle().await;
    assert!(!is_foreign(&fake.known("a").unwrap()));
    tokio::time::advance(WATCH_TIMEOUT).await;
    drop(events);
    assert!(fake.call().await.uri.ends_with("&resourceVersion=9"), "one list is enough");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_list_removes_nothing() {
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h"), namespace("b", "2", "2h")]).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let events = fake.call().await.begin_list();
    events.send("ADDED", &namespace("b", "2", "2h")).await;
    events.send("ERROR", &status(410, "Expired")).await;
    let call = fake.call().await;
    assert!(call.uri.contains("sendInitialEvents"), "{}", call.uri);
    assert!(fake.known("a").is_some());
}

#[tokio::test(start_paused = true)]
async fn cached_settings_stay_in_use_while_the_api_server_is_away() {
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
    assert_eq!((fake.check)(), Ok(Some("changes are not seen at present; cached settings stay in use")));
    assert_eq!(logs.count("cannot be watched"), 2, "cut short, then refused");
    let events = fake.call().await.watch();
    events.send("MODIFIED", &namespace("a", "9", "3h")).await;
    assert_eq!((fake.check)(), Ok(None));
    assert_eq!(logs.count("watched again"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_list_that_fails_is_retried_and_its_error_shown() {
    let mut fake = Fake::start();
    fake.call().await.status(401, "Unauthorized");
    settle().await;
    let reason = "no complete list yet: the API server answered 401 Unauthorized: Unauthorized it is";
    assert_eq!((fake.check)(), Err(reason.to_owned()));
    drop(fake.call().await);
    fake.call().await.status(422, "Invalid");
    fake.call().await.answer(200, "no list");
    fake.call().await.page(&[], "");
    settle().await;
    assert!((fake.check)().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_asked_again() {
    let mut fake = Fake::start();
    let _silent = fake.call().await;
    let call = fake.call().await;
    let reason = "no complete list yet: the API server did not answer within 15 s";
    assert_eq!((fake.check)(), Err(reason.to_owned()));
    let _events = call.list(&[], "5");
    let _silent = fake.call().await;
    assert!(fake.call().await.uri.ends_with("&resourceVersion=5"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_watch_is_noticed_and_its_age_is_shown() {
    let (mut fake, events) = Fake::watching(&[]).await;
    events.send("ADDED", &namespace("a", "6", "2h")).await;
    let began = Instant::now();
    tokio::time::advance(Duration::from_secs(50)).await;
    assert!(fake.metrics.text().contains("boundtoken_namespace_watch_age_seconds 50.001\n"));
    let call = fake.call().await;
    assert!(call.uri.ends_with("&resourceVersion=6"), "{}", call.uri);
    assert!(began.elapsed() < LONGEST + Duration::from_secs(3));
    assert!((fake.check)().unwrap().is_some());
    drop(events);
    let events = call.watch();
    settle().await;
    assert!(
        !fake.metrics.text().contains("boundtoken_namespace_watch_age_seconds 0"),
        "a connect is no progress"
    );
    assert!((fake.check)().unwrap().is_some(), "it was accepted, as the one before was");
    events.send("ADDED", &namespace("b", "7", "2h")).await;
    assert!(fake.metrics.text().contains("boundtoken_namespace_watch_age_seconds 0.001\n"));
    assert_eq!((fake.check)(), Ok(None));
}
