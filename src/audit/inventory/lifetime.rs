//! The lifetime that the API server gives to a token that asks for 3607 s.

use std::time::Duration;

use crate::pod::token::YEAR;

/// The lifetime of an extended token, and where it is known from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExtendedLifetime {
    /// The lifetime; `None` where the API server does not extend tokens
    /// (`--service-account-extend-token-expiration=false`).
    pub lifetime: Option<Duration>,
    /// The longest lifetime that a token may ask for (`--service-account-max-token-expiration`), if there is a limit.
    /// It applies before the extension: a token of 3607 s under a limit of an hour asks for 3600 s.
    pub max: Option<Duration>,
    /// The source.
    pub source: LifetimeSource,
}

/// The source of an [`ExtendedLifetime`], the most reliable first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LifetimeSource {
    /// A flag of the command.
    Given,
    /// The flags of kube-apiserver in its mirror Pods.
    Flags,
    /// The counters of the API server, which move only for extended tokens.
    Metrics,
    /// The documentation of the cloud provider.
    Provider,
    /// The default of Kubernetes.
    Assumed,
}

impl LifetimeSource {
    /// The word in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Flags => "flags",
            Self::Metrics => "metrics",
            Self::Provider => "provider",
            Self::Assumed => "assumed",
        }
    }
}

impl Default for ExtendedLifetime {
    /// A year, the default of Kubernetes (`ExpirationExtensionSeconds` in `pkg/serviceaccount/claims.go`).
    fn default() -> Self {
        Self { lifetime: Some(YEAR), max: None, source: LifetimeSource::Assumed }
    }
}
