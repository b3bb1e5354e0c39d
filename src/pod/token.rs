//! What a service account token is made of: audience, lifetime, file, holders.
//!
//! Values of these types are valid by construction; the text of annotations
//! becomes such values in [`crate::policy`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where the ServiceAccount admission plugin mounts the default token
/// (`DefaultAPITokenMountPath` in `plugin/pkg/admission/serviceaccount/admission.go`).
pub const DEFAULT_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Start of the name of each volume that the ServiceAccount admission plugin makes or adopts
/// (`ServiceAccountVolumeName` in `plugin/pkg/admission/serviceaccount/admission.go`).
pub const DEFAULT_PREFIX: &str = "kube-api-access-";

/// File name of the default token in [`DEFAULT_DIRECTORY`].
pub const DEFAULT_FILE: &str = "token";

/// Whom a token is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The API server: the projection names no audience.
    ApiServer,
    /// Somebody else, at most [`Audience::MAX_BYTES`] long, without control characters.
    Named(Arc<str>),
}

impl Audience {
    /// Longest audience that is accepted, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// The audience as it stands in `serviceAccountToken.audience`; `None` is the API server's own.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::ApiServer => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// What the API server calls itself: an audience that is one of these names is its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiAudiences(Vec<String>);

impl ApiAudiences {
    /// Takes the names that the API server answers to (`--api-audiences` of kube-apiserver).
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether `audience` means the API server: absent, empty, or one of its names.
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

/// Lifetime of a token in whole seconds, within what the API accepts
/// (`validateProjectionSources` in `pkg/apis/core/validation/validation.go`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ttl(u64);

impl Ttl {
    /// Shortest lifetime that the API accepts.
    pub const MIN: Self = Self(600);
    /// Longest lifetime that the API accepts: 2^32 s.
    pub const MAX: Self = Self(1 << 32);
    /// An hour, the default of `expirationSeconds`.
    pub const HOUR: Self = Self(3600);

    /// `expirationSeconds` that the API server extends to a year when the audience is its own
    /// (`WarnOnlyBoundTokenExpirationSeconds` in `pkg/serviceaccount/claims.go`).
    pub const YEAR_LONG_REQUEST: Self = Self(3607);

    /// Takes a whole number of seconds from 600 to 2^32; anything else is `None`.
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        let ttl = Self(seconds);
        (Self::MIN..=Self::MAX).contains(&ttl).then_some(ttl)
    }

    /// The lifetime in seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Ttl {
    /// As people write it: `1h`, `1h30m`, `2h0m7s` shortened to `2h7s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3600, 'h'), (self.0 / 60 % 60, 'm'), (self.0 % 60, 's')];
        parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, unit)| write!(formatter, "{count}{unit}"))
    }
}

/// What a year-long token lives for: up to 365 days.
pub const YEAR: Duration = Duration::from_hours(365 * 24);

/// Whether a `serviceAccountToken` source with these fields yields a token that lives up to a year.
pub fn is_year_long(audience: Option<&str>, seconds: u64, api: &ApiAudiences) -> bool {
    seconds == Ttl::YEAR_LONG_REQUEST.seconds() && api.contains(audience)
}

/// Absolute path of a token file: the directory is a mount path, the file the projection's `path`.
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

/// Which containers hold a token: init containers, sidecars and regular ones by name.
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
    /// Whether the container of this name holds the token.
    pub fn include(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Except(names) => !names.iter().any(|other| **other == *name),
            Self::Only(names) => names.iter().any(|other| **other == *name),
        }
    }

    /// Whether there is surely no container that both lists include.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(names), list) | (list, Self::Only(names)) => {
                !names.iter().any(|name| list.include(name))
            }
            _ => false,
        }
    }

    /// The names that the list spells out.
    pub fn names(&self) -> &[Box<str>] {
        match self {
            Self::All => &[],
            Self::Except(names) | Self::Only(names) => names,
        }
    }
}

/// A path without repeated or trailing slashes and without `.` segments.
///
/// Lexical only: what a symlink in the image means is unknown here.
pub fn normalised(path: &str) -> String {
    let mut clean = String::with_capacity(path.len());
    for segment in segments(path) {
        clean.push('/');
        clean.push_str(segment);
    }
    clean
}

/// Whether two mount paths are the same when normalised.
pub fn is_same_directory(one: &str, other: &str) -> bool {
    one == other || (is_untidy(one) || is_untidy(other)) && segments(one).eq(segments(other))
}

/// Whether a path may differ from its normalised form.
pub(super) fn is_untidy(path: &str) -> bool {
    let relative = path.strip_prefix('/').unwrap_or("/");
    relative.is_empty()
        || relative.starts_with('/')
        || relative.ends_with('/')
        || relative.contains("//")
        || has_dot(relative)
}

/// Whether a segment starts with a dot.
fn has_dot(relative: &str) -> bool {
    relative.starts_with('.') || relative.contains("/.")
}

/// Whether a mount path is inside a directory, and not the directory itself.
pub fn is_below(path: &str, directory: &str) -> bool {
    let mut inner = segments(path);
    segments(directory).all(|segment| inner.next() == Some(segment)) && inner.next().is_some()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !matches!(*segment, "" | "."))
}
