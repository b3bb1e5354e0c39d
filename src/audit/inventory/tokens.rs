//! The tokens in the containers of a Pod.

use std::collections::BTreeSet;

use super::lifetime::ExtendedLifetime;
use super::spec::{KeyToPath, MountedVolume, TokenHolder, TokenSpec};
use crate::pod::text::Text;
use crate::pod::token::{ApiAudiences, Ttl};
use crate::pod::view::ServiceAccountTokenProjection;

/// The key of the token in a Secret of a service account token (`ServiceAccountTokenKey` in `k8s.io/api/core/v1`).
const SECRET_KEY: &str = "token";

/// The names of the Secrets of the Pod's namespace that have the type `kubernetes.io/service-account-token`.
pub type LegacySecrets = BTreeSet<String>;

/// The class of a token: the values of `tokens[].class`, the most dangerous first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TokenClass {
    /// A token of a Secret, which never expires.
    Legacy,
    /// A token for the API server that it extends to up to a year.
    Year,
    /// A token for the API server with the lifetime that it asks for.
    Bounded,
    /// A token for another audience.
    Audience,
}

impl TokenClass {
    /// The word in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Year => "year",
            Self::Bounded => "bounded",
            Self::Audience => "audience",
        }
    }
}

/// A token in the containers of a Pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct HeldToken {
    /// The class.
    pub class: TokenClass,
    /// The actual lifetime, in seconds; `None` if the token never expires.
    pub seconds: Option<u64>,
    /// The audience; `None` is the API server's own.
    pub audience: Option<String>,
    /// The path of the file, or `$` and the name of the environment variable.
    pub path: String,
    /// Whether the file is mounted with `subPath`, so that the kubelet never refreshes it.
    pub is_sub_path: bool,
    /// The names of the containers that hold it, in the order of the Pod.
    pub containers: Vec<String>,
}

/// What a cluster does to the tokens of every Pod.
#[derive(Clone, Copy, Debug)]
pub struct TokenContext<'c> {
    /// The Secrets of the Pod's namespace that hold tokens; `None` if they could not be listed.
    pub secrets: Option<&'c LegacySecrets>,
    /// The API server's own audiences.
    pub api: &'c ApiAudiences,
    /// The lifetime of extended tokens.
    pub extended: &'c ExtendedLifetime,
}

/// Every token that a container of the Pod holds, sorted. A token in a volume that no container mounts does not count.
pub fn held_tokens(spec: &TokenSpec<'_>, context: &TokenContext<'_>) -> Vec<HeldToken> {
    FoundTokens::new(spec, context, false).tokens
}

/// Whether a container has a Secret that may hold a token, because the Secrets with tokens could not be listed.
pub fn has_unread_secret(spec: &TokenSpec<'_>, context: &TokenContext<'_>) -> bool {
    let is_legacy = |token: &HeldToken| token.class == TokenClass::Legacy;
    context.secrets.is_none() && FoundTokens::new(spec, context, true).tokens.iter().any(is_legacy)
}

struct FoundTokens<'c> {
    tokens: Vec<HeldToken>,
    context: &'c TokenContext<'c>,
    /// Whether every Secret counts as one with a token, if these could not be listed.
    counts_unread: bool,
}

impl<'c> FoundTokens<'c> {
    fn new(spec: &TokenSpec<'_>, context: &'c TokenContext<'c>, counts_unread: bool) -> Self {
        let mut found = Self { tokens: Vec::new(), context, counts_unread };
        for container in spec.all_containers() {
            found.mounts(container, &spec.volumes);
            found.variables(container);
        }
        found.tokens.sort_unstable();
        found
    }

    /// Whether a Secret of this name holds a token.
    fn is_of_token(&self, secret: &Text<'_>) -> bool {
        self.context.secrets.map_or(self.counts_unread, |secrets| secrets.contains(secret.as_str()))
    }

    fn mounts(&mut self, container: &TokenHolder<'_>, volumes: &[MountedVolume<'_>]) {
        for mount in &container.volume_mounts {
            for volume in volumes.iter().filter(|volume| volume.name == mount.name) {
                for (file, token) in self.files(volume) {
                    if let Some((path, is_sub_path)) = mount.sees(&file) {
                        self.add(HeldToken { path, is_sub_path, ..token }, container);
                    }
                }
            }
        }
    }

    /// The files with tokens in a volume, with everything but the path and the containers.
    fn files(&self, volume: &MountedVolume<'_>) -> Vec<(String, HeldToken)> {
        let mut files = Vec::new();
        if let Some(secret) = &volume.secret {
            files.extend(self.secret_file(&secret.secret_name, &secret.items));
        }
        for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
            if let Some(token) = &source.service_account_token {
                files.push((token.path.as_str().to_owned(), self.bound(token)));
            }
            if let Some(secret) = &source.secret {
                files.extend(self.secret_file(&secret.name, &secret.items));
            }
        }
        files
    }

    fn bound(&self, token: &ServiceAccountTokenProjection<'_>) -> HeldToken {
        let audience = token.audience().filter(|name| !self.context.api.contains(Some(name)));
        let ExtendedLifetime { lifetime, max, .. } = self.context.extended;
        let asked = max.map_or(u64::MAX, |max| max.as_secs()).min(token.seconds());
        let is_extended = audience.is_none() && asked == Ttl::YEAR_LONG_REQUEST.seconds();
        let extended = lifetime.filter(|_| is_extended);
        let class = match (audience, extended) {
            (Some(_), _) => TokenClass::Audience,
            (None, Some(_)) => TokenClass::Year,
            (None, None) => TokenClass::Bounded,
        };
        HeldToken {
            class,
            seconds: Some(extended.map_or(asked, |lifetime| lifetime.as_secs())),
            audience: audience.map(str::to_owned),
            ..legacy()
        }
    }

    /// The file with the token of a Secret, if it is a Secret of that type.
    fn secret_file(&self, name: &Text<'_>, items: &[KeyToPath<'_>]) -> Option<(String, HeldToken)> {
        let file = if items.is_empty() {
            SECRET_KEY
        } else {
            items.iter().find(|item| item.key.as_str() == SECRET_KEY)?.path.as_str()
        };
        self.is_of_token(name).then(|| (file.to_owned(), legacy()))
    }

    fn variables(&mut self, container: &TokenHolder<'_>) {
        for variable in &container.env {
            let secret = variable.value_from.as_ref().and_then(|value| value.secret_key_ref.as_ref());
            let is_token = secret
                .is_some_and(|secret| secret.key.as_str() == SECRET_KEY && self.is_of_token(&secret.name));
            if is_token {
                let path = format!("${}", variable.name.as_str());
                self.add(HeldToken { path, ..legacy() }, container);
            }
        }
        for variables in &container.env_from {
            let secret = variables.secret_ref.as_ref();
            if secret.is_some_and(|secret| self.is_of_token(&secret.name)) {
                let path = format!("${}{SECRET_KEY}", variables.prefix.as_str());
                self.add(HeldToken { path, ..legacy() }, container);
            }
        }
    }

    /// Adds a token of a container, together with the same token of other containers.
    fn add(&mut self, token: HeldToken, container: &TokenHolder<'_>) {
        let name = container.name.as_str().to_owned();
        let is_same = |known: &&mut HeldToken| {
            let containers = known.containers.clone();
            **known == HeldToken { containers, ..token.clone() }
        };
        match self.tokens.iter_mut().find(is_same) {
            Some(known) if known.containers.contains(&name) => {}
            Some(known) => known.containers.push(name),
            None => self.tokens.push(HeldToken { containers: vec![name], ..token }),
        }
    }
}

/// A token of a Secret, without its path and containers.
fn legacy() -> HeldToken {
    HeldToken {
        class: TokenClass::Legacy,
        seconds: None,
        audience: None,
        path: String::new(),
        is_sub_path: false,
        containers: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
