//! The requests of one Pod with a stale token, and which of them a late kubelet explains.

use std::collections::{BTreeMap, BTreeSet};

use time::{Duration, OffsetDateTime};

use super::sample::Aged;
use crate::pod::token::Ttl;

/// The age in seconds from which on an extended token is stale: the lifetime that was requested.
pub const STALE_AGE: i64 = Ttl::YEAR_LONG_REQUEST.seconds().cast_signed();

/// Longest excess of a token that a late kubelet explains. The kubelet renews a token of 3607 s after 2886 s; the
/// remaining 721 s, in whole minutes, are the time that it has to retry.
const MAX_LATE: Duration = Duration::minutes(12);

/// Length of the slots in which tokens of a late kubelet are compared.
const SLOT: Duration = Duration::minutes(15);

/// Most such slots that are kept. A Pod that is late more often is slow itself.
const MAX_SLOTS: usize = 64;

/// Two tokens are different if they were issued further apart. The API server caches a token's excess for 10 s.
const SAME_TOKEN: Duration = Duration::minutes(1);

/// Requests with a stale token, summed up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StaleTally {
    /// The request with the oldest token, and among those the one at the greatest uptime.
    pub oldest: Aged,
    /// The same of the requests since the containers started.
    pub oldest_running: Option<Aged>,
    /// The first and the last time at which a token of these was issued.
    issued: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl StaleTally {
    /// One request, with the age of its token.
    pub(super) fn of(request: Aged) -> Self {
        let running = request.uptime.is_some().then(|| request.clone());
        let issued = running.as_ref().and_then(|request| {
            let issued = request.sample.time?.checked_sub(Duration::seconds(request.seconds))?;
            Some((issued, issued))
        });
        Self { oldest: request, oldest_running: running, issued }
    }

    /// Whether at least two different tokens were seen stale without a start of the containers in between, after which
    /// every client reads the file.
    pub fn has_two_tokens(&self) -> bool {
        self.issued.is_some_and(|(first, last)| last - first > SAME_TOKEN)
    }

    fn merge(&mut self, other: &Self) {
        if other.oldest > self.oldest {
            self.oldest = other.oldest.clone();
        }
        if other.oldest_running > self.oldest_running {
            self.oldest_running.clone_from(&other.oldest_running);
        }
        let both = self.issued.zip(other.issued);
        let span = both
            .map(|((first, last), (other_first, other_last))| (first.min(other_first), last.max(other_last)));
        self.issued = span.or(self.issued).or(other.issued);
    }
}

/// The requests of one Pod with a stale token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StaleRequests {
    /// Those that no late kubelet explains.
    long: Option<StaleTally>,
    /// The others.
    short: Option<StaleTally>,
    /// The others by slot; those of the first [`MAX_SLOTS`].
    slots: BTreeMap<i64, StaleTally>,
    has_more_slots: bool,
}

impl StaleRequests {
    pub(super) fn add(&mut self, request: StaleTally) {
        let is_short = request.oldest.seconds - STALE_AGE <= MAX_LATE.whole_seconds();
        let Some(time) = request.oldest.sample.time.filter(|_| is_short) else {
            return merge_into(&mut self.long, &request);
        };
        merge_into(&mut self.short, &request);
        let slot = time.unix_timestamp().div_euclid(SLOT.whole_seconds());
        match self.slots.get_mut(&slot) {
            Some(tally) => tally.merge(&request),
            None => drop(self.slots.insert(slot, request)),
        }
        if self.slots.len() > MAX_SLOTS {
            self.slots.pop_last();
            self.has_more_slots = true;
        }
    }

    /// The oldest token, in seconds.
    pub fn oldest_seconds(&self) -> Option<i64> {
        let tallies = [&self.long, &self.short];
        tallies.into_iter().flatten().map(|tally| tally.oldest.seconds).max()
    }

    /// The slots of the requests that a late kubelet may explain.
    pub(super) fn short_slots(&self) -> impl Iterator<Item = i64> {
        self.slots.keys().copied().filter(|_| !self.has_more_slots)
    }

    /// The request with the oldest token of those that a late kubelet explains.
    pub fn explained(&self, slots: &BTreeSet<i64>) -> Option<&Aged> {
        slots.iter().filter_map(|slot| self.slots.get(slot)).map(|tally| &tally.oldest).max()
    }

    /// The request with the oldest token of those that a late kubelet does not explain in these slots.
    pub fn oldest_unexplained(&self, slots: &BTreeSet<i64>) -> Option<&Aged> {
        let others = self.slots.iter().filter(|(slot, _)| !slots.contains(slot)).map(|(_, tally)| tally);
        let all = self.short.iter().filter(|_| self.has_more_slots);
        self.long.iter().chain(all).chain(others).map(|tally| &tally.oldest).max()
    }

    /// The requests that a late kubelet does not explain in these slots.
    pub fn unexplained(&self, slots: &BTreeSet<i64>) -> Option<StaleTally> {
        let mut all = self.long.clone();
        if self.has_more_slots {
            self.short.iter().for_each(|tally| merge_into(&mut all, tally));
        } else {
            let others = self.slots.iter().filter(|(slot, _)| !slots.contains(slot));
            others.for_each(|(_, tally)| merge_into(&mut all, tally));
        }
        all
    }
}

fn merge_into(sum: &mut Option<StaleTally>, tally: &StaleTally) {
    match sum {
        Some(sum) => sum.merge(tally),
        None => *sum = Some(tally.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    /// A request at an uptime, whose token is that many seconds too old.
    fn request(uptime: i64, excess: i64) -> StaleTally {
        let time = Some(OffsetDateTime::UNIX_EPOCH + Duration::seconds(uptime));
        let sample = Sample { time, id: "a".to_owned() };
        StaleTally::of(Aged { seconds: STALE_AGE + excess, uptime: Some(uptime), sample })
    }

    fn of(requests: &[(i64, i64)]) -> StaleRequests {
        let mut stale = StaleRequests::default();
        for (uptime, excess) in requests {
            stale.add(request(*uptime, *excess));
        }
        stale
    }

    #[test]
    fn tokens_differ_if_they_were_issued_at_different_times() {
        let differ = |requests| of(requests).unexplained(&BTreeSet::new()).unwrap().has_two_tokens();
        assert!(!differ(&[(5000, 1000), (5600, 1600), (5610, 1605)]));
        assert!(differ(&[(5000, 1000), (9000, 1000)]));
    }

    #[test]
    fn tokens_of_earlier_containers_do_not_show_that_one_was_read_again() {
        let mut stale = of(&[(9000, 1000)]);
        let mut earlier = request(5000, 1000);
        earlier = StaleTally::of(Aged { uptime: None, ..earlier.oldest });
        stale.add(earlier);
        assert!(!stale.unexplained(&BTreeSet::new()).unwrap().has_two_tokens());
    }

    #[test]
    fn a_late_kubelet_explains_only_short_excesses_of_its_slots() {
        let stale = of(&[(900, 720), (1800, 721), (2700, 5)]);
        assert_eq!(stale.short_slots().collect::<Vec<_>>(), [1, 3]);
        let oldest = |slots: &[i64]| {
            let unexplained = stale.unexplained(&slots.iter().copied().collect());
            unexplained.map(|tally| tally.oldest.seconds - STALE_AGE)
        };
        assert_eq!(oldest(&[]), Some(721));
        assert_eq!(oldest(&[1, 3]), Some(721));
        assert_eq!(of(&[(900, 720)]).unexplained(&[1].into()), None);
        assert_eq!(
            of(&[(900, 720), (2700, 5)]).unexplained(&[1].into()).map(|tally| tally.oldest.seconds),
            Some(3612)
        );
    }

    #[test]
    fn a_pod_that_is_late_all_the_time_is_not_explained() {
        let requests: Vec<(i64, i64)> = (0..65).map(|slot| (slot * 900, 10)).collect();
        let all: BTreeSet<i64> = (0..65).collect();
        assert!(of(&requests[..64]).unexplained(&all).is_none());
        let stale = of(&requests);
        assert!(stale.unexplained(&all).is_some() && stale.short_slots().next().is_none());
        assert_eq!(stale.slots.len(), MAX_SLOTS);
    }
}
