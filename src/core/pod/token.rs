//! The properties of a service account token: audience, lifetime, path and containers.
//!
//! Values of these types are valid by construction; [`crate::policy`] parses them from annotations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where the ServiceAccount admission plugin mounts the default token
/// (`DefaultAPITokenMountPath` in `plugin/pkg/admission/serviceaccount/admission.go`).
pub const DEFAULT_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Prefix of the name of each volume that the ServiceAccount admission plugin creates or adopts
/// (`ServiceAccountVolumeName` in `plugin/pkg/admission/serviceaccount/admission.go`).
pub const DEFAULT_PREFIX: &str = "kube-api-access-";

/// File name of the default token in [`DEFAULT_DIRECTORY`].
pub const DEFAULT_FILE: &str = "token";

/// The audience of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The API server; the projection has no `audience`.
    ApiServer,
    /// Another audience of at most [`Audience::MAX_BYTES`] bytes, without control characters.
    Named(Arc<str>),
}

impl Audience {
    /// Longest accepted audience, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// The value of `serviceAccountToken.audience`; `None` is the API server's own.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::ApiServer => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// The API server's own audiences (`--api-audiences` of kube-apiserver).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiAudiences(Vec<String>);

impl ApiAudiences {
    /// Takes the names in the order given.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether an audience is the API server's own: absent, empty, or one of its names.
    pub fn contains(&self, audience: Option<&str>) -> bool {
        audience.is_none_or(|name| name.is_empty() || self.0.iter().any(|own| own == name))
    }

    /// The names, in the order given.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl Default for ApiAudiences {
    fn default() -> Self {
        Self(vec![
            "https://kubernetes.default.svc".to_owned(),
            "https://kubernetes.default.svc.cluster.local".to_owned(),
        ])
    }
}

/// Lifetime of a token in whole seconds, in the range that the API accepts
/// (`validateProjectionSources` in `pkg/apis/core/validation/validation.go`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ttl(u64);

/// The range of lifetimes in words, from [`Ttl::MIN`] to [`Ttl::MAX`]: a macro, so that static texts can
/// contain it.
macro_rules! ttl_range {
    () => {
        "600 s (10m) to 4294967296 s"
    };
}
pub(crate) use ttl_range;

impl Ttl {
    /// Shortest lifetime that the API accepts.
    pub const MIN: Self = Self(600);
    /// Longest lifetime that the API accepts: 2^32 s.
    pub const MAX: Self = Self(1 << 32);
    /// An hour, the default of `expirationSeconds`.
    pub const HOUR: Self = Self(3600);

    /// `expirationSeconds` that the API server extends to a year when the audience is its own
    /// (`WarnOnlyBoundTokenExpirationSeconds` in `pkg/serviceaccount/claims.go`). Not every name of the API
    /// server may be known, so each source with it counts as year-long, whatever its audience.
    pub const YEAR_LONG_REQUEST: Self = Self(3607);

    /// Accepts [`Ttl::MIN`] to [`Ttl::MAX`].
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        let ttl = Self(seconds);
        (Self::MIN..=Self::MAX).contains(&ttl).then_some(ttl)
    }

    /// The lifetime in seconds.
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Ttl {
    /// Writes the shortest duration in hours, minutes and seconds: `1h`, `1h30m`, `2h7s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3600, 'h'), (self.0 / 60 % 60, 'm'), (self.0 % 60, 's')];
        parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, unit)| write!(formatter, "{count}{unit}"))
    }
}

/// Longest actual lifetime of a year-long token.
pub const YEAR: Duration = Duration::from_hours(365 * 24);

/// Absolute path of a token file. The directory is the mount path, the file the `path` of the projection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenPath {
    /// Normalised mount path, such as `/var/run/secrets/tokens`.
    pub directory: Arc<str>,
    /// Last segment, such as `vault-token`.
    pub file: Arc<str>,
}

impl TokenPath {
    /// Whether this is the file of the default token.
    pub fn is_default(&self) -> bool {
        *self.directory == *DEFAULT_DIRECTORY && *self.file == *DEFAULT_FILE
    }
}

impl fmt::Display for TokenPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.directory, self.file)
    }
}

/// The containers that get a token: init containers, sidecars and regular containers, by name. Lists are sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Containers {
    /// Every container.
    #[default]
    All,
    /// Every container but these.
    Except(Arc<[Box<str>]>),
    /// Only these containers.
    Only(Arc<[Box<str>]>),
}

impl Containers {
    /// Whether the container of this name gets the token.
    pub fn include(&self, name: &str) -> bool {
        // Sixteen lists of a hundred names are compared with one another.
        let is_named = |names: &[Box<str>]| names.binary_search_by(|other| (**other).cmp(name)).is_ok();
        match self {
            Self::All => true,
            Self::Except(names) => !is_named(names),
            Self::Only(names) => is_named(names),
        }
    }

    /// Whether no container can be in both lists. `false` if that depends on the Pod.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(names), list) | (list, Self::Only(names)) => {
                !names.iter().any(|name| list.include(name))
            }
            _ => false,
        }
    }

    /// The names in the list.
    pub fn names(&self) -> &[Box<str>] {
        match self {
            Self::All => &[],
            Self::Except(names) | Self::Only(names) => names,
        }
    }
}
