//! Annotations become settings, settings become a plan, and a Pod is judged under it.
//!
//! Pure: no I/O, no clock, no client. [`keys`] and [`diagnostics`] are the two
//! tables that everything said to people follows.

mod compile;
mod conflict;
pub mod diagnostics;
mod duration;
mod effective;
mod entries;
mod evaluate;
mod findings;
mod guardrails;
pub mod keys;
mod namespace;
pub mod nearest;
pub mod reference;
mod settings;
mod tokens;
mod values;
mod violation;
mod warnings;

use std::fmt;

use crate::pod::token::{ApiAudiences, Audience, Ttl};

pub use effective::{Effective, effective};
pub use entries::Entries;
pub use evaluate::{Evaluation, Outcome, evaluate};
pub use namespace::NamespaceSettings;
pub(crate) use violation::printable;
pub use violation::{Field, Origin, Violation, quote};
pub use warnings::Warning;

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

impl Mode {
    /// Every mode, in the order in which people meet them.
    pub const ALL: [Self; 4] = [Self::Replace, Self::Disable, Self::Add, Self::Off];

    /// The word that stands for the mode.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Disable => "disable",
            Self::Off => "off",
            Self::Replace => "replace",
        }
    }

    /// Whether `audience` and `ttl` mean a token in this mode.
    fn has_token(self) -> bool {
        matches!(self, Self::Add | Self::Replace)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What holds where neither Namespace nor Pod says anything.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The mode.
    pub mode: Mode,
    /// The audience.
    pub audience: Audience,
    /// The lifetime.
    pub ttl: Ttl,
    /// What the API server calls itself.
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

/// A cluster-wide default that cannot be one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} {sentence} ({code})", quote(value))]
pub struct InvalidDefault {
    value: String,
    sentence: String,
    code: diagnostics::Code,
}

impl Defaults {
    /// Reads cluster-wide defaults as annotations of these names are read.
    ///
    /// # Errors
    /// The first value that an annotation could not have either.
    pub fn parse(
        mode: &str,
        audience: &str,
        ttl: &str,
        api_audiences: Vec<String>,
    ) -> Result<Self, InvalidDefault> {
        let refuse = |value: &str, error: violation::ValueError| InvalidDefault {
            value: value.to_owned(),
            sentence: error.sentence,
            code: error.code,
        };
        let names = api_audiences.into_iter().map(|name| name.trim().to_owned());
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        let api_audiences = if names.is_empty() { ApiAudiences::default() } else { ApiAudiences::new(names) };
        let defaults = Self {
            mode: values::mode(mode.trim()).map_err(|error| refuse(mode, error))?,
            audience: values::audience(audience.trim(), &api_audiences)
                .map_err(|error| refuse(audience, error))?,
            ttl: duration::ttl(ttl.trim()).map_err(|error| refuse(ttl, error))?,
            api_audiences,
        };
        if defaults.ttl != Ttl::YEAR_LONG_REQUEST {
            return Ok(defaults);
        }
        Err(refuse(ttl, violation::ValueError::new(diagnostics::Code::YearLong, violation::BECOMES_A_YEAR)))
    }
}
