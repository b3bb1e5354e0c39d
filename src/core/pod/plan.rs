//! The wanted tokens of a Pod.

use std::sync::Arc;

use super::token::{Audience, Containers, Ttl};

/// The wanted tokens of a Pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What happens to the default token volumes.
    pub default_token: DefaultToken,
    /// Volumes to mount, one per directory.
    pub volumes: Vec<TokenVolume>,
    /// Lifetime of every year-long source that the rest of the plan does not change.
    pub cap: Ttl,
}

/// What happens to the token that the ServiceAccount admission plugin mounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DefaultToken {
    /// It stays, with the lifetime of a year-long source lowered to [`Plan::cap`].
    Cap,
    /// It is removed from every container.
    Remove,
    /// Its source is changed in place.
    Replace {
        /// The audience of the token.
        audience: Audience,
        /// The lifetime of the token.
        ttl: Ttl,
        /// The containers that keep the token.
        containers: Containers,
        /// The environment variable that is set to the path of the token file.
        env: Option<Arc<str>>,
    },
}

/// A projected volume that boundtoken adds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenVolume {
    /// The name of the volume.
    pub name: Arc<str>,
    /// The mount path, normalised.
    pub directory: Arc<str>,
    /// The tokens in it: at least one, each with its own file name.
    pub tokens: Vec<Token>,
    /// Whether the volume also has the other files that clients of the API server expect.
    pub api_access: bool,
    /// The containers that mount it.
    pub containers: Containers,
}

/// A token in a [`TokenVolume`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// The audience of the token.
    pub audience: Audience,
    /// The lifetime of the token.
    pub ttl: Ttl,
    /// The file name in the directory.
    pub file: Arc<str>,
    /// The environment variable that is set to the path of the token file.
    pub env: Option<Arc<str>>,
}
