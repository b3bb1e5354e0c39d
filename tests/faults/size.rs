//! How much is done: as much as continuous integration has time for, or all of it.

use std::time::Duration;

use crate::traffic::Rate;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rate: Rate,
    /// Rolling restarts, of two replicas each.
    pub(crate) restarts: usize,
    pub(crate) damage: Damage,
}

/// How much is done about damaged certificates, of which many run beside each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage {
    pub(crate) rate: Rate,
    /// How long Pods are created after the damage.
    pub(crate) after: Duration,
    /// How long somebody else fights for the `caBundle`.
    pub(crate) fight: Duration,
    /// How often twenty replicas start at once.
    pub(crate) herds: usize,
}

/// Five minutes, all at once.
const SHORT: Size = Size {
    rate: Rate { pause: Duration::from_millis(300), burst_pause: Duration::from_secs(6), burst: 40 },
    restarts: 5,
    damage: Damage {
        rate: Rate { pause: Duration::from_millis(400), burst_pause: Duration::from_secs(5), burst: 20 },
        after: Duration::from_secs(10),
        fight: Duration::from_secs(20),
        herds: 1,
    },
};

/// `BOUNDTOKEN_SOAK=1`
const SOAK: Size = Size {
    rate: Rate { pause: Duration::from_millis(40), burst_pause: Duration::from_secs(5), burst: 80 },
    restarts: 200,
    damage: Damage {
        rate: Rate { pause: Duration::from_millis(200), burst_pause: Duration::from_secs(10), burst: 40 },
        after: Duration::from_mins(1),
        fight: Duration::from_mins(1),
        herds: 10,
    },
};

impl Size {
    /// What the environment asks for.
    pub(crate) fn chosen() -> Self {
        if std::env::var_os("BOUNDTOKEN_SOAK").is_some() { SOAK } else { SHORT }
    }
}
