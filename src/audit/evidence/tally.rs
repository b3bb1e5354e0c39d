//! The requests of one Pod, summed up.
//!
//! A tally depends neither on the order of the events nor on how often each occurs: a request has one event per stage,
//! and log files overlap. Its size is bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use time::OffsetDateTime;

use super::distinct::Distinct;
use crate::audit::event::{AuditEvent, Staleness};
use crate::pod::text::start;
use crate::pod::token::Ttl;

/// The age at which the kubelet renews a token of 3607 s: 80 % of that (`requiresRefresh` in
/// `pkg/kubelet/token/token_manager.go`).
pub const RENEWAL: Duration = Duration::from_secs(2886);

/// Longest excess of a token that a late kubelet explains: as long as it has for a renewal, 3607 s less [`RENEWAL`],
/// in whole minutes.
pub const MAX_LATE: Duration = Duration::from_mins(12);

/// Length of the slots in which tokens of a late kubelet are compared.
const LATE_SLOT: Duration = Duration::from_mins(15);

/// Most such slots that are kept. A Pod that fills them does not wait for a late kubelet.
const MAX_LATE_SLOTS: usize = 8;

/// Most user agents that are kept: the first ones in the order of their bytes.
pub const MAX_USER_AGENTS: usize = 5;

/// Longest user agent that is kept, in bytes.
const MAX_USER_AGENT: usize = 256;

/// Two tokens are different if they were issued further apart. The API server caches a token's excess for 10 s.
const SAME_TOKEN: Duration = Duration::from_mins(1);

/// The requests of one Pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Requests since the containers with the token started, or without a time.
    pub requests: Distinct,
    /// Whether the Pod sent requests before that.
    pub has_earlier: bool,
    /// First and last time of those in `requests`.
    pub span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// User agents, of at most 256 bytes.
    pub user_agents: BTreeSet<String>,
    /// The request at the greatest uptime.
    pub longest: Option<Aged>,
    /// The request at the greatest uptime that shows that its token was not stale.
    pub longest_fresh: Option<Aged>,
    /// Requests with a stale token.
    pub stale: Option<StaleTally>,
    /// Requests that were refused with 401.
    pub denied: Distinct,
    /// The `auditID` of one of these.
    pub denied_id: Option<String>,
}

/// A request at an age. They are ordered by age.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Aged {
    /// Age of the token or uptime of the containers, in seconds.
    pub seconds: i64,
    /// Uptime of the containers, in seconds; `None` if their start is not known.
    pub uptime: Option<i64>,
    /// `auditID`.
    pub id: String,
}

/// The requests of one Pod with a stale token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StaleTally {
    /// The request with the oldest token, and among those the one at the greatest uptime.
    pub oldest: Aged,
    /// The first and the last time at which a token that was seen stale was issued.
    pub issued: Option<(OffsetDateTime, OffsetDateTime)>,
    /// The slots of the requests whose excess is at most [`MAX_LATE`].
    pub(super) late_slots: BTreeSet<i64>,
}

impl Tally {
    /// Adds a request of the Pod, whose containers with the token started at `started`.
    pub fn add(&mut self, event: &AuditEvent<'_>, started: Option<OffsetDateTime>) {
        let uptime = event.time.zip(started).map(|(time, started)| (time - started).whole_seconds());
        if uptime.is_some_and(|uptime| uptime < 0) {
            self.has_earlier = true;
            return;
        }
        self.requests.add(&(event.id, event.time));
        self.add_user_agent(event.user_agent);
        if let Some(time) = event.time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
        if let Some(seconds) = uptime {
            let aged = Aged { seconds, uptime, id: event.id.to_owned() };
            if event.staleness == Staleness::Fresh || event.staleness == Staleness::Stale(0) {
                keep_greatest(&mut self.longest_fresh, aged.clone());
            }
            keep_greatest(&mut self.longest, aged);
        }
        if let Staleness::Stale(excess @ 1..) = event.staleness {
            self.add_stale(event, i64::try_from(excess).unwrap_or(i64::MAX / 2), uptime);
        }
    }

    /// Adds a request that was refused with 401.
    pub fn deny(&mut self, event: &AuditEvent<'_>) {
        self.denied.add(&(event.id, event.time));
        if self.denied_id.as_deref().is_none_or(|id| event.id < id) {
            self.denied_id = Some(event.id.to_owned());
        }
    }

    /// The slots in which the Pod was stale, if a late kubelet can explain every stale request: each excess is short,
    /// and the Pod was stale at few renewals. A client that is slow itself is stale at each.
    pub(super) fn explainable_slots(&self) -> Option<&BTreeSet<i64>> {
        let (stale, (first, last)) = (self.stale.as_ref()?, self.span?);
        let excess = stale.oldest.seconds - Ttl::YEAR_LONG_REQUEST.seconds().cast_signed();
        let renewals = (last - first).whole_seconds() / RENEWAL.as_secs().cast_signed();
        let slots = stale.late_slots.len();
        let is_rare = slots < MAX_LATE_SLOTS && 4 * i64::try_from(slots).unwrap_or(i64::MAX) <= renewals;
        (excess <= MAX_LATE.as_secs().cast_signed() && is_rare).then_some(&stale.late_slots)
    }

    fn add_stale(&mut self, event: &AuditEvent<'_>, excess: i64, uptime: Option<i64>) {
        let seconds = excess.saturating_add(Ttl::YEAR_LONG_REQUEST.seconds().cast_signed());
        let oldest = Aged { seconds, uptime, id: event.id.to_owned() };
        let stale = self.stale.get_or_insert_with(|| StaleTally {
            oldest: oldest.clone(),
            issued: None,
            late_slots: BTreeSet::new(),
        });
        stale.oldest = oldest.max(stale.oldest.clone());
        let Some(time) = event.time else { return };
        if let Some(issued) = time.checked_sub(time::Duration::seconds(seconds)) {
            let (first, last) = stale.issued.unwrap_or((issued, issued));
            stale.issued = Some((first.min(issued), last.max(issued)));
        }
        if excess <= MAX_LATE.as_secs().cast_signed() {
            stale.late_slots.insert(time.unix_timestamp().div_euclid(LATE_SLOT.as_secs().cast_signed()));
            if stale.late_slots.len() > MAX_LATE_SLOTS {
                stale.late_slots.pop_last();
            }
        }
    }

    fn add_user_agent(&mut self, user_agent: &str) {
        let user_agent = start(user_agent, MAX_USER_AGENT);
        if user_agent.is_empty() || self.user_agents.contains(user_agent) {
            return;
        }
        self.user_agents.insert(user_agent.to_owned());
        if self.user_agents.len() > MAX_USER_AGENTS {
            self.user_agents.pop_last();
        }
    }
}

impl StaleTally {
    /// Whether at least two different tokens were seen stale.
    pub fn has_two_tokens(&self) -> bool {
        self.issued.is_some_and(|(first, last)| last - first > SAME_TOKEN)
    }
}

fn keep_greatest(greatest: &mut Option<Aged>, aged: Aged) {
    if greatest.as_ref().is_none_or(|greatest| *greatest < aged) {
        *greatest = Some(aged);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn started() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn event(id: &str, uptime: i64, staleness: Staleness) -> AuditEvent<'_> {
        let time = Some(started() + time::Duration::seconds(uptime));
        AuditEvent { id, time, staleness, user_agent: "app/1", ..AuditEvent::default() }
    }

    fn tally<'a>(events: impl IntoIterator<Item = AuditEvent<'a>>) -> Tally {
        let mut tally = Tally::default();
        events.into_iter().for_each(|event| tally.add(&event, Some(started())));
        tally
    }

    #[test]
    fn the_stages_of_a_request_count_once() {
        let fresh = event("a", 10, Staleness::Fresh);
        assert_eq!(tally([fresh, fresh, event("a", 20, Staleness::Fresh)]).requests.count(), 2);
    }

    #[test]
    fn requests_before_the_start_are_kept_apart() {
        let tally = tally([event("a", -1, Staleness::Stale(9999))]);
        assert!(tally.has_earlier && tally.requests.is_empty() && tally.stale.is_none());
    }

    #[test]
    fn the_oldest_token_is_kept_with_its_greatest_uptime() {
        let events = [(5000, 100), (9000, 100), (20_000, 40)];
        let events = events.map(|(uptime, excess)| event("a", uptime, Staleness::Stale(excess)));
        let oldest = tally(events).stale.map(|stale| (stale.oldest.seconds, stale.oldest.uptime));
        assert_eq!(oldest, Some((3707, Some(9000))));
    }

    #[test]
    fn an_excess_of_zero_is_fresh() {
        let tally = tally([event("a", 4000, Staleness::Stale(0))]);
        assert!(tally.stale.is_none() && tally.longest_fresh.is_some());
    }

    #[test]
    fn tokens_differ_if_they_were_issued_at_different_times() {
        let stale = |events: &[(i64, u64)]| {
            let events = events.iter().map(|(uptime, excess)| event("a", *uptime, Staleness::Stale(*excess)));
            tally(events).stale.unwrap().has_two_tokens()
        };
        assert!(!stale(&[(5000, 100), (5600, 700), (5610, 705)]));
        assert!(stale(&[(5000, 100), (9000, 100)]));
    }

    #[test]
    fn few_late_renewals_are_explainable() {
        let late = |slots: i64, excess: u64, span: i64| {
            let events = (0..slots).map(|slot| event("a", 4000 + slot * 900, Staleness::Stale(excess)));
            let ends = [0, span].map(|uptime| event("b", uptime, Staleness::Fresh));
            tally(events.chain(ends)).explainable_slots().is_some()
        };
        assert!(late(1, 720, 4 * 2886));
        assert!(!late(1, 721, 4 * 2886), "the excess is too long");
        assert!(!late(1, 720, 4 * 2886 - 1), "the Pod was seen for too short a time");
        assert!(!late(2, 720, 4 * 2886), "stale at every other renewal");
        assert!(!late(8, 1, 1_000_000), "too many times");
    }

    #[test]
    fn the_size_is_bounded() {
        let agents: Vec<String> = (0..100).map(|number| format!("{number}{}", "é".repeat(1000))).collect();
        let events = agents.iter().zip(0..).map(|(user_agent, number)| AuditEvent {
            user_agent,
            ..event("a", 5000 + number * 900, Staleness::Stale(1))
        });
        let tally = tally(events);
        assert_eq!((tally.user_agents.len(), tally.stale.unwrap().late_slots.len()), (5, 8));
        assert!(tally.user_agents.iter().all(|agent| agent.len() <= MAX_USER_AGENT));
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(
            events in proptest::collection::vec((0_u8..20, -100_i64..90_000, 0_u64..5000, 0..3_usize), 1..60),
            turn in 0..60_usize,
        ) {
            let ids: Vec<String> = events.iter().map(|(id, ..)| id.to_string()).collect();
            let events: Vec<AuditEvent<'_>> = events.iter().zip(&ids).map(|((_, uptime, excess, kind), id)| {
                let staleness = [Staleness::Unknown, Staleness::Fresh, Staleness::Stale(*excess)][*kind];
                AuditEvent { user_agent: id, ..event(id, *uptime, staleness) }
            }).collect();
            let mut other = events.clone();
            let length = other.len();
            other.rotate_left(turn % length);
            other.reverse();
            other.extend_from_within(..length / 2);
            prop_assert_eq!(tally(events), tally(other));
        }
    }
}
