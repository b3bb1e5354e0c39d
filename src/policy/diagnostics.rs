//! The one table of diagnostic codes: messages, `explain` and the reference page follow it.

use std::fmt;

/// A stable diagnostic code. A code is never reused for something else.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Code {
    /// `mode` is none of the four.
    Mode,
    /// `audience` cannot be one.
    Audience,
    /// `ttl` or `max-ttl` cannot be read.
    Duration,
    /// `ttl` or `max-ttl` is out of range.
    Range,
    /// `ttl` would become a year.
    YearLong,
    /// `path` cannot be one.
    Path,
    /// A container list cannot be read.
    Containers,
    /// Both container lists on one object.
    BothLists,
    /// `env` cannot be one.
    Env,
    /// `tokens` cannot be read.
    Tokens,
    /// Two tokens get in each other's way.
    Clash,
    /// A token would stand in the default token's directory.
    DefaultDirectory,
    /// `pod-overrides` or `dry-run` is none of its words.
    Switch,
    /// `allowed-audiences` cannot be read.
    AllowedAudiences,
    /// A Namespace's `ttl` is above its own `max-ttl`.
    AboveMaximum,
    /// A volume of the Pod has the name of ours.
    VolumeTaken,
    /// The patch would be too large.
    TooLarge,
    /// The Namespace allows no settings on Pods.
    OverrideForbidden,
    /// The Namespace does not allow the audience.
    AudienceForbidden,
    /// The Namespace does not allow so long a life.
    LifetimeForbidden,
    /// Nobody knows the key.
    UnknownKey,
    /// The key has no effect on a Pod.
    NamespaceKey,
    /// The setting has no effect.
    NoEffect,
    /// The Pod lacks the container.
    UnknownContainer,
    /// The container keeps another mount.
    MountTaken,
    /// The container keeps another variable.
    EnvTaken,
    /// The kubelet never refreshes the file.
    SubPath,
    /// Clients of the API server will get 401.
    ForeignAudience,
    /// The Pod asked for a token and gets none.
    AutomountOverruled,
    /// Some Secret stands where the default token belongs.
    OtherSecret,
    /// What would have happened without `dry-run`.
    DryRun,
    /// The Namespace has settings but does not opt in.
    NotOptedIn,
}

/// What follows from a diagnostic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Refused with 403 `Forbidden`: a guardrail.
    Forbidden,
    /// Refused with 422 `Invalid`: a mistake.
    Invalid,
    /// Allowed, with a warning.
    Warning,
}

impl Severity {
    /// What happens to the Pod, in a few words.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Forbidden => "Guardrails: refused with 403 Forbidden",
            Self::Invalid => "Mistakes: refused with 422 Invalid",
            Self::Warning => "Warnings: allowed",
        }
    }
}

/// What people are told about a code.
#[derive(Debug)]
pub struct Diagnostic {
    /// The code.
    pub code: Code,
    /// The code as it is written, such as `BT001`.
    pub name: &'static str,
    /// What follows from it.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why that is so.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn diagnostic(
    code: Code,
    name: &'static str,
    severity: Severity,
    [title, meaning, remedy]: [&'static str; 3],
) -> Diagnostic {
    Diagnostic { code, name, severity, title, meaning, remedy }
}

/// Every code, in order: mistakes from BT001, guardrails from BT030, warnings from BT050.
pub const DIAGNOSTICS: [Diagnostic; 32] = {
    use Severity::{Forbidden, Invalid, Warning};
    [
        diagnostic(
            Code::Mode,
            "BT001",
            Invalid,
            [
                "unknown mode",
                "`mode` takes one of four words, in lower case.",
                "Write `replace`, `disable`, `add` or `off`.",
            ],
        ),
        diagnostic(
            Code::Audience,
            "BT002",
            Invalid,
            [
                "audience out of bounds",
                "An audience is at most 1024 bytes long and has no control characters.",
                "Write one audience, exactly as the receiver of the token calls itself. Further ones go into `tokens`.",
            ],
        ),
        diagnostic(
            Code::Duration,
            "BT003",
            Invalid,
            [
                "not a duration",
                "A lifetime is whole seconds (`7200`) or a duration of hours, minutes and seconds (`2h`, `90m`, `1h30m`). \
             There are no days, fractions, signs or spaces.",
                "Write the lifetime in seconds or hours: a day is `24h`. In YAML put a plain number in quotes.",
            ],
        ),
        diagnostic(
            Code::Range,
            "BT004",
            Invalid,
            [
                "lifetime out of range",
                "The API accepts lifetimes from 600 s (10 minutes) to 4294967296 s (2^32).",
                "Write a lifetime in that range. Nothing is rounded silently.",
            ],
        ),
        diagnostic(
            Code::YearLong,
            "BT005",
            Invalid,
            [
                "lifetime that becomes a year",
                "The API server extends a token for itself of exactly 3607 s to up to a year \
             (`--service-account-extend-token-expiration`), to be kind to old clients.",
                "Write `3600` or `1h`. For another audience 3607 s is allowed.",
            ],
        ),
        diagnostic(
            Code::Path,
            "BT006",
            Invalid,
            [
                "path out of bounds",
                "`path` is the absolute path of the token file: its directory is mounted, so the root directory and \
             a trailing slash cannot be. `..` and `:` are refused by the API; a path has at most 4096 bytes, \
             a segment at most 255.",
                "Write a path such as `/var/run/secrets/tokens/vault-token`.",
            ],
        ),
        diagnostic(
            Code::Containers,
            "BT007",
            Invalid,
            [
                "container list that cannot be read",
                "A container list is names separated by commas. A name has at most 63 lower case letters, digits and \
             hyphens.",
                "Write `app,worker`. For no container at all use mode `disable`; for all of them leave the key out.",
            ],
        ),
        diagnostic(
            Code::BothLists,
            "BT008",
            Invalid,
            [
                "both container lists",
                "`containers` says who holds the token, `skip-containers` who does not: on one object one of them decides.",
                "Keep one of the two.",
            ],
        ),
        diagnostic(
            Code::Env,
            "BT009",
            Invalid,
            [
                "not the name of an environment variable",
                "Every release of the API accepts letters, digits, `_`, `-` and `.`, at most 255, with no digit at the start.",
                "Write a name such as `VAULT_TOKEN_FILE`.",
            ],
        ),
        diagnostic(
            Code::Tokens,
            "BT010",
            Invalid,
            [
                "tokens that cannot be read",
                "`tokens` is a YAML list of at most 16 items. Each has `path` and may have `audience`, `ttl`, \
             `containers` and `env`, with the meanings of the keys of these names.",
                "Write `[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault}]`.",
            ],
        ),
        diagnostic(
            Code::Clash,
            "BT011",
            Invalid,
            [
                "tokens in each other's way",
                "Tokens in one directory share a volume: they need different file names and the same containers. \
             A directory cannot be mounted inside another one that is read-only. In one container a variable holds \
             one path.",
                "Give one of the tokens another directory, file name or variable.",
            ],
        ),
        diagnostic(
            Code::DefaultDirectory,
            "BT012",
            Invalid,
            [
                "token in the default token's directory",
                "The default token's volume is mounted there already, read-only.",
                "Choose another directory, or a mode that takes the default token away: `disable`, or `replace` with \
             `path`.",
            ],
        ),
        diagnostic(
            Code::Switch,
            "BT013",
            Invalid,
            [
                "unknown word",
                "`pod-overrides` takes `allow` or `deny`, `dry-run` takes `true` or `false`.",
                "Write one of the two words.",
            ],
        ),
        diagnostic(
            Code::AllowedAudiences,
            "BT014",
            Invalid,
            [
                "audience list that cannot be read",
                "`allowed-audiences` is audiences separated by commas, at least one.",
                "Write `vault,sts.amazonaws.com`. To allow the API server only, write its own audience, such as \
             `https://kubernetes.default.svc`.",
            ],
        ),
        diagnostic(
            Code::AboveMaximum,
            "BT015",
            Invalid,
            [
                "ttl above max-ttl of the same Namespace",
                "Every Pod of the Namespace would be refused.",
                "Lower `ttl` or raise `max-ttl`.",
            ],
        ),
        diagnostic(
            Code::VolumeTaken,
            "BT016",
            Invalid,
            [
                "volume name taken",
                "The volumes for tokens are named `boundtoken`, `boundtoken-2` and so on. The Pod has a volume of such \
             a name that holds no service account token.",
                "Rename the volume in the Pod.",
            ],
        ),
        diagnostic(
            Code::TooLarge,
            "BT017",
            Invalid,
            [
                "too many volumes or mounts",
                "A patch of more than 10000 operations would cost the API server seconds.",
                "Create a Pod with fewer volumes and mounts.",
            ],
        ),
        diagnostic(
            Code::OverrideForbidden,
            "BT030",
            Forbidden,
            [
                "settings on Pods are forbidden",
                "The Namespace says `pod-overrides: deny`: what its annotations say holds for every Pod.",
                "Remove the annotation from the Pod, or ask whoever owns the Namespace.",
            ],
        ),
        diagnostic(
            Code::AudienceForbidden,
            "BT031",
            Forbidden,
            [
                "audience not allowed",
                "The Namespace lists `allowed-audiences`. It holds for every service account token in the Pod, also for \
             those that the Pod's own volumes ask for.",
                "Use a listed audience, or ask whoever owns the Namespace.",
            ],
        ),
        diagnostic(
            Code::LifetimeForbidden,
            "BT032",
            Forbidden,
            [
                "lifetime not allowed",
                "The Namespace sets `max-ttl`. It holds for every service account token in the Pod, also for those that \
             the Pod's own volumes ask for; one of 3607 s for the API server counts as a year.",
                "Use a shorter lifetime, or ask whoever owns the Namespace.",
            ],
        ),
        diagnostic(
            Code::UnknownKey,
            "BT050",
            Warning,
            [
                "unknown key",
                "Nobody knows this key, so it changes nothing.",
                "Correct the key; `boundtoken explain` lists them.",
            ],
        ),
        diagnostic(
            Code::NamespaceKey,
            "BT051",
            Warning,
            [
                "key of a Namespace on a Pod",
                "This key is read on Namespaces only.",
                "Remove it from the Pod.",
            ],
        ),
        diagnostic(
            Code::NoEffect,
            "BT052",
            Warning,
            [
                "setting without effect",
                "The mode makes the setting meaningless, or the Pod has no default token that it could change, because \
             the Pod or its service account says `automountServiceAccountToken: false`.",
                "Remove the setting, or use mode `add`, which needs no default token.",
            ],
        ),
        diagnostic(
            Code::UnknownContainer,
            "BT053",
            Warning,
            [
                "container that the Pod lacks",
                "A container list names a container that is not in the Pod, at least not yet: another webhook may add it.",
                "Correct the name.",
            ],
        ),
        diagnostic(
            Code::MountTaken,
            "BT054",
            Warning,
            [
                "something else is mounted there",
                "The container mounts something else at the directory of the token and keeps it, so it gets no token.",
                "Choose another `path`, or leave the container out with `skip-containers`.",
            ],
        ),
        diagnostic(
            Code::EnvTaken,
            "BT055",
            Warning,
            [
                "variable set already",
                "The container sets the variable to something else and keeps it.",
                "Choose another name for `env`, or remove the variable from the container.",
            ],
        ),
        diagnostic(
            Code::SubPath,
            "BT056",
            Warning,
            [
                "token mounted with subPath",
                "The kubelet never refreshes a file that is mounted with `subPath`: it goes stale when the token expires.",
                "Mount the directory without `subPath`.",
            ],
        ),
        diagnostic(
            Code::ForeignAudience,
            "BT057",
            Warning,
            [
                "token for somebody else at the default path",
                "Clients of the API server read the token there, and will get 401 with it.",
                "Use mode `add` to keep both, or `path` to mount the token elsewhere.",
            ],
        ),
        diagnostic(
            Code::AutomountOverruled,
            "BT058",
            Warning,
            [
                "automountServiceAccountToken: true overruled",
                "Mode `disable` takes the default token from every Pod.",
                "If the Pod needs a token, annotate it with `boundtoken.dev/mode: replace`; else remove the field.",
            ],
        ),
        diagnostic(
            Code::OtherSecret,
            "BT059",
            Warning,
            [
                "a Secret at the default path",
                "A Secret is mounted where the default token belongs, and stays. If it holds a legacy token, that token \
             never expires.",
                "Remove the volume and its mounts; the Pod then gets a bound token.",
            ],
        ),
        diagnostic(
            Code::DryRun,
            "BT060",
            Warning,
            [
                "dry run",
                "The Namespace says `dry-run: true`: the Pod is as it was sent, and this would have happened.",
                "Set `dry-run` to `false` when the warnings are what you want.",
            ],
        ),
        diagnostic(
            Code::NotOptedIn,
            "BT061",
            Warning,
            [
                "settings without the label",
                "Annotations have no effect on a Namespace without the label `boundtoken.dev/webhook: enabled`.",
                "Label the Namespace.",
            ],
        ),
    ]
};

impl Code {
    /// What people are told about the code.
    fn diagnostic(self) -> Option<&'static Diagnostic> {
        DIAGNOSTICS.iter().find(|diagnostic| diagnostic.code == self)
    }

    /// The code as it is written, such as `BT001`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.diagnostic().map_or("", |diagnostic| diagnostic.name)
    }

    /// What follows from the code.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.diagnostic().map_or(Severity::Invalid, |diagnostic| diagnostic.severity)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
