//! The observations of one replica, and the certificate that it serves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::core::DynamicObject;
use time::OffsetDateTime;

use super::adopt::{Adoption, TrustHistory, adopts};
use super::advice::APPLY_AGAIN;
use super::bundle;
use super::install::Install;
use super::secret::SecretSnapshot;
use super::state::{SecretState, WebhookState};
use super::webhooks::WebhookSnapshot;
use crate::certificates::pair::CheckedPair;
use crate::certificates::{Certificate, ServingCertificate, trust};
use crate::clock;
use crate::telemetry::metrics::{CertificateLabel, Metrics, ResultLabel};

/// The content of the Secret and the version of the configuration. Both have to stay the same for a while
/// before the plan relies on them.
pub(super) type Observation = (Option<SecretState>, Option<String>);

/// The state of one replica.
pub(super) struct Replica {
    pub(super) install: Install,
    dwell: Duration,
    pub(super) secret: Option<SecretSnapshot>,
    pub(super) webhooks: Option<WebhookSnapshot>,
    /// The last usable content of the Secret.
    pub(super) memory: Option<SecretSnapshot>,
    pub(super) serving: Arc<ServingCertificate>,
    served: Option<CheckedPair>,
    trust_history: TrustHistory,
    readiness: Arc<ArcSwap<Result<(), String>>>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Replica").field("install", &self.install).finish_non_exhaustive()
    }
}

impl Replica {
    pub(super) fn new(install: Install, dwell: Duration, metrics: Arc<Metrics>) -> Self {
        let readiness = Err("the Secret and the webhook configuration have not been read yet".to_owned());
        Self {
            install,
            dwell,
            secret: None,
            webhooks: None,
            memory: None,
            serving: Arc::new(ServingCertificate::absent()),
            served: None,
            trust_history: TrustHistory::default(),
            readiness: Arc::new(ArcSwap::from_pointee(readiness)),
            metrics,
        }
    }

    pub(super) fn readiness(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let readiness = Arc::clone(&self.readiness);
        move || readiness.load().as_ref().clone()
    }

    pub(super) fn secret_state(&self) -> Option<&SecretState> {
        self.secret.as_ref().map(|secret| &secret.state)
    }

    pub(super) fn webhook_state(&self) -> Option<&WebhookState> {
        self.webhooks.as_ref().map(|webhooks| &webhooks.state)
    }

    pub(super) fn remembered_state(&self) -> Option<&SecretState> {
        self.memory.as_ref().map(|memory| &memory.state)
    }

    /// The certificate that this replica serves.
    pub(super) fn served(&self) -> Option<&Certificate> {
        self.served.as_ref().map(|pair| &pair.certificate)
    }

    /// Whether the configuration is in sync; `None` if this replica does not know what it should contain.
    pub(super) fn is_in_sync(&self, webhooks: &WebhookState) -> Option<bool> {
        match (self.secret_state(), self.remembered_state()) {
            (Some(secret), _) => Some(webhooks.trusts_exactly(&secret.trusted()) && webhooks.owned),
            (None, Some(memory)) => Some(!bundle::lacks(webhooks, &memory.trusted())),
            (None, None) => None,
        }
    }

    /// The current observation. A write of the Secret that changes no content is not a change.
    pub(super) fn observation(&self) -> Observation {
        let untimed = |secret: &SecretState| SecretState { written: None, ..secret.clone() };
        let version = self.webhook_state().map(|webhooks| webhooks.version.clone());
        (self.secret_state().map(untimed), version)
    }

    /// Observes both objects, and serves the certificate of the Secret if it can be adopted.
    pub(super) fn observe(
        &mut self,
        secret: Option<&DynamicObject>,
        configuration: Option<&DynamicObject>,
        owner: &str,
        now: Duration,
        clock: OffsetDateTime,
    ) {
        self.webhooks = configuration.map(|object| WebhookSnapshot::read(object, &self.install, owner));
        self.trust_history.observe(self.webhooks.as_ref().map(|webhooks| &webhooks.state), now);
        let known = self.known_cas();
        self.secret = secret.map(|object| SecretSnapshot::read(object, &known));
        let outdates = |secret: &&SecretSnapshot| secret.state.outdates(self.remembered_state());
        if let Some(secret) = self.secret.as_ref().filter(outdates) {
            self.memory = Some(secret.clone());
        }
        let latest = self.secret_state().map_or(clock, |secret| secret.latest(clock));
        self.adopt(now, latest);
        self.check_readiness(latest);
    }

    /// The CAs outside the Secret that may have signed its serving certificate.
    fn known_cas(&self) -> Vec<Certificate> {
        let published = self.webhook_state().into_iter().flat_map(WebhookState::cas).cloned();
        let remembered = self.remembered_state().into_iter().flat_map(SecretState::trusted);
        published.chain(remembered).collect()
    }

    fn adopt(&mut self, now: Duration, clock: OffsetDateTime) {
        let Some(secret) = &self.secret else { return };
        let Some((_, pair)) = &secret.serving else { return };
        let adoption = Adoption {
            serving: self.served(),
            candidate: &pair.certificate,
            names: &self.install.names,
            webhooks: self.webhook_state(),
            trusted_for: self.trust_history.trusted_for(&pair.certificate, now),
            dwell: self.dwell,
        };
        if let Some(ca) = &secret.state.ca {
            self.metrics.set_expiry(CertificateLabel::Authority, ca.validity.not_after);
        }
        if adopts(&adoption, clock) {
            let not_after = pair.certificate.validity.not_after;
            tracing::info!(not_after = clock::text(not_after), "serving a new certificate");
            self.metrics.record_rotation(ResultLabel::Success);
            self.metrics.set_expiry(CertificateLabel::Serving, not_after);
            self.serving.swap(pair.clone());
            self.served = Some(pair.clone());
        }
    }

    /// Verifies the serving certificate as an API server would. While there is no configuration no API server
    /// calls, and a replica that was ready stays ready.
    fn check_readiness(&self, now: OffsetDateTime) {
        let readiness = match (&self.served, self.webhook_state()) {
            (None, _) => Err(format!("Secret {} contains no serving certificate yet", self.install.secret)),
            (Some(_), None) if self.readiness.load().is_ok() => Ok(()),
            (Some(_), None) => Err(format!(
                "MutatingWebhookConfiguration {} does not exist: {APPLY_AGAIN}",
                self.install.configuration
            )),
            (Some(pair), Some(webhooks)) => self.verify(pair, webhooks, now),
        };
        self.readiness.store(Arc::new(readiness));
    }

    fn verify(&self, pair: &CheckedPair, webhooks: &WebhookState, now: OffsetDateTime) -> Result<(), String> {
        let configuration = &self.install.configuration;
        if webhooks.bundles.is_empty() {
            return Err(format!("no webhook of MutatingWebhookConfiguration {configuration} calls us"));
        }
        for bundle in &webhooks.bundles {
            let roots: Vec<_> = bundle.iter().filter(|ca| ca.validity.contains(now)).cloned().collect();
            for name in &self.install.names {
                trust::verify(&pair.key.cert, &roots, name, now).map_err(|error| {
                    format!(
                        "the caBundle of {configuration} does not verify the certificate for {name}: {error}"
                    )
                })?;
            }
        }
        Ok(())
    }
}
