//! What people should know about a Pod beside its patch.

/// Which part of a plan a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// [`Plan::default_token`](super::plan::Plan::default_token).
    DefaultToken,
    /// [`Plan::volumes`](super::plan::Plan::volumes) at this index.
    Volume(usize),
}

/// Something that the patch leaves as it is, or that has a consequence.
///
/// Names and paths are copies from the Pod: any string whatever.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// The Pod asks for `automountServiceAccountToken: true` and loses it.
    AutomountOverruled,
    /// A token for somebody else stands where clients of the API server look.
    ForeignAudience(Subject),
    /// A container has something else mounted at the directory of a token, and keeps it.
    MountTaken {
        /// Name of the container.
        container: String,
        /// The directory.
        directory: String,
        /// What was to be mounted there.
        subject: Subject,
    },
    /// A container has the environment variable already, and keeps it.
    EnvTaken {
        /// Name of the container.
        container: String,
        /// Name of the variable.
        env: String,
        /// Which token's path it was to hold.
        subject: Subject,
    },
    /// The Pod has no default token that could be changed.
    NoDefaultToken,
    /// A Secret that is not known as a token is mounted where the default token belongs.
    OtherSecret {
        /// Name of the volume.
        volume: String,
    },
    /// A token is mounted with `subPath`: the kubelet never refreshes such a file.
    SubPath {
        /// Name of the container.
        container: String,
    },
    /// A list names a container that the Pod lacks.
    UnknownContainer {
        /// The name in the list.
        name: String,
        /// Whose list it is.
        subject: Subject,
        /// Whether the list includes a container of the Pod.
        held: bool,
    },
}
