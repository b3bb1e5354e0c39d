//! Checks the tokens of the resulting spec against the limits of the Namespace.

use crate::pod::token::{DEFAULT_PREFIX, Ttl};
use crate::pod::{Projection, ProjectionOrigin};

use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::namespace::NamespaceSettings;
use super::origin::Origin;
use super::value::Value;
use super::value_error::quote;
use super::violation::{Field, Violation, ViolationCause};

/// Most audiences that a message lists.
const MAX_LISTED: usize = 8;

/// Explanation for a token of the API server that lives longer than its volume requests.
const A_YEAR: &str = " (a year, which 3607 s for the API server becomes)";

/// Explanation for a token of another audience that counts as one of the API server.
const COUNTS_AS_A_YEAR: &str =
    " (3607 s counts as a year, because the audience may be one of the API server)";

/// Most violations that are kept, because a Pod may have any number of volumes.
const MAX_VIOLATIONS: usize = 64;

impl NamespaceSettings {
    /// Whether Pods are refused for settings of their own.
    pub(super) fn denies_overrides(&self) -> bool {
        self.settings.find(Value::pod_overrides) == Some(&false)
    }

    /// The longest lifetime that tokens may have.
    pub(super) fn max_ttl(&self) -> Option<Ttl> {
        self.settings.find(Value::max_ttl).copied()
    }

    /// Checks every service account token of the resulting spec, which follows from compiled settings.
    pub(super) fn check(&self, projections: &[Projection<'_>], compiled: &Compiled) -> Vec<Violation> {
        let violations = projections.iter().flat_map(|projection| {
            let with_cause = |violation: Option<Violation>, key| {
                let cause = cause(projection, key, compiled);
                violation.map(|violation| Violation { cause, ..violation })
            };
            let audience = with_cause(self.check_audience(projection), Key::Audience);
            audience.into_iter().chain(with_cause(self.check_lifetime(projection), Key::Ttl))
        });
        let mut violations: Vec<Violation> = violations.take(MAX_VIOLATIONS).collect();
        violations.dedup();
        violations
    }

    fn check_audience(&self, projection: &Projection<'_>) -> Option<Violation> {
        let allowed = self.settings.find(Value::allowed_audiences)?;
        let api = &self.defaults.api_audiences;
        let audience = projection.audience.filter(|audience| !api.contains(Some(audience)))?;
        if allowed.iter().any(|name| **name == *audience) {
            return None;
        }
        let text = format!(
            "audience {} of {} is not allowed: {} allows {} and the API server",
            quote(audience),
            source(projection),
            self.origin,
            list(allowed)
        );
        Some(self.violation(Code::AudienceForbidden, Key::AllowedAudiences, text))
    }

    fn check_lifetime(&self, projection: &Projection<'_>) -> Option<Violation> {
        let lifetime = projection.longest_lifetime();
        let max = self.max_ttl().filter(|max| lifetime > max.seconds())?;
        let year = match projection.audience {
            _ if !projection.is_year_long() => "",
            None => A_YEAR,
            Some(_) => COUNTS_AS_A_YEAR,
        };
        let text = format!(
            "a token of {lifetime} s{year} in {} is not allowed: {} allows {} s ({max})",
            source(projection),
            self.origin,
            max.seconds()
        );
        Some(self.violation(Code::LifetimeForbidden, Key::MaxTtl, text))
    }

    fn violation(&self, code: Code, key: Key, text: String) -> Violation {
        Violation::new(code, Field::Annotation(key), self.origin.clone(), text)
    }
}

/// What in the Pod determines a token: `key` or `tokens`, unless that is a setting of the Namespace, or a source of its
/// own.
fn cause(projection: &Projection<'_>, key: Key, compiled: &Compiled) -> Option<ViolationCause> {
    let subject = match projection.origin {
        ProjectionOrigin::Plan(subject) => subject,
        ProjectionOrigin::Pod { volume, source } => return Some(ViolationCause::Source { volume, source }),
    };
    let key = compiled.key(subject, key);
    let is_on_pod = compiled.settings.get(key).is_some_and(|setting| setting.origin == Origin::Pod);
    is_on_pod.then_some(ViolationCause::Annotation(key))
}

/// The volume of a token in messages. A generated name would keep events from aggregating.
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
