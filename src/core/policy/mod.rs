//! Parses annotations into settings, compiles settings into a plan, and evaluates Pods under it.
//!
//! This module is pure: it has no I/O, no clock and no client. Messages, pages and `explain` derive from
//! its two tables, [`keys`] and [`diagnostics`].

mod check;
mod compile;
mod conflict;
mod contradictions;
pub mod diagnostics;
pub mod duration;
mod effective;
mod entries;
mod evaluate;
mod evaluation;
mod findings;
mod guardrails;
mod hazards;
mod invalid;
pub mod keys;
mod namespace;
pub mod nearest;
mod origin;
pub mod reference;
pub mod schema;
mod settings;
mod spec_violations;
mod tokens;
mod value;
mod value_error;
mod values;
mod violation;
mod warnings;

use std::fmt;

use crate::pod::token::{ApiAudiences, Audience, Ttl};
use keys::Key;

pub use check::check_value;
pub use effective::{Effective, effective};
pub use entries::Entries;
pub use entries::MIRROR_POD;
pub use evaluate::evaluate;
pub use evaluation::{Evaluation, Outcome};
pub use namespace::NamespaceSettings;
pub use origin::Origin;
pub use value_error::quote;
pub use violation::{Field, Violation, ViolationCause};
pub use warnings::Warning;
pub use warnings::guess;

/// What happens to a Pod's default token: the value of `boundtoken.dev/mode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// The default token stays, limited to one hour; a configured token is added.
    Add,
    /// The default token is removed.
    Disable,
    /// The Pod is not changed.
    Off,
    /// The default token gets the configured audience and lifetime.
    #[default]
    Replace,
}

impl Mode {
    /// Every mode, in the order in which messages and pages list them.
    pub const ALL: [Self; 4] = [Self::Replace, Self::Disable, Self::Add, Self::Off];

    /// The value of the annotation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Disable => "disable",
            Self::Off => "off",
            Self::Replace => "replace",
        }
    }

    /// Whether the mode has a token with `audience` and `ttl`.
    fn has_token(self) -> bool {
        matches!(self, Self::Add | Self::Replace)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The cluster-wide defaults, which Namespaces and Pods override.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The mode.
    pub mode: Mode,
    /// The audience.
    pub audience: Audience,
    /// The lifetime.
    pub ttl: Ttl,
    /// The API server's own audiences.
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

/// An invalid cluster-wide default.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} {sentence} ({code})", quote(value))]
pub struct InvalidDefault {
    /// The key that the default is for.
    pub key: Key,
    value: String,
    sentence: String,
    code: diagnostics::Code,
}

impl Defaults {
    /// Parses the cluster-wide defaults like annotations of the same names. The API server's own audiences are
    /// taken as they are, since any character may be part of one; empty ones are skipped.
    ///
    /// # Errors
    /// When a value is invalid; the error is about the first one.
    pub fn parse(
        mode: &str,
        audience: &str,
        ttl: &str,
        api_audiences: Vec<String>,
    ) -> Result<Self, InvalidDefault> {
        let invalid = |key, value: &str, error: value_error::ValueError| InvalidDefault {
            key,
            value: value.to_owned(),
            sentence: error.sentence,
            code: error.code,
        };
        let names: Vec<String> = api_audiences.into_iter().filter(|name| !name.is_empty()).collect();
        let api_audiences = if names.is_empty() { ApiAudiences::default() } else { ApiAudiences::new(names) };
        Ok(Self {
            mode: values::mode(mode.trim()).map_err(|error| invalid(Key::Mode, mode, error))?,
            audience: values::audience(audience.trim(), &api_audiences)
                .map_err(|error| invalid(Key::Audience, audience, error))?,
            ttl: duration::ttl(ttl.trim()).map_err(|error| invalid(Key::Ttl, ttl, error))?,
            api_audiences,
        })
    }
}
