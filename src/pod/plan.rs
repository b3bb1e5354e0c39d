//! What a Pod's tokens shall be, whoever wished it.

use std::sync::Arc;

use super::token::{Audience, Containers, Ttl};

/// What becomes of a Pod's tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What becomes of the default token volumes.
    pub default_token: DefaultToken,
    /// Volumes to mount, one per directory.
    pub volumes: Vec<TokenVolume>,
    /// Lifetime of every year-long source that nothing else changes.
    pub bound: Ttl,
}

/// What becomes of the token that the ServiceAccount admission plugin mounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DefaultToken {
    /// Stays, with a year-long source cut to [`Plan::bound`].
    Bound,
    /// Changes in place.
    Rebind {
        /// For whom the token is.
        audience: Audience,
        /// How long the token lives.
        ttl: Ttl,
        /// Which containers keep it.
        containers: Containers,
        /// Environment variable that is set to the path of the token file.
        env: Option<Arc<str>>,
    },
    /// Goes, from every container.
    Remove,
}

/// A projected volume of ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenVolume {
    /// Name of the volume.
    pub name: Arc<str>,
    /// Mount path, normalised.
    pub directory: Arc<str>,
    /// The tokens in it, at least one, each with a file name of its own.
    pub tokens: Vec<Token>,
    /// Whether `ca.crt` and `namespace` stand beside the tokens, as clients of the API server expect.
    pub api_access: bool,
    /// Which containers mount it.
    pub containers: Containers,
}

/// One token in a [`TokenVolume`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// For whom the token is.
    pub audience: Audience,
    /// How long the token lives.
    pub ttl: Ttl,
    /// File name in the directory.
    pub file: Arc<str>,
    /// Environment variable that is set to the path of the token file.
    pub env: Option<Arc<str>>,
}
