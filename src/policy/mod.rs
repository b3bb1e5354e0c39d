//! Annotations become settings, settings become a plan.

use crate::pod::token::{ApiAudiences, Audience, Ttl};

/// What becomes of a Pod's default token; the value of `boundtoken.dev/mode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// The default token stays, cut to an hour; a configured token is added.
    Add,
    /// No default token.
    Disable,
    /// Untouched.
    Off,
    /// The default token gets the configured audience and lifetime.
    #[default]
    Replace,
}

/// What holds where neither Namespace nor Pod says anything.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `--default-mode`.
    pub mode: Mode,
    /// `--default-audience`.
    pub audience: Audience,
    /// `--default-ttl`.
    pub ttl: Ttl,
    /// `--api-audiences`.
    pub api_audiences: ApiAudiences,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            audience: Audience::ApiServer,
            ttl: Ttl::HOUR,
            api_audiences: ApiAudiences::default(),
        }
    }
}

/// The settings of one Namespace, parsed once, with its mistakes kept.
#[derive(Clone, Debug)]
pub struct NamespaceSettings;

impl NamespaceSettings {
    /// Parses the annotations of a Namespace; keys without our prefix are passed over.
    pub fn parse<'a>(
        _name: &str,
        _annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
        _defaults: &std::sync::Arc<Defaults>,
    ) -> Self {
        Self
    }
}
