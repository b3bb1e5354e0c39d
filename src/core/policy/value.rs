//! The value of a setting, by kind.

use std::sync::Arc;

use crate::pod::token::{Audience, Containers, TokenPath, Ttl};

use super::Mode;
use super::tokens::Item;

/// Generates the enum of values, and a method for each variant that returns its value.
macro_rules! values {
    ($($variant:ident $method:ident: $type:ty,)*) => {
        /// The value of a setting.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub(super) enum Value {
            $($variant($type),)*
        }

        impl Value {
            $(pub(super) fn $method(&self) -> Option<&$type> {
                match self {
                    Self::$variant(value) => Some(value),
                    _ => None,
                }
            })*
        }
    };
}

values! {
    AllowedAudiences allowed_audiences: Arc<[Box<str>]>,
    Audience audience: Audience,
    Containers containers: Containers,
    DryRun dry_run: bool,
    Env env: Arc<str>,
    MaxTtl max_ttl: Ttl,
    Mode mode: Mode,
    Path path: TokenPath,
    PodOverrides pod_overrides: bool,
    Tokens tokens: Arc<[Item]>,
    Ttl ttl: Ttl,
}
