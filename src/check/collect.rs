//! Reads a cluster into an [`Installation`]. What may not be read is noted, and the rest is read all the same.

use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::installation::{Cell, Installation, name};
use super::namespaces::{holds_other, settings_in_force};
use super::part::{Part, PartRequest};
use super::workload::defaults;
use super::{port_forward, proof, rights};
use crate::cluster::reader::{ApiReader, Listed, RequestError};
use crate::telemetry::{chain, cut};

/// How long one response may take.
const LIMIT: Duration = Duration::from_secs(15);

const USER_AGENT: &str = concat!("boundtoken-check/", env!("CARGO_PKG_VERSION"));

const PODS: Listed = Listed { group: "/api/v1", name: "pods", metadata_only: false };

/// The groups of the ServiceAccount, as the API server adds them to its user.
const GROUPS: [&str; 3] =
    ["system:serviceaccounts", "system:serviceaccounts:boundtoken", "system:authenticated"];

/// Reads a cluster. If the API server does not answer the first request, nothing else is asked for. Dry runs of Pods are
/// sent only if `probes` is set, where the user may create Pods.
pub async fn collect(client: Client, now: OffsetDateTime, probes: bool) -> Installation {
    let reader = ApiReader::new(client.clone(), LIMIT, USER_AGENT);
    let mut installation = Installation::new(now);
    for part in Part::ALL {
        let cell = match installation.get(Part::Version) {
            Cell::Failed(reason) => Cell::Failed(reason.clone()),
            Cell::Absent | Cell::Forbidden(_) | Cell::Known(_) => read(&reader, part).await,
        };
        installation.set(part, cell);
    }
    if matches!(installation.get(Part::Version), Cell::Failed(_)) {
        return installation;
    }
    installation.set(Part::Rights, rights(&reader).await);
    let held = held_tokens(&reader, &installation).await;
    installation.set(Part::HeldTokens, held);
    let replies = port_forward::replies(&client, &installation).await;
    installation.set(Part::Replies, replies);
    if probes {
        let (inside, outside) = proof::namespaces(&installation);
        let (inside, outside) = (inside.map(str::to_owned), outside.map(str::to_owned));
        for (part, namespace) in [(Part::ProbeInside, inside), (Part::ProbeOutside, outside)] {
            if let Some(namespace) = namespace {
                installation.set(part, probe(&reader, &namespace).await);
            }
        }
    }
    installation
}

/// The rights of the ServiceAccount, as the authorizer of the API server sees them.
async fn rights(reader: &ApiReader) -> Cell {
    let mut rights = rights::questions();
    for right in &mut rights {
        let attributes = right.pointer("/attributes").cloned().unwrap_or_default();
        let specification = json!({"user": rights::USER, "groups": GROUPS, "resourceAttributes": attributes});
        match review(reader, "SubjectAccessReview", &specification).await {
            Ok(allowed) => {
                if let Some(right) = right.as_object_mut() {
                    right.insert("allowed".to_owned(), allowed.into());
                }
            }
            Err(error) => return unread(&error),
        }
    }
    Cell::Known(rights.into())
}

/// Counts the Pods of each Namespace that opted in. Only a page of them is in memory at a time.
async fn held_tokens(reader: &ApiReader, installation: &Installation) -> Cell {
    let defaults = defaults(installation);
    let mut counts = Vec::new();
    for namespace in installation.list(Part::Namespaces) {
        let Some(settings) = settings_in_force(namespace, &defaults) else { continue };
        let (mut pods, mut other) = (0, 0);
        let mut count = |pod: &RawValue| {
            pods += 1;
            let pod = serde_json::from_str(pod.get()).unwrap_or_default();
            other += usize::from(holds_other(&pod, &settings));
        };
        if let Err(error) = reader.list(PODS, Some(name(namespace)), "", &mut count, &|_| {}).await {
            return unread(&error);
        }
        counts.push(json!({"namespace": name(namespace), "pods": pods, "other": other}));
    }
    Cell::Known(counts.into())
}

/// The answer to a Pod that is not stored.
async fn probe(reader: &ApiReader, namespace: &str) -> Cell {
    let attributes = json!({"verb": "create", "resource": "pods", "namespace": namespace});
    match review(reader, "SelfSubjectAccessReview", &json!({"resourceAttributes": attributes})).await {
        Ok(true) => {}
        Ok(false) => return Cell::Forbidden("Forbidden".to_owned()),
        Err(error) => return unread(&error),
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    match reader.post(&path, &proof::pod().to_string()).await.and_then(|text| parse(&text)) {
        Ok(pod) => Cell::Known(json!({"namespace": namespace, "pod": pod})),
        Err(RequestError::Status { message, .. }) => {
            Cell::Known(json!({"namespace": namespace, "refused": message}))
        }
        Err(error) => unread(&error),
    }
}

/// Whether a review allows what it asks for.
async fn review(reader: &ApiReader, kind: &str, specification: &Value) -> Result<bool, RequestError> {
    let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_lowercase());
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": specification});
    let answer = parse(&reader.post(&path, &body.to_string()).await?)?;
    Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or_default())
}

async fn read(reader: &ApiReader, part: Part) -> Cell {
    let result = match part.request() {
        PartRequest::Object(path) => reader.text(path).await.and_then(|text| parse(&text)),
        PartRequest::Answers => return Cell::Absent,
        PartRequest::Text(path) => reader.text(path).await.map(Value::String),
        PartRequest::List(resource, namespace, query) => list(reader, resource, namespace, query).await,
        PartRequest::FirstOf(versions) => return first_of(reader, versions).await,
    };
    result.map_or_else(|error| unread(&error), Cell::Known)
}

async fn list(
    reader: &ApiReader,
    resource: Listed,
    namespace: Option<&str>,
    query: &str,
) -> Result<Value, RequestError> {
    let mut items = Vec::new();
    let mut keep = |object: &RawValue| {
        items.extend(serde_json::from_str::<Value>(object.get()));
    };
    reader.list(resource, namespace, query, &mut keep, &|_| {}).await?;
    Ok(Value::Array(items))
}

/// The list in the first version that the API server has.
async fn first_of(reader: &ApiReader, versions: &[Listed]) -> Cell {
    for resource in versions {
        match list(reader, *resource, None, "").await {
            Err(RequestError::Status { code: 404, .. }) => {}
            result => return result.map_or_else(|error| unread(&error), Cell::Known),
        }
    }
    Cell::Absent
}

fn parse(text: &str) -> Result<Value, RequestError> {
    Ok(serde_json::from_str(text)?)
}

fn unread(error: &RequestError) -> Cell {
    match error {
        RequestError::Status { code: 404, .. } => Cell::Absent,
        RequestError::Status { code: 403, reason, .. } => Cell::Forbidden(reason.clone()),
        error => Cell::Failed(cut(&chain(error))),
    }
}
