//! The size of the test run: short for continuous integration, or a soak test.

use std::time::Duration;

use crate::traffic::Rate;

/// The size of a test run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rate: Rate,
    /// The number of rolling restarts of two replicas.
    pub(crate) restarts: usize,
    /// Seconds between two bursts, and how many before the second burst replicas get SIGTERM.
    pub(crate) gaps: &'static [(u64, u64)],
    /// The number of installs whose certificates are renewed concurrently; below, the least number of
    /// renewals in each.
    pub(crate) rotating: usize,
    pub(crate) serving_certificates: usize,
    pub(crate) authorities: usize,
    /// The number of forced new keys.
    pub(crate) keys: usize,
    /// The number of tests with a lagging API server.
    pub(crate) lagging: usize,
    pub(crate) damage: Damage,
    /// The time for which each attack goes on, and that of random attackers.
    pub(crate) attack: Duration,
    pub(crate) random_attack: Duration,
}

/// The size of the tests of damaged certificates, many of which run concurrently.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage {
    /// The maximum number of concurrent installs.
    pub(crate) max_installs: usize,
    pub(crate) rate: Rate,
    /// The time for which Pods are created after the damage.
    pub(crate) after: Duration,
    /// The time for which another writer overwrites the `caBundle`.
    pub(crate) conflict: Duration,
    /// The number of simultaneous starts of twenty replicas.
    pub(crate) mass_starts: usize,
}

/// Takes eight minutes.
const SHORT: Size = Size {
    rate: Rate { pause: Duration::from_millis(400), burst_pause: Duration::from_secs(10), burst: 40 },
    restarts: 5,
    gaps: &[(30, 1), (45, 44), (60, 30), (75, 15), (85, 84), (89, 88)],
    rotating: 1,
    serving_certificates: 4,
    authorities: 2,
    keys: 2,
    lagging: 1,
    damage: Damage {
        max_installs: 5,
        rate: Rate { pause: Duration::from_millis(400), burst_pause: Duration::from_secs(5), burst: 20 },
        after: Duration::from_secs(10),
        conflict: Duration::from_secs(20),
        mass_starts: 1,
    },
    attack: Duration::from_secs(5),
    random_attack: Duration::from_secs(15),
};

/// Takes half an hour on two cores, with `BOUNDTOKEN_SOAK=1`. Over all installs: 600 restarted replicas, 180
/// serving certificates, 60 CAs, 30 new keys.
const SOAK: Size = Size {
    rate: Rate { pause: Duration::from_millis(250), burst_pause: Duration::from_secs(20), burst: 60 },
    restarts: 100,
    gaps: &ALL_GAPS,
    rotating: 3,
    serving_certificates: 60,
    authorities: 20,
    keys: 30,
    lagging: 3,
    damage: Damage {
        max_installs: 3,
        rate: Rate { pause: Duration::from_millis(200), burst_pause: Duration::from_secs(10), burst: 40 },
        after: Duration::from_secs(30),
        conflict: Duration::from_mins(1),
        mass_starts: 5,
    },
    attack: Duration::from_mins(1),
    random_attack: Duration::from_mins(10),
};

impl Size {
    /// The size that the environment chooses.
    pub(crate) fn chosen() -> Self {
        if std::env::var_os("BOUNDTOKEN_SOAK").is_some() { SOAK } else { SHORT }
    }
}

/// Gaps from 30 to 89 seconds, each with another time of the signal.
const ALL_GAPS: [(u64, u64); 60] = {
    let mut gaps = [(0, 0); 60];
    let mut next = 0;
    while next < 60 {
        let gap = 30 + next as u64;
        gaps[next] = (gap, 1 + (next as u64 * 37) % (gap - 1));
        next += 1;
    }
    gaps
};
