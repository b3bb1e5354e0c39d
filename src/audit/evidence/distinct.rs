//! Counts distinct values in bounded memory, whatever their order and however often each occurs.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Most hashes that are kept. Up to this number a count is exact; above it, the standard error is 3 %.
const MAX_KEPT: usize = 1024;

/// The number of distinct values: the smallest of their hashes (Bar-Yossef and others, "Counting Distinct Elements
/// in a Data Stream", 2002).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Distinct(Vec<u64>);

impl Distinct {
    /// Adds a value.
    pub fn add(&mut self, value: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        let hash = hasher.finish();
        let is_full = self.0.len() >= MAX_KEPT;
        if is_full && self.0.last().is_some_and(|last| *last <= hash) {
            return;
        }
        if let Err(position) = self.0.binary_search(&hash) {
            if is_full {
                self.0.pop();
            }
            self.0.insert(position, hash);
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of distinct values.
    pub fn count(&self) -> u64 {
        match self.0.last() {
            Some(last) if self.0.len() == MAX_KEPT => {
                let kept = self.0.len() as u128 - 1;
                u64::try_from(kept * u128::from(u64::MAX) / u128::from((*last).max(1))).unwrap_or(u64::MAX)
            }
            _ => self.0.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::default();
        values.for_each(|value| distinct.add(&value));
        distinct
    }

    #[test]
    fn small_counts_are_exact() {
        for count in [0, 1, 2, 1000, 1023] {
            assert_eq!(of((0..count).chain(0..count)).count(), u64::from(count));
        }
        assert!(of(0..0).is_empty());
    }

    #[test]
    fn large_counts_are_near_and_do_not_depend_on_the_order() {
        let forwards = of(0..100_000);
        assert_eq!(forwards, of((0..100_000).rev().chain(5..500)));
        assert!((90_000..110_000).contains(&forwards.count()), "{}", forwards.count());
    }
}
