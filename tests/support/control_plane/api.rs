//! The Kubernetes API as untyped JSON: tests see exactly what the server stored.

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

use super::eventually;

/// A client of the API.
#[derive(Clone)]
pub(crate) struct Api(kube::Client);

/// A response of the API server.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) code: u16,
    /// Texts of the `Warning` headers.
    pub(crate) warnings: Vec<String>,
    pub(crate) body: Value,
}

impl ApiResponse {
    /// Returns the object, or the error as text.
    pub(crate) fn ok(self) -> Result<Value, String> {
        if (200..300).contains(&self.code) { Ok(self.body) } else { Err(self.message().to_owned()) }
    }

    /// `message` of a Status.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub(crate) fn new(client: kube::Client) -> Self {
        Self(client)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.send(Method::GET, path, None).await?.ok()
    }

    /// Succeeds if the API server answers 404 at a path.
    pub(crate) async fn gone(&self, path: &str) -> Result<(), String> {
        let answer = self.send(Method::GET, path, None).await?;
        if answer.code == 404 {
            Ok(())
        } else {
            Err(format!("{path} answers {} {}", answer.code, answer.message()))
        }
    }

    /// The text at a path such as `/metrics`.
    pub(crate) async fn text(&self, path: &str) -> String {
        self.0.request_text(Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
    }

    /// The items of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        match self.get(path).await.unwrap()["items"].take() {
            Value::Array(items) => items,
            other => panic!("{path}: {other}"),
        }
    }

    /// Waits for the ServiceAccount `default`, without which no Pod can be created.
    pub(crate) async fn wait_for_service_account(&self, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        eventually("a ServiceAccount default", async || self.get(&path).await).await;
    }

    /// Creates an object in the collection of its kind and Namespace.
    pub(crate) async fn create(&self, object: &Value) -> Result<Value, String> {
        self.post(&collection(object), object).await.ok()
    }

    /// Sends an object to a collection.
    pub(crate) async fn post(&self, path: &str, object: &Value) -> ApiResponse {
        self.send(Method::POST, path, Some(object)).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, object: &Value) -> ApiResponse {
        self.send(Method::PUT, path, Some(object)).await.unwrap()
    }

    /// Sends a merge patch.
    pub(crate) async fn patch(&self, path: &str, change: &Value) -> ApiResponse {
        self.send(Method::PATCH, path, Some(change)).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> ApiResponse {
        self.send(Method::DELETE, path, None).await.unwrap()
    }

    /// Sends a request; an API server that cannot be reached is an error.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ApiResponse, String> {
        let content_type =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = body.map_or_else(Vec::new, |body| serde_json::to_vec(body).unwrap());
        self.send_bytes(method, path, content_type, body).await
    }

    /// Sends a body that may be invalid UTF-8.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiResponse, String> {
        let request = Request::builder().method(method).uri(path).header("content-type", content_type);
        let request = request.body(Body::from(body)).unwrap();
        let response = self.0.send(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let headers = parts.headers.get_all("warning").iter();
        let warnings = headers.filter_map(|value| text_of(str::from_utf8(value.as_bytes()).ok()?));
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(ApiResponse { code: parts.status.as_u16(), warnings: warnings.collect(), body })
    }
}

/// The collection that an object belongs to.
pub(crate) fn collection(object: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = word(&object["apiVersion"]);
    let root = if version.contains('/') { "apis" } else { "api" };
    let kind = word(&object["kind"]).to_lowercase();
    let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{version}/{plural}"),
    }
}

/// The text of a `Warning` header (RFC 7234, section 5.5): `299 - "text"`.
fn text_of(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 - \"")?.strip_suffix('"')?;
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
}
