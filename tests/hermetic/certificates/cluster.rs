//! Certificate controllers against an API server in memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::fake_api::{CONFIGURATION, FakeApi, Kind, NAMESPACE, SECRET};
use axum::body::{Body as AnswerBody, Bytes};
use axum::http::{Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::certificates::ServingCertificate;
use boundtoken::certificates::cluster::{CertificateController, Install, Schedule};
use boundtoken::telemetry::metrics::Metrics;
use futures_util::stream;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

struct Running {
    task: JoinHandle<()>,
    ready: Box<dyn Fn() -> Result<(), String>>,
    serving: Arc<ServingCertificate>,
    metrics: Arc<Metrics>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn install() -> Install {
    let service = "boundtoken".to_owned();
    Install {
        namespace: NAMESPACE.to_owned(),
        secret: SECRET.to_owned(),
        configuration: CONFIGURATION.to_owned(),
        names: vec![Install::service_name(&service, NAMESPACE)],
        service,
    }
}

/// A replica that crashes after so many writes.
fn start_for(api: &Arc<FakeApi>, writes: usize) -> Running {
    start_with(api, writes, Schedule::default())
}

fn start_with(api: &Arc<FakeApi>, writes: usize, schedule: Schedule) -> Running {
    start_ahead(api, writes, schedule, time::Duration::ZERO)
}

/// A replica whose clock is wrong.
fn start_ahead(api: &Arc<FakeApi>, writes: usize, schedule: Schedule, ahead: time::Duration) -> Running {
    start_on(api.client(writes), api, schedule, ahead)
}

fn start_on(client: Client, api: &Arc<FakeApi>, schedule: Schedule, ahead: time::Duration) -> Running {
    let (metrics, clock) = (Arc::<Metrics>::default(), Arc::clone(api));
    let controller = CertificateController::new(client, install(), schedule, Arc::clone(&metrics))
        .with_clock(Arc::new(move || clock.now() + ahead));
    let (serving, ready) = (controller.serving(), Box::new(controller.readiness()));
    Running { task: tokio::spawn(controller.run()), ready, serving, metrics }
}

fn start(api: &Arc<FakeApi>) -> Running {
    start_for(api, usize::MAX)
}

/// Lets time pass, which is paused otherwise.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn text(object: &Value, key: &str) -> String {
    text_of(&object["data"], key)
}

fn text_of(data: &Value, key: &str) -> String {
    String::from_utf8(STANDARD.decode(data[key].as_str().unwrap()).unwrap()).unwrap()
}

fn authority(api: &FakeApi) -> String {
    text(&api.get(Kind::Secret).unwrap(), "ca.crt")
}

fn bundle(api: &FakeApi) -> String {
    let configuration = api.get(Kind::Configuration).unwrap();
    let bundle =
        configuration["webhooks"][1]["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned();
    String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
}

fn same(pem: &str) -> String {
    pem.replace("\r\n", "\n")
}

#[tokio::test(start_paused = true)]
async fn twenty_replicas_starting_at_once_create_one_ca() {
    let api = FakeApi::new();
    let replicas: Vec<_> = (0..20).map(|_| start(&api)).collect();
    pass(5).await;
    for replica in &replicas {
        assert_eq!((replica.ready)(), Ok(()));
    }
    assert_eq!((api.writes(Kind::Secret).len(), api.writes(Kind::Configuration).len()), (1, 1));
    assert_eq!(bundle(&api), same(&authority(&api)));
    let configuration = api.get(Kind::Configuration).unwrap();
    assert_eq!(configuration["webhooks"][0]["clientConfig"]["caBundle"], "eA==", "of another program");
    let owner =
        json!([{"apiVersion": "v1", "kind": "Namespace", "name": NAMESPACE, "uid": "uid-of-the-namespace"}]);
    assert_eq!(configuration["metadata"]["ownerReferences"], owner);
    pass(1200).await;
    assert_eq!((api.writes(Kind::Secret).len(), api.writes(Kind::Configuration).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_next_replica_continues_after_any_write() {
    let api = FakeApi::new();
    let steady = start(&api);
    pass(120).await;
    let first = authority(&api);
    let annotate =
        |object: &mut Value| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "asked".into();
    api.edit(Kind::Secret, annotate);
    drop(steady);
    for generation in 0..12 {
        let replica = start_for(&api, 1);
        pass(150).await;
        assert!((replica.ready)().is_ok(), "replica {generation}: {:?}", (replica.ready)());
    }
    let secret = api.get(Kind::Secret).unwrap();
    assert_ne!(authority(&api), first);
    assert_eq!(text(&secret, "old-ca.crt"), same(&first));
    assert!(secret["metadata"]["annotations"].get("boundtoken.dev/new-key").is_none());
    assert!(secret["data"].get("next-ca.key").is_none());
    assert!(bundle(&api).contains(&same(&first)) && bundle(&api).contains(&same(&authority(&api))));
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_served_only_after_the_dwell_time() {
    let api = FakeApi::new();
    let replicas = [start(&api), start(&api)];
    pass(600).await;
    let first = text(&api.get(Kind::Secret).unwrap(), "tls.crt");
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "".into());
    pass(290).await;
    assert_eq!(text(&api.get(Kind::Secret).unwrap(), "tls.crt"), first);
    assert_eq!(bundle(&api).matches("BEGIN").count(), 2);
    pass(60).await;
    assert_ne!(text(&api.get(Kind::Secret).unwrap(), "tls.crt"), first);
    for replica in &replicas {
        assert_eq!((replica.ready)(), Ok(()));
        assert!(
            replica.metrics.text().contains("boundtoken_certificate_rotations_total{result=\"success\"} 2\n")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_ca_is_dropped_after_its_last_certificate() {
    let api = FakeApi::new();
    let serving_life = time::Duration::hours(1);
    let _replica = start_with(&api, usize::MAX, Schedule { serving_life, ..Schedule::default() });
    pass(60).await;
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "".into());
    pass(3500).await;
    assert_eq!(bundle(&api).matches("BEGIN").count(), 2);
    pass(900).await;
    assert_eq!(bundle(&api), same(&authority(&api)));
    assert!(api.get(Kind::Secret).unwrap()["data"].get("old-ca.crt").is_none());
}

#[tokio::test(start_paused = true)]
async fn certificates_are_renewed_when_due() {
    let api = FakeApi::new();
    let (ca_life, serving_life) = (time::Duration::hours(12), time::Duration::hours(1));
    let replica = start_with(&api, usize::MAX, Schedule { ca_life, serving_life, ..Schedule::default() });
    pass(60).await;
    let (first, leaf) = (authority(&api), text(&api.get(Kind::Secret).unwrap(), "tls.crt"));
    for _ in 0..36 {
        pass(3600).await;
        assert_eq!((replica.ready)(), Ok(()));
        assert_eq!(replica.serving.check(api.now()), Ok(()));
        assert_ne!(text(&api.get(Kind::Secret).unwrap(), "tls.crt"), leaf);
    }
    assert_ne!(authority(&api), first);
    let writes = api.writes(Kind::Configuration).len();
    assert!((4..=6).contains(&writes), "{writes}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_ten_years_ahead_causes_no_extra_writes() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(120).await;
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "".into());
    pass(280).await;
    // It comes up before the new key signs, and so serves the old certificate for a while.
    let late = start(&api);
    pass(40).await;
    // It comes up after that, and takes the old certificate for one that has expired.
    let ahead = start_ahead(&api, usize::MAX, Schedule::default(), time::Duration::days(3650));
    for _ in 0..40 {
        let before = api.writes(Kind::Secret).len();
        pass(60).await;
        assert!(api.writes(Kind::Secret).len() - before <= 6);
        assert_eq!(((replica.ready)(), (late.ready)(), (ahead.ready)()), (Ok(()), Ok(()), Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_before_not_before_makes_a_replica_unready() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(120).await;
    let wrong = time::Duration::days(-3650);
    let behind = start_ahead(&api, usize::MAX, Schedule::default(), wrong);
    pass(120).await;
    // What `/readyz` asks, each by the clock of its replica.
    assert_eq!(((replica.ready)(), replica.serving.check(api.now())), (Ok(()), Ok(())));
    assert_eq!((behind.ready)(), Ok(()));
    let reason = behind.serving.check(api.now() + wrong).unwrap_err();
    assert!(reason.starts_with("not valid before "), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_wiped_ca_bundle_is_restored_at_once() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(5).await;
    api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
    pass(1).await;
    assert_eq!((bundle(&api), (replica.ready)()), (same(&authority(&api)), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_pause_survives_publishing_and_renewal() {
    let api = FakeApi::new();
    let _replica = start(&api);
    pass(5).await;
    api.edit(Kind::Configuration, |object| {
        object["webhooks"][1]["failurePolicy"] = "Ignore".into();
        object["webhooks"][1]["namespaceSelector"] =
            json!({"matchLabels": {"boundtoken.dev/paused": "true"}});
        object["webhooks"][1]["clientConfig"]["caBundle"] = "".into();
    });
    let paused = api.get(Kind::Configuration).unwrap();
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "".into());
    pass(900).await;
    assert_eq!(bundle(&api).matches("BEGIN").count(), 2);
    let mut published = api.get(Kind::Configuration).unwrap()["webhooks"].take();
    published[1]["clientConfig"]["caBundle"] = "".into();
    assert_eq!(published, paused["webhooks"]);
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_writer_is_answered_every_ten_seconds() {
    let api = FakeApi::new();
    let replicas = [start(&api), start(&api), start(&api)];
    pass(120).await;
    let before = api.writes(Kind::Configuration).len();
    for _ in 0..300 {
        api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
        pass(1).await;
    }
    let writes = api.writes(Kind::Configuration).len() - before;
    assert!((15..=36).contains(&writes), "{writes}");
    assert!(replicas[0].metrics.text().contains("result=\"held-back\""));
    pass(11).await;
    assert_eq!(bundle(&api), same(&authority(&api)));
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_writer_is_rate_limited_without_the_secret() {
    let api = FakeApi::new();
    let _replicas = [start(&api), start(&api)];
    pass(120).await;
    let (first, before) = (authority(&api), api.writes(Kind::Configuration).len());
    api.put(Kind::Secret, None);
    for _ in 0..100 {
        api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
        pass(1).await;
    }
    let writes = api.writes(Kind::Configuration).len() - before;
    assert!((5..=16).contains(&writes), "{writes}");
    pass(11).await;
    assert_eq!(bundle(&api), same(&first));
}

#[tokio::test(start_paused = true)]
async fn unrelated_edits_of_the_secret_stop_nothing() {
    let api = FakeApi::new();
    let _replica = start(&api);
    pass(300).await;
    let (first, strange) =
        (authority(&api), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    api.edit(Kind::Configuration, |object| {
        object["webhooks"][1]["clientConfig"]["caBundle"] = STANDARD.encode(same(&first) + strange).into();
    });
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "x".into());
    for second in 0..600 {
        api.edit(Kind::Secret, |object| {
            object["metadata"]["annotations"]["touched"] = second.to_string().into();
        });
        pass(1).await;
    }
    assert_ne!(authority(&api), first, "the new key signs");
    assert!(!bundle(&api).contains("AAAA"), "{}", bundle(&api));
}

#[tokio::test(start_paused = true)]
async fn a_reapplied_configuration_is_filled_at_once() {
    let api = FakeApi::new();
    let _replicas = [start(&api), start(&api)];
    pass(120).await;
    for _ in 0..10 {
        api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
        pass(1).await;
    }
    assert_eq!(bundle(&api), "");
    api.put(Kind::Configuration, None);
    pass(1).await;
    api.apply_configuration();
    pass(1).await;
    assert_eq!(bundle(&api), same(&authority(&api)));
}

#[tokio::test(start_paused = true)]
async fn emptying_the_secret_is_answered_ten_times_a_minute() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(300).await;
    let (first, before) = (authority(&api), api.writes(Kind::Secret).len());
    for _ in 0..180 {
        api.edit(Kind::Secret, |object| object["data"] = Value::Null);
        pass(1).await;
        assert_eq!((replica.ready)(), Ok(()));
    }
    let writes = api.writes(Kind::Secret).len() - before;
    // Waits have a random part, and some writes meet a conflict: 27 on average, seldom 20.
    assert!((12..=40).contains(&writes), "{writes}");
    pass(70).await;
    assert_eq!((authority(&api), bundle(&api)), (first.clone(), first));
}

#[tokio::test(start_paused = true)]
async fn errors_are_retried_and_counted() {
    let api = FakeApi::new();
    api.fail_next(&[500, 503, 429, 403, 500]);
    let replica = start(&api);
    pass(1).await;
    assert!((replica.ready)().is_err());
    pass(60).await;
    assert_eq!((replica.ready)(), Ok(()));
    let text = replica.metrics.text();
    assert!(
        text.contains("boundtoken_certificate_writes_total{object=\"secret\",result=\"error\"} 5\n"),
        "{text}"
    );
}

/// Paused time advances only while every task is idle.
#[tokio::test(start_paused = true)]
async fn backing_off_after_an_error_does_not_spin() {
    let api = FakeApi::new();
    api.fail_next(&[403; 60]);
    let one = start(&api);
    pass(3600).await;
    assert_eq!((one.ready)(), Ok(()));
}

type Damage = Box<dyn Fn(&mut Value)>;

#[tokio::test(start_paused = true)]
async fn a_damaged_secret_leaves_the_served_certificate_trusted() {
    let truncated = |object: &Value, key: &str| STANDARD.encode(&text(object, key)[..60]);
    let damages: Vec<(&str, Damage)> = vec![
        (
            "emptied",
            Box::new(|object| {
                object.as_object_mut().unwrap().remove("data");
            }),
        ),
        (
            "truncated",
            Box::new(move |object| {
                for key in ["tls.crt", "tls.key", "ca.crt", "ca.key"] {
                    object["data"][key] = truncated(object, key).into();
                }
            }),
        ),
        ("keys exchanged", Box::new(|object| object["data"]["tls.key"] = object["data"]["ca.key"].clone())),
        ("no key of the authority", Box::new(|object| object["data"]["ca.key"] = Value::Null)),
        (
            "wrong types",
            Box::new(|object| object["data"] = json!({"tls.crt": 1, "tls.key": [], "ca.crt": {}})),
        ),
        ("no object", Box::new(|object| object["data"] = json!("data"))),
        ("no base64", Box::new(|object| object["data"]["tls.crt"] = "%".into())),
        ("huge", Box::new(|object| object["data"]["ca.crt"] = STANDARD.encode(vec![b'x'; 900_000]).into())),
        (
            "wrong annotations",
            Box::new(|object| {
                object["metadata"]["annotations"] =
                    json!({"boundtoken.dev/agreed": "x y", "boundtoken.dev/old-authorities-until": "soon"});
            }),
        ),
    ];
    for (damage, apply) in damages {
        let api = FakeApi::new();
        let replica = start(&api);
        pass(300).await;
        let first = bundle(&api);
        api.edit(Kind::Secret, |object| apply(object));
        pass(1).await;
        assert_eq!((replica.ready)(), Ok(()), "{damage}");
        pass(900).await;
        assert_eq!((replica.ready)(), Ok(()), "{damage}");
        assert!(bundle(&api).contains(&first), "{damage}");
        // A replica that comes up now finds all it needs.
        let other = start(&api);
        pass(5).await;
        assert_eq!((other.ready)(), Ok(()), "{damage}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ca_whose_key_is_restored_is_not_an_old_one() {
    let api = FakeApi::new();
    let _replica = start(&api);
    pass(300).await;
    let before = api.get(Kind::Secret).unwrap()["data"].take();
    api.edit(Kind::Secret, |object| object["data"]["ca.key"] = object["data"]["tls.key"].clone());
    pass(5).await;
    // Not assert_eq, which would print keys.
    assert!(api.get(Kind::Secret).unwrap()["data"] == before);
}

#[tokio::test(start_paused = true)]
async fn an_external_ca_signs_until_its_renewal_is_due() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(300).await;
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (api.now(), api.now() + time::Duration::days(140));
    let key = rcgen::KeyPair::generate().unwrap();
    let theirs = params.self_signed(&key).unwrap().pem();
    api.edit(Kind::Secret, |object| {
        object["data"]["ca.crt"] = STANDARD.encode(&theirs).into();
        object["data"]["ca.key"] = STANDARD.encode(key.serialize_pem()).into();
    });
    pass(600).await;
    assert_eq!((same(&authority(&api)), (replica.ready)()), (same(&theirs), Ok(())));
    for _ in 0..60 {
        api.skip(time::Duration::days(1));
        pass(600).await;
        assert_eq!((replica.ready)(), Ok(()));
    }
    assert_ne!(same(&authority(&api)), same(&theirs));
}

#[tokio::test(start_paused = true)]
async fn an_expired_certificate_from_a_backup_is_not_served() {
    let api = FakeApi::new();
    let serving_life = time::Duration::hours(1);
    let schedule = Schedule { serving_life, ..Schedule::default() };
    let replicas = [
        start_with(&api, usize::MAX, schedule),
        // Whether a clock is right makes no difference.
        start_ahead(&api, usize::MAX, schedule, time::Duration::days(3)),
        start_ahead(&api, usize::MAX, schedule, time::Duration::days(-3)),
    ];
    pass(60).await;
    let backup = api.get(Kind::Secret).unwrap()["data"].take();
    api.skip(time::Duration::days(5));
    pass(300).await;
    // No replica can renew it for now.
    api.fail_next(&[500; 1000]);
    api.edit(Kind::Secret, |object| object["data"] = backup.clone());
    pass(30).await;
    for (number, replica) in replicas.iter().enumerate() {
        assert_eq!(replica.serving.check(api.now()), Ok(()), "{number}");
        assert_eq!((replica.ready)(), Ok(()), "{number}");
    }
    assert!(text(&api.get(Kind::Secret).unwrap(), "tls.crt") == text_of(&backup, "tls.crt"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_ca_from_a_backup_is_not_published() {
    let api = FakeApi::new();
    let steady = start(&api);
    pass(60).await;
    let backup = api.get(Kind::Secret).unwrap()["data"].take();
    for _ in 0..20 {
        api.skip(time::Duration::days(20));
        pass(120).await;
    }
    drop(steady);
    let published = bundle(&api);
    api.edit(Kind::Secret, |object| object["data"] = backup.clone());
    let _first_write = start_for(&api, 1);
    pass(5).await;
    assert_eq!(bundle(&api), published);
    let replica = start(&api);
    pass(5).await;
    assert_eq!((replica.serving.check(api.now()), (replica.ready)()), (Ok(()), Ok(())));
    assert_eq!(bundle(&api), same(&authority(&api)));
}

#[tokio::test(start_paused = true)]
async fn an_emptied_secret_is_restored_from_memory() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(300).await;
    let first = authority(&api);
    api.put(Kind::Secret, None);
    pass(300).await;
    assert_eq!((replica.ready)(), Ok(()));
    api.apply_secret();
    pass(5).await;
    assert_eq!((authority(&api), (replica.ready)()), (first, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_ready_replica_stays_ready_without_a_configuration() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(300).await;
    api.put(Kind::Configuration, None);
    pass(5).await;
    let late = start(&api);
    pass(5).await;
    assert_eq!((replica.ready)(), Ok(()));
    assert!((late.ready)().unwrap_err().contains("kubectl apply -k manifests"));
    api.apply_configuration();
    pass(5).await;
    assert_eq!(((replica.ready)(), (late.ready)()), (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_retried() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(60).await;
    api.go_silent(true);
    api.edit(Kind::Secret, |object| object["data"]["tls.crt"] = "".into());
    pass(300).await;
    assert_eq!((replica.ready)(), Ok(()));
    api.go_silent(false);
    // The longest pause is half a minute, and as much again by its jitter.
    pass(90).await;
    assert!(!text(&api.get(Kind::Secret).unwrap(), "tls.crt").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_observed_certificate_is_served_before_other_lookups() {
    let api = FakeApi::new();
    let _steady = start(&api);
    pass(60).await;
    let client = api.client(usize::MAX);
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            if request.uri().path().ends_with(&format!("/namespaces/{NAMESPACE}")) {
                std::future::pending::<()>().await;
            }
            client.send(request).await
        }
    });
    let client = Client::new(service, NAMESPACE);
    let late = start_on(client, &api, Schedule::default(), time::Duration::ZERO);
    pass(1).await;
    assert_eq!((late.serving.check(api.now()), (late.ready)()), (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn an_unverifiable_ca_bundle_makes_a_replica_unready() {
    let api = FakeApi::new();
    let replica = start(&api);
    pass(60).await;
    api.fail_next(&[500; 40]);
    api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
    pass(1).await;
    let reason = (replica.ready)().unwrap_err();
    assert!(reason.starts_with("the caBundle of boundtoken does not verify"), "{reason}");
}

/// An API server sends `managedFields` as it stores them.
#[tokio::test(start_paused = true)]
async fn no_content_of_managed_fields_stops_a_replica() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for fields in [r#"{"f:\ud800":{}}"#, r#"{".":"\udfff"}"#, r#"{".":1e999}"#, &deep] {
        let api = FakeApi::with_fields(fields);
        let replica = start(&api);
        pass(60).await;
        assert_eq!((replica.ready)(), Ok(()), "{fields}");
        api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
        pass(1).await;
        assert_eq!(bundle(&api), same(&authority(&api)), "{fields}");
    }
}

/// Answers lists with a head alone, as long as `stalls` says so.
fn stalling(api: &Arc<FakeApi>, stalls: &Arc<AtomicBool>) -> Client {
    let (client, stalls) = (api.client(usize::MAX), Arc::clone(stalls));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, stalls) = (client.clone(), Arc::clone(&stalls));
        async move {
            let is_watch = request.uri().query().unwrap_or_default().contains("watch=true");
            let answer = client.send(request).await?;
            let body = if !is_watch && stalls.load(Ordering::SeqCst) {
                AnswerBody::from_stream(stream::pending::<Result<Bytes, Infallible>>())
            } else {
                AnswerBody::new(answer.into_body())
            };
            Ok::<_, kube::Error>(Response::new(body))
        }
    });
    Client::new(service, NAMESPACE)
}

#[tokio::test(start_paused = true)]
async fn a_response_that_stalls_after_its_head_is_retried() {
    let (api, stalls) = (FakeApi::new(), Arc::new(AtomicBool::new(true)));
    let replica = start_on(stalling(&api, &stalls), &api, Schedule::default(), time::Duration::ZERO);
    pass(60).await;
    assert!((replica.ready)().is_err());
    stalls.store(false, Ordering::SeqCst);
    pass(90).await;
    assert_eq!((replica.ready)(), Ok(()));
}
