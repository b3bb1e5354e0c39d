//! The names of the objects that belong to one install.

/// The names of our objects in the cluster.
#[derive(Clone, Debug)]
pub struct Install {
    /// Our own Namespace, which owns the webhook configuration.
    pub namespace: String,
    /// The Secret in it that keeps the certificates.
    pub secret: String,
    /// The `MutatingWebhookConfiguration`.
    pub configuration: String,
    /// The Service that API servers call.
    pub service: String,
    /// The names that the serving certificate has to cover; see [`Install::service_name`].
    pub names: Vec<String>,
}

impl Install {
    /// The name for which API servers verify a webhook that is a Service.
    pub fn service_name(service: &str, namespace: &str) -> String {
        format!("{service}.{namespace}.svc")
    }
}
