//! Counts distinct requests in bounded memory, whatever their order and however often each occurs.

use time::OffsetDateTime;

/// Most hashes that are kept. Up to this number a count is exact, unless two hashes are equal, which happens to one of
/// eight thousand counts; above it, the standard error is 3 %.
const MAX_KEPT: usize = 1024;

/// The number of distinct requests: the smallest of their hashes (Bar-Yossef and others, "Counting Distinct Elements
/// in a Data Stream", 2002).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Distinct {
    hashes: Vec<u32>,
    /// Whether there are more than the kept ones.
    is_estimate: bool,
}

impl Distinct {
    /// Adds a request by its `auditID` and its time.
    pub fn add(&mut self, id: &str, time: Option<OffsetDateTime>) {
        let hash = hash(id, time);
        let Err(position) = self.hashes.binary_search(&hash) else { return };
        if position < MAX_KEPT {
            self.hashes.insert(position, hash);
        }
        if self.hashes.len() > MAX_KEPT || position >= MAX_KEPT {
            self.is_estimate = true;
            self.hashes.truncate(MAX_KEPT);
        }
    }

    /// Whether there is no request.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The number of distinct requests.
    pub fn count(&self) -> u64 {
        let kept = self.hashes.len() as u64;
        match self.hashes.last() {
            Some(last) if self.is_estimate => (kept - 1) * u64::from(u32::MAX) / u64::from((*last).max(1)),
            _ => kept,
        }
    }
}

/// A hash that no release of Rust changes: of words of eight bytes, each mixed like the output of `SplitMix64`.
/// `requestReceivedTimestamp` has microseconds.
fn hash(id: &str, time: Option<OffsetDateTime>) -> u32 {
    let (words, rest) = id.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let seconds = time.map_or(0, |time| time.unix_timestamp().cast_unsigned());
    let micros = time.map_or(u64::MAX, |time| u64::from(time.microsecond()));
    let ends = [u64::from_le_bytes(last), id.len() as u64, seconds, micros];
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain(ends);
    let hash = words.fold(0, |hash: u64, word| {
        let mixed = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    });
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(requests: impl Iterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::default();
        requests.for_each(|request| distinct.add(&request.to_string(), None));
        distinct
    }

    #[test]
    fn small_counts_are_exact() {
        for count in [0, 1, 2, 1000, 1023, 1024] {
            assert_eq!(of((0..count).chain(0..count)).count(), u64::from(count));
        }
        assert!(of(0..0).is_empty());
        assert!(of(0..1025).is_estimate);
    }

    #[test]
    fn large_counts_are_near_and_do_not_depend_on_the_order() {
        let forwards = of(0..100_000);
        assert_eq!(forwards, of((0..100_000).rev().chain(5..500)));
        assert!((90_000..110_000).contains(&forwards.count()), "{}", forwards.count());
    }

    #[test]
    fn the_same_id_at_another_time_is_another_request() {
        let mut distinct = Distinct::default();
        distinct.add("a", None);
        distinct.add("a", Some(OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_secs(1)));
        assert_eq!(distinct.count(), 2);
    }

    #[test]
    fn hashes_are_the_same_in_every_release() {
        assert_eq!(hash("a", None), 0xff26_b16a);
    }
}
