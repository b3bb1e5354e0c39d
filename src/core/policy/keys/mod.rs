//! Annotation keys: the definition of each, and suggestions for misspelled ones.

mod table;

use std::borrow::Cow;
use std::fmt;

pub use table::Key;

use super::Mode;
use super::diagnostics::Code;
use super::nearest::nearest;
use super::value::Value;
use super::value_error::ValueError;
use super::values::Context;

/// Prefix of every annotation and label of boundtoken.
pub const PREFIX: &str = "boundtoken.dev/";

/// Label of a Namespace that opts in.
pub const OPT_IN_LABEL: &str = "boundtoken.dev/webhook";

/// Value of [`OPT_IN_LABEL`] that opts in.
pub const OPT_IN_VALUE: &str = "enabled";

/// The objects on which a key has an effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Namespaces only.
    Namespace,
    /// Namespaces, as a default, and Pods, which override it.
    NamespaceAndPod,
}

/// The values that a key accepts.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A text.
    Text {
        /// The values in words.
        description: &'static str,
        /// Longest value, in bytes.
        max_length: usize,
        /// A regular expression (ECMA 262) that every accepted value matches after trimming.
        pattern: &'static str,
    },
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
}

/// The definition of a key.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The key with its prefix.
    pub name: &'static str,
    /// The objects on which it has an effect.
    pub scope: Scope,
    /// The values that it accepts.
    pub form: Form,
    /// The default, in words.
    pub default: &'static str,
    /// The effect of the key.
    pub meaning: &'static str,
    /// A valid value.
    pub example: &'static str,
    /// The modes in which it has an effect.
    pub(super) modes: &'static [Mode],
    /// The contradictions that cannot be judged while the value is invalid.
    pub(super) contradictions: &'static [Code],
    /// A key that cannot be combined with this one on the same object. On a Pod, either of them replaces both
    /// of the Namespace.
    pub(super) excludes: Option<Key>,
    /// Parses a value.
    pub(super) read: fn(&str, &Context<'_>) -> Result<Value, Vec<ValueError>>,
}

/// Every key, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Entry> + Clone {
    Key::ALL.iter().map(|key| key.entry())
}

impl Entry {
    /// The name without prefix, such as `ttl`.
    pub fn short_name(&self) -> &'static str {
        self.name.trim_start_matches(PREFIX)
    }

    /// The accepted values in words.
    pub fn value(&self) -> Cow<'static, str> {
        match self.form {
            Form::Text { description, .. } => description.into(),
            Form::Words(words) => match words().split_last() {
                Some((last, [])) => format!("`{last}`").into(),
                Some((last, others)) => format!("`{}` or `{last}`", others.join("`, `")).into(),
                None => "none".into(),
            },
        }
    }
}

impl Key {
    /// The key with this full name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX)?;
        all().find(|entry| entry.name == name).map(|entry| entry.key)
    }

    /// The full name, such as `boundtoken.dev/ttl`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The objects on which the key has an effect.
    pub fn scope(self) -> Scope {
        self.entry().scope
    }

    /// Whether the key has an effect in a mode.
    pub(super) fn has_effect(self, mode: Mode) -> bool {
        self.entry().modes.contains(&mode)
    }

    /// Whether the key adds tokens beside the default token, and so has an effect without that token.
    pub(super) fn adds_tokens(self) -> bool {
        self == Self::Tokens
    }

    /// Whether a contradiction cannot be judged while the value of the key is invalid.
    pub(super) fn may_cause(self, contradiction: Code) -> bool {
        self.entry().contradictions.contains(&contradiction)
    }

    /// Whether the key on a Pod replaces another one of its Namespace.
    pub(super) fn replaces(self, other: Self) -> bool {
        self == other || self.entry().excludes == Some(other) || other.entry().excludes == Some(self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether an annotation or label has the prefix of boundtoken, or is a known key or [`OPT_IN_LABEL`] with a
/// misspelled one.
pub fn has_own_prefix(name: &str) -> bool {
    name.starts_with(PREFIX) || is_misspelled_label(name) || corrected_key(name).is_some()
}

/// The known key for a name with a misspelled prefix: `boundtoken.dev/ttl` for `boundtoken.io/ttl`.
pub fn corrected_key(name: &str) -> Option<&'static str> {
    all().map(|entry| entry.name).find(|key| has_misspelled_prefix(name, key))
}

/// The known key that is nearest to an unknown one with the right prefix or none.
pub fn nearest_key(name: &str) -> Option<Key> {
    let guess = nearest(name.trim_start_matches(PREFIX), all().map(Entry::short_name))?;
    all().find(|entry| entry.short_name() == guess).map(|entry| entry.key)
}

/// Whether a name is [`OPT_IN_LABEL`] with a misspelled prefix.
pub fn is_misspelled_label(name: &str) -> bool {
    has_misspelled_prefix(name, OPT_IN_LABEL)
}

fn has_misspelled_prefix(name: &str, key: &str) -> bool {
    let Some((domain, bare)) = name.split_once('/') else { return false };
    key.strip_prefix(PREFIX).is_some_and(|key| key.eq_ignore_ascii_case(bare))
        && !name.starts_with(PREFIX)
        && nearest(domain, [PREFIX.trim_end_matches('/')]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_prefix_is_recognised() {
        for (name, expected) in [
            ("boundtoken.io/ttl", "boundtoken.dev/ttl"),
            ("bountoken.dev/mode", "boundtoken.dev/mode"),
            ("Bound-Token.dev/skip-containers", "boundtoken.dev/skip-containers"),
            ("BOUNDTOKEN.DEV/TTL", "boundtoken.dev/ttl"),
            ("boundtoken.io/Mode", "boundtoken.dev/mode"),
        ] {
            assert_eq!(corrected_key(name), Some(expected), "{name}");
            assert!(has_own_prefix(name), "{name}");
        }
        for name in ["boundtoken.io/webhook", "bountoken.dev/webhook", "Bound-Token.dev/Webhook"] {
            assert!(is_misspelled_label(name) && has_own_prefix(name), "{name}");
        }
        assert!(!is_misspelled_label(OPT_IN_LABEL));
        assert!(!is_misspelled_label("example.com/webhook") && !is_misspelled_label("boundtoken.io/ttl"));
        for name in [
            "ttl",
            "boundtoken.io/tll",
            "boundtoken.io/ttl/x",
            "vault.hashicorp.com/mode",
            "token.dev/audience",
            "kubernetes.io/config.mirror",
        ] {
            assert!(!has_own_prefix(name), "{name}");
        }
        for entry in all() {
            assert!(corrected_key(entry.name).is_none() && has_own_prefix(entry.name), "{}", entry.name);
        }
    }
}
