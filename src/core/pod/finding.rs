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
    /// A container does not get a token, because of something else that it mounts.
    MountTaken {
        /// The name of the container.
        container: &'p str,
        /// The reason.
        obstacle: Obstacle<'p>,
        /// The token that cannot be mounted.
        subject: Subject,
        /// Whether some other container of the Pod gets the token.
        held: bool,
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
    NoDefaultToken {
        /// The name of a volume that is mounted in its place.
        instead: Option<&'p str>,
    },
    /// The Pod projects a token in place of the default token itself, so a container list does not apply to it.
    ListWithoutEffect {
        /// The name of the volume.
        volume: &'p str,
    },
    /// A container list leaves out every container of the Pod.
    NoHolder(Subject),
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

/// What keeps a container from mounting a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle<'p> {
    /// Something is mounted at this path: the directory of the token, or a path inside it at which the token's
    /// volume cannot have a mount point.
    Mount(&'p str),
    /// No mount point can be made inside what is mounted at this path.
    Parent(&'p str),
}
