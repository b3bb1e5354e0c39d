//! What one replica knows and serves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::core::DynamicObject;
use rustls::pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;

use super::adopt::{Choice, Trusted, adopts};
use super::bundle;
use super::configuration::Published;
use super::keeper::Place;
use super::secret::Stored;
use super::state::{Certificate, Held, Leaf, Live};
use crate::certificates::serving::Checked;
use crate::certificates::{ServingCertificate, trust};
use crate::clock;
use crate::telemetry::metrics::{Metrics, ResultLabel};

/// What the plan looks at: the Secret, and the version of the configuration.
pub(super) type Contents = (Option<Held>, Option<String>);

/// What one replica knows and serves.
pub(super) struct Replica {
    place: Place,
    dwell: Duration,
    stored: Option<Stored>,
    published: Option<Published>,
    /// The last content of the Secret that could be served.
    memory: Option<Stored>,
    serving: Arc<ServingCertificate>,
    served: Option<(Leaf, Checked)>,
    trusted: Trusted,
    verdict: Arc<ArcSwap<Result<(), String>>>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Replica").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Replica {
    pub(super) fn new(place: Place, dwell: Duration, metrics: Arc<Metrics>) -> Self {
        let verdict = Err("nothing of the cluster has been seen yet".to_owned());
        Self {
            place,
            dwell,
            stored: None,
            published: None,
            memory: None,
            serving: Arc::new(ServingCertificate::absent()),
            served: None,
            trusted: Trusted::default(),
            verdict: Arc::new(ArcSwap::from_pointee(verdict)),
            metrics,
        }
    }

    pub(super) fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.serving)
    }

    pub(super) fn readiness(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let verdict = Arc::clone(&self.verdict);
        move || verdict.load().as_ref().clone()
    }

    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    pub(super) fn held(&self) -> Option<&Held> {
        self.stored.as_ref().map(|stored| &stored.held)
    }

    pub(super) fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    pub(super) fn live(&self) -> Option<&Live> {
        self.published.as_ref().map(|published| &published.live)
    }

    pub(super) fn memory(&self) -> Option<&Stored> {
        self.memory.as_ref()
    }

    pub(super) fn leaf(&self) -> Option<&Leaf> {
        self.served.as_ref().map(|(leaf, _)| leaf)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.place.names
    }

    /// Whether the configuration is as it should be, if this replica can tell.
    pub(super) fn is_right(&self, live: &Live) -> Option<bool> {
        match (self.held(), &self.memory) {
            (Some(held), _) => Some(live.trusts_exactly(&held.trusted()) && live.owned),
            (None, Some(memory)) => Some(!bundle::lacks(live, &memory.held.trusted())),
            (None, None) => None,
        }
    }

    /// What the plan looks at. Somebody who merely touches the Secret changes nothing of it.
    pub(super) fn contents(&self) -> Contents {
        let untouched = |held: &Held| Held { written: None, ..held.clone() };
        (self.held().map(untouched), self.live().map(|live| live.version.clone()))
    }

    /// Takes in both objects, and serves what is to be served.
    pub(super) fn look(
        &mut self,
        secret: Option<&DynamicObject>,
        configuration: Option<&DynamicObject>,
        owner: &str,
        now: Duration,
        clock: OffsetDateTime,
    ) {
        self.published = configuration.map(|object| Published::read(object, &self.place, owner));
        self.trusted.see(self.published.as_ref().map(|published| &published.live), now);
        let known = self.known();
        self.stored = secret.map(|object| Stored::read(object, &known));
        let memory = self.memory.as_ref().map(|stored| &stored.held);
        if let Some(stored) = self.stored.as_ref().filter(|stored| stored.held.outdates(memory)) {
            self.memory = Some(stored.clone());
        }
        let latest = self.held().map_or(clock, |held| held.latest(clock));
        self.choose(now, latest);
        self.judge(latest);
    }

    /// The authorities that may have signed what the Secret holds, beside its own.
    fn known(&self) -> Vec<Certificate> {
        let published = self.live().into_iter().flat_map(Live::authorities).cloned();
        let remembered = self.memory.iter().flat_map(|stored| stored.held.trusted());
        published.chain(remembered).collect()
    }

    fn choose(&mut self, now: Duration, clock: OffsetDateTime) {
        let held = self.stored.as_ref();
        let Some((candidate, (_, checked))) =
            held.and_then(|stored| stored.held.serving.as_ref().zip(stored.serving.as_ref()))
        else {
            return;
        };
        let live = self.published.as_ref().map(|published| &published.live);
        let choice = Choice {
            serving: self.served.as_ref().map(|(leaf, _)| leaf),
            candidate,
            names: &self.place.names,
            configuration: live,
            trusted_for: self.trusted.since(candidate, now),
            dwell: self.dwell,
        };
        if adopts(&choice, clock) {
            tracing::info!(not_after = clock::text(checked.facts.not_after), "serving a new certificate");
            self.metrics.record_rotation(ResultLabel::Success);
            self.metrics.set_serving_expiry(checked.facts.not_after);
            self.serving.swap(checked.clone());
            self.served = Some((candidate.clone(), checked.clone()));
        }
        if let Some(authority) = held.and_then(|stored| stored.held.authority.as_ref()) {
            self.metrics.set_ca_expiry(authority.validity.not_after);
        }
    }

    /// Verifies what is served as an API server would. Without a configuration nobody calls, and
    /// what was found out before stands.
    fn judge(&self, now: OffsetDateTime) {
        let verdict = match (&self.served, self.live()) {
            (None, _) => Err(format!("Secret {} holds no serving certificate yet", self.place.secret)),
            (Some(_), None) if self.verdict.load().is_ok() => Ok(()),
            (Some(_), None) => Err(format!(
                "MutatingWebhookConfiguration {} does not exist: kubectl apply -k manifests",
                self.place.configuration
            )),
            (Some((_, checked)), Some(live)) => self.verify(checked, live, now),
        };
        self.verdict.store(Arc::new(verdict));
    }

    fn verify(&self, checked: &Checked, live: &Live, now: OffsetDateTime) -> Result<(), String> {
        let configuration = &self.place.configuration;
        if live.bundles.is_empty() {
            return Err(format!("no webhook of MutatingWebhookConfiguration {configuration} calls us"));
        }
        let (end_entity, rest) = checked.key.cert.split_first().ok_or("no certificate")?;
        for bundle in &live.bundles {
            let valid = bundle.iter().filter(|root| root.validity.holds(now));
            let roots: Vec<_> = valid.map(|root| CertificateDer::from(root.der.0.to_vec())).collect();
            for name in &self.place.names {
                let server = ServerName::try_from(name.as_str()).map_err(|error| error.to_string())?;
                trust::verify(end_entity, rest, &roots, &server, now).map_err(|error| {
                    format!(
                        "the caBundle of {configuration} does not verify the certificate for {name}: {error}"
                    )
                })?;
            }
        }
        Ok(())
    }
}
