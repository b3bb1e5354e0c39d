//! The files that clients of the API server expect beside their token, as the ServiceAccount admission plugin
//! provides them: in the volumes that a patch adds, and in those of the simulated plugin.

use serde_json::{Value, json};

use super::token::DEFAULT_FILE;
use super::view::VolumeProjection;

/// ConfigMap with the API server's CA, in every namespace
/// (`RootCACertConfigMapName` in `pkg/controller/certificates/rootcacertpublisher/publisher.go`).
const ROOT_CA: &str = "kube-root-ca.crt";

/// A source of a projected volume that provides one of the files.
pub(super) struct ApiAccessSource {
    /// The file name.
    file: &'static str,
    /// The source, as the ServiceAccount admission plugin writes it.
    pub(super) source: fn() -> Value,
    /// Whether an existing source is this one.
    pub(super) matches: fn(&VolumeProjection<'_>) -> bool,
}

/// Every source beside the token, in the order of the plugin's own volume
/// (`TokenVolumeSource` in `plugin/pkg/admission/serviceaccount/admission.go`).
pub(super) const API_ACCESS: [ApiAccessSource; 2] = [
    ApiAccessSource {
        file: "ca.crt",
        source: || json!({"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        matches: |source| {
            source.config_map.as_ref().is_some_and(|name| name.as_str() == ROOT_CA)
                && source.files().eq(["ca.crt"])
        },
    },
    ApiAccessSource {
        file: "namespace",
        source: || {
            json!({"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            ]}})
        },
        matches: |source| source.is_downward_api && source.files().eq(["namespace"]),
    },
];

/// Every source, as JSON.
pub(super) fn api_access() -> impl Iterator<Item = Value> {
    API_ACCESS.iter().map(|file| (file.source)())
}

/// Whether a token cannot have this file name in a volume with API access.
pub fn is_api_access_file(name: &str) -> bool {
    API_ACCESS.iter().any(|source| source.file == name)
}

/// Whether the volume of the default token has a file of this name.
pub fn is_default_file(name: &str) -> bool {
    name == DEFAULT_FILE || is_api_access_file(name)
}
