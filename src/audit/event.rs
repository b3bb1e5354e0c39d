//! An event of an audit log, reduced to the fields that show who used which token, and when.

use time::OffsetDateTime;

/// Prefix of the user name of a service account, followed by `<namespace>:<name>`
/// (`ServiceAccountUsernamePrefix` in `k8s.io/apiserver/pkg/authentication/serviceaccount/util.go`).
pub const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// An event, borrowed from the log. Text that the log lacks is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AuditEvent<'a> {
    /// `auditID`: the same in each stage of a request. A client may choose it.
    pub id: &'a str,
    /// `requestReceivedTimestamp`: the time at which the API server received the request, and its token was used.
    pub time: Option<OffsetDateTime>,
    /// `stageTimestamp`: the time at which the API server wrote the event. For a long watch, it is much later.
    pub logged: Option<OffsetDateTime>,
    /// `verb`, such as `list`.
    pub verb: &'a str,
    /// `user.username`, which owns the token of the request. It is empty where no token was accepted.
    pub user: &'a str,
    /// The Pod that the token is bound to (`user.extra`). GKE does not log it.
    pub pod: Option<LoggedPod<'a>>,
    /// Last entry of `sourceIPs`: the address from which the request reached the API server.
    pub source_ip: &'a str,
    /// `userAgent`, as the client chose it.
    pub user_agent: &'a str,
    /// HTTP status; `None` before the response.
    pub code: Option<u16>,
    /// Whether the event is of the stage `ResponseStarted`, in which requests without a valid token are logged.
    pub is_start: bool,
    /// Whether the request creates a `TokenReview`.
    pub is_review: bool,
    /// Whether the token was stale.
    pub staleness: Staleness,
    /// The API server that wrote the event: the name of its log stream or Pod, where a cloud provider records it.
    pub server: &'a str,
}

/// A Pod in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoggedPod<'a> {
    /// `authentication.kubernetes.io/pod-name`; empty if it is absent.
    pub name: &'a str,
    /// `authentication.kubernetes.io/pod-uid`.
    pub uid: &'a str,
}

/// The annotation `authentication.k8s.io/stale-token` of an event.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Staleness {
    /// The event lost its annotations, or has none yet.
    #[default]
    Unknown,
    /// The event has annotations, but not this one.
    Fresh,
    /// The token was used this many seconds after the moment at which its holder had to read the next one.
    Stale(u64),
}

impl AuditEvent<'_> {
    /// The namespace and the name of the service account, if the user is one.
    pub fn account(&self) -> Option<(&str, &str)> {
        self.user.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')
    }

    /// Whether the request reads: audit logs of some providers leave these out.
    pub fn is_read(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    /// Whether the API server accepted no token of the request.
    pub fn is_denied(&self) -> bool {
        self.code == Some(401) && self.user.is_empty()
    }
}

impl Staleness {
    /// Parses the value of the annotation; `None` is an event that has other annotations only.
    ///
    /// The value is `subject: <user>, seconds after warning threshold: <seconds>` (`pkg/serviceaccount/claims.go`).
    /// The EKS documentation prints it with a full stop. A value about another user is not evidence.
    pub fn parse(value: Option<&str>, user: &str) -> Self {
        let Some(value) = value else { return Self::Fresh };
        let subject = value.strip_prefix("subject: ").and_then(|rest| rest.split_once(','));
        let Some((subject, rest)) = subject else { return Self::Unknown };
        let rest = rest.trim_end_matches(|character: char| !character.is_ascii_digit());
        let digits = rest.rsplit(|character: char| !character.is_ascii_digit()).next();
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(seconds) if subject.trim() == user => Self::Stale(seconds),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "system:serviceaccount:shop:web";

    #[test]
    fn the_seconds_of_a_stale_token_are_read() {
        for (end, expected) in [
            ("3594", Staleness::Stale(3594)),
            ("3594.", Staleness::Stale(3594)),
            ("0", Staleness::Stale(0)),
            ("", Staleness::Unknown),
            ("99999999999999999999", Staleness::Unknown),
        ] {
            let value = format!("subject: {USER}, seconds after warning threshold: {end}");
            assert_eq!(Staleness::parse(Some(&value), USER), expected, "{value}");
        }
        assert_eq!(Staleness::parse(None, USER), Staleness::Fresh);
        assert_eq!(Staleness::parse(Some("3594"), USER), Staleness::Unknown);
    }

    #[test]
    fn an_annotation_about_another_user_is_no_evidence() {
        let value = "subject: system:serviceaccount:shop:other, seconds after warning threshold: 7";
        assert_eq!(Staleness::parse(Some(value), USER), Staleness::Unknown);
    }

    #[test]
    fn only_service_accounts_have_an_account() {
        let event = |user| AuditEvent { user, ..AuditEvent::default() };
        assert_eq!(event(USER).account(), Some(("shop", "web")));
        for user in ["", "admin", "system:node:a", "system:serviceaccount:shop"] {
            assert_eq!(event(user).account(), None, "{user}");
        }
    }
}
