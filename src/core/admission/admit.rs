//! Responds to the creation of a Pod and to the creation or change of a Namespace.

use std::sync::Arc;

use crate::namespace::Namespace;
use crate::policy::{Defaults, NamespaceSettings};

use super::object::Pod;
use super::request::Request;
use super::response::Response;

/// Allows a request unchanged, such as one that does not create a Pod, or one in a Namespace that did not opt
/// in.
pub fn allow<O>(request: &Request<'_, O>) -> Response {
    Response::allow(request)
}

/// Patches or refuses a Pod that is created, under the settings of its Namespace. Mirror Pods are allowed
/// unchanged.
pub fn mutate(request: &Request<'_, Pod<'_>>, settings: &NamespaceSettings) -> Response {
    match request.object().and_then(|pod| pod.evaluate(settings)) {
        Some(evaluation) => Response::new(request, evaluation),
        None => allow(request),
    }
}

/// Validates the settings of a Namespace that is created or changed.
pub fn validate(request: &Request<'_, Namespace<'_>>, defaults: &Arc<Defaults>) -> Response {
    let Some(namespace) = request.object() else { return allow(request) };
    let settings = NamespaceSettings::parse(request.name(), namespace.annotations(), defaults);
    let changed = request.old_object().is_none_or(|old| !namespace.has_settings_of(old));
    Response::new(request, settings.evaluate(namespace.is_opted_in(), changed))
}
