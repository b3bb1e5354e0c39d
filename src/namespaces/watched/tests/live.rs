//! Live lookups are shared, bounded in time and number, and fail closed.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::fake::{Fake, Logs, look_up, namespace, unlabelled};
use crate::namespaces::watched::live::{BUDGET, MAX_LOOKUPS, MAX_REQUESTS};
use crate::namespaces::{LIVE_LOOKUP_WINDOW, Lookup};

#[tokio::test(start_paused = true)]
async fn cached_settings_cost_no_request() {
    let (mut fake, _events) = Fake::watching(&[namespace("a", "1", "2h")]).await;
    assert!(matches!(look_up(&fake.namespaces, "a").await, Lookup::Settings(_)));
    assert!(fake.calls().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_namespace_is_looked_up_for_five_seconds() {
    let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h")]).await;
    for version in ["6", "7"] {
        events.send("MODIFIED", &namespace("a", version, &format!("{version}h"))).await;
        let lookup = fake.ask("a");
        fake.call().await.answer(200, &namespace("a", "8", "9h").to_string());
        let Lookup::Settings(settings) = lookup.await.unwrap() else { panic!("it carries the label") };
        assert!(format!("{settings:?}").contains("\"9h\""), "{settings:?}");
        tokio::time::advance(LIVE_LOOKUP_WINDOW / 2).await;
        let lookup = fake.ask("a");
        fake.call().await.status(403, "Forbidden");
        let Lookup::Settings(known) = lookup.await.unwrap() else { panic!("it is known") };
        assert!(format!("{known:?}").contains(&format!("\"{version}h\"")), "{known:?}");
    }
    tokio::time::advance(LIVE_LOOKUP_WINDOW / 2).await;
    // An event with the same settings is no change.
    events.send("MODIFIED", &namespace("a", "9", "7h")).await;
    assert!(matches!(look_up(&fake.namespaces, "a").await, Lookup::Settings(_)));
    assert!(fake.calls().await.is_empty());
}

/// The next Namespace of the same name may have other settings, and the watch may report it late.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_going_or_gone_is_looked_up() {
    let mut terminating = namespace("a", "6", "2h");
    terminating["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
    for (kind, object) in
        [("MODIFIED", terminating), ("MODIFIED", unlabelled("a")), ("DELETED", namespace("a", "7", "2h"))]
    {
        let (mut fake, events) = Fake::watching(&[namespace("a", "1", "2h")]).await;
        events.send(kind, &object).await;
        let lookup = fake.ask("a");
        let mut calls = fake.calls().await;
        assert_eq!(calls.len(), 1, "{kind} {object}");
        calls.remove(0).answer(200, &namespace("a", "9", "9h").to_string());
        let Lookup::Settings(settings) = lookup.await.unwrap() else { panic!("it carries the label") };
        assert!(format!("{settings:?}").contains("\"9h\""), "{settings:?}");
    }
}

/// In a list as well.
#[tokio::test(start_paused = true)]
async fn a_list_skips_a_namespace_that_is_being_deleted() {
    let mut terminating = namespace("a", "1", "2h");
    terminating["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
    let (fake, _events) = Fake::watching(&[terminating, namespace("b", "2", "2h")]).await;
    assert!(fake.known("a").is_none() && fake.known("b").is_some());
}

#[tokio::test(start_paused = true)]
async fn concurrent_look_ups_share_one_request() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    for (body, opted_in) in [(namespace("a", "1", "2h"), true), (unlabelled("a"), false)] {
        let lookups: Vec<_> = (0..50).map(|_| fake.ask("a")).collect();
        let mut calls = fake.calls().await;
        assert_eq!(calls.len(), 1);
        let call = calls.remove(0);
        assert_eq!(call.uri, "/api/v1/namespaces/a");
        assert!(call.accept.contains("as=PartialObjectMetadata;"), "{}", call.accept);
        call.answer(200, &body.to_string());
        for lookup in join_all(lookups).await {
            assert_eq!(matches!(lookup.unwrap(), Lookup::Settings(_)), opted_in);
        }
        assert!(fake.calls().await.is_empty());
        assert!(fake.known("a").is_none(), "the watch alone decides what is known");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_count_for_later_callers() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    let early = fake.ask("a");
    let call = fake.call().await;
    tokio::time::advance(Duration::from_millis(10)).await;
    let late: Vec<_> = (0..10).map(|_| fake.ask("a")).collect();
    assert!(fake.calls().await.is_empty());
    call.answer(200, &unlabelled("a").to_string());
    assert!(matches!(early.await.unwrap(), Lookup::NotOptedIn));
    let mut calls = fake.calls().await;
    assert_eq!(calls.len(), 1);
    calls.remove(0).answer(200, &namespace("a", "9", "2h").to_string());
    for lookup in join_all(late).await {
        assert!(matches!(lookup.unwrap(), Lookup::Settings(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn negative_answers_are_not_cached() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    for _ in 0..2 {
        let lookup = fake.ask("a");
        fake.call().await.status(404, "NotFound");
        assert!(matches!(lookup.await.unwrap(), Lookup::NotOptedIn));
    }
    let lookup = fake.ask("a");
    fake.call().await.answer(200, &namespace("a", "9", "2h").to_string());
    assert!(matches!(lookup.await.unwrap(), Lookup::Settings(_)));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_ends_within_its_budget() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    let began = Instant::now();
    let lookup = fake.ask("a");
    let _silent = fake.call().await;
    assert!(matches!(lookup.await.unwrap(), Lookup::Unavailable));
    assert_eq!(began.elapsed().as_secs(), BUDGET.as_secs());
    assert_eq!(BUDGET, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn an_unusable_answer_is_unavailable() {
    let logs = Logs::capture();
    let (mut fake, _events) = Fake::watching(&[]).await;
    let other = unlabelled("b").to_string();
    for (status, body) in
        [(200, "{}"), (200, "<html>"), (200, ""), (200, &other), (404, "404 page not found")]
    {
        let lookup = fake.ask("a");
        fake.call().await.answer(status, body);
        assert!(matches!(lookup.await.unwrap(), Lookup::Unavailable), "{status} {body}");
    }
    let lookup = fake.ask("a");
    fake.call().await.status(403, "Forbidden");
    assert!(matches!(lookup.await.unwrap(), Lookup::Unavailable));
    assert_eq!(logs.count("a live lookup of a Namespace failed"), 1);
    tokio::time::advance(Duration::from_secs(10)).await;
    let lookup = fake.ask("a");
    fake.call().await.answer(200, &unlabelled("a").to_string());
    assert!(matches!(lookup.await.unwrap(), Lookup::NotOptedIn));
    assert_eq!(logs.count("live lookups of Namespaces succeed again"), 1);
}

#[tokio::test(start_paused = true)]
async fn intermittent_failures_are_logged_once() {
    let logs = Logs::capture();
    let (mut fake, _events) = Fake::watching(&[]).await;
    for _ in 0..10 {
        for (name, body) in [("a", "{}"), ("b", unlabelled("b").to_string().as_str())] {
            let lookup = fake.ask(name);
            fake.call().await.answer(200, body);
            lookup.await.unwrap();
        }
    }
    assert_eq!(logs.count("live lookup"), 1);
}

#[tokio::test(start_paused = true)]
async fn temporary_failures_are_retried_within_the_budget() {
    let logs = Logs::capture();
    let (mut fake, _events) = Fake::watching(&[]).await;
    let lookup = fake.ask("a");
    fake.call().await.status(401, "Unauthorized");
    drop(fake.call().await);
    fake.call().await.status(503, "ServiceUnavailable");
    fake.call().await.answer(200, &namespace("a", "9", "2h").to_string());
    assert!(matches!(lookup.await.unwrap(), Lookup::Settings(_)));
    let lookup = fake.ask("a");
    let mut asked = 0;
    while !lookup.is_finished() {
        asked += fake.calls().await.len();
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(matches!(lookup.await.unwrap(), Lookup::Unavailable));
    assert_eq!(asked, 5);
    assert_eq!(
        logs.count("failed; without cached settings its Pods get 503 error=the API server cannot be reached"),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn names_that_are_not_labels_are_never_requested() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    let long = "a".repeat(64);
    for name in
        ["", ".", "..", "a/b", "../secrets", "a?watch=1", "a%2fb", "A", "a.b", "-a", "ä", "a\n", &long]
    {
        assert!(matches!(look_up(&fake.namespaces, name).await, Lookup::NotOptedIn), "{name:?}");
    }
    assert!(fake.calls().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn look_ups_are_bounded_and_keep_their_order() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    let flood: Vec<_> = (0..MAX_LOOKUPS - 1).map(|number| fake.ask(&format!("n{number}"))).collect();
    let mut calls = fake.calls().await;
    assert_eq!(calls.len(), MAX_REQUESTS);
    let real = fake.ask("real");
    assert!(fake.calls().await.is_empty());
    assert!(matches!(look_up(&fake.namespaces, "one-too-many").await, Lookup::Unavailable));
    let mut asked = 0;
    while !real.is_finished() {
        for call in calls {
            asked += 1;
            match call.uri.as_str() {
                "/api/v1/namespaces/real" => call.answer(200, &namespace("real", "9", "2h").to_string()),
                _ => call.status(404, "NotFound"),
            }
        }
        calls = fake.calls().await;
        assert!(calls.len() <= MAX_REQUESTS);
    }
    assert!(matches!(real.await.unwrap(), Lookup::Settings(_)));
    assert_eq!(asked, MAX_LOOKUPS);
    for lookup in join_all(flood).await {
        assert!(matches!(lookup.unwrap(), Lookup::NotOptedIn));
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_outlives_its_first_caller() {
    let (mut fake, _events) = Fake::watching(&[]).await;
    let first = fake.ask("a");
    let second = fake.ask("a");
    let call = fake.call().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    call.answer(200, &namespace("a", "9", "2h").to_string());
    assert!(matches!(second.await.unwrap(), Lookup::Settings(_)));
}
