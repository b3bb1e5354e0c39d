//! An in-memory API server: one Namespace, one Secret and one webhook configuration, with versions, watches
//! and patches like those of a real one. It has no port and no thread, and uses the clock of the runtime.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use tokio::time::Instant;

pub const NAMESPACE: &str = "boundtoken";
pub const SECRET: &str = "boundtoken-certificates";
pub const CONFIGURATION: &str = "boundtoken";

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Secret,
    Configuration,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Kind, Value>,
    /// Version, kind, type of the event, object.
    events: Vec<(u64, Kind, &'static str, Value)>,
    /// Status codes of the next writes, which fail.
    failures: VecDeque<u16>,
    writes: Vec<(Instant, Kind)>,
    conflicts: usize,
    silent: bool,
}

pub struct FakeApi {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    started: Instant,
    skipped: AtomicI64,
    /// The JSON of each `fieldsV1`.
    fields: String,
}

/// The JSON of each `fieldsV1` in the state. Responses contain [`FakeApi::fields`] in its place.
const FIELDS: &str = r#""fieldsV1":{}"#;

impl FakeApi {
    pub fn new() -> Arc<Self> {
        Self::with_fields("{}")
    }

    /// An API server that sends this JSON as `fieldsV1` of each object.
    pub fn with_fields(fields: &str) -> Arc<Self> {
        let api = Arc::new(Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            started: Instant::now(),
            skipped: AtomicI64::new(0),
            fields: fields.to_owned(),
        });
        api.apply_secret();
        api.apply_configuration();
        api
    }

    pub fn apply_secret(&self) {
        self.put(
            Kind::Secret,
            Some(json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": SECRET, "namespace": NAMESPACE}})),
        );
    }

    pub fn apply_configuration(&self) {
        let service = json!({"name": "boundtoken", "namespace": NAMESPACE, "path": "/mutate", "port": 443});
        let foreign = json!({"name": "other", "namespace": "other"});
        self.put(
            Kind::Configuration,
            Some(json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": CONFIGURATION, "uid": format!("uid-{}", self.version()), "generation": 1},
                "webhooks": [
                    {"name": "other.boundtoken.dev", "clientConfig": {"service": foreign, "caBundle": "eA=="}},
                    {"name": "pods.boundtoken.dev", "clientConfig": {"service": service}},
                ],
            })),
        );
    }

    /// Advances the wall clock alone, as if every machine had been suspended.
    pub fn skip(&self, time: time::Duration) {
        self.skipped.fetch_add(time.whole_seconds(), Ordering::SeqCst);
    }

    /// The wall clock, in whole seconds.
    pub fn now(&self) -> OffsetDateTime {
        let skipped = self.skipped.load(Ordering::SeqCst);
        let seconds = i64::try_from(self.started.elapsed().as_secs()).unwrap() + skipped;
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    pub fn version(&self) -> u64 {
        self.state.lock().unwrap().version
    }

    pub fn get(&self, kind: Kind) -> Option<Value> {
        self.state.lock().unwrap().objects.get(&kind).cloned()
    }

    /// All versions of an object.
    pub fn versions(&self, kind: Kind) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.events.iter().filter(|(_, of, ..)| *of == kind).map(|(.., object)| object.clone()).collect()
    }

    /// The times of successful writes by replicas.
    pub fn writes(&self, kind: Kind) -> Vec<Instant> {
        let state = self.state.lock().unwrap();
        state.writes.iter().filter(|(_, of)| *of == kind).map(|(at, _)| *at).collect()
    }

    pub fn fail_next(&self, codes: &[u16]) {
        self.state.lock().unwrap().failures.extend(codes);
    }

    /// Starts or ends a time without responses, except events of open watches.
    pub fn go_silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    pub fn edit(&self, kind: Kind, edit: impl FnOnce(&mut Value)) {
        let mut object = self.get(kind).unwrap();
        edit(&mut object);
        self.put(kind, Some(object));
    }

    /// Puts or deletes an object, with all rights.
    pub fn put(&self, kind: Kind, object: Option<Value>) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let version = state.version;
        let event = match object {
            Some(mut object) => {
                let before = state.objects.get(&kind).cloned();
                let metadata = &mut object["metadata"];
                metadata["resourceVersion"] = version.to_string().into();
                metadata["managedFields"] = json!([{"manager": "test", "operation": "Update", "time": self.now().format(&Rfc3339).unwrap(), "fieldsV1": {}}]);
                let changed = before.as_ref().is_some_and(|before| before["webhooks"] != object["webhooks"]);
                if kind == Kind::Configuration && changed {
                    let generation = object["metadata"]["generation"].as_u64().unwrap_or(1) + 1;
                    object["metadata"]["generation"] = generation.into();
                }
                state.objects.insert(kind, object.clone());
                Some((version, kind, if before.is_some() { "MODIFIED" } else { "ADDED" }, object))
            }
            None => state.objects.remove(&kind).map(|object| (version, kind, "DELETED", object)),
        };
        state.events.extend(event);
        drop(state);
        self.changed.send_replace(version);
    }

    /// A client. After `writes` writes it gets no more responses.
    pub fn client(self: &Arc<Self>, writes: usize) -> kube::Client {
        let (api, left) = (Arc::clone(self), Arc::new(AtomicUsize::new(writes)));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (api, left) = (Arc::clone(&api), Arc::clone(&left));
            async move {
                if left.load(Ordering::SeqCst) == 0 {
                    std::future::pending::<()>().await;
                }
                let is_write = request.method() == Method::PATCH;
                let response = api.answer(request).await;
                if is_write && response.status() == StatusCode::OK && left.fetch_sub(1, Ordering::SeqCst) == 1
                {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(response)
            }
        });
        kube::Client::new(service, NAMESPACE)
    }

    async fn answer(self: Arc<Self>, request: Request<kube::client::Body>) -> Response<Body> {
        if self.state.lock().unwrap().silent {
            std::future::pending::<()>().await;
        }
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let kind = if path.contains("/secrets") { Kind::Secret } else { Kind::Configuration };
        if path == format!("/api/v1/namespaces/{NAMESPACE}") {
            let fields = json!([{"fieldsV1": {}}]);
            let metadata = json!({"name": NAMESPACE, "uid": "uid-of-the-namespace", "managedFields": fields});
            return self.reply(&json!({"metadata": metadata}));
        }
        let collection = path.ends_with("/secrets") || path.ends_with("/mutatingwebhookconfigurations");
        if collection {
            // The rights are limited by name: nothing else may be listed or watched.
            let name = if kind == Kind::Secret { SECRET } else { CONFIGURATION };
            assert!(query.contains(&format!("fieldSelector=metadata.name%3D{name}")), "{query}");
            return if query.contains("watch=true") { self.watch(kind, query) } else { self.list(kind) };
        }
        match head.method {
            Method::GET => {
                self.get(kind).map_or_else(|| status(404, "NotFound"), |object| self.reply(&object))
            }
            Method::PATCH => {
                let is_json_patch = head.headers["content-type"] == "application/json-patch+json";
                let body = body.collect().await.unwrap().to_bytes();
                self.patch(kind, is_json_patch, &serde_json::from_slice(&body).unwrap())
            }
            method => panic!("{method} {path}: there is no right to do that"),
        }
    }

    fn list(&self, kind: Kind) -> Response<Body> {
        let items: Vec<Value> = self.get(kind).into_iter().collect();
        self.reply(&json!({"metadata": {"resourceVersion": self.version().to_string()}, "items": items}))
    }

    fn watch(self: Arc<Self>, kind: Kind, query: &str) -> Response<Body> {
        let parameter = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .and_then(|v| v.parse().ok())
        };
        let (since, seconds) =
            (parameter("resourceVersion").unwrap_or(0), parameter("timeoutSeconds").unwrap());
        let end = Instant::now() + Duration::from_secs(seconds);
        let changed = self.changed.subscribe();
        let events = stream::unfold((self, changed, since), move |(api, mut changed, since)| async move {
            loop {
                let found = api
                    .state
                    .lock()
                    .unwrap()
                    .events
                    .iter()
                    .find(|(v, k, ..)| *v > since && *k == kind)
                    .cloned();
                if let Some((version, _, event, object)) = found {
                    let line = api.text(&json!({"type": event, "object": object})) + "\n";
                    return Some((Ok::<_, Infallible>(line), (api, changed, version)));
                }
                tokio::select! {
                    _ = changed.changed() => {}
                    () = tokio::time::sleep_until(end) => return None,
                }
            }
        });
        Response::new(Body::from_stream(events))
    }

    fn patch(&self, kind: Kind, is_json_patch: bool, patch: &Value) -> Response<Body> {
        if let Some(code) = self.state.lock().unwrap().failures.pop_front() {
            return status(code, "InternalError");
        }
        let Some(mut object) = self.get(kind) else { return status(404, "NotFound") };
        let version = object["metadata"]["resourceVersion"].clone();
        if is_json_patch {
            let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
            if json_patch::patch(&mut object, &patch).is_err() {
                return status(422, "Invalid");
            }
        } else {
            json_patch::merge(&mut object, patch);
        }
        if object["metadata"]["resourceVersion"] != version {
            self.state.lock().unwrap().conflicts += 1;
            return status(409, "Conflict");
        }
        let at_once = self.writes(kind).iter().rev().take_while(|at| at.elapsed().is_zero()).count();
        assert!(at_once < 50, "a loop of writes");
        self.state.lock().unwrap().writes.push((Instant::now(), kind));
        self.put(kind, Some(object));
        self.reply(&self.get(kind).unwrap())
    }

    fn reply(&self, body: &Value) -> Response<Body> {
        Response::new(Body::from(self.text(body)))
    }

    /// The JSON of an object, a list or an event, as it is sent.
    fn text(&self, value: &Value) -> String {
        value.to_string().replace(FIELDS, &format!(r#""fieldsV1":{}"#, self.fields))
    }
}

fn status(code: u16, reason: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the test says so", "reason": reason, "code": code});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
