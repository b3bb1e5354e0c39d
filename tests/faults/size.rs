//! How much is done: as much as continuous integration has time for, or all of it.

use std::time::Duration;

use crate::traffic::Rate;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rate: Rate,
    /// Rolling restarts, of two replicas each.
    pub(crate) restarts: usize,
}

/// Five minutes, all at once.
const SHORT: Size = Size {
    rate: Rate { pause: Duration::from_millis(300), burst_pause: Duration::from_secs(6), burst: 40 },
    restarts: 5,
};

/// `BOUNDTOKEN_SOAK=1`
const SOAK: Size = Size {
    rate: Rate { pause: Duration::from_millis(40), burst_pause: Duration::from_secs(5), burst: 80 },
    restarts: 200,
};

impl Size {
    /// What the environment asks for.
    pub(crate) fn chosen() -> Self {
        if std::env::var_os("BOUNDTOKEN_SOAK").is_some() { SOAK } else { SHORT }
    }
}
