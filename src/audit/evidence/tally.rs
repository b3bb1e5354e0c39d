//! The requests of one Pod, summed up.
//!
//! A tally depends neither on the order of the events nor on how often each occurs: a request has one event per stage,
//! and log files overlap. Its size is bounded.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::distinct::Distinct;
use super::sample::{Aged, Sample, Seen};
use super::stale::{STALE_AGE, StaleRequests, StaleTally};
use crate::audit::event::{AuditEvent, Staleness};
use crate::pod::text::start;

/// Most user agents that are kept: the first ones in the order of their bytes.
pub const MAX_USER_AGENTS: usize = 5;

/// Longest user agent that is kept, in bytes.
const MAX_USER_AGENT: usize = 256;

/// A token can be older than its Pod by this: clocks of API servers differ, and the cache of tokens delays the excess.
const CLOCK_SKEW: Duration = Duration::minutes(1);

/// The requests of one Pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Requests.
    pub requests: Distinct,
    /// First and last time of these.
    pub span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// User agents, of at most 256 bytes.
    pub user_agents: BTreeSet<String>,
    /// The first request.
    pub first: Option<Sample>,
    /// Whether a request has no time.
    pub has_untimed: bool,
    /// The request at the greatest uptime.
    pub longest: Option<Aged>,
    /// The request at the greatest uptime that shows that its token was not stale.
    pub longest_fresh: Option<Aged>,
    /// Requests with a stale token.
    pub stale: StaleRequests,
    /// Requests that were refused with 401.
    pub denied: Distinct,
    /// The first of these.
    pub first_denied: Option<Sample>,
}

/// The origin of a Pod's tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenOrigin {
    /// The creation of the Pod: none of its tokens is older.
    pub created: OffsetDateTime,
    /// The latest start of the containers that hold a token.
    pub started: Option<OffsetDateTime>,
}

impl TokenOrigin {
    /// The uptime in seconds at a request with a token of that age; `None` before the containers started, and for a
    /// token that is older than the Pod, which another Pod sent.
    fn uptime(self, time: OffsetDateTime, age: Option<i64>) -> Option<i64> {
        let uptime = (time - self.started?).whole_seconds();
        let is_older = age.is_some_and(|age| Duration::seconds(age) > time - self.created + CLOCK_SKEW);
        (uptime >= 0 && !is_older).then_some(uptime)
    }
}

impl Tally {
    /// Adds a request of the Pod, or of one of several Pods; `origin` is that of the youngest.
    pub fn add(&mut self, event: &AuditEvent<'_>, origin: Option<TokenOrigin>) {
        let excess = match event.staleness {
            Staleness::Stale(excess @ 1..) => Some(i64::try_from(excess).unwrap_or(i64::MAX / 2)),
            _ => None,
        };
        let age = excess.map(|excess| excess.saturating_add(STALE_AGE));
        let uptime = event.time.zip(origin).and_then(|(time, origin)| origin.uptime(time, age));
        let seen = Seen::of(event);
        self.add_use(event, seen);
        if let Some(uptime) = uptime {
            if matches!(event.staleness, Staleness::Fresh | Staleness::Stale(0)) {
                keep_longest(&mut self.longest_fresh, uptime, seen);
            }
            keep_longest(&mut self.longest, uptime, seen);
        }
        if let Some(seconds) = age {
            self.stale.add(StaleTally::of(Aged { seconds, uptime, sample: seen.kept() }));
        }
    }

    /// Adds a request that was refused with 401.
    pub fn deny(&mut self, event: &AuditEvent<'_>) {
        self.denied.add(event.id, event.time);
        keep_first(&mut self.first_denied, Seen::of(event));
    }

    fn add_use(&mut self, event: &AuditEvent<'_>, seen: Seen<'_>) {
        self.requests.add(event.id, event.time);
        self.add_user_agent(event.user_agent);
        keep_first(&mut self.first, seen);
        match event.time {
            Some(time) => {
                let (first, last) = self.span.unwrap_or((time, time));
                self.span = Some((first.min(time), last.max(time)));
            }
            None => self.has_untimed = true,
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

/// Keeps the request at the greatest uptime. In a log in order that is each one, so its memory is used again.
fn keep_longest(longest: &mut Option<Aged>, seconds: i64, seen: Seen<'_>) {
    let uptime = Some(seconds);
    match longest {
        Some(known) if (known.seconds, known.sample.seen()) >= (seconds, seen) => {}
        Some(known) => {
            (known.seconds, known.uptime, known.sample.time) = (seconds, uptime, seen.time);
            seen.id.clone_into(&mut known.sample.id);
        }
        None => *longest = Some(Aged { seconds, uptime, sample: seen.kept() }),
    }
}

fn keep_first(first: &mut Option<Sample>, seen: Seen<'_>) {
    if first.as_ref().is_none_or(|first| seen < first.seen()) {
        *first = Some(seen.kept());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::MAX_ID;
    use super::*;

    fn started() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::hours(500_000)
    }

    fn event(id: &str, uptime: i64, staleness: Staleness) -> AuditEvent<'_> {
        let time = Some(started() + Duration::seconds(uptime));
        AuditEvent { id, time, staleness, user_agent: "app/1", ..AuditEvent::default() }
    }

    /// The tally of a Pod that was created 1000 s before its containers started.
    fn tally<'a>(events: impl IntoIterator<Item = AuditEvent<'a>>) -> Tally {
        let mut tally = Tally::default();
        let origin = TokenOrigin { created: started() - Duration::seconds(1000), started: Some(started()) };
        events.into_iter().for_each(|event| tally.add(&event, Some(origin)));
        tally
    }

    fn stale(tally: &Tally) -> StaleTally {
        tally.stale.unexplained(&BTreeSet::new()).unwrap()
    }

    #[test]
    fn the_stages_of_a_request_count_once() {
        let fresh = event("a", 10, Staleness::Fresh);
        assert_eq!(tally([fresh, fresh, event("a", 20, Staleness::Fresh)]).requests.count(), 2);
    }

    #[test]
    fn requests_before_the_start_count_without_an_uptime() {
        let tally = tally([event("a", -1, Staleness::Stale(9999)), event("b", -5, Staleness::Fresh)]);
        assert_eq!((tally.requests.count(), tally.longest.is_some()), (2, false));
        assert_eq!((stale(&tally).oldest.seconds, stale(&tally).oldest_running), (13_606, None));
    }

    #[test]
    fn a_token_that_is_older_than_the_pod_shows_nothing_about_its_uptime() {
        let uptime = |excess| stale(&tally([event("a", 5000, Staleness::Stale(excess))])).oldest.uptime;
        assert_eq!(uptime(6000 + 60 - 3607), Some(5000));
        assert_eq!(uptime(6000 + 61 - 3607), None);
    }

    #[test]
    fn the_oldest_token_is_kept_with_its_greatest_uptime() {
        let events = [(5000, 100), (9000, 100), (20_000, 40)];
        let events = events.map(|(uptime, excess)| event("a", uptime, Staleness::Stale(excess)));
        let oldest = stale(&tally(events)).oldest;
        assert_eq!((oldest.seconds, oldest.uptime), (3707, Some(9000)));
    }

    #[test]
    fn an_excess_of_zero_is_fresh() {
        let tally = tally([event("a", 4000, Staleness::Stale(0))]);
        assert!(tally.stale.unexplained(&BTreeSet::new()).is_none() && tally.longest_fresh.is_some());
    }

    #[test]
    fn the_first_request_is_the_sample() {
        let tally = tally([event("b", 9, Staleness::Fresh), event("a", 10, Staleness::Fresh)]);
        assert_eq!(tally.first.unwrap().id, "b");
    }

    #[test]
    fn the_size_is_bounded() {
        let texts: Vec<String> = (0..100).map(|number| format!("{number}{}", "é".repeat(1000))).collect();
        let events = texts.iter().zip(0..).map(|(text, number)| AuditEvent {
            user_agent: text,
            ..event(text, 5000 + number * 900, Staleness::Stale(1))
        });
        let tally = tally(events);
        assert_eq!(tally.user_agents.len(), 5);
        assert!(tally.user_agents.iter().all(|agent| agent.len() <= MAX_USER_AGENT));
        assert!(tally.first.unwrap().id.len() <= MAX_ID);
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
