//! An admission request, borrowed from the body
//! (`AdmissionReview` in `k8s.io/api/admission/v1/types.go`).

use serde::Deserialize;
use serde::de::{Error, IgnoredAny};

use super::object::Object;
use super::objects::objects;
use crate::pod::text::{Text, nullable, object, optional};

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

    fn unreadable(error: &serde_json::Error) -> Self {
        let explanation: String = error.to_string().chars().take(MAX_EXPLANATION).collect();
        Self(format!("the body is no AdmissionReview: {explanation}"))
    }
}

/// An admission request about an object of type `O`; the object is read on the way, in one pass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
pub struct Request<'a, O> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    uid: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    resource: Resource<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_resource: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    namespace: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    operation: Text<'a>,
    #[serde(default, deserialize_with = "optional")]
    object: Option<O>,
    #[serde(default, deserialize_with = "optional")]
    old_object: Option<O>,
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
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
struct Review<'a, O> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    api_version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    request: Option<Request<'a, O>>,
}

impl<'a, O: Object + Deserialize<'a>> Request<'a, O> {
    /// Reads an `admission.k8s.io/v1` AdmissionReview.
    ///
    /// # Errors
    /// When the body is anything else, or is about an `O` that an API server would not send.
    pub fn parse(body: &'a [u8]) -> Result<Self, BadReview> {
        match read::<O>(body) {
            Ok(request) if request.concerns_object() && request.object.is_none() => {
                Err(BadReview::new("the request has no object"))
            }
            Ok(request) => Ok(request),
            // An object of another kind may look like anything.
            Err(bad) => match read::<IgnoredAny>(body)?.retyped::<O>() {
                request if request.concerns_object() => Err(bad),
                request => Ok(request),
            },
        }
    }
}

impl<'a, O> Request<'a, O> {
    /// The uid that the answer echoes.
    pub fn uid(&self) -> &str {
        self.uid.as_str()
    }

    /// The Namespace that the object is created in. That of the object itself may be empty.
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// Name of the object, empty when it will be generated.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn old_object(&self) -> Option<&O> {
        self.old_object.as_ref()
    }

    /// The same request about an object of another type, which is left out.
    fn retyped<P>(self) -> Request<'a, P> {
        let Self { uid, resource, sub_resource, name, namespace, operation, .. } = self;
        Request { uid, resource, sub_resource, name, namespace, operation, object: None, old_object: None }
    }
}

impl<O: Object> Request<'_, O> {
    /// Name of the object, or how it will begin, such as `web-7d4b9c-` for a Pod of a ReplicaSet.
    pub fn name_or_prefix(&self) -> &str {
        let object = self.object().filter(|_| self.name().is_empty());
        object.map_or_else(|| self.name(), |object| object.metadata().generate_name.as_str())
    }

    /// The object, if the request is about one that matters; anything else is allowed untouched.
    pub fn object(&self) -> Option<&O> {
        self.object.as_ref().filter(|_| self.concerns_object())
    }

    fn concerns_object(&self) -> bool {
        let Resource { group, version, plural } = &self.resource;
        (group.as_str(), version.as_str(), plural.as_str()) == ("", "v1", O::RESOURCE)
            && self.sub_resource.as_str().is_empty()
            && O::OPERATIONS.contains(&self.operation.as_str())
    }
}

fn read<'a, O: Deserialize<'a>>(body: &'a [u8]) -> Result<Request<'a, O>, BadReview> {
    let review: Review<'a, O> = whole(body).map_err(|error| BadReview::unreadable(&error))?;
    if (review.api_version.as_str(), review.kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
        return Err(BadReview::new(
            "the body is no AdmissionReview of admission.k8s.io/v1: send apiVersion and kind of that",
        ));
    }
    let request = review.request.ok_or_else(|| BadReview::new("the AdmissionReview has no request"))?;
    if request.uid.as_str().is_empty() {
        return Err(BadReview::new("the request has no uid: an answer could not be told from another"));
    }
    if request.uid.as_str().len() > MAX_UID {
        return Err(BadReview::new("the uid of the request has more than 256 bytes"));
    }
    Ok(request)
}

/// Longest uid: the answer repeats it, and that of an API server has 36 bytes.
const MAX_UID: usize = 256;

/// Most objects in a body: many more than in any Pod that runs. Each costs memory many times its text.
const MAX_OBJECTS: usize = 100_000;

/// The one JSON object that a body is. UTF-8 is checked once here, and not string by string.
fn whole<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    // Hardly any body has so many braces that it is worth to tell which of them matter.
    if memchr::memchr_iter(b'{', body).count() > MAX_OBJECTS && objects(body) > MAX_OBJECTS {
        return Err(serde_json::Error::custom("it has too many objects"));
    }
    let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object: Option<T> = optional(&mut deserializer)?;
    deserializer.end()?;
    object.ok_or_else(|| serde_json::Error::custom("it is null"))
}
