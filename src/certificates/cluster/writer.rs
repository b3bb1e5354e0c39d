//! Writes the Secret and the configuration, each only if it is still the observed version.

use std::fmt;
use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::{Api, Client};

use super::action::SecretChange;
use super::install::Install;
use super::issue;
use super::secret::SecretSnapshot;
use super::watch;
use super::webhooks::WebhookSnapshot;
use crate::certificates::Certificate;
use crate::certificates::ca::CaError;
use crate::cluster::object::LenientObject;
use crate::telemetry::metrics::{Metrics, ObjectLabel, WriteResult};

/// The manager of our fields in `managedFields`.
const FIELD_MANAGER: &str = "boundtoken";

/// The result of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WriteOutcome {
    /// The object was written.
    Written,
    /// The observed version is no longer the latest: another replica or program was faster.
    Conflict,
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("failed to get Namespace {0}, which has to own the webhook configuration")]
    Owner(String, #[source] kube::Error),
    #[error("Namespace {0} has no uid")]
    OwnerWithoutUid(String),
    #[error("failed to make the content of Secret {0}")]
    Make(String, #[source] CaError),
    #[error("failed to read Secret {0}")]
    Read(String, #[source] kube::Error),
    #[error("failed to patch Secret {0}: `get` and `patch` are needed, and it must not be immutable")]
    Secret(String, #[source] kube::Error),
    #[error("failed to patch MutatingWebhookConfiguration {0}")]
    Configuration(String, #[source] kube::Error),
    #[error("failed to build the patch of MutatingWebhookConfiguration {0}")]
    Patch(String, #[source] serde_json::Error),
}

/// The client side of every write.
pub(super) struct Writer {
    namespaces: Api<LenientObject>,
    secrets: Api<LenientObject>,
    configurations: Api<LenientObject>,
    install: Install,
    owner: Option<String>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").field("install", &self.install).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(
        client: Client,
        secrets: Api<LenientObject>,
        configurations: Api<LenientObject>,
        install: Install,
        metrics: Arc<Metrics>,
    ) -> Self {
        let namespaces = Api::all_with(client, &watch::namespaces());
        Self { namespaces, secrets, configurations, install, owner: None, metrics }
    }

    /// The uid of our Namespace; empty until it is known.
    pub(super) fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or_default()
    }

    /// Gets the uid of our Namespace.
    pub(super) async fn find_owner(&mut self) -> Result<(), WriteError> {
        let name = &self.install.namespace;
        let namespace = self.namespaces.get(name).await;
        let LenientObject(namespace) = namespace.map_err(|error| WriteError::Owner(name.clone(), error))?;
        let uid = namespace.metadata.uid.ok_or_else(|| WriteError::OwnerWithoutUid(name.clone()))?;
        self.owner = Some(uid);
        Ok(())
    }

    /// Changes the Secret.
    pub(super) async fn write_secret(
        &self,
        change: &SecretChange,
        secret: &SecretSnapshot,
        memory: Option<&SecretSnapshot>,
    ) -> Result<WriteOutcome, WriteError> {
        let name = &self.install.secret;
        let patch = issue::patch(change, secret, memory);
        let patch = patch.map_err(|error| WriteError::Make(name.clone(), error))?;
        let written = self.secrets.patch(name, &params(), &Patch::Merge(patch)).await;
        let outcome = self.outcome(ObjectLabel::Secret, written);
        let outcome = outcome.map_err(|error| WriteError::Secret(name.clone(), error))?;
        if outcome == WriteOutcome::Written {
            tracing::info!(secret = name, change = change.name(), "wrote the Secret");
        }
        Ok(outcome)
    }

    /// Publishes a bundle, if the Secret still has the `expected` version.
    pub(super) async fn publish(
        &self,
        bundle: &[Certificate],
        webhooks: &WebhookSnapshot,
        expected: Option<&str>,
    ) -> Result<WriteOutcome, WriteError> {
        // The watch may lag. Without this read, a replica that lags would undo what another one has just
        // published for the next CA.
        let secret = self.secrets.get_opt(&self.install.secret).await;
        let secret = secret.map_err(|error| WriteError::Read(self.install.secret.clone(), error))?;
        if secret.and_then(|LenientObject(secret)| secret.metadata.resource_version).as_deref() != expected {
            return Ok(WriteOutcome::Conflict);
        }
        let name = &self.install.configuration;
        let patch = serde_json::from_value(webhooks.patch(bundle, &self.install, self.owner()));
        let patch = patch.map_err(|error| WriteError::Patch(name.clone(), error))?;
        let written = self.configurations.patch(name, &params(), &Patch::Json::<()>(patch)).await;
        let outcome = self.outcome(ObjectLabel::Configuration, written);
        let outcome = outcome.map_err(|error| WriteError::Configuration(name.clone(), error))?;
        if outcome == WriteOutcome::Written {
            tracing::info!(configuration = name, cas = bundle.len(), "wrote the caBundle");
        }
        Ok(outcome)
    }

    /// Counts a write, and distinguishes a conflict from other errors.
    fn outcome(
        &self,
        object: ObjectLabel,
        result: Result<LenientObject, kube::Error>,
    ) -> Result<WriteOutcome, kube::Error> {
        let (label, outcome) = match result {
            Ok(_) => (WriteResult::Success, Ok(WriteOutcome::Written)),
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                (WriteResult::Conflict, Ok(WriteOutcome::Conflict))
            }
            Err(error) => (WriteResult::Error, Err(error)),
        };
        self.metrics.record_write(object, label);
        outcome
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}
