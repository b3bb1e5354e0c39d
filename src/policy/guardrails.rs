//! What a Namespace allows: parsed from its annotations, judged on the resulting spec.

use crate::pod::Projection;
use crate::pod::token::{ApiAudiences, DEFAULT_PREFIX, Ttl, YEAR};

use super::diagnostics::Code;
use super::keys::Key;
use super::violation::{Field, Origin, ValueError, Violation, quote};
use super::{duration, values};

/// Most audiences that a message lists.
const MAX_LISTED: usize = 8;

/// Why a token may live longer than its author has written.
const A_YEAR: &str = " (a year, which 3607 s for the API server becomes)";

/// Most broken limits that are collected: whoever creates a Pod chooses how many volumes it has.
const MAX_BROKEN: usize = 64;

/// The limits that a Namespace sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Guardrails {
    pub(super) deny_pod_overrides: bool,
    pub(super) allowed_audiences: Option<Vec<Box<str>>>,
    pub(super) max_ttl: Option<Ttl>,
    pub(super) dry_run: bool,
}

impl Guardrails {
    /// Parses one of the keys that only a Namespace has.
    pub(super) fn read(&mut self, key: Key, text: &str) -> Result<(), ValueError> {
        match key {
            Key::PodOverrides => self.deny_pod_overrides = !values::pod_overrides(text)?,
            Key::AllowedAudiences => self.allowed_audiences = Some(values::allowed_audiences(text)?),
            Key::MaxTtl => self.max_ttl = Some(duration::ttl(text)?),
            Key::DryRun => self.dry_run = values::dry_run(text)?,
            Key::Audience
            | Key::Containers
            | Key::Env
            | Key::Mode
            | Key::Path
            | Key::SkipContainers
            | Key::Tokens
            | Key::Ttl => {}
        }
        Ok(())
    }

    /// The limits that are set, as people write them.
    pub(super) fn spelt_out(&self) -> Vec<(Key, String)> {
        let overrides = self.deny_pod_overrides.then(|| (Key::PodOverrides, "deny".to_owned()));
        let audiences = self.allowed_audiences.as_ref().map(|names| (Key::AllowedAudiences, names.join(",")));
        let max_ttl = self.max_ttl.map(|max| (Key::MaxTtl, max.to_string()));
        let dry_run = self.dry_run.then(|| (Key::DryRun, "true".to_owned()));
        [overrides, audiences, max_ttl, dry_run].into_iter().flatten().collect()
    }

    /// Judges every service account token of the resulting spec.
    pub(super) fn check(
        &self,
        projections: &[Projection<'_>],
        namespace: &Origin,
        api: &ApiAudiences,
    ) -> Vec<Violation> {
        let broken = projections.iter().flat_map(|projection| {
            let audience = self.check_audience(projection, namespace, api);
            audience.into_iter().chain(self.check_lifetime(projection, namespace))
        });
        let mut violations: Vec<Violation> = broken.take(MAX_BROKEN).collect();
        violations.dedup();
        violations
    }

    fn check_audience(
        &self,
        projection: &Projection<'_>,
        namespace: &Origin,
        api: &ApiAudiences,
    ) -> Option<Violation> {
        let allowed = self.allowed_audiences.as_ref()?;
        let audience = projection.audience.filter(|audience| !api.contains(Some(audience)))?;
        if allowed.iter().any(|name| **name == *audience) {
            return None;
        }
        let text = format!(
            "audience {} of {} is not allowed: {namespace} allows {} and the API server",
            quote(audience),
            source(projection),
            list(allowed)
        );
        Some(broken(Code::AudienceForbidden, Key::AllowedAudiences, namespace, text))
    }

    fn check_lifetime(&self, projection: &Projection<'_>, namespace: &Origin) -> Option<Violation> {
        let max = self.max_ttl.filter(|max| projection.seconds > max.seconds())?;
        let year = if projection.seconds == YEAR.as_secs() { A_YEAR } else { "" };
        let text = format!(
            "a token of {} s{year} in {} is not allowed: {namespace} allows {} s ({max})",
            projection.seconds,
            source(projection),
            max.seconds()
        );
        Some(broken(Code::LifetimeForbidden, Key::MaxTtl, namespace, text))
    }
}

fn broken(code: Code, key: Key, namespace: &Origin, text: String) -> Violation {
    Violation { code, field: Field::Annotation(key), origin: namespace.clone(), text }
}

/// The volume that asks for a token. A generated name would keep events from aggregating.
fn source(projection: &Projection<'_>) -> String {
    if projection.volume.starts_with(DEFAULT_PREFIX) {
        "the default token volume".to_owned()
    } else {
        format!("volume {}", quote(&projection.volume))
    }
}

fn list(audiences: &[Box<str>]) -> String {
    let mut names: Vec<String> = audiences.iter().take(MAX_LISTED).map(|name| quote(name)).collect();
    if audiences.len() > MAX_LISTED {
        names.push(format!("{} more", audiences.len() - MAX_LISTED));
    }
    names.join(", ")
}
