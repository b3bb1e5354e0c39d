//! The plan of the certificates, walked through histories of a whole cluster.

use super::world::disturb::{Event, events};
use super::world::replica::Fate;
use super::world::{DWELL, TICK, World, wall};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same 100 histories each time; `PROPTEST_CASES` walks so many others.
fn config() -> ProptestConfig {
    let default =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return default;
    }
    ProptestConfig { cases: 100, rng_seed: RngSeed::Fixed(1), ..default }
}

/// Writes per minute, the most of any minute.
fn most_per_minute(writes: &[u64]) -> usize {
    writes
        .iter()
        .map(|from| writes.iter().filter(|at| (*from..from + 60).contains(at)).count())
        .max()
        .unwrap_or(0)
}

fn is_settled(world: &World) -> bool {
    let (held, live) = (world.held().unwrap(), world.live().unwrap());
    let valid = held.usable().is_some_and(|serving| live.accepts(serving, wall(world.second)));
    // A clock that was ahead makes certificates that live longer, and so do their authorities.
    let remembered = held.retired.is_empty() || held.retired_until > Some(wall(world.second - DWELL));
    let quiet = held.next_ca.is_none() && !held.new_key_requested && remembered;
    world.all_serve_the_same() && live.trusts_exactly(&held.trusted()) && live.owned && valid && quiet
}

/// After the last disturbance everything settles, and nothing is written any more.
fn settle(world: &mut World) {
    world.fight_until = 0;
    world.apply_secret();
    world.apply_configuration();
    // A key that is asked for while another is on its way is made after it; old authorities go when
    // the last certificate under them has expired, three hours later at most.
    world.advance(4 * 3600);
    // At that very moment something may just be renewed.
    let settled = (0..10).any(|_| {
        world.advance(TICK);
        is_settled(world)
    });
    assert!(settled, "{:?}\n{:?}", world.held(), world.live());
    let before = (world.secret_writes.len(), world.configuration_writes.len());
    world.advance(3600);
    let after = (world.secret_writes.len(), world.configuration_writes.len());
    // A renewal of each kind, a bundle for it, and the end of old authorities.
    let ticks = usize::try_from(2 * DWELL / TICK).unwrap();
    assert!(after.0 - before.0 <= 3 + ticks && after.1 - before.1 <= 2, "{before:?} {after:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_served_certificate_is_trusted(history in events()) {
        let mut world = World::new();
        for event in &history {
            world.happen(event);
        }
        prop_assert!(most_per_minute(&world.secret_writes) <= 20, "{:?}", world.secret_writes);
        settle(&mut world);
    }
}

#[test]
fn the_first_replica_creates_the_ca_for_all() {
    let mut world = World::new();
    for replica in 0..3 {
        world.pass(replica, Fate::Works);
    }
    assert_eq!(world.secret_writes.len(), 1);
    world.advance(120);
    assert_eq!((world.secret_writes.len(), world.configuration_writes.len()), (1, 1));
    assert!(world.all_serve_the_same());
}

#[test]
fn a_new_key_waits_to_be_served_and_the_old_one_is_dropped() {
    let mut world = World::new();
    world.advance(600);
    let first = world.held().unwrap().clone();
    world.happen(&Event::NewKey);
    world.advance(DWELL);
    assert_eq!(world.held().unwrap().serving, first.serving);
    world.advance(2 * DWELL);
    let second = world.held().unwrap().clone();
    assert_ne!(second.serving, first.serving);
    assert_eq!(second.retired, first.trusted());
    assert_eq!(second.retired_until, first.serving.map(|serving| serving.validity.not_after));
    world.advance(3 * 3600 + 3 * DWELL);
    assert!(world.held().unwrap().retired.is_empty());
}

#[test]
fn a_secret_restored_after_expiry_replaces_nothing() {
    // The serving certificate alone, and its authority as well.
    for seconds in [4 * 3600, 13 * 3600] {
        let mut world = World::new();
        world.advance(600 + seconds);
        world.happen(&Event::RestoreSecret(seconds));
        let restored = world.held().unwrap().serving.clone();
        assert!(!restored.as_ref().unwrap().validity.contains(wall(world.second)), "{seconds}");
        // A replica sees it before anybody has renewed it.
        world.happen(&Event::See(0, 1000, 1000));
        // Three writes, each of which is seen late.
        world.advance(4 * TICK);
        assert_ne!(world.held().unwrap().serving, restored, "{seconds}");
        assert!(world.all_serve_the_same(), "{seconds}");
    }
}

#[test]
fn a_conflicting_writer_is_answered_every_ten_seconds() {
    let mut world = World::new();
    world.advance(600);
    world.configuration_writes.clear();
    world.happen(&Event::Fight(3600));
    world.advance(3600);
    let writes = world.configuration_writes.clone();
    assert!(most_per_minute(&writes) <= 4 && (30..=80).contains(&writes.len()), "{writes:?}");
}

#[test]
fn a_replica_with_a_dead_watch_reverts_nothing() {
    let mut world = World::new();
    world.advance(600);
    world.replicas[2].blind = true;
    let first = world.held().unwrap().serving.clone();
    world.happen(&Event::NewKey);
    world.advance(3600);
    assert_ne!(world.held().unwrap().serving, first);
}
