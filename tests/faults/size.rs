//! How much is done: as much as continuous integration has time for, or all of it.

use std::time::Duration;

use crate::traffic::Rate;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rate: Rate,
    /// Rolling restarts, of two replicas each.
    pub(crate) restarts: usize,
    /// Seconds between two bursts, and how long before the second one replicas get their signal.
    pub(crate) gaps: &'static [(u64, u64)],
    /// Installs whose certificates are renewed beside each other, and how often in each at least.
    pub(crate) rotating: usize,
    pub(crate) serving_certificates: usize,
    pub(crate) authorities: usize,
    /// Keys that are forced.
    pub(crate) keys: usize,
    /// How often an API server lags behind.
    pub(crate) lags: usize,
    pub(crate) damage: Damage,
}

/// How much is done about damaged certificates, of which many run beside each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage {
    /// How many installs are there at once.
    pub(crate) room: usize,
    pub(crate) rate: Rate,
    /// How long Pods are created after the damage.
    pub(crate) after: Duration,
    /// How long another writer overwrites the `caBundle`.
    pub(crate) fight: Duration,
    /// How often twenty replicas start at once.
    pub(crate) herds: usize,
}

/// Six minutes.
const SHORT: Size = Size {
    rate: Rate { pause: Duration::from_millis(400), burst_pause: Duration::from_secs(10), burst: 40 },
    restarts: 5,
    gaps: &[(30, 1), (45, 44), (60, 30), (75, 15), (85, 84), (89, 88)],
    rotating: 1,
    serving_certificates: 4,
    authorities: 2,
    keys: 2,
    lags: 1,
    damage: Damage {
        room: 5,
        rate: Rate { pause: Duration::from_millis(400), burst_pause: Duration::from_secs(5), burst: 20 },
        after: Duration::from_secs(10),
        fight: Duration::from_secs(20),
        herds: 1,
    },
};

/// `BOUNDTOKEN_SOAK=1`: three hours.
const SOAK: Size = Size {
    rate: Rate { pause: Duration::from_millis(100), burst_pause: Duration::from_secs(10), burst: 80 },
    restarts: 200,
    gaps: &ALL_GAPS,
    rotating: 5,
    serving_certificates: 300,
    authorities: 100,
    keys: 100,
    lags: 20,
    damage: Damage {
        room: 2,
        rate: Rate { pause: Duration::from_millis(200), burst_pause: Duration::from_secs(10), burst: 40 },
        after: Duration::from_mins(1),
        fight: Duration::from_mins(1),
        herds: 10,
    },
};

impl Size {
    /// The size that the environment chooses.
    pub(crate) fn chosen() -> Self {
        if std::env::var_os("BOUNDTOKEN_SOAK").is_some() { SOAK } else { SHORT }
    }
}

/// From 30 to 89 seconds, each with another moment for the end.
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
