//! The table of annotation keys, from which parser, warnings, `explain`, reference page and schema derive.

use super::{Entry, Form, Scope};
use crate::pod::token::{Audience, Containers, ttl_range};
use crate::policy::diagnostics::Code;
use crate::policy::value::Value;
use crate::policy::{Mode, duration, tokens, values};

/// Every mode.
const ANY: &[Mode] = &Mode::ALL;

/// The modes with a configured token.
const WITH_TOKEN: &[Mode] = &[Mode::Replace, Mode::Add];

/// The modes that change Pods.
const ALL_BUT_OFF: &[Mode] = &[Mode::Replace, Mode::Disable, Mode::Add];

/// A list of at least one label (RFC 1123).
const LABELS: &str =
    r"^[\s,]*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\s*,[\s,]*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*[\s,]*$";

/// Whole seconds, or hours, minutes and seconds.
const DURATION: &str = "^([0-9]+|[0-9]+h([0-9]+m)?([0-9]+s)?|[0-9]+m([0-9]+s)?|[0-9]+s)$";

/// Generates the enum and the table of keys from one entry per key.
macro_rules! keys {
    ($($key:ident $name:literal { $($field:ident: $value:expr,)* })*) => {
        /// An annotation key.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Key {
            $(#[doc = concat!("`", $name, "`")] $key,)*
        }

        impl Key {
            /// Every key, in the order of the table.
            pub(super) const ALL: &[Self] = &[$(Self::$key),*];

            /// The definition of the key.
            pub fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$key => {
                        static ENTRY: Entry = Entry { key: Key::$key, name: $name, $($field: $value,)* };
                        &ENTRY
                    })*
                }
            }
        }
    };
}

// In the order in which pages and `explain` show them.
keys! {
    Mode "boundtoken.dev/mode" {
        scope: Scope::NamespaceAndPod,
        form: Form::Words(|| Mode::ALL.map(Mode::as_str).to_vec()),
        default: "`replace`",
        meaning: "What happens to the default token. `replace`: it gets `audience` and `ttl`, in place or at `path`. \
                  `disable`: it is removed from every container. `add`: it stays, limited to one hour, and a token \
                  with `audience` and `ttl` is mounted beside it at `path`. `off`: the Pod is not changed.",
        example: "disable",
        modes: ANY,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::Mode(values::mode(text)?)),
    }
    Audience "boundtoken.dev/audience" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "one audience of at most 1024 bytes without commas and control characters; the empty string \
                          means the API server",
            max_length: Audience::MAX_BYTES,
            pattern: r"^[^,\u0000-\u001f\u007f-\u009f]*$",
        },
        default: "the API server's own",
        meaning: "The audience of the token. It must match an audience that the recipient accepts. The API server \
                  answers 401 to a token for another audience.",
        example: "vault",
        modes: WITH_TOKEN,
        contradictions: &[],
        excludes: None,
        read: |text, context| Ok(Value::Audience(values::audience(text, context.api)?)),
    }
    Ttl "boundtoken.dev/ttl" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: concat!("whole seconds (`7200`) or a duration (`2h`, `90m`, `1h30m`), from ", ttl_range!()),
            max_length: duration::MAX_LENGTH,
            pattern: DURATION,
        },
        default: "`1h`",
        meaning: "The lifetime of the token. The kubelet replaces the token after 80 % of its lifetime, or after a \
                  day. 3607 s is refused, because the API server extends exactly that lifetime to a year for its \
                  own audiences.",
        example: "2h",
        modes: WITH_TOKEN,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::Ttl(duration::ttl(text)?)),
    }
    Path "boundtoken.dev/path" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "absolute path of a file, without `..` and `:`, at most 4096 bytes; for Windows, also as \
                          `C:\\var\\run\\token`",
            max_length: values::MAX_PATH,
            pattern: r"^(/[^:\u0000-\u001f\u007f-\u009f]*[^/:\u0000-\u001f\u007f-\u009f]/+[^/:\u0000-\u001f\u007f-\u009f]+|([Cc]:[/\\]|\\)[^:\u0000-\u001f\u007f-\u009f]*[^/\\:\u0000-\u001f\u007f-\u009f][/\\]+[^/\\:\u0000-\u001f\u007f-\u009f]+)$",
        },
        default: "`replace`: the path of the default token; `add`: `/var/run/secrets/tokens/token`",
        meaning: "The path of the token file. Its directory is mounted read-only into each container, and hides what \
                  the image has there. With `replace`, the default token is removed, and `ca.crt` and `namespace` \
                  move along if the token is for the API server.",
        example: "/var/run/secrets/tokens/vault-token",
        modes: WITH_TOKEN,
        contradictions: &[Code::DefaultDirectory, Code::Conflict],
        excludes: None,
        read: |text, _| Ok(Value::Path(values::path(text)?)),
    }
    Containers "boundtoken.dev/containers" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "container names, separated by commas",
            max_length: values::MAX_CONTAINERS,
            pattern: LABELS,
        },
        default: "every container",
        meaning: "Only these containers get the token: init containers, sidecars or regular containers. Replaces \
                  `skip-containers` of the Namespace. An object can have only one of the two keys.",
        example: "app,worker",
        modes: WITH_TOKEN,
        contradictions: &[Code::Conflict],
        excludes: Some(Key::SkipContainers),
        read: |text, _| Ok(Value::Containers(Containers::Only(values::container_names(text)?))),
    }
    SkipContainers "boundtoken.dev/skip-containers" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "container names, separated by commas",
            max_length: values::MAX_CONTAINERS,
            pattern: LABELS,
        },
        default: "none",
        meaning: "These containers do not get the token. Replaces `containers` of the Namespace. An object can have \
                  only one of the two keys.",
        example: "istio-proxy",
        modes: WITH_TOKEN,
        contradictions: &[Code::Conflict],
        excludes: None,
        read: |text, _| Ok(Value::Containers(Containers::Except(values::container_names(text)?))),
    }
    Env "boundtoken.dev/env" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "name of an environment variable",
            max_length: values::MAX_ENV,
            pattern: r"^([-_a-zA-Z]|\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$",
        },
        default: "none",
        meaning: "An environment variable that holds the path of the token file, in each container that gets the \
                  token. In a Pod for Windows the path is written like `C:\\var\\run\\token`.",
        example: "VAULT_TOKEN_FILE",
        modes: WITH_TOKEN,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::Env(values::env(text)?)),
    }
    Tokens "boundtoken.dev/tokens" {
        scope: Scope::NamespaceAndPod,
        form: Form::Text {
            description: "a YAML list of at most 16 tokens, each with `path` and optionally `audience`, `ttl`, \
                          `containers` and `env`",
            max_length: tokens::MAX_ON_POD,
            pattern: r"\S",
        },
        default: "none",
        meaning: "Further tokens, mounted like the token of mode `add`, in every mode but `off`. The list of a Pod \
                  replaces that of its Namespace. Tokens in one directory share a volume.",
        example: "[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault}]",
        modes: ALL_BUT_OFF,
        contradictions: &[],
        excludes: None,
        read: |text, context| Ok(Value::Tokens(tokens::tokens(text, context)?.into())),
    }
    PodOverrides "boundtoken.dev/pod-overrides" {
        scope: Scope::Namespace,
        form: Form::Words(|| values::POD_OVERRIDES.map(|(word, _)| word).to_vec()),
        default: "`allow`",
        meaning: "Whether Pods may have settings of their own. With `deny`, a Pod that has any is refused.",
        example: "deny",
        modes: ANY,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::PodOverrides(values::pod_overrides(text)?)),
    }
    AllowedAudiences "boundtoken.dev/allowed-audiences" {
        scope: Scope::Namespace,
        form: Form::Text {
            description: "audiences, separated by commas; the API server's own is always allowed",
            max_length: values::MAX_AUDIENCES,
            pattern: r"[^\s,]",
        },
        default: "any audience",
        meaning: "The audiences that tokens may have. A Pod with a token for any other audience is refused, whether \
                  boundtoken added that token or not.",
        example: "vault,sts.amazonaws.com",
        modes: ANY,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::AllowedAudiences(values::allowed_audiences(text)?.into())),
    }
    MaxTtl "boundtoken.dev/max-ttl" {
        scope: Scope::Namespace,
        form: Form::Text { description: "as `ttl`", max_length: duration::MAX_LENGTH, pattern: DURATION },
        default: "no limit",
        meaning: "The longest lifetime that tokens may have. A Pod with a longer-lived token is refused, whether \
                  boundtoken added that token or not. A limit below one hour also lowers the default of `ttl`.",
        example: "2h",
        modes: ANY,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::MaxTtl(duration::lifetime(text)?)),
    }
    DryRun "boundtoken.dev/dry-run" {
        scope: Scope::Namespace,
        form: Form::Words(|| values::DRY_RUN.map(|(word, _)| word).to_vec()),
        default: "`false`",
        meaning: "With `true`, no Pod is changed or refused; warnings, audit annotations and metrics say what would \
                  have happened.",
        example: "true",
        modes: ANY,
        contradictions: &[],
        excludes: None,
        read: |text, _| Ok(Value::DryRun(values::dry_run(text)?)),
    }
}
