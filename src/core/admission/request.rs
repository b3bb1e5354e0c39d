//! An admission request, borrowed from the body
//! (`AdmissionReview` in `k8s.io/api/admission/v1/types.go`).

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Error, IgnoredAny};

use super::object::{ObjectMeta, ReviewedObject};
use crate::pod::text::{Text, nullable, object, optional};

/// Longest explanation of an invalid body, in characters; messages of the parser may quote the body.
const MAX_EXPLANATION: usize = 200;

/// Longest uid, in bytes: the response echoes it. The API server sends 36.
const MAX_UID: usize = 256;

/// Most opening braces in a body, including those in strings and ignored fields. The limit bounds the memory
/// of parsed lists to 82 MB: an empty object takes up to 208 bytes where its list has room for twice the items.
const MAX_BRACES: usize = 1 << 19;

/// An invalid body, answered with HTTP 400.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadReview(String);

impl BadReview {
    fn new(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }

    fn invalid(error: &serde_json::Error) -> Self {
        let explanation: String = error.to_string().chars().take(MAX_EXPLANATION).collect();
        Self(format!("the body is not a valid AdmissionReview: {explanation}"))
    }
}

/// The body of a request as text, with a `?` for each byte that is not UTF-8. The text is as long as the body.
///
/// The API server sends `managedFields` as it received them, and a protobuf client may put any bytes there. In
/// every other field it has replaced them already.
///
/// # Errors
/// When such a byte is in a name, a label or an annotation, which are compared, or in the uid, which the response
/// echoes.
pub fn lossy_utf8(body: &[u8]) -> Result<Cow<'_, str>, BadReview> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok(Cow::Borrowed(text));
    }
    // A deserializer of bytes checks the strings that it reads, and skips all others unchecked.
    serde_json::from_slice::<IncomingReview<'_, Compared<'_>>>(body)
        .map_err(|error| BadReview::invalid(&error))?;
    Ok(Cow::Owned(replaced(body)))
}

/// The parts of an object that are compared.
#[derive(Deserialize)]
struct Compared<'a> {
    #[serde(borrow, default, rename = "metadata", deserialize_with = "object")]
    _metadata: ObjectMeta<'a>,
}

fn replaced(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// An admission request about an object of type `O`, parsed in one pass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
pub struct Request<'a, O> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    uid: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    resource: GroupVersionResource<'a>,
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
struct GroupVersionResource<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    group: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable", rename = "resource")]
    plural: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
struct IncomingReview<'a, O> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    api_version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    request: Option<Request<'a, O>>,
}

impl<'a, O: ReviewedObject + Deserialize<'a>> Request<'a, O> {
    /// Parses an `admission.k8s.io/v1` AdmissionReview.
    ///
    /// # Errors
    /// When the text is anything else, or its object is an `O` that an API server would not send.
    pub fn parse(text: &'a str) -> Result<Self, BadReview> {
        match parse_review::<O>(text) {
            Ok(request) if request.concerns_object() && request.object.is_none() => {
                Err(BadReview::new("request.object is missing"))
            }
            Ok(request) => Ok(request),
            // An object of another kind may have fields of any type.
            Err(bad) => match parse_review::<IgnoredAny>(text)?.retyped::<O>() {
                request if request.concerns_object() => Err(bad),
                request => Ok(request),
            },
        }
    }
}

impl<'a, O> Request<'a, O> {
    /// `uid`, which the response echoes.
    pub fn uid(&self) -> &str {
        self.uid.as_str()
    }

    /// The Namespace of the request. The namespace in the object itself may be empty.
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// Name of the object; empty if the API server will generate it.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn old_object(&self) -> Option<&O> {
        self.old_object.as_ref()
    }

    /// The same request without its object.
    fn retyped<P>(self) -> Request<'a, P> {
        let Self { uid, resource, sub_resource, name, namespace, operation, .. } = self;
        Request { uid, resource, sub_resource, name, namespace, operation, object: None, old_object: None }
    }
}

impl<O: ReviewedObject> Request<'_, O> {
    /// Name of the object, or the prefix of a generated one, such as `web-7d4b9c-` for a Pod of a ReplicaSet.
    pub fn name_or_prefix(&self) -> &str {
        let object = self.object().filter(|_| self.name().is_empty());
        object.map_or_else(|| self.name(), O::generate_name)
    }

    /// The object, if resource and operation are those of [`ReviewedObject`]; other requests are allowed
    /// unchanged.
    pub fn object(&self) -> Option<&O> {
        self.object.as_ref().filter(|_| self.concerns_object())
    }

    fn concerns_object(&self) -> bool {
        let GroupVersionResource { group, version, plural } = &self.resource;
        (group.as_str(), version.as_str(), plural.as_str()) == ("", "v1", O::RESOURCE)
            && self.sub_resource.as_str().is_empty()
            && O::OPERATIONS.contains(&self.operation.as_str())
    }
}

fn parse_review<'a, O: Deserialize<'a>>(text: &'a str) -> Result<Request<'a, O>, BadReview> {
    let review: IncomingReview<'a, O> = parse_complete(text).map_err(|error| BadReview::invalid(&error))?;
    if (review.api_version.as_str(), review.kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
        return Err(BadReview::new("apiVersion must be admission.k8s.io/v1, and kind AdmissionReview"));
    }
    let request = review.request.ok_or_else(|| BadReview::new("request is missing"))?;
    match request.uid.as_str().len() {
        0 => Err(BadReview::new("request.uid is empty: the response must echo it")),
        1..=MAX_UID => Ok(request),
        _ => Err(BadReview::new("request.uid must have at most 256 bytes")),
    }
}

/// Parses one JSON object with nothing after it.
fn parse_complete<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    if text.len() > MAX_BRACES && memchr::memchr_iter(b'{', text.as_bytes()).count() > MAX_BRACES {
        return Err(serde_json::Error::custom("it has too many objects"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object: Option<T> = optional(&mut deserializer)?;
    deserializer.end()?;
    object.ok_or_else(|| serde_json::Error::custom("it is null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_its_body() {
        for (body, expected) in [
            ("plain, ä, €, 🦀, \u{fffd}".as_bytes(), "plain, ä, €, 🦀, \u{fffd}"),
            (b"{\"f:\xff\xfe\": {}}", "{\"f:??\": {}}"),
            (b"\xc3\xa4\xc3(\xf0\x9f\xa6(\xf0\x9f\xa6\x80", "ä?(???(🦀"),
            (b"ends early: \xf0\x9f\xa6", "ends early: ???"),
            (b"", ""),
        ] {
            assert_eq!(replaced(body), expected);
            assert_eq!(replaced(body).len(), body.len());
        }
    }
}
