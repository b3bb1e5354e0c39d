//! A thousand attackers with five addresses, each with random habits, against one honest client.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::attacker::{Attacker, Way};
use super::target::Target;
use crate::Faults;

const ATTACKERS: u32 = 1000;
const ADDRESSES: u32 = 5;

/// The longest time that an attacker keeps to one way, in milliseconds.
const LONGEST: u32 = 8000;

/// Chooses the attackers; printed so that a failure can be repeated.
const SEED: &str = "BOUNDTOKEN_SEED";

pub(crate) async fn a_thousand_random_attackers(faults: Arc<Faults>) {
    let seed = seed();
    println!("{SEED}={seed}");
    let target = Target::start(&faults, "attack-random").await;
    let row = target
        .attacked(faults.size.random_attack, |attack| {
            for number in 0..ATTACKERS {
                let last = u8::try_from(2 + number % ADDRESSES).unwrap();
                let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
                let attacker = Attacker { from, ..target.attacker() };
                attack.spawn(attacker, habits(seed, number));
            }
        })
        .await;
    faults.report(row);
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::try_from(boundtoken::clock::now().unix_timestamp()).unwrap(),
    }
}

/// The choices of one attacker: two ways that it prefers, and now and then any other.
fn habits(seed: u64, number: u32) -> impl FnMut() -> (Way, Option<Duration>) + Send {
    let mut random = Random::new(seed, number);
    let preferred = [random.way(), random.way()];
    move || {
        let way = match random.below(4) {
            0 => random.way(),
            other => preferred[usize::try_from(other % 2).unwrap()],
        };
        (way, Some(Duration::from_millis(random.below(LONGEST).into())))
    }
}

struct Random(TestRng);

impl Random {
    fn new(seed: u64, number: u32) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&number.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.0.next_u32() % limit
    }

    fn way(&mut self) -> Way {
        let index = self.below(u32::try_from(Way::ALL.len()).unwrap());
        Way::ALL[usize::try_from(index).unwrap()]
    }
}
