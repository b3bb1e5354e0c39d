//! Writes the Secret and the configuration, each only if it is still what was looked at.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};

use super::action::{Change, Waiting};
use super::configuration::Published;
use super::issue;
use super::keeper::Place;
use super::secret::Stored;
use super::state::Certificate;
use crate::certificates::authority::AuthorityError;
use crate::telemetry::metrics::{Metrics, ObjectLabel, WriteResult};

/// The name under which the API server notes which fields are ours.
const MANAGER: &str = "boundtoken";

/// What became of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// Somebody was faster: what was looked at is no longer the latest.
    Conflict,
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("failed to get Namespace {0}, which shall own the webhook configuration")]
    Owner(String, #[source] kube::Error),
    #[error("Namespace {0} has no uid")]
    OwnerWithoutUid(String),
    #[error("failed to make what Secret {0} shall hold")]
    Make(String, #[source] AuthorityError),
    #[error("failed to read Secret {0}")]
    Read(String, #[source] kube::Error),
    #[error("failed to patch Secret {0}: `get` and `patch` are needed, and it may not be immutable")]
    Secret(String, #[source] kube::Error),
    #[error("failed to patch MutatingWebhookConfiguration {0}")]
    Configuration(String, #[source] kube::Error),
    #[error("failed to build the patch of MutatingWebhookConfiguration {0}")]
    Patch(String, #[source] serde_json::Error),
}

/// Everything that writes.
pub(super) struct Writer {
    namespaces: Api<Namespace>,
    secrets: Api<DynamicObject>,
    configurations: Api<DynamicObject>,
    place: Place,
    owner: Option<String>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(
        client: Client,
        secrets: Api<DynamicObject>,
        configurations: Api<DynamicObject>,
        place: Place,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { namespaces: Api::all(client), secrets, configurations, place, owner: None, metrics }
    }

    /// The uid of our Namespace; empty before it is found.
    pub(super) fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or_default()
    }

    /// Finds the uid of our Namespace, once.
    pub(super) async fn find_owner(&mut self) -> Result<(), WriteError> {
        if self.owner.is_some() {
            return Ok(());
        }
        let name = &self.place.namespace;
        let found = self.namespaces.get(name).await;
        let namespace = found.map_err(|error| WriteError::Owner(name.clone(), error))?;
        let uid = namespace.metadata.uid.ok_or_else(|| WriteError::OwnerWithoutUid(name.clone()))?;
        self.owner = Some(uid);
        Ok(())
    }

    /// Changes the Secret.
    pub(super) async fn write(
        &self,
        change: &Change,
        stored: &Stored,
        memory: Option<&Stored>,
    ) -> Result<Outcome, WriteError> {
        let name = &self.place.secret;
        let patch = issue::patch(change, stored, memory);
        let patch = patch.map_err(|error| WriteError::Make(name.clone(), error))?;
        let written = self.secrets.patch(name, &params(), &Patch::Merge(patch)).await;
        let outcome = self.count(ObjectLabel::Secret, written);
        let outcome = outcome.map_err(|error| WriteError::Secret(name.clone(), error))?;
        if outcome == Outcome::Done {
            tracing::info!(secret = name, change = change.name(), "wrote the Secret");
        }
        Ok(outcome)
    }

    /// Publishes a bundle. The Secret is read afresh, not by the watch: a replica that sees it late
    /// would else take back what another one has just published for its next authority.
    pub(super) async fn publish(
        &self,
        bundle: &[Certificate],
        published: &Published,
        expected: Option<String>,
    ) -> Result<Outcome, WriteError> {
        let secret = self.secrets.get_opt(&self.place.secret).await;
        let secret = secret.map_err(|error| WriteError::Read(self.place.secret.clone(), error))?;
        if secret.and_then(|secret| secret.metadata.resource_version) != expected {
            return Ok(Outcome::Conflict);
        }
        let name = &self.place.configuration;
        let patch = serde_json::from_value(published.patch(bundle, &self.place, self.owner()));
        let patch = patch.map_err(|error| WriteError::Patch(name.clone(), error))?;
        let written = self.configurations.patch(name, &params(), &Patch::Json::<()>(patch)).await;
        let outcome = self.count(ObjectLabel::Configuration, written);
        let outcome = outcome.map_err(|error| WriteError::Configuration(name.clone(), error))?;
        if outcome == Outcome::Done {
            tracing::info!(configuration = name, authorities = bundle.len(), "wrote the caBundle");
        }
        Ok(outcome)
    }

    fn count(
        &self,
        written: ObjectLabel,
        result: Result<DynamicObject, kube::Error>,
    ) -> Result<Outcome, kube::Error> {
        match result {
            Ok(_) => {
                self.metrics.record_write(written, WriteResult::Success);
                Ok(Outcome::Done)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                self.metrics.record_write(written, WriteResult::Conflict);
                Ok(Outcome::Conflict)
            }
            Err(error) => {
                self.metrics.record_write(written, WriteResult::Error);
                Err(error)
            }
        }
    }

    /// What to do about somebody who undoes what is written into the Secret.
    pub(super) fn complaint(&self) -> String {
        let Place { namespace, secret, .. } = &self.place;
        format!(
            "somebody else writes Secret {secret} in Namespace {namespace} as well, so it is written less often: \
             `kubectl get secret {secret} -n {namespace} --show-managed-fields -o yaml` says who"
        )
    }

    /// What to do about something that no replica can do; `None` if there is nothing to do.
    pub(super) fn advice(&self, waiting: Waiting) -> Option<String> {
        let Place { namespace, secret, configuration, service, .. } = &self.place;
        match waiting {
            Waiting::Settled | Waiting::Dwelling | Waiting::Deferring => None,
            Waiting::NoSecret => Some(format!(
                "Secret {secret} in Namespace {namespace} does not exist, and boundtoken may not create it: \
                 kubectl apply -k manifests"
            )),
            Waiting::NoConfiguration => Some(format!(
                "MutatingWebhookConfiguration {configuration} does not exist, so no Pod is changed: \
                 kubectl apply -k manifests"
            )),
            Waiting::NoWebhook => Some(format!(
                "no webhook of MutatingWebhookConfiguration {configuration} calls Service {service} in \
                 Namespace {namespace}: kubectl apply -k manifests"
            )),
            Waiting::HeldBack => Some(format!(
                "somebody else writes the caBundle of MutatingWebhookConfiguration {configuration} as well, so \
                 it is put right every ten seconds only: `kubectl get mutatingwebhookconfiguration \
                 {configuration} --show-managed-fields -o yaml` says who"
            )),
        }
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}
