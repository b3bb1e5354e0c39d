//! An admission request, borrowed from the body
//! (`AdmissionReview` in `k8s.io/api/admission/v1/types.go`).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::pod::text::{Text, nullable};

/// Longest explanation of a bad body, in characters: the parser may repeat pieces of it.
const MAX_EXPLANATION: usize = 200;

/// Why a body gets HTTP 400: a sentence for the caller.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadReview(String);

impl BadReview {
    fn new(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }

    pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        let explanation: String = error.to_string().chars().take(MAX_EXPLANATION).collect();
        Self(format!("{what}: {explanation}"))
    }
}

/// An admission request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    uid: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    resource: Resource<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_resource: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    namespace: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    operation: Text<'a>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    group: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable", rename = "resource")]
    plural: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    api_version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

impl<'a> Request<'a> {
    /// Reads an `admission.k8s.io/v1` AdmissionReview.
    ///
    /// # Errors
    /// When the body is anything else.
    pub fn parse(body: &'a [u8]) -> Result<Self, BadReview> {
        let review: Review<'a> = serde_json::from_slice(body)
            .map_err(|error| BadReview::unreadable("the body is no AdmissionReview", &error))?;
        if (review.api_version.as_str(), review.kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
            return Err(BadReview::new(
                "the body is no AdmissionReview of admission.k8s.io/v1: send apiVersion and kind of that",
            ));
        }
        let request = review.request.ok_or_else(|| BadReview::new("the AdmissionReview has no request"))?;
        if request.uid.as_str().is_empty() {
            return Err(BadReview::new("the request has no uid: an answer could not be told from another"));
        }
        Ok(request)
    }

    /// The uid that the answer echoes.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.uid.as_str()
    }

    /// The Namespace that the object is created in. That of the object itself may be empty.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// Name of the object, empty when it will be generated.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether a Pod is being created; anything else is allowed untouched.
    #[must_use]
    pub fn is_pod_creation(&self) -> bool {
        self.is_of("pods") && self.is_creation()
    }

    pub(super) fn is_creation(&self) -> bool {
        self.operation.as_str() == "CREATE"
    }

    /// Whether a Namespace is being created or changed.
    pub(super) fn is_namespace_change(&self) -> bool {
        self.is_of("namespaces") && matches!(self.operation.as_str(), "CREATE" | "UPDATE")
    }

    fn is_of(&self, resource: &str) -> bool {
        let Resource { group, version, plural } = &self.resource;
        (group.as_str(), version.as_str(), plural.as_str()) == ("", "v1", resource)
            && self.sub_resource.as_str().is_empty()
    }

    /// The object, read as what it should be.
    pub(super) fn object<T: Deserialize<'a>>(&self) -> Result<T, BadReview> {
        let object = self.object.ok_or_else(|| BadReview::new("the request has no object"))?;
        serde_json::from_str(object.get()).map_err(|error| BadReview::unreadable("object", &error))
    }

    /// The object before the change, if there was one.
    pub(super) fn old_object<T: Deserialize<'a>>(&self) -> Result<Option<T>, BadReview> {
        let object = self.old_object.map(|object| serde_json::from_str(object.get()));
        object.transpose().map_err(|error| BadReview::unreadable("oldObject", &error))
    }
}
