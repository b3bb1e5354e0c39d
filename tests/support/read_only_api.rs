//! An API server on loopback that holds objects and answers `get` and `list`, with pages, selectors, metadata only, and
//! resources that it refuses. It records each request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{port_forward, scripted_api};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) accept: String,
    /// The user that is impersonated.
    pub(crate) user: Option<String>,
}

#[derive(Default)]
struct Contents {
    /// By resource.
    objects: BTreeMap<String, Vec<Value>>,
    /// The bodies of other paths.
    texts: BTreeMap<String, String>,
    refused: BTreeSet<String>,
    absent: BTreeSet<String>,
    asked: Vec<Asked>,
    page: usize,
    /// Whether a review of a right allows it.
    rights: Option<fn(&Value) -> bool>,
    /// Where the ports of each Pod lead.
    ports: BTreeMap<u16, SocketAddr>,
    /// Status codes of the next answers, with their bodies.
    failures: Vec<(u16, Value)>,
}

/// The API server.
#[derive(Clone)]
pub(crate) struct ReadOnlyApi {
    contents: Arc<Mutex<Contents>>,
    address: SocketAddr,
}

impl ReadOnlyApi {
    pub(crate) async fn start() -> Self {
        let contents = Arc::new(Mutex::new(Contents { page: 500, ..Contents::default() }));
        let answering = Arc::clone(&contents);
        let router = Router::new().fallback(move |request: Request<Body>| {
            let contents = Arc::clone(&answering);
            async move {
                let ports = contents.lock().unwrap().ports.clone();
                if request.uri().path().ends_with("/portforward") && !ports.is_empty() {
                    let target = ports[&port_forward::port(&request)];
                    return port_forward::forward(request, target);
                }
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                contents.lock().unwrap().answer(&Request::from_parts(head, ()), &body)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Self { contents, address };
        api.set_text("/version", r#"{"gitVersion": "v1.37.2"}"#);
        api.set_text("/metrics", "");
        api.set_text("/.well-known/openid-configuration", "{}");
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        api
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Adds an object; `resource` is its plural name.
    pub(crate) fn add(&self, resource: &str, object: Value) {
        self.contents.lock().unwrap().objects.entry(resource.to_owned()).or_default().push(object);
    }

    pub(crate) fn set_text(&self, path: &str, text: &str) {
        self.contents.lock().unwrap().texts.insert(path.to_owned(), text.to_owned());
    }

    /// Refuses a resource or a path with 403.
    pub(crate) fn refuse(&self, resource: &str) {
        self.contents.lock().unwrap().refused.insert(resource.to_owned());
    }

    /// Answers 404 at a path.
    pub(crate) fn remove(&self, path: &str) {
        self.contents.lock().unwrap().absent.insert(path.to_owned());
    }

    /// Answers reviews of rights.
    pub(crate) fn set_rights(&self, is_allowed: fn(&Value) -> bool) {
        self.contents.lock().unwrap().rights = Some(is_allowed);
    }

    /// Forwards these ports of each Pod to these addresses.
    pub(crate) fn forward_ports(&self, ports: [(u16, SocketAddr); 2]) {
        self.contents.lock().unwrap().ports = BTreeMap::from(ports);
    }

    /// The number of objects of a page, if it is less than the limit of the request.
    pub(crate) fn set_page(&self, objects: usize) {
        self.contents.lock().unwrap().page = objects;
    }

    /// Answers the next lists of every Namespace with this status and body.
    pub(crate) fn fail_lists(&self, failures: &[(u16, Value)]) {
        self.contents.lock().unwrap().failures.extend_from_slice(failures);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.contents.lock().unwrap().asked.clone()
    }

    pub(crate) fn kubeconfig(&self, directory: &Path) -> PathBuf {
        scripted_api::kubeconfig(directory, self.address)
    }
}

impl Contents {
    fn answer(&mut self, request: &Request<()>, body: &[u8]) -> Response<Body> {
        let (path, query) = (request.uri().path().to_owned(), query(request.uri()));
        // A request for a port-forward has none.
        let accept = request.headers().get("accept").map_or("", |accept| accept.to_str().unwrap()).to_owned();
        let user = request.headers().get("impersonate-user").map(|user| user.to_str().unwrap().to_owned());
        let asked = Asked { method: request.method().clone(), path, query, accept, user };
        self.asked.push(asked.clone());
        if let Some(text) = self.texts.get(&asked.path).filter(|_| !self.refused.contains(&asked.path)) {
            return Response::new(Body::from(text.clone()));
        }
        if self.absent.contains(&asked.path) {
            return refusal(404, "NotFound");
        }
        if let Some(is_allowed) = self.rights.filter(|_| asked.path.ends_with("accessreviews")) {
            let allowed = is_allowed(&serde_json::from_slice(body).unwrap());
            return reply(&json!({"status": {"allowed": allowed}}));
        }
        let segments: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        let (resource, namespace, name) = match segments[..] {
            ["api", "v1", "namespaces", name] => ("namespaces", None, Some(name)),
            ["api", "v1", "namespaces", namespace, resource]
            | ["apis", _, _, "namespaces", namespace, resource] => (resource, Some(namespace), None),
            ["api", "v1", resource] | ["apis", _, _, resource] => (resource, None, None),
            ["api", "v1", "namespaces", _, "pods", _, "portforward"] => {
                let is_refused = self.refused.contains("pods/portforward");
                return if is_refused { refusal(403, "Forbidden") } else { refusal(404, "NotFound") };
            }
            _ => return refusal(403, "Forbidden"),
        };
        if self.refused.contains(resource) {
            return refusal(403, "Forbidden");
        }
        let metadata_only = asked.accept.contains("as=PartialObjectMetadata");
        assert!(resource != "secrets" || metadata_only, "{asked:?} asks for the data of Secrets");
        let objects = self.objects.get(resource).cloned().unwrap_or_default();
        let fits = |object: &&Value| {
            namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
                && name.is_none_or(|name| object["metadata"]["name"] == name)
                && selected(object, &asked.query)
        };
        let shown = objects.iter().filter(fits).map(|object| {
            if metadata_only { json!({"metadata": object["metadata"]}) } else { object.clone() }
        });
        let shown: Vec<Value> = shown.collect();
        match name {
            Some(_) => shown.first().map_or_else(|| refusal(404, "NotFound"), reply),
            None => self.list(&asked, namespace.is_none(), &shown),
        }
    }

    fn list(&mut self, asked: &Asked, of_each_namespace: bool, objects: &[Value]) -> Response<Body> {
        if of_each_namespace && !self.failures.is_empty() {
            let (code, body) = self.failures.remove(0);
            let mut response = reply(&body);
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            response.headers_mut().insert("retry-after", "0".parse().unwrap());
            return response;
        }
        let number = |name: &str| asked.query.get(name).map(|value| value.parse::<usize>().unwrap());
        let limit = number("limit").expect("a limit").min(self.page);
        let start = number("continue").unwrap_or(0);
        let end = (start + limit).min(objects.len());
        let next = if end < objects.len() { end.to_string() } else { String::new() };
        reply(&json!({"metadata": {"continue": next}, "items": objects[start..end]}))
    }
}

/// Whether an object has the label, or the field, of the selector.
fn selected(object: &Value, query: &BTreeMap<String, String>) -> bool {
    let pair =
        |name: &str| query.get(name).map(|selector| selector.split_once('=').expect("a simple selector"));
    pair("labelSelector").is_none_or(|(key, value)| object["metadata"]["labels"][key] == value)
        && pair("fieldSelector").is_none_or(|(key, value)| object[key] == value)
}

fn query(uri: &Uri) -> BTreeMap<String, String> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let byte = u8::from_str_radix(&part[..2], 16).unwrap();
        text + &char::from(byte).to_string() + &part[2..]
    })
}

fn reply(body: &Value) -> Response<Body> {
    Response::new(Body::from(body.to_string()))
}

fn refusal(code: u16, reason: &str) -> Response<Body> {
    let mut response = reply(&json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code,
        "message": format!("the test refuses it: {reason}")}));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
