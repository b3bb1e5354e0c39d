//! Guardrails, from BT030, and warnings, from BT050.

use super::{
    Code, Diagnostic,
    Severity::{Forbidden, Warning},
    diagnostic,
};

/// Every guardrail and every warning, in order.
pub(super) const FINDINGS: &[Diagnostic] = &[
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
            "Nobody knows this key, or its prefix is nearly ours, so it changes nothing.",
            "Correct the key; `boundtoken explain` lists them.",
        ],
    ),
    diagnostic(
        Code::NamespaceKey,
        "BT051",
        Warning,
        ["key of a Namespace on a Pod", "This key is read on Namespaces only.", "Remove it from the Pod."],
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
];
