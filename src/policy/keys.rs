//! The one table of annotation keys: parser, messages, `explain` and the reference page follow it.

use std::fmt;

use super::nearest::nearest;

/// Prefix of every annotation and label of ours.
pub const PREFIX: &str = "boundtoken.dev/";

/// Label of a Namespace that opts in.
pub const OPT_IN_LABEL: &str = "boundtoken.dev/webhook";

/// Value of [`OPT_IN_LABEL`] that opts in.
pub const OPT_IN_VALUE: &str = "enabled";

/// An annotation key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// `boundtoken.dev/allowed-audiences`
    AllowedAudiences,
    /// `boundtoken.dev/audience`
    Audience,
    /// `boundtoken.dev/containers`
    Containers,
    /// `boundtoken.dev/dry-run`
    DryRun,
    /// `boundtoken.dev/env`
    Env,
    /// `boundtoken.dev/max-ttl`
    MaxTtl,
    /// `boundtoken.dev/mode`
    Mode,
    /// `boundtoken.dev/path`
    Path,
    /// `boundtoken.dev/pod-overrides`
    PodOverrides,
    /// `boundtoken.dev/skip-containers`
    SkipContainers,
    /// `boundtoken.dev/tokens`
    Tokens,
    /// `boundtoken.dev/ttl`
    Ttl,
}

/// Which objects a key may stand on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// A Namespace only.
    Namespace,
    /// A Namespace, as a default, and a Pod, which overrides it.
    NamespaceAndPod,
}

/// What people are told about a key.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The key with its prefix.
    pub name: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// What a value looks like.
    pub value: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// A value that works.
    pub example: &'static str,
}

/// Every key, in the order in which people meet them.
pub const KEYS: [Entry; 12] = [
    Entry {
        key: Key::Mode,
        name: "boundtoken.dev/mode",
        scope: Scope::NamespaceAndPod,
        value: "`replace`, `disable`, `add` or `off`",
        default: "`replace`",
        meaning: "What becomes of the default token. `replace`: it gets `audience` and `ttl`, in place, or moves to \
                  `path`. `disable`: it goes, from every container. `add`: it stays, cut to an hour, and a token with \
                  `audience` and `ttl` is mounted at `path` beside it. `off`: the Pod stays as it is.",
        example: "disable",
    },
    Entry {
        key: Key::Audience,
        name: "boundtoken.dev/audience",
        scope: Scope::NamespaceAndPod,
        value: "one audience of at most 1024 bytes without control characters; the empty string means the API server",
        default: "the API server's own",
        meaning: "Whom the token is for. Whoever receives the token must know itself by this name. The API server \
                  answers 401 to a token for somebody else.",
        example: "vault",
    },
    Entry {
        key: Key::Ttl,
        name: "boundtoken.dev/ttl",
        scope: Scope::NamespaceAndPod,
        value: "whole seconds (`7200`) or a duration (`2h`, `90m`, `1h30m`), from 600 s to 4294967296 s",
        default: "`1h`",
        meaning: "How long the token lives. The kubelet replaces it when 80 % of that has passed, or after a day. \
                  3607 s for the API server is refused: the API server extends exactly that to a year.",
        example: "2h",
    },
    Entry {
        key: Key::Path,
        name: "boundtoken.dev/path",
        scope: Scope::NamespaceAndPod,
        value: "absolute path of a file, without `..` and `:`, at most 4096 bytes",
        default: "`replace`: where the default token is; `add`: `/var/run/secrets/tokens/token`",
        meaning: "Where the token file is. Its directory is mounted read-only into each container. With `replace` \
                  the default token goes, and `ca.crt` and `namespace` move along if the token is for the API server.",
        example: "/var/run/secrets/tokens/vault-token",
    },
    Entry {
        key: Key::Containers,
        name: "boundtoken.dev/containers",
        scope: Scope::NamespaceAndPod,
        value: "container names, separated by commas",
        default: "every container",
        meaning: "Only these containers hold the token: init containers, sidecars or regular ones. Replaces \
                  `skip-containers` of the Namespace; not together with it on one object.",
        example: "app,worker",
    },
    Entry {
        key: Key::SkipContainers,
        name: "boundtoken.dev/skip-containers",
        scope: Scope::NamespaceAndPod,
        value: "container names, separated by commas",
        default: "none",
        meaning: "These containers do not hold the token. Replaces `containers` of the Namespace; not together with \
                  it on one object.",
        example: "istio-proxy",
    },
    Entry {
        key: Key::Env,
        name: "boundtoken.dev/env",
        scope: Scope::NamespaceAndPod,
        value: "name of an environment variable",
        default: "none",
        meaning: "Variable that holds the path of the token file, in each container that holds the token.",
        example: "VAULT_TOKEN_FILE",
    },
    Entry {
        key: Key::Tokens,
        name: "boundtoken.dev/tokens",
        scope: Scope::NamespaceAndPod,
        value: "a YAML list of at most 16 tokens, each with `path` and, if wanted, `audience`, `ttl`, `containers`, `env`",
        default: "none",
        meaning: "Further tokens, mounted as `add` mounts one, in every mode but `off`. The list of a Pod replaces \
                  that of its Namespace. Tokens in one directory share a volume.",
        example: "[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault}]",
    },
    Entry {
        key: Key::PodOverrides,
        name: "boundtoken.dev/pod-overrides",
        scope: Scope::Namespace,
        value: "`allow` or `deny`",
        default: "`allow`",
        meaning: "Whether Pods may carry settings of their own. With `deny` a Pod that does is refused.",
        example: "deny",
    },
    Entry {
        key: Key::AllowedAudiences,
        name: "boundtoken.dev/allowed-audiences",
        scope: Scope::Namespace,
        value: "audiences, separated by commas; the API server's own is always allowed",
        default: "any audience",
        meaning: "A Pod that would hold a token for another audience is refused, whoever asked for that token.",
        example: "vault,sts.amazonaws.com",
    },
    Entry {
        key: Key::MaxTtl,
        name: "boundtoken.dev/max-ttl",
        scope: Scope::Namespace,
        value: "as `ttl`",
        default: "no limit",
        meaning: "A Pod that would hold a token with a longer life is refused, whoever asked for that token. Below \
                  an hour it lowers the default of `ttl` to itself.",
        example: "2h",
    },
    Entry {
        key: Key::DryRun,
        name: "boundtoken.dev/dry-run",
        scope: Scope::Namespace,
        value: "`true` or `false`",
        default: "`false`",
        meaning: "With `true` no Pod is changed or refused; warnings, audit annotations and metrics say what would \
                  have happened.",
        example: "true",
    },
];

/// Whether a key is ours, or meant to be.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || meant(name).is_some()
}

/// The key that somebody meant who wrote its prefix nearly right: `boundtoken.dev/ttl` for `boundtoken.io/ttl`.
pub fn meant(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|entry| entry.name).find(|key| is_slip_of_prefix(name, key))
}

/// Whether somebody meant [`OPT_IN_LABEL`] who wrote its prefix nearly right.
pub fn is_slip_of_label(name: &str) -> bool {
    is_slip_of_prefix(name, OPT_IN_LABEL)
}

fn is_slip_of_prefix(name: &str, key: &str) -> bool {
    let Some((domain, bare)) = name.split_once('/') else { return false };
    key.strip_prefix(PREFIX) == Some(bare)
        && !name.starts_with(PREFIX)
        && nearest(domain, [PREFIX.trim_end_matches('/')]).is_some()
}

impl Key {
    /// The key whose full name this is.
    pub fn from_name(name: &str) -> Option<Self> {
        KEYS.iter().find(|entry| entry.name == name).map(|entry| entry.key)
    }

    /// The full name, such as `boundtoken.dev/ttl`.
    pub fn name(self) -> &'static str {
        self.entry().map_or(PREFIX, |entry| entry.name)
    }

    /// Where the key may stand.
    pub fn scope(self) -> Scope {
        self.entry().map_or(Scope::Namespace, |entry| entry.scope)
    }

    fn entry(self) -> Option<&'static Entry> {
        KEYS.iter().find(|entry| entry.key == self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_prefix_is_told_from_the_keys_of_others() {
        for (name, expected) in [
            ("boundtoken.io/ttl", "boundtoken.dev/ttl"),
            ("bountoken.dev/mode", "boundtoken.dev/mode"),
            ("Bound-Token.dev/skip-containers", "boundtoken.dev/skip-containers"),
        ] {
            assert_eq!(meant(name), Some(expected), "{name}");
            assert!(is_ours(name), "{name}");
        }
        assert!(is_slip_of_label("boundtoken.io/webhook") && !is_slip_of_label(OPT_IN_LABEL));
        assert!(!is_slip_of_label("example.com/webhook") && !is_slip_of_label("boundtoken.io/ttl"));
        for name in [
            "ttl",
            "boundtoken.io/tll",
            "boundtoken.io/ttl/x",
            "vault.hashicorp.com/mode",
            "token.dev/audience",
            "kubernetes.io/config.mirror",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        for entry in &KEYS {
            assert!(meant(entry.name).is_none() && is_ours(entry.name), "{}", entry.name);
        }
    }
}
