//! The reasons for a verdict, with the figures that make each one understandable.

use std::fmt;

use time::{Duration, OffsetDateTime};

use super::evidence::coverage::{Hole, ServerHole};
use super::evidence::sample::Sample;
use crate::clock;
use crate::policy::diagnostics::Code;

/// A reason for a verdict, with a request that shows it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Reason {
    /// The reason.
    pub kind: VerdictReason,
    /// A request that shows it, if requests do.
    pub sample: Option<Sample>,
}

/// A reason for a verdict. Ages and uptimes are in seconds.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VerdictReason {
    /// No container holds a token.
    NoToken,
    /// So many requests were refused with 401.
    Denied(u64),
    /// The webhook would change nothing.
    FollowsSettings,
    /// So many Pods are older than the label or the settings.
    Older(usize),
    /// So many Pods are younger, but the webhook was not called for them, or another webhook changed them later.
    Missed(usize),
    /// So many Pods are older or were missed: the time of the settings is not known.
    OlderOrMissed(usize),
    /// The webhook would refuse the Pod, with these codes.
    Refused(Vec<Code>),
    /// A container mounts a token at this path with `subPath`, which the kubelet never refreshes.
    SubPath(String),
    /// A stale token whose age follows the uptime: it is never read again.
    NeverReloads {
        /// The oldest token.
        age: i64,
        /// The uptime at its request.
        uptime: i64,
    },
    /// A stale token of this age, and too short a log to show more.
    StaleUndecided(i64),
    /// Stale tokens whose age levels off.
    ReloadsLate {
        /// The oldest token.
        age: i64,
        /// The shortest lifetime that the client survives.
        min_ttl: i64,
    },
    /// Requests up to this uptime, and none with a stale token.
    Reloads(i64),
    /// Every token is bounded or comes from a Secret, so the webhook shortens none.
    NoYearToken,
    /// No request, although the log would show one.
    NoRequest,
    /// There is no log.
    NoLog,
    /// The log has no reads by service accounts.
    NoReads,
    /// The log covers this time, and silence is evidence only above the other one.
    ShortWindow(Duration, Duration),
    /// The log has so many holes, of which this is the first.
    Holes(usize, Hole),
    /// The logs of single API servers have so many holes, of which this is the first.
    ServerHoles(usize, ServerHole),
    /// So many lines were lost.
    DamagedLog(u64),
    /// The log has the events of so many API servers, and the cluster has more: the second number.
    MissingServers(usize, usize),
    /// Another workload has the same service account, and the log names no Pods.
    SharedAccount,
    /// The last request was at this uptime, which is no more than an hour; `None` if no uptime is known.
    Young(Option<i64>),
    /// No Pod ran while the log was written.
    NotInLog,
    /// Only so many runs of the `CronJob` are in the log.
    FewRuns(usize),
    /// The workload was created at this time, too late for its silence to be evidence.
    NewWorkload(OffsetDateTime),
    /// The oldest of the Pods was created at this time, too late for its silence to be evidence.
    NewPods(OffsetDateTime),
    /// The requests lack their time.
    NoTimes,
    /// The requests after more than an hour lack their annotations.
    NoAnnotations,
    /// A token for this other audience: the log does not show its use.
    OtherAudience(String),
    /// Signs that the token is used with another service.
    UsedElsewhere(Vec<String>),
    /// Requests with a token that is not bound to a Pod, and the Pod holds such a token.
    SecretUsed(u64),
    /// The API server would mark none of the tokens as stale.
    NeverStale,
    /// Only Pods that are gone show it.
    GonePods,
    /// The evidence goes up to this uptime only.
    ShortRecord(i64),
    /// A late kubelet explains tokens of up to this age.
    LateKubelet(i64),
    /// The log would not show requests that are refused with 401.
    RefusalsHidden,
    /// A container has a Secret, and the Secrets with tokens could not be listed.
    SecretsUnread,
    /// The mode `off` excludes the workload.
    Excluded,
}

impl Reason {
    /// A reason that no request shows.
    pub fn new(kind: VerdictReason) -> Self {
        Self { kind, sample: None }
    }

    /// The code, which `boundtoken explain` explains.
    pub fn code(&self) -> Code {
        self.kind.code()
    }

    /// The reason in a sentence without a full stop.
    pub fn text(&self) -> String {
        self.kind.to_string()
    }
}

impl VerdictReason {
    /// The code, which `boundtoken explain` explains.
    pub fn code(&self) -> Code {
        match self {
            Self::NoToken => Code::HoldsNoToken,
            Self::Denied(_) => Code::RequestsRefused,
            Self::FollowsSettings => Code::SettingsFollowed,
            Self::Older(_) => Code::OlderThanSettings,
            Self::Missed(_) => Code::MissedByWebhook,
            Self::OlderOrMissed(_) => Code::OlderOrMissed,
            Self::Refused(_) => Code::WouldBeRefused,
            Self::SubPath(_) => Code::MountsSubPath,
            Self::NeverReloads { .. } => Code::NeverReloads,
            Self::StaleUndecided(_) => Code::StaleUndecided,
            Self::ReloadsLate { .. } => Code::ReloadsLate,
            Self::Reloads(_) => Code::ReloadsInTime,
            Self::NoYearToken => Code::NotExtended,
            Self::NoRequest => Code::NeverUsed,
            Self::NoLog => Code::NoLog,
            Self::NoReads => Code::NoReads,
            Self::ShortWindow(..) => Code::ShortLog,
            Self::Holes(..) => Code::HolesInLog,
            Self::ServerHoles(..) => Code::HolesOfServer,
            Self::DamagedLog(_) => Code::DamagedLog,
            Self::MissingServers(..) => Code::MissingServers,
            Self::SharedAccount => Code::SharedAccount,
            Self::Young(_) => Code::TooYoung,
            Self::NotInLog => Code::NotInLog,
            Self::FewRuns(_) => Code::FewRuns,
            Self::NewWorkload(_) => Code::NewWorkload,
            Self::NewPods(_) => Code::NewPods,
            Self::NoTimes => Code::NoTimes,
            Self::NoAnnotations => Code::NoAnnotations,
            Self::OtherAudience(_) => Code::OtherAudience,
            Self::UsedElsewhere(_) => Code::UsedElsewhere,
            Self::SecretUsed(_) => Code::SecretUsed,
            Self::NeverStale => Code::NeverStale,
            Self::GonePods => Code::PodsGone,
            Self::ShortRecord(_) => Code::ShortRecord,
            Self::LateKubelet(_) => Code::LateKubelet,
            Self::RefusalsHidden => Code::RefusalsHidden,
            Self::SecretsUnread => Code::SecretsUnread,
            Self::Excluded => Code::Excluded,
        }
    }
}

impl fmt::Display for VerdictReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(requests) => {
                write!(formatter, "{} refused with 401", counted(*requests, "request was", "requests were"))
            }
            Self::Older(pods) => {
                write!(formatter, "{} older than the label or the settings", pods_are(*pods))
            }
            Self::Missed(pods) => write!(formatter, "{} not changed by the webhook", pods_were(*pods)),
            Self::OlderOrMissed(pods) => {
                write!(formatter, "{} older than the settings, or missed by the webhook", pods_are(*pods))
            }
            Self::Refused(codes) => {
                write!(
                    formatter,
                    "the webhook would refuse its Pods ({})",
                    joined(codes.iter().map(|code| code.name()))
                )
            }
            Self::SubPath(path) => {
                write!(formatter, "{path} is mounted with subPath, so it is never refreshed")
            }
            Self::NeverReloads { age, uptime } => write!(
                formatter,
                "a token was {} old after {} of uptime: it is never read again",
                spoken(*age),
                spoken(*uptime)
            ),
            Self::StaleUndecided(age) => {
                write!(formatter, "a token was {} old, and the log does not show more", spoken(*age))
            }
            Self::ReloadsLate { age, min_ttl } => write!(
                formatter,
                "the oldest token was {} old, so it reloads in time for a token of {}",
                spoken(*age),
                spoken(*min_ttl)
            ),
            Self::Reloads(uptime) => {
                write!(formatter, "after {} of uptime, no token was too old", spoken(*uptime))
            }
            other => other.fmt_gap(formatter),
        }
    }
}

impl VerdictReason {
    /// A gap in the evidence, with its figures.
    fn fmt_gap(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortWindow(length, needed) => {
                let (length, needed) = (length.whole_seconds(), needed.whole_seconds());
                write!(formatter, "the log covers {}; silence needs {}", spoken(length), spoken(needed))
            }
            Self::Holes(count, hole) => {
                write!(formatter, "the log has {}, the first {}", holes(*count), span(hole))
            }
            Self::ServerHoles(count, ServerHole { server, hole }) => {
                let (holes, span) = (holes(*count), span(hole));
                write!(formatter, "the log has {holes} of one API server, the first of {server:?} {span}")
            }
            Self::DamagedLog(lines) => {
                write!(formatter, "{} lost", counted(*lines, "line of the log was", "lines of the log were"))
            }
            Self::MissingServers(seen, all) => {
                write!(formatter, "the log has the events of {seen} of {all} API servers")
            }
            Self::Young(Some(uptime)) => {
                write!(formatter, "the last request was after {} of uptime", spoken(*uptime))
            }
            Self::FewRuns(runs) => {
                let runs = counted(*runs as u64, "run is", "runs are");
                write!(formatter, "{runs} in the log, and silence needs two")
            }
            Self::NewWorkload(created) => {
                let created = clock::text(*created);
                write!(formatter, "it was created at {created}, too late for its silence to count")
            }
            Self::NewPods(created) => {
                let created = clock::text(*created);
                write!(
                    formatter,
                    "its oldest Pod was created at {created}, too late for its silence to count"
                )
            }
            Self::OtherAudience(audience) => {
                write!(formatter, "a token is for the audience {audience:?}, whose use the log does not show")
            }
            Self::UsedElsewhere(signs) => {
                let signs = joined(signs.iter().map(String::as_str));
                write!(formatter, "the token may be shown to another service: {signs}")
            }
            Self::SecretUsed(requests) => {
                let requests = counted(*requests, "request was sent", "requests were sent");
                write!(formatter, "{requests} without a Pod")
            }
            Self::ShortRecord(uptime) => {
                write!(formatter, "the evidence ends after {} of uptime", spoken(*uptime))
            }
            Self::LateKubelet(age) => {
                write!(formatter, "tokens of up to {} are the fault of a late kubelet", spoken(*age))
            }
            other => formatter.write_str(other.phrase()),
        }
    }

    /// A reason without figures.
    fn phrase(&self) -> &'static str {
        match self {
            Self::NoToken => "no running container holds a token",
            Self::FollowsSettings => "every Pod holds what its settings ask for",
            Self::NoYearToken => "no token is extended to a year",
            Self::NoRequest => "the log has no request of it, and would show one",
            Self::NoReads => "the log has no reads by service accounts",
            Self::SharedAccount => "other workloads use the service account, and the log names no Pods",
            Self::Young(_) => "no request is known to be of more than an hour of uptime",
            Self::NotInLog => "none of its Pods ran in the time of the log",
            Self::NoTimes => "the requests have no time",
            Self::NoAnnotations => "the requests after an hour have no annotations",
            Self::NeverStale => "it holds no token that the API server would mark as old",
            Self::GonePods => "only Pods that are gone show it",
            Self::RefusalsHidden => "the log would not show requests that are refused with 401",
            Self::SecretsUnread => "a container has a Secret, and those with tokens could not be listed",
            Self::Excluded => "its mode is off, so the label of the namespace changes nothing for it",
            _ => "there is no audit log",
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn holes(count: usize) -> String {
    counted(count as u64, "hole", "holes")
}

fn span(Hole { from, to }: &Hole) -> String {
    format!("from {} to {}", clock::text(*from), clock::text(*to))
}

fn pods_are(pods: usize) -> String {
    counted(pods as u64, "Pod is", "Pods are")
}

fn pods_were(pods: usize) -> String {
    counted(pods as u64, "Pod was", "Pods were")
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// A time in seconds as people say it: `26h3m`, `12m`, `7s`.
pub(super) fn spoken(seconds: i64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m"),
        (_, 0) => format!("{hours}h"),
        _ => format!("{hours}h{minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::audit::testing::at;
    use crate::policy::diagnostics::{self, Severity};

    #[test]
    fn figures_are_in_the_text() {
        let hole = Hole { from: at(0), to: at(7200) };
        for (reason, code, text) in [
            (VerdictReason::Denied(1), "BT102", "1 request was refused with 401"),
            (VerdictReason::Older(2), "BT104", "2 Pods are older than the label or the settings"),
            (
                VerdictReason::Refused(vec![Code::Mode, Code::Range]),
                "BT107",
                "the webhook would refuse its Pods (BT001, BT004)",
            ),
            (
                VerdictReason::NeverReloads { age: 93_785, uptime: 93_780 },
                "BT109",
                "a token was 26h3m old after 26h3m of uptime: it is never read again",
            ),
            (VerdictReason::NoLog, "BT120", "there is no audit log"),
            (
                VerdictReason::Holes(1, hole),
                "BT123",
                "the log has 1 hole, the first from 2027-01-15T08:00:00Z to 2027-01-15T10:00:00Z",
            ),
            (
                VerdictReason::ServerHoles(2, ServerHole { server: "a".to_owned(), hole }),
                "BT137",
                "the log has 2 holes of one API server, the first of \"a\" from 2027-01-15T08:00:00Z to \
                 2027-01-15T10:00:00Z",
            ),
            (VerdictReason::FewRuns(1), "BT129", "1 run is in the log, and silence needs two"),
            (VerdictReason::SecretUsed(2), "BT135", "2 requests were sent without a Pod"),
            (VerdictReason::Young(None), "BT127", "no request is known to be of more than an hour of uptime"),
        ] {
            assert_eq!((reason.code().name(), reason.to_string().as_str()), (code, text));
        }
    }

    #[test]
    fn every_reason_has_its_own_code_and_text() {
        let hole = Hole { from: at(0), to: at(7200) };
        let reasons = [
            VerdictReason::NoToken,
            VerdictReason::Denied(1),
            VerdictReason::FollowsSettings,
            VerdictReason::Older(1),
            VerdictReason::Missed(1),
            VerdictReason::OlderOrMissed(1),
            VerdictReason::Refused(vec![Code::Mode]),
            VerdictReason::SubPath("/t".to_owned()),
            VerdictReason::NeverReloads { age: 1, uptime: 1 },
            VerdictReason::StaleUndecided(1),
            VerdictReason::ReloadsLate { age: 1, min_ttl: 1 },
            VerdictReason::Reloads(1),
            VerdictReason::NoYearToken,
            VerdictReason::NoRequest,
            VerdictReason::NoLog,
            VerdictReason::NoReads,
            VerdictReason::ShortWindow(Duration::HOUR, Duration::DAY),
            VerdictReason::Holes(1, hole),
            VerdictReason::ServerHoles(1, ServerHole { server: "a".to_owned(), hole }),
            VerdictReason::DamagedLog(2),
            VerdictReason::MissingServers(1, 3),
            VerdictReason::SharedAccount,
            VerdictReason::Young(Some(1)),
            VerdictReason::NotInLog,
            VerdictReason::FewRuns(1),
            VerdictReason::NewWorkload(at(0)),
            VerdictReason::NewPods(at(0)),
            VerdictReason::NoTimes,
            VerdictReason::NoAnnotations,
            VerdictReason::OtherAudience("vault".to_owned()),
            VerdictReason::UsedElsewhere(vec!["VAULT_ADDR".to_owned()]),
            VerdictReason::SecretUsed(1),
            VerdictReason::NeverStale,
            VerdictReason::GonePods,
            VerdictReason::ShortRecord(1),
            VerdictReason::LateKubelet(1),
            VerdictReason::RefusalsHidden,
            VerdictReason::SecretsUnread,
            VerdictReason::Excluded,
        ];
        let codes: BTreeSet<&str> = reasons.iter().map(|reason| reason.code().name()).collect();
        let known = diagnostics::all().filter(|diagnostic| diagnostic.severity == Severity::Reason);
        assert!(codes.iter().copied().eq(known.map(|diagnostic| diagnostic.name)), "{codes:?}");
        let texts: BTreeSet<String> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!((codes.len(), texts.len()), (reasons.len(), reasons.len()), "{texts:#?}");
    }

    #[test]
    fn times_are_in_the_largest_units() {
        let texts = [0, 59, 60, 3600, 3660, 90_000].map(spoken);
        assert_eq!(texts, ["0s", "59s", "1m", "1h", "1h1m", "25h"]);
    }
}
