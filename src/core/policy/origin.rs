//! The origin of a setting: the object on which it is set.

use std::fmt;
use std::sync::Arc;

/// The object on which a setting is set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The Namespace of this name.
    Namespace(Arc<str>),
    /// The Pod. Messages omit its name: it may be generated, and events then would not aggregate.
    Pod,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(formatter, "Namespace {name}"),
            Self::Pod => formatter.write_str("the Pod"),
        }
    }
}
