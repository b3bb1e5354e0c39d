//! The API server of a snapshot, and what follows for its tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::audit::inventory::{ExtendedLifetime, LifetimeSource};
use crate::pod::token::YEAR;

/// The lifetime of extended tokens on EKS ("service-accounts" in its user guide).
const EKS_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The part of `gitVersion` that only EKS has: `v1.33.1-eks-1234567`.
const EKS_VERSION: &str = "-eks-";

/// The first minor version in which AKS does not extend tokens, and limits them to a day ("use-oidc-issuer" in its
/// documentation).
const AKS_BOUNDED: u32 = 30;
const AKS_MAXIMUM: Duration = Duration::from_hours(24);

/// The API server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerRecord {
    /// The context of the kubeconfig, if one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Its host and port; empty in snapshots of older programs.
    #[serde(default)]
    pub address: String,
    /// `gitVersion` of `/version`.
    pub version: String,
    /// Whether its address or a node is one of AKS.
    #[serde(default)]
    pub is_aks: bool,
    /// The number of its mirror Pods, where the control plane consists of Pods.
    #[serde(default)]
    pub replicas: usize,
    /// The flags of such a Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<ServerFlags>,
    /// The issuer of its tokens, as `OpenID` Connect discovery names it. It is an audience of the API server, unless
    /// `--api-audiences` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `serviceaccount_stale_tokens_total` of `/metrics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_tokens: Option<u64>,
    /// `serviceaccount_valid_tokens_total` of `/metrics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_tokens: Option<u64>,
}

/// The flags of kube-apiserver that decide the lifetime and the audience of tokens.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFlags {
    /// `--service-account-extend-token-expiration`; by default true.
    pub extends: bool,
    /// `--service-account-max-token-expiration`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<u64>,
    /// `--api-audiences`, by default the values of `--service-account-issuer`.
    pub audiences: Vec<String>,
}

impl ServerRecord {
    /// The lifetime of extended tokens, from the most reliable source. `given` is the flag of the command; zero means
    /// that tokens are not extended.
    pub fn extended_lifetime(&self, given: Option<Duration>) -> ExtendedLifetime {
        let max = self.flags.as_ref().and_then(|flags| flags.max_seconds).map(Duration::from_secs);
        let of = |lifetime, source| ExtendedLifetime { lifetime, max, source };
        if let Some(given) = given {
            return of(Some(given).filter(|lifetime| !lifetime.is_zero()), LifetimeSource::Given);
        }
        let lifetime = if self.version.contains(EKS_VERSION) { EKS_LIFETIME } else { YEAR };
        if let Some(flags) = &self.flags {
            return of(flags.extends.then_some(lifetime), LifetimeSource::Flags);
        }
        if lifetime == EKS_LIFETIME {
            return of(Some(lifetime), LifetimeSource::Provider);
        }
        // The counters move only for extended tokens. Where they are 0, the cluster may just be new.
        if self.stale_tokens.unwrap_or_default() > 0 || self.valid_tokens.unwrap_or_default() > 0 {
            return of(Some(lifetime), LifetimeSource::Metrics);
        }
        if self.is_aks && self.minor().is_some_and(|minor| minor >= AKS_BOUNDED) {
            return ExtendedLifetime {
                lifetime: None,
                max: Some(AKS_MAXIMUM),
                source: LifetimeSource::Provider,
            };
        }
        of(Some(lifetime), LifetimeSource::Assumed)
    }

    /// The API server's own audiences, if they are known.
    pub fn audiences(&self) -> Vec<String> {
        match &self.flags {
            Some(flags) => flags.audiences.clone(),
            None => self.issuer.iter().cloned().collect(),
        }
    }

    /// The minor version of Kubernetes: 37 of `v1.37.2`.
    fn minor(&self) -> Option<u32> {
        self.version.split('.').nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(server: &ServerRecord, given: Option<u64>) -> (Option<u64>, &'static str) {
        let extended = server.extended_lifetime(given.map(Duration::from_secs));
        (extended.lifetime.map(|lifetime| lifetime.as_secs()), extended.source.as_str())
    }

    #[test]
    fn the_most_reliable_source_of_the_lifetime_counts() {
        let year = Some(31_536_000);
        let mut server = ServerRecord { version: "v1.37.2".to_owned(), ..ServerRecord::default() };
        assert_eq!(found(&server, None), (year, "assumed"));
        server.is_aks = true;
        assert_eq!(found(&server, None), (None, "provider"));
        server.valid_tokens = Some(0);
        assert_eq!(found(&server, None), (None, "provider"), "a counter of 0 shows nothing");
        server.valid_tokens = Some(1);
        assert_eq!(found(&server, None), (year, "metrics"));
        server.flags = Some(ServerFlags { extends: false, ..ServerFlags::default() });
        assert_eq!(found(&server, None), (None, "flags"));
        assert_eq!(found(&server, Some(7200)), (Some(7200), "given"));
        assert_eq!(found(&server, Some(0)), (None, "given"));
    }

    #[test]
    fn providers_have_their_own_lifetimes() {
        for (version, is_aks, expected) in [
            ("v1.33.1-eks-1234567", false, (Some(7_776_000), "provider")),
            ("v1.29.9", true, (Some(31_536_000), "assumed")),
            ("v1.30.0", true, (None, "provider")),
            ("v1.33.1-gke.100", false, (Some(31_536_000), "assumed")),
        ] {
            let server = ServerRecord { version: version.to_owned(), is_aks, ..ServerRecord::default() };
            assert_eq!(found(&server, None), expected, "{version}");
        }
    }
}
