//! The plan and the adoption of certificates in random histories of a simulated cluster.

use super::simulation::disturb::{Event, events};
use super::simulation::replica::WriteFate;
use super::simulation::{DWELL, Simulation, TICK, wall};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// 100 fixed histories; `PROPTEST_CASES` sets the number of random ones.
fn config() -> ProptestConfig {
    let default =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return default;
    }
    ProptestConfig { cases: 100, rng_seed: RngSeed::Fixed(1), ..default }
}

/// The most writes within any minute.
fn most_per_minute(writes: &[u64]) -> usize {
    writes
        .iter()
        .map(|from| writes.iter().filter(|at| (*from..from + 60).contains(at)).count())
        .max()
        .unwrap_or(0)
}

fn is_settled(simulation: &Simulation) -> bool {
    let (secret, webhooks) = (simulation.secret().unwrap(), simulation.webhooks().unwrap());
    let valid = secret.usable().is_some_and(|serving| webhooks.accepts(serving, wall(simulation.second)));
    // A clock that was ahead makes certificates that webhooks longer, and so do their CAs.
    let remembered =
        secret.retired.is_empty() || secret.retired_until > Some(wall(simulation.second - DWELL));
    let quiet = secret.next_ca.is_none() && !secret.new_key_requested && remembered;
    simulation.all_serve_the_same()
        && webhooks.trusts_exactly(&secret.trusted())
        && webhooks.owned
        && valid
        && quiet
}

/// Asserts that the cluster settles after the last disturbance, and that writes end.
fn settle(simulation: &mut Simulation) {
    simulation.conflict_until = 0;
    simulation.apply_secret();
    simulation.apply_configuration();
    // A key that is asked for while another is on its way is made after it; old CAs go when
    // the last certificate under them has expired, three hours later at most.
    simulation.advance(4 * 3600);
    // At that very moment something may just be renewed.
    let settled = (0..10).any(|_| {
        simulation.advance(TICK);
        is_settled(simulation)
    });
    assert!(settled, "{:?}\n{:?}", simulation.secret(), simulation.webhooks());
    let before = (simulation.secret_writes.len(), simulation.configuration_writes.len());
    simulation.advance(3600);
    let after = (simulation.secret_writes.len(), simulation.configuration_writes.len());
    // A renewal of each kind, a bundle for it, and the end of old CAs.
    let ticks = usize::try_from(2 * DWELL / TICK).unwrap();
    assert!(after.0 - before.0 <= 3 + ticks && after.1 - before.1 <= 2, "{before:?} {after:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_served_certificate_is_trusted(history in events()) {
        let mut simulation = Simulation::new();
        for event in &history {
            simulation.disturb(event);
        }
        prop_assert!(most_per_minute(&simulation.secret_writes) <= 20, "{:?}", simulation.secret_writes);
        settle(&mut simulation);
    }
}

#[test]
fn the_first_replica_creates_the_ca_for_all() {
    let mut simulation = Simulation::new();
    for replica in 0..3 {
        simulation.reconcile(replica, WriteFate::Works);
    }
    assert_eq!(simulation.secret_writes.len(), 1);
    simulation.advance(120);
    assert_eq!((simulation.secret_writes.len(), simulation.configuration_writes.len()), (1, 1));
    assert!(simulation.all_serve_the_same());
}

#[test]
fn a_new_key_waits_to_be_served_and_the_old_one_is_dropped() {
    let mut simulation = Simulation::new();
    simulation.advance(600);
    let first = simulation.secret().unwrap().clone();
    simulation.disturb(&Event::NewKey);
    simulation.advance(DWELL);
    assert_eq!(simulation.secret().unwrap().serving, first.serving);
    simulation.advance(2 * DWELL);
    let second = simulation.secret().unwrap().clone();
    assert_ne!(second.serving, first.serving);
    assert_eq!(second.retired, first.trusted());
    assert_eq!(second.retired_until, first.serving.map(|serving| serving.validity.not_after));
    simulation.advance(3 * 3600 + 3 * DWELL);
    assert!(simulation.secret().unwrap().retired.is_empty());
}

#[test]
fn a_secret_restored_after_expiry_replaces_nothing() {
    // The serving certificate alone, and its CA as well.
    for seconds in [4 * 3600, 13 * 3600] {
        let mut simulation = Simulation::new();
        simulation.advance(600 + seconds);
        simulation.disturb(&Event::RestoreSecret(seconds));
        let restored = simulation.secret().unwrap().serving.clone();
        assert!(!restored.as_ref().unwrap().validity.contains(wall(simulation.second)), "{seconds}");
        // A replica observes it before it is renewed.
        simulation.disturb(&Event::Observe(0, 1000, 1000));
        // Three writes, each observed with a delay.
        simulation.advance(4 * TICK);
        assert_ne!(simulation.secret().unwrap().serving, restored, "{seconds}");
        assert!(simulation.all_serve_the_same(), "{seconds}");
    }
}

#[test]
fn an_expired_secret_without_its_ca_is_replaced_by_what_a_replica_remembers() {
    let mut simulation = Simulation::new();
    simulation.advance(9600);
    simulation.disturb(&Event::NewKey);
    simulation.advance(1800);
    let current = simulation.secret().unwrap().clone();
    simulation.disturb(&Event::RestoreSecret(11_000));
    let restored = simulation.secret().unwrap().serving.clone().unwrap();
    assert!(restored.validity.not_after <= wall(simulation.second));
    simulation.disturb(&Event::LoseCaKey);
    simulation.restart(0);
    simulation.advance(3 * TICK);
    let restored = simulation.secret().unwrap();
    assert_eq!((&restored.serving, &restored.ca), (&current.serving, &current.ca));
    assert!(simulation.all_serve_the_same());
}

#[test]
fn an_external_ca_stays_trusted_while_the_secret_is_absent() {
    let mut simulation = Simulation::new();
    simulation.advance(290);
    simulation.disturb(&Event::ExternalCa);
    simulation.advance(770);
    let external = simulation.secret().unwrap().ca.clone().unwrap();
    // A replica serves under the external CA. The others have not observed its certificate yet.
    assert_eq!(
        simulation.secret().unwrap().serving.as_ref().unwrap().issuer,
        Some(external.public_key.clone())
    );
    simulation.disturb(&Event::DeleteSecret);
    simulation.disturb(&Event::Observe(0, 2, 0));
    simulation.disturb(&Event::WipeBundle);
    simulation.advance(3 * TICK);
    assert!(simulation.webhooks().unwrap().cas().any(|ca| *ca == external));
}

#[test]
fn a_conflicting_writer_is_answered_every_ten_seconds() {
    let mut simulation = Simulation::new();
    simulation.advance(600);
    simulation.configuration_writes.clear();
    simulation.disturb(&Event::Conflict(3600));
    simulation.advance(3600);
    let writes = simulation.configuration_writes.clone();
    assert!(most_per_minute(&writes) <= 4 && (30..=80).contains(&writes.len()), "{writes:?}");
}

#[test]
fn a_replica_with_a_dead_watch_reverts_nothing() {
    let mut simulation = Simulation::new();
    simulation.advance(600);
    simulation.replicas[2].watch_is_dead = true;
    let first = simulation.secret().unwrap().serving.clone();
    simulation.disturb(&Event::NewKey);
    simulation.advance(3600);
    assert_ne!(simulation.secret().unwrap().serving, first);
}
