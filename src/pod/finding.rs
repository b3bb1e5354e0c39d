//! Facts about a Pod that its author may want to act on; policy words them as warnings.

/// The part of a plan that a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// [`Plan::default_token`](super::plan::Plan::default_token).
    DefaultToken,
    /// [`Plan::volumes`](super::plan::Plan::volumes) at this index.
    Volume(usize),
}

/// A fact about a Pod that its patch does not show.
///
/// Names and paths are borrowed from the Pod and the plan. The API server validates a Pod only after admission,
/// so its names may be any strings, also of megabytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding<'p> {
    /// The Pod sets `automountServiceAccountToken: true`, and the patch sets it to `false`.
    AutomountOverruled,
    /// A token for another audience is where clients of the API server look for theirs.
    ForeignAudience(Subject),
    /// A container keeps another mount at the directory of a token, and does not get the token.
    MountTaken {
        /// The name of the container.
        container: &'p str,
        /// The directory.
        directory: &'p str,
        /// The token that cannot be mounted.
        subject: Subject,
    },
    /// A container keeps another value of an environment variable.
    EnvTaken {
        /// The name of the container.
        container: &'p str,
        /// The name of the variable.
        env: &'p str,
        /// The token whose path the variable should hold.
        subject: Subject,
    },
    /// The Pod has no default token that the patch could replace.
    NoDefaultToken,
    /// A Secret that is not a known service account token is mounted at the default token's directory.
    OtherSecret {
        /// The name of the volume.
        volume: &'p str,
    },
    /// A token is mounted with `subPath`; the kubelet never refreshes such a file.
    SubPath {
        /// The name of the container.
        container: &'p str,
    },
    /// A list names a container that the Pod does not have.
    UnknownContainer {
        /// The name in the list.
        name: &'p str,
        /// The token that the list belongs to.
        subject: Subject,
        /// Whether the list selects some container of the Pod.
        held: bool,
    },
}
